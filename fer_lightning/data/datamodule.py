"""The LightningDataModule: uint8 batches of faces, augmented on the device during training."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import lightning as L
import numpy as np
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from fer_lightning.constants import NUM_CLASSES
from fer_lightning.data.augmentation import Augmentation
from fer_lightning.data.faces import Faces, digest_of_rows, occurs_in
from fer_lightning.data.loaders import (
    LABELS_ALONE,
    Batch,
    EpochOrder,
    FaceDataset,
    RowDataset,
    Targets,
    as_it_is,
    equal_batches,
    training_loader,
)
from fer_lightning.data.sources import FaceSource, Subset
from fer_lightning.data.splits import PhaseData, Splits, hold_out, official_splits, random_splits, training_rows
from fer_lightning.errors import FerError


class FaceDataModule(L.LightningDataModule):
    """Faces of one source, split for training, validation and test.

    Args:
        source: reads the faces.
        split: ``official`` (the source's own splits), ``random`` (a held-out fraction, as in the notebook), or
            ``auto`` (official if the source has splits, otherwise random).
        split_seed: seed of the random split.
        val_fraction: fraction that the random split holds out, 0..1.
        drop_leaks: exclude rows from training whose exact pixels also occur in val or test.
        deduplicate: train on one of several rows with the same pixels, and on none if their labels conflict.
        exclude: a CSV file, as written by the audit, whose column ``row`` lists rows to exclude from training.
        votes: whether training batches contain FER+ votes.
        batch_size: images per training step and device.
        eval_batch_size: images per step without gradients.
        preload_to_device: whether to keep all images on the device and gather training batches there.
        num_workers: number of loader processes; a batch is one gather from mapped memory, so 0 is fast.
        shuffle_seed: seed of the order within each epoch.
        augment: augmentation for the training batches of phases with ``augment``.

    Raises:
        FerError: from ``setup`` and the loaders if the data are missing, malformed or too few.
    """

    def __init__(
        self,
        source: FaceSource,
        *,
        split: Literal["official", "random", "auto"] = "official",
        split_seed: int = 0,
        val_fraction: float = 0.2,
        drop_leaks: bool = False,
        deduplicate: bool = False,
        exclude: str | None = None,
        votes: bool = False,
        batch_size: int = 64,
        eval_batch_size: int = 256,
        preload_to_device: bool = False,
        num_workers: int = 0,
        shuffle_seed: int = 0,
        augment: Augmentation | None = None,
    ) -> None:
        super().__init__()
        self.source = source
        self.split = split
        self.split_seed = split_seed
        self.val_fraction = val_fraction
        self.drop_leaks = drop_leaks
        self.deduplicate = deduplicate
        self.exclude = None if exclude is None else Path(exclude)
        self.votes = votes
        self.batch_size = batch_size
        self.eval_batch_size = eval_batch_size
        self.preload_to_device = preload_to_device
        self.num_workers = num_workers
        self.shuffle_seed = shuffle_seed
        self.augment = augment
        self._faces: Faces | None = None
        self._splits: Splits | None = None
        self._targets = LABELS_ALONE
        self._held_out: str | None = None
        self._on_device: Batch | None = None
        self._phase: PhaseData | None = None

    @property
    def class_names(self) -> Sequence[str]:
        """The class names, in the order of the labels."""
        return self.source.class_names

    def prepare_data(self) -> None:
        """Prepare the source; Lightning calls this before every fit, in one process per machine."""
        if self._faces is None:
            self.source.prepare()

    def setup(self, stage: str | None = None) -> None:
        """Load the faces and split them on the first call; Lightning calls this before every fit."""
        if self._faces is not None:
            return
        faces = self.source.load()
        if not faces.has_labels:
            raise FerError(f"{faces.name} has no emotion column, so it cannot be used for training")
        if self.split == "official" or (self.split == "auto" and faces.has_usage):
            splits = official_splits(faces)
        else:
            splits = random_splits(faces, self.val_fraction, self.split_seed)
            self._held_out = digest_of_rows(faces, splits.val)
        train = training_rows(
            faces, splits, drop_leaks=self.drop_leaks, deduplicate=self.deduplicate, exclude=self.exclude
        )
        soft = self.source.soft_labels()
        if self.votes:
            # probabilities, not class indices, which cross_entropy rounds differently: earlier runs would not repeat
            votes = self.source.vote_shares(faces)  # first, because it refuses sources without such votes
            self._targets = Targets(np.eye(NUM_CLASSES, dtype=np.float32)[faces.labels], votes)
        elif soft is not None:
            self._targets = Targets(soft)
        self._splits = Splits(train, splits.val, splits.test)
        self._phase = PhaseData(train, splits.val)
        self._faces = faces

    @property
    def faces(self) -> Faces:
        """All rows of the source; after ``setup``."""
        return _set_up(self._faces)

    @property
    def splits(self) -> Splits:
        """The rows of each split, after ``setup``; a split may be empty."""
        return _set_up(self._splits)

    @property
    def held_out(self) -> str | None:
        """A digest of the faces that a random split holds out for val, after ``setup``; None if it is not random.

        Two runs with the same digest have trained on none of the faces that the other is validated on.
        """
        _set_up(self._faces)
        return self._held_out

    def read_votes(self) -> np.ndarray | None:
        """The FER+ votes for all rows, uint8 [N, 10]; None if the source has none (see ``FaceSource.read_votes``)."""
        return self.source.read_votes(self.faces)

    def rows(self, subset: Subset) -> np.ndarray:
        """The row indices of a split, int64.

        Raises:
            FerError: the split is empty.
        """
        rows = {"train": self.splits.train, "val": self.splits.val, "test": self.splits.test}[subset]
        if not len(rows):
            raise FerError(self._why_empty(subset))
        return rows

    def _why_empty(self, subset: Subset) -> str:
        name = self.faces.name
        if subset == "train" and (self.drop_leaks or self.deduplicate or self.exclude is not None):
            return f"{name}: data.drop_leaks, data.deduplicate and data.exclude leave no training rows"
        if self.split != "random":
            return self.source.why_empty(self.faces, subset)
        if subset == "test":
            return f"{name} has no PrivateTest rows, which are the test split with data.split=random: set subset=val"
        return f"{name} has too few training rows for data.split=random, which needs at least two"

    def is_fresh(self, subset: Subset) -> np.ndarray:
        """bool [N]: whether each row of the split is leak-free (its exact pixels do not occur in training)."""
        pixels = self.faces.pixels
        return ~occurs_in(pixels[self.rows(subset)], pixels[self.splits.train])

    def class_counts(self) -> np.ndarray:
        """int64 [classes]: the number of training rows of each class."""
        return np.bincount(self.faces.labels[self.rows("train")], minlength=len(self.class_names))

    @property
    def phase(self) -> PhaseData:
        """The rows that the loaders serve; after ``setup`` the train and val splits, without augmentation."""
        return _set_up(self._phase)

    @phase.setter
    def phase(self, data: PhaseData) -> None:
        if data.augment and self.augment is None:
            raise FerError("a phase has augment=true, but the augment group is empty: choose an augment config")
        self._phase = data

    def phase_data(
        self,
        *,
        augment: bool,
        rows: np.ndarray | None = None,
        holdout: float = 0.0,
        distinct_epochs: int | None = None,
    ) -> PhaseData:
        """Make the data of a phase.

        Args:
            augment: whether to augment training batches.
            rows: int64, the training rows to restrict the phase to; None for all.
            holdout: fraction of ``rows`` to validate on instead of the val split; 0 keeps the val split.
            distinct_epochs: see ``PhaseData``.
        """
        rows, val = self.splits.train if rows is None else rows, self.splits.val
        if holdout:
            val, rows = hold_out(rows, holdout, self.split_seed)
        return PhaseData(rows, val, augment, distinct_epochs)

    def loader(self, rows: np.ndarray, batches: list[list[int]] | None = None) -> DataLoader[Batch]:
        """Batches of ``rows`` in their order, without augmentation; ``batches`` lists the positions in each batch."""
        options = {"batch_size": self.eval_batch_size} if batches is None else {"batch_sampler": batches}
        return DataLoader(FaceDataset(self.faces, rows), num_workers=self.num_workers, collate_fn=as_it_is, **options)

    def _processes(self) -> tuple[int, int]:
        """The number of processes of the run and the index of this one."""
        return (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)

    def train_dataloader(self) -> DataLoader[Batch]:
        rows = self.phase.rows
        if not len(rows):
            raise FerError(self._why_empty("train"))
        dataset: Dataset[Any] = FaceDataset(self.faces, rows, self._targets)
        if self.preload_to_device:
            dataset = RowDataset(rows)
        processes, this = self._processes()
        # also with one process: its order depends only on seed and epoch, so a resumed run repeats it
        sampler = EpochOrder(dataset, num_replicas=processes, rank=this, seed=self.shuffle_seed)
        sampler.distinct_epochs = self.phase.distinct_epochs
        if self.trainer:  # a resumed run fetches its first batch before Lightning sets the epoch
            sampler.set_epoch(self.trainer.current_epoch)
        return training_loader(dataset, sampler, self.batch_size, self.num_workers)

    def val_dataloader(self) -> DataLoader[Batch]:
        """This process's share of the rows to validate on.

        Raises:
            FerError: there are no rows, or fewer rows than processes.
        """
        rows = self.phase.val_rows
        if not len(rows):
            raise FerError(self._why_empty("val"))
        processes, this = self._processes()
        if processes == 1:
            return self.loader(rows)
        return self.loader(rows[this::processes], equal_batches(len(rows), processes, this, self.eval_batch_size))

    def on_after_batch_transfer(self, batch: Batch | Tensor, dataloader_idx: int) -> Batch:
        if isinstance(batch, Tensor):  # row numbers of images that are already on the device
            if self._on_device is None or self._on_device.images.device != batch.device:
                everything = FaceDataset(self.faces, np.arange(len(self.faces)), self._targets)
                self._on_device = everything.batch_on(batch.device)
            batch = self._on_device.of_rows(batch)
        if self.phase.augment and self.augment is not None and self.trainer is not None and self.trainer.training:
            assert self.trainer.max_epochs is not None  # phases always set it
            size = self.augment.size_at(self.trainer.current_epoch, self.trainer.max_epochs)
            return self.augment(batch, classes=len(self.class_names), size=size)
        return batch


def _set_up[Value](value: Value | None) -> Value:
    if value is None:
        raise RuntimeError("call setup() first")
    return value
