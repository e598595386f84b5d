"""Batches of faces, gathered with one indexing operation, in an order that a resumed run repeats."""

import itertools
import math
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, DistributedSampler

from fer_lightning.data.faces import Faces
from fer_lightning.errors import FerError


class Batch(NamedTuple):
    """Some faces and what is known of them.

    Attributes:
        images: uint8 [B, 1, 48, 48]; once augmented float32 [B, 1, size, size], of the same range.
        labels: int64 [B], or in training also float32 [B, classes], probabilities.
        votes: float32 [B, 8], FER+'s votes as shares, zeros where there are none; None without votes.
    """

    images: Tensor
    labels: Tensor
    votes: Tensor | None = None

    def of_rows(self, rows: Tensor) -> "Batch":
        """Some rows of the batch, int64 [N]."""
        return Batch(self.images[rows], self.labels[rows], None if self.votes is None else self.votes[rows])


class Targets(NamedTuple):
    """What is learnt of every row in place of its label.

    Attributes:
        labels: float32 [N, classes], probabilities; None for the labels themselves.
        votes: float32 [N, 8]; None without votes.
    """

    labels: np.ndarray | None = None
    votes: np.ndarray | None = None


LABELS_ALONE = Targets()


class FaceDataset(Dataset[Batch]):
    """Some rows of ``Faces``, gathered a batch at a time, so that no Python runs for each image.

    Args:
        faces: all rows.
        rows: int64, the indices of those that the dataset holds.
        targets: of all rows of ``faces``.
    """

    def __init__(self, faces: Faces, rows: np.ndarray, targets: Targets = LABELS_ALONE) -> None:
        self.faces = faces
        self.rows = rows
        self.targets = targets

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int) -> Batch:
        images, labels, votes = self.__getitems__([position])
        return Batch(images[0], labels[0], None if votes is None else votes[0])

    def __getitems__(self, positions: list[int]) -> Batch:
        """DataLoader calls this, where it exists, with the indices of a whole batch."""
        rows = self.rows[positions]
        images = torch.from_numpy(self.faces.pixels[rows]).unsqueeze(1)
        soft, votes = self.targets
        labels = torch.from_numpy(self.faces.labels[rows]).long() if soft is None else torch.from_numpy(soft[rows])
        return Batch(images, labels, None if votes is None else torch.from_numpy(votes[rows]))

    def batch_on(self, device: torch.device) -> Batch:
        """All of its rows as one batch on ``device``."""
        images, labels, votes = self.__getitems__(list(range(len(self))))
        return Batch(images.to(device), labels.to(device), None if votes is None else votes.to(device))


class RowDataset(Dataset[Tensor]):
    """Row indices, int64, in place of their images, which are on the device already."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int) -> Tensor:
        return self.__getitems__([position])[0]

    def __getitems__(self, positions: list[int]) -> Tensor:
        return torch.from_numpy(self.rows[positions])


class EpochOrder(DistributedSampler[Any]):
    """Of the examples; ``start`` of them are passed over, once."""

    start = 0

    def __iter__(self) -> Iterator[Any]:
        first, self.start = self.start, 0
        return itertools.islice(super().__iter__(), first, None)


class ResumableLoader(DataLoader[Batch]):
    """A loader whose state, which Lightning keeps in checkpoints, says how many batches of an epoch it has given."""

    _given = _passed_over = 0

    def __iter__(self) -> Iterator[Batch]:  # type: ignore[override]
        self._given, self._passed_over = self._passed_over, 0
        if isinstance(self.sampler, EpochOrder) and self.batch_size is not None:
            self.sampler.start = self._given * self.batch_size
        for batch in super().__iter__():
            self._given += 1
            yield batch

    def state_dict(self) -> dict[str, int]:
        return {"batches": self._given % len(self)}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self._passed_over = state["batches"]


def training_loader(dataset: Dataset[Any], sampler: EpochOrder, batch_size: int, num_workers: int) -> ResumableLoader:
    """Shuffled batches of ``dataset``, in the order of ``sampler``."""
    return ResumableLoader(
        dataset,
        batch_size=batch_size,
        sampler=sampler,
        num_workers=num_workers,
        persistent_workers=num_workers > 0,
        pin_memory=torch.cuda.is_available(),
        # a generator for this loader only: each new iterator draws from it, which would shift dropout's draws
        generator=torch.Generator(),
        collate_fn=as_it_is,
    )


def equal_batches(count: int, processes: int, this: int, batch_size: int) -> list[list[int]]:
    """Places in one process's share of ``count`` rows, batch by batch.

    Every process gets as many batches as the others, because they exchange batch-norm statistics in each, and no row
    is in two shares, so that none is counted twice.

    Args:
        count: of rows; process ``this`` of ``processes`` has every ``processes``-th of them.
        batch_size: at most.

    Raises:
        FerError: there are fewer rows than processes.
    """
    if count < processes:
        raise FerError(f"{count} faces to validate on cannot be shared among {processes} processes")
    batches = math.ceil(count / processes / batch_size)
    share = len(range(this, count, processes))
    return [part.tolist() for part in np.array_split(np.arange(share), batches)]


def as_it_is(batch: Any) -> Any:
    """The datasets have collated the batch already."""
    return batch
