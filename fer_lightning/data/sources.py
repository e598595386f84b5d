"""Sources of faces and labels: Kaggle files, FER+ labels for them, image folders, or synthetic faces."""

import logging
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from fer_lightning.constants import LABELS
from fer_lightning.data import cache, ferplus, image_folder, kaggle_csv, synthetic
from fer_lightning.data.faces import UNKNOWN, USAGES, Faces
from fer_lightning.errors import FerError

log = logging.getLogger(__name__)

Subset = Literal["train", "val", "test"]
USAGE_OF: dict[Subset, str] = dict(zip(("train", "val", "test"), USAGES, strict=True))


class FaceSource:
    """Reads the faces for a data module.

    Attributes:
        class_names: the class names, in the order of the labels.
    """

    class_names: Sequence[str] = LABELS

    def prepare(self) -> None:
        """Do work that is needed once per machine, such as building a cache."""

    def load(self) -> Faces:
        """Read all rows.

        Raises:
            FerError: the data are missing or malformed.
        """
        raise NotImplementedError

    def read_votes(self, faces: Faces) -> np.ndarray | None:
        """Read the FER+ votes for the rows of ``faces``, uint8 [N, 10].

        Returns:
            None if the source has none, or if their file is malformed or belongs to other data, which is a warning.
        """
        return None

    def vote_shares(self, faces: Faces) -> np.ndarray:
        """The FER+ votes to learn in addition to the labels, as fractions, float32 [N, 8].

        Raises:
            FerError: the source has no such votes.
        """
        raise FerError("vote_weight needs data=fer2013 with FER+ votes; for other data, set vote_weight=0")

    def soft_labels(self) -> np.ndarray | None:
        """Probabilities to learn instead of labels, float32 [N, classes], after ``load``; None to learn the labels."""
        return None

    def why_empty(self, faces: Faces, subset: Subset) -> str:
        """An error message that explains why a split of ``faces`` is empty."""
        return f"{faces.name} has no {USAGE_OF[subset]} rows, so there is no {subset} split"


class KaggleSource(FaceSource):
    """FER2013 in any of Kaggle's file formats.

    Args:
        folder: contains one of ``kaggle_csv.TRAINING_FILES`` and, for FER+ votes, ``ferplus.VOTES_FILE``.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def prepare(self) -> None:
        self.load()

    def load(self) -> Faces:
        path = kaggle_csv.find_training_file(self.folder)
        log.info("data: %s", path)
        return cache.load(path)

    def read_votes(self, faces: Faces) -> np.ndarray | None:
        if not ferplus.has_votes(self.folder):
            return None
        try:
            return ferplus.read_votes_of(faces, self.folder)
        except FerError as error:
            log.warning("FER+'s votes are left out: %s", error)
            return None

    def vote_shares(self, faces: Faces) -> np.ndarray:
        return ferplus.distribution(ferplus.read_votes_of(faces, self.folder), ferplus.EXPRESSIONS)


class FERPlusSource(FaceSource):
    """FER2013 with the eight FER+ classes, labelled by the paper's protocol (see ``ferplus.majority``).

    Args:
        folder: contains a Kaggle file and ``ferplus.VOTES_FILE``.
        target: ``majority`` to learn labels, or ``soft`` to learn votes, which includes images without a majority.
    """

    class_names = ferplus.FERPLUS_LABELS

    def __init__(self, folder: Path, target: Literal["majority", "soft"]) -> None:
        self.folder = folder
        self.target = target
        self._kaggle = KaggleSource(folder)
        self._votes: np.ndarray | None = None

    def prepare(self) -> None:
        self._kaggle.prepare()

    def load(self) -> Faces:
        faces = self._kaggle.load()
        self._votes = ferplus.read_votes_of(faces, self.folder)
        labels = ferplus.majority(self._votes)
        if self.target == "soft":
            training = faces.usage == USAGES.index("Training")
            labels = np.where(training, ferplus.most_voted(self._votes), labels)
        usage = np.where(labels == UNKNOWN, UNKNOWN, faces.usage).astype(np.uint8)
        return Faces(faces.pixels, labels, usage, f"{faces.name} with FER+ labels")

    def soft_labels(self) -> np.ndarray | None:
        if self.target != "soft":
            return None
        if self._votes is None:
            raise RuntimeError("call load() first")
        return ferplus.distribution(self._votes, ferplus.EXPRESSIONS)


class ImageFolderSource(FaceSource):
    """Face images in one folder per class (see ``image_folder.load_folder``).

    Args:
        folder: contains the class folders, or ``train``, ``val`` and ``test`` with class folders in each.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self) -> Faces:
        return image_folder.load_folder(self.folder)

    def why_empty(self, faces: Faces, subset: Subset) -> str:
        return (
            f"{self.folder} contains no images for {subset}: put some in {self.folder / subset}/CLASS "
            f"(images outside {', '.join(image_folder.SPLIT_FOLDERS)} are then skipped)"
        )


class SyntheticSource(FaceSource):
    """Synthetic faces with FER2013's splits.

    Args:
        train: number of training faces.
        val: number of validation faces.
        test: number of test faces.
        seed: seed of the random faces.
    """

    def __init__(self, *, train: int, val: int, test: int, seed: int) -> None:
        self._sizes = {"train": train, "val": val, "test": test, "seed": seed}

    def load(self) -> Faces:
        return synthetic.draw_sample(**self._sizes)
