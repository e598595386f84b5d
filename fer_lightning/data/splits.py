"""Which rows are trained on, which choose the weights, and which test them."""

from dataclasses import dataclass

import numpy as np

from fer_lightning.data.faces import USAGES, Faces
from fer_lightning.errors import FerError


@dataclass(frozen=True)
class Splits:
    """Row indices, int64, of each split; ``test`` may be empty."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray


def official_splits(faces: Faces) -> Splits:
    """Kaggle's own: Training, PublicTest, PrivateTest.

    Raises:
        FerError: the file has no Usage column.
    """
    if not faces.has_usage:
        raise FerError(
            f"{faces.name} has no Usage column, so the official split is not known: take data.split=random, "
            "or put fer2013.csv or icml_face_data.csv into data.dir"
        )
    train, val, test = (faces.rows_of(usage) for usage in USAGES)
    return Splits(train, val, test)


def random_splits(faces: Faces, val_fraction: float, seed: int) -> Splits:
    """The notebook's: a seeded random part of the training rows is held out for validation.

    PublicTest rows take no part and PrivateTest stays the test split, so that both remain unseen.
    """
    rows = faces.rows_of("Training") if faces.has_usage else np.arange(len(faces))
    held_out, kept = hold_out(rows, val_fraction, seed)
    test = faces.rows_of("PrivateTest") if faces.has_usage else np.empty(0, np.int64)
    return Splits(kept, held_out, test)


def hold_out(rows: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Part ``rows`` (at least two) at random into (held out, kept), each sorted and with at least one.

    Args:
        fraction: held out, rounded to whole rows.
    """
    shuffled = np.random.default_rng(seed).permutation(rows)
    count = min(max(round(fraction * len(rows)), 1), len(rows) - 1)
    return np.sort(shuffled[:count]), np.sort(shuffled[count:])
