"""Where faces and labels come from: Kaggle's file, FER+'s labels for it, folders of pictures, or synthetic faces."""

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
    """Reads the faces that a data module serves.

    Attributes:
        class_names: names of the classes, in the order of their labels.
    """

    class_names: Sequence[str] = LABELS

    def prepare(self) -> None:
        """Do the work that one process does for all of a machine, such as building a cache."""

    def load(self) -> Faces:
        """All rows.

        Raises:
            FerError: they are missing or malformed.
        """
        raise NotImplementedError

    def read_votes(self, faces: Faces) -> np.ndarray | None:
        """FER+'s votes on the rows of ``faces``, uint8 [N, 10]; None if the source has none.

        Raises:
            FerError: the votes' file is malformed, or belongs to other data.
        """
        return None

    def vote_shares(self, faces: Faces) -> np.ndarray:
        """FER+'s votes to learn beside the labels, float32 [N, 8].

        Raises:
            FerError: the source has no votes beside the seven classes.
        """
        raise FerError("vote_weight is for FER2013's seven classes, with FER+'s votes beside them; set vote_weight=0")

    def soft_labels(self) -> np.ndarray | None:
        """Probabilities to learn instead of the labels of ``load``, float32 [N, classes]; None for the labels."""
        return None

    def why_empty(self, faces: Faces, subset: Subset) -> str:
        """One sentence for a user who asked for a split of ``faces`` without rows."""
        return f"{faces.name} has no {USAGE_OF[subset]} rows, so there is no {subset} split"


class KaggleSource(FaceSource):
    """FER2013 in any of Kaggle's forms.

    Args:
        folder: contains one of ``kaggle_csv.TRAINING_FILES``; FER+'s votes are read from ``ferplus.VOTES_FILE`` in it.
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
        return ferplus.read_votes_of(faces, self.folder) if ferplus.has_votes(self.folder) else None

    def vote_shares(self, faces: Faces) -> np.ndarray:
        return ferplus.distribution(ferplus.read_votes_of(faces, self.folder), ferplus.EXPRESSIONS)


class FERPlusSource(FaceSource):
    """FER2013 with FER+'s labels: eight classes, by the paper's protocol (see ``ferplus.majority``).

    Args:
        folder: contains Kaggle's file and ``ferplus.VOTES_FILE``.
        target: ``majority`` label, or ``soft`` votes, then also of images without a majority.
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
    """Images of faces in folders, one for each class (see ``image_folder.load_folder``).

    Args:
        folder: contains the class folders, or ``train``, ``val`` and ``test`` with class folders in each.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def load(self) -> Faces:
        return image_folder.load_folder(self.folder)

    def why_empty(self, faces: Faces, subset: Subset) -> str:
        return f"{self.folder} holds no images for {subset}: put some below {self.folder / subset}/CLASS"


class SyntheticSource(FaceSource):
    """Faces that this project draws, with FER2013's splits.

    Args:
        train: number of training faces; ``val`` and ``test`` likewise.
        seed: of the drawing.
    """

    def __init__(self, *, train: int, val: int, test: int, seed: int) -> None:
        self._sizes = {"train": train, "val": val, "test": test, "seed": seed}

    def load(self) -> Faces:
        return synthetic.draw_sample(**self._sizes)
