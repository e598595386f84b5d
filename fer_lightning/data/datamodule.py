"""FER2013 as a LightningDataModule: uint8 batches, augmented on the device while training."""

import logging
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from fer_lightning.constants import LABELS, NUM_CLASSES
from fer_lightning.data import cache, ferplus, image_folder, kaggle_csv, synthetic
from fer_lightning.data.augmentation import Augmentation
from fer_lightning.data.faces import UNKNOWN, USAGES, Faces, is_first_of_its_pixels, occurs_in
from fer_lightning.data.loaders import (
    LABELS_ALONE,
    Batch,
    EpochOrder,
    FaceDataset,
    ResumableLoader,
    RowDataset,
    Targets,
    as_it_is,
)
from fer_lightning.data.row_numbers import read_row_numbers
from fer_lightning.data.splits import Splits, hold_out, official_splits, random_splits
from fer_lightning.errors import FerError

log = logging.getLogger(__name__)

Subset = Literal["train", "val", "test"]


class FER2013DataModule(L.LightningDataModule):
    """Kaggle's FER2013.

    Args:
        dir: the folder that holds one of Kaggle's files (see ``kaggle_csv.TRAINING_FILES``).
        split: ``official`` (Usage decides) or ``random`` (the notebook's held-out fraction).
        split_seed: of the random split.
        val_fraction: held out by the random split, 0..1.
        drop_leaks: leave rows out of training whose exact pixels also occur in val or test.
        deduplicate: train on one of several rows with the same pixels, and on none where their labels conflict.
        exclude: a CSV file with a column ``row``, as the audit writes it: rows that are not trained on.
        votes: whether training batches hold FER+'s votes beside the labels, from ``ferplus.VOTES_FILE`` in ``dir``.
        batch_size: images a training step, per device.
        eval_batch_size: images a step where no gradient is needed.
        preload_to_device: whether the training images are kept on the device, where batches are then gathered.
        num_workers: loader processes; a batch is one gather from mapped memory, so 0 is fast.
        shuffle_seed: of the order within each epoch.
        augment: applied to the batches of the phases that ask for it.

    Raises:
        FerError: from ``setup`` and the loaders, where the data are missing, malformed or not enough.
    """

    def __init__(
        self,
        *,
        dir: str,
        split: Literal["official", "random"] = "official",
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
        self.folder = Path(dir)
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

    # ------------------------------------------------------------------------------ the data

    class_names: Sequence[str] = LABELS
    has_votes = True

    def _load(self) -> Faces:
        path = kaggle_csv.find_training_file(self.folder)
        log.info("data: %s", path)
        return cache.load(path)

    def prepare_data(self) -> None:
        """Build the cache, in one process a machine; called before every fit, so it does so once."""
        if self._faces is None:
            self._load()

    def setup(self, stage: str | None = None) -> None:
        """Map the data and split them; called before every fit, so it does so once."""
        if self._faces is not None:
            return
        faces = self._load()
        if not faces.has_labels:
            raise FerError(f"{faces.name} has no emotion column: there is nothing to learn from it")
        if self.split == "official":
            splits = official_splits(faces)
        else:
            splits = random_splits(faces, self.val_fraction, self.split_seed)
        self._faces = faces
        self._splits = splits
        self._train_rows = self._without_overlap(faces, splits) if self.drop_leaks else splits.train
        if self.deduplicate:
            self._train_rows = self._without_repeats(faces, self._train_rows)
        if self.exclude is not None:
            left_out = read_row_numbers(self.exclude, len(faces))
            before = len(self._train_rows)
            self._train_rows = np.setdiff1d(self._train_rows, left_out)
            log.info("left %d training rows out: %s names them", before - len(self._train_rows), self.exclude)
        self._targets = self._read_targets(faces)
        self._on_device: Batch | None = None
        self.start_phase(augment=False)

    @staticmethod
    def _without_overlap(faces: Faces, splits: Splits) -> np.ndarray:
        others = np.concatenate([splits.val, splits.test])
        repeated = occurs_in(faces.pixels[splits.train], faces.pixels[others])
        log.info("left %d training rows out: their pixels also occur in val or test", repeated.sum())
        return splits.train[~repeated]

    @staticmethod
    def _without_repeats(faces: Faces, rows: np.ndarray) -> np.ndarray:
        kept = rows[is_first_of_its_pixels(faces.pixels[rows], faces.labels[rows])]
        log.info("left %d training rows out: their pixels occur again in training", len(rows) - len(kept))
        return kept

    def _read_targets(self, faces: Faces) -> Targets:
        if not self.votes:
            return LABELS_ALONE
        if not self.has_votes:
            raise FerError(
                "vote_weight is for FER2013's seven classes, with FER+'s votes beside them; set vote_weight=0"
            )
        votes = ferplus.read_votes_of(faces, self.folder)
        # probabilities and not indices, which cross_entropy rounds in another way: former runs would not repeat
        labels = np.eye(NUM_CLASSES, dtype=np.float32)[faces.labels]
        return Targets(labels, ferplus.distribution(votes, ferplus.EXPRESSIONS))

    @property
    def faces(self) -> Faces:
        """All rows of the file; after ``setup``."""
        if self._faces is None:
            raise RuntimeError("call setup() first")
        return self._faces

    def read_votes(self) -> np.ndarray | None:
        """FER+'s votes on all rows, uint8 [N, 10]; None where their file does not lie beside the data.

        Raises:
            FerError: the file is malformed, or goes with other data.
        """
        if not self.has_votes or not ferplus.has_votes(self.folder):
            return None
        return ferplus.read_votes_of(self.faces, self.folder)

    def rows(self, subset: Subset) -> np.ndarray:
        """Row indices of a split, int64.

        Raises:
            FerError: the split is empty.
        """
        rows = {"train": self._train_rows, "val": self._splits.val, "test": self._splits.test}[subset]
        if not len(rows):
            raise FerError(self._why_empty(subset))
        return rows

    def _why_empty(self, subset: Subset) -> str:
        if self.split == "random":
            name, fraction = self.faces.name, self.val_fraction
            return f"{name} leaves no {subset} rows with data.split=random, data.val_fraction={fraction}"
        usage = dict(zip(("train", "val", "test"), USAGES, strict=True))[subset]
        return f"{self.faces.name} has no {usage} rows, so there is no {subset} split"

    def is_fresh(self, subset: Subset) -> np.ndarray:
        """bool [N]: whether each row's exact pixels are absent from the training split."""
        pixels = self.faces.pixels
        return ~occurs_in(pixels[self.rows(subset)], pixels[self._train_rows])

    # ------------------------------------------------------------------------------ a phase

    def start_phase(self, *, augment: bool) -> None:
        """Train on everything and validate on the val split, until ``restrict`` says otherwise."""
        if augment and self.augment is None:
            raise FerError("a phase asks for augmentation but the augment group gives none")
        self._augment_now = augment
        self._phase_rows = self._train_rows
        self._phase_val_rows: np.ndarray | None = None

    def restrict(self, rows: np.ndarray, holdout: float = 0.0) -> None:
        """Train this phase on some training rows only.

        Args:
            rows: row indices into ``faces``.
            holdout: fraction of them to validate on instead of the val split; 0 keeps the val split.
        """
        if holdout:
            self._phase_val_rows, rows = hold_out(rows, holdout, self.split_seed)
        self._phase_rows = rows

    @property
    def phase_rows(self) -> np.ndarray:
        """Row indices that the current phase trains on."""
        return self._phase_rows

    def class_counts(self) -> np.ndarray:
        """int64 [classes]: training rows of each class."""
        return np.bincount(self.faces.labels[self.rows("train")], minlength=len(self.class_names))

    # ------------------------------------------------------------------------------ loaders

    def loader(self, rows: np.ndarray, faces: Faces | None = None) -> DataLoader[Batch]:
        """Unshuffled, unaugmented batches of ``rows``, in that order."""
        dataset = FaceDataset(faces or self.faces, rows)
        return DataLoader(dataset, batch_size=self.eval_batch_size, num_workers=self.num_workers, collate_fn=as_it_is)

    def _shared_loader(self, rows: np.ndarray) -> DataLoader[Batch]:
        """As ``loader``, of this process's share.

        Every process has as many batches as the others, for they exchange batch-norm's statistics in each, and no
        row is in two shares, so that none is counted twice.

        Raises:
            FerError: there are fewer rows than processes.
        """
        processes, this = self._processes()
        if processes == 1:
            return self.loader(rows)
        if len(rows) < processes:
            raise FerError(f"{len(rows)} faces to validate on cannot be shared among {processes} processes")
        batches = math.ceil(len(rows) / processes / self.eval_batch_size)
        share = rows[this::processes]
        return DataLoader(
            FaceDataset(self.faces, share),
            batch_sampler=[part.tolist() for part in np.array_split(np.arange(len(share)), batches)],
            num_workers=self.num_workers,
            collate_fn=as_it_is,
        )

    def _processes(self) -> tuple[int, int]:
        """How many train together, and which of them this one is."""
        return (self.trainer.world_size, self.trainer.global_rank) if self.trainer else (1, 0)

    def train_dataloader(self) -> DataLoader[Batch]:
        if not len(self._phase_rows):
            raise FerError(self._why_empty("train"))
        dataset: Dataset[Any] = FaceDataset(self.faces, self._phase_rows, self._targets)
        if self.preload_to_device:
            dataset = RowDataset(self._phase_rows)
        processes, this = self._processes()
        # also on one process: its order depends on seed and epoch alone, so that a resumed run repeats it
        sampler = EpochOrder(
            dataset,
            num_replicas=processes,
            rank=this,
            seed=self.shuffle_seed,
        )
        if self.trainer:  # a resumed run fetches its first batch before Lightning says which epoch it is
            sampler.set_epoch(self.trainer.current_epoch)
        return ResumableLoader(
            dataset,
            batch_size=self.batch_size,
            sampler=sampler,
            num_workers=self.num_workers,
            persistent_workers=self.num_workers > 0,
            pin_memory=torch.cuda.is_available(),
            # of its own: each new iterator draws from it, which else would shift dropout's draws
            generator=torch.Generator(),
            collate_fn=as_it_is,
        )

    def val_dataloader(self) -> DataLoader[Batch]:
        return self._shared_loader(self.rows("val") if self._phase_val_rows is None else self._phase_val_rows)

    def on_after_batch_transfer(self, batch: Batch | Tensor, dataloader_idx: int) -> Batch:
        if isinstance(batch, Tensor):  # row numbers: their images are on the device already
            everything = self._kept_on(batch.device)
            batch = Batch(*(None if values is None else values[batch] for values in everything))  # type: ignore[arg-type]
        if self._augment_now and self.augment is not None and self.trainer is not None and self.trainer.training:
            return self.augment(batch, classes=len(self.class_names))
        return batch

    def _kept_on(self, device: torch.device) -> Batch:
        """All rows, on ``device``."""
        if self._on_device is None or self._on_device.images.device != device:
            dataset = FaceDataset(self.faces, np.arange(len(self.faces)), self._targets)
            everything = dataset.__getitems__(list(range(len(dataset))))
            self._on_device = Batch(*(None if values is None else values.to(device) for values in everything))  # type: ignore[arg-type]
        return self._on_device


class FERPlusDataModule(FER2013DataModule):
    """FER2013 with FER+'s labels: eight classes, by the paper's protocol (see ``ferplus.majority``).

    Args:
        target: what is learnt: the ``majority``, or ``soft`` votes, then also of images without one.
        **options: of FER2013DataModule, without ``votes``.
    """

    class_names = ferplus.FERPLUS_LABELS
    has_votes = False

    def __init__(self, *, target: Literal["majority", "soft"] = "majority", **options: Any) -> None:
        super().__init__(**options)
        self.target = target

    def _load(self) -> Faces:
        faces = super()._load()
        self._votes = ferplus.read_votes_of(faces, self.folder)
        labels = ferplus.majority(self._votes)
        if self.target == "soft":
            training = faces.usage == USAGES.index("Training")
            labels = np.where(training, ferplus.most_voted(self._votes), labels)
        usage = np.where(labels == UNKNOWN, UNKNOWN, faces.usage).astype(np.uint8)
        return Faces(faces.pixels, labels, usage, f"{faces.name} with FER+ labels")

    def _read_targets(self, faces: Faces) -> Targets:
        targets = super()._read_targets(faces)
        if self.target != "soft":
            return targets
        return Targets(ferplus.distribution(self._votes, ferplus.EXPRESSIONS))


class FolderDataModule(FER2013DataModule):
    """Images of faces in folders of one's own, one a class (see ``image_folder.load_folder``).

    The images below ``train``, ``val`` and ``test`` are those splits; without such folders a seeded part
    of all images is held out for validation.

    Args:
        dir: the folder.
        **options: of FER2013DataModule, without ``split`` and ``votes``.
    """

    has_votes = False

    def _load(self) -> Faces:
        faces = image_folder.load_folder(self.folder)
        self.split = "official" if faces.has_usage else "random"
        return faces

    def prepare_data(self) -> None:
        """Nothing to build: the images are read in ``setup``."""

    def _why_empty(self, subset: Subset) -> str:
        return f"{self.folder} holds no images for {subset}: put some below {self.folder / subset}/CLASS"


class SampleDataModule(FER2013DataModule):
    """Drawn faces in FER2013's place, with its splits.

    Args:
        train: faces to train on; ``val`` and ``test`` likewise.
        seed: of the drawing.
        **options: of FER2013DataModule, without ``dir``.
    """

    has_votes = False

    def __init__(self, *, train: int, val: int, test: int, seed: int, **options: object) -> None:
        super().__init__(dir="", **options)  # type: ignore[arg-type]
        self._sizes = {"train": train, "val": val, "test": test, "seed": seed}

    def _load(self) -> Faces:
        return synthetic.draw_sample(**self._sizes)

    def prepare_data(self) -> None:
        """Nothing to build: drawing takes seconds."""
