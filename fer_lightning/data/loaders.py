"""Load batches of faces with one indexing operation each, in an order that a resumed run repeats."""

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
    """A batch of images, labels and FER+ votes.

    Attributes:
        images: uint8 [B, 1, 48, 48]; after augmentation float32 [B, 1, size, size] in the same range.
        labels: int64 [B], or in training possibly float32 [B, classes], probabilities.
        votes: float32 [B, 8], FER+ votes as fractions, zeros for rows without votes; None without FER+.
    """

    images: Tensor
    labels: Tensor
    votes: Tensor | None = None

    def of_rows(self, rows: Tensor) -> "Batch":
        """The given rows, int64 [N], of the batch."""
        return Batch(self.images[rows], self.labels[rows], None if self.votes is None else self.votes[rows])


class Targets(NamedTuple):
    """Training targets that replace or supplement the labels.

    Attributes:
        labels: float32 [N, classes], probabilities; None to use the labels themselves.
        votes: float32 [N, 8], FER+ votes as fractions; None without votes.
    """

    labels: np.ndarray | None = None
    votes: np.ndarray | None = None


LABELS_ALONE = Targets()


class FaceDataset(Dataset[Batch]):
    """A subset of the rows of ``Faces``, read a batch at a time to avoid Python code for each image.

    Args:
        faces: all rows.
        rows: int64, indices of the rows in the dataset.
        targets: targets for all rows of ``faces``.
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
        """Return a whole batch; DataLoader prefers this method to ``__getitem__``."""
        rows = self.rows[positions]
        images = torch.from_numpy(self.faces.pixels[rows]).unsqueeze(1)
        soft, votes = self.targets
        labels = torch.from_numpy(self.faces.labels[rows]).long() if soft is None else torch.from_numpy(soft[rows])
        return Batch(images, labels, None if votes is None else torch.from_numpy(votes[rows]))

    def batch_on(self, device: torch.device) -> Batch:
        """All rows of the dataset as one batch on ``device``."""
        images, labels, votes = self.__getitems__(list(range(len(self))))
        return Batch(images.to(device), labels.to(device), None if votes is None else votes.to(device))


class RowDataset(Dataset[Tensor]):
    """Row indices, int64, instead of images, for images that are already on the device."""

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, position: int) -> Tensor:
        return self.__getitems__([position])[0]

    def __getitems__(self, positions: list[int]) -> Tensor:
        return torch.from_numpy(self.rows[positions])


class EpochOrder(DistributedSampler[Any]):
    """The order of the examples in an epoch.

    Attributes:
        start: number of examples that the next iteration skips.
        distinct_epochs: number of epochs whose orders differ; later epochs repeat them. None if all differ.
    """

    start = 0
    distinct_epochs: int | None = None

    def set_epoch(self, epoch: int) -> None:
        super().set_epoch(epoch if self.distinct_epochs is None else epoch % self.distinct_epochs)

    def __iter__(self) -> Iterator[Any]:
        first, self.start = self.start, 0
        return itertools.islice(super().__iter__(), first, None)


class ResumableLoader(DataLoader[Batch]):
    """A loader that saves in checkpoints how many batches of the epoch it has yielded."""

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
        # a separate generator: each new iterator draws from it, which would shift the random numbers of dropout
        generator=torch.Generator(),
        collate_fn=as_it_is,
    )


def equal_batches(count: int, processes: int, this: int, batch_size: int) -> list[list[int]]:
    """Divide one process's share of ``count`` rows into batches.

    All processes get the same number of batches, because they exchange batch-norm statistics in each. No row is in
    two shares, so none is counted twice.

    Args:
        count: number of rows; each process has every ``processes``-th of them.
        processes: number of processes.
        this: index of this process.
        batch_size: maximum size of a batch.

    Returns:
        For each batch, positions in the process's share.

    Raises:
        FerError: there are fewer rows than processes.
    """
    if count < processes:
        raise FerError(f"{count} validation faces are too few for {processes} processes; use at most {count}")
    batches = math.ceil(count / processes / batch_size)
    share = len(range(this, count, processes))
    return [part.tolist() for part in np.array_split(np.arange(share), batches)]


def as_it_is(batch: Any) -> Any:
    """Return the batch unchanged; the datasets have already collated it."""
    return batch
