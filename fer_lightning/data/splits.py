"""Split rows into training, validation and test."""

import logging
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from fer_lightning.data.faces import USAGES, Faces, is_first_of_its_pixels, occurs_in
from fer_lightning.data.row_numbers import read_row_numbers
from fer_lightning.errors import FerError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Splits:
    """Row indices, int64, of each split; ``test`` may be empty."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray


@dataclass(frozen=True)
class PhaseData:
    """The rows that one fit trains and validates on.

    Attributes:
        rows: int64, rows to train on.
        val_rows: int64, rows to validate on.
        augment: whether to augment training batches.
        distinct_epochs: number of epochs whose orders differ; later epochs repeat them. None if all differ.
    """

    rows: np.ndarray
    val_rows: np.ndarray
    augment: bool = False
    distinct_epochs: int | None = None


def spread(rows: np.ndarray, count: int) -> np.ndarray:
    """``count`` of the rows, spread evenly, because those of image folders are sorted by class.

    Args:
        rows: int64.
        count: at most the number of rows.
    """
    return rows[np.arange(count) * len(rows) // max(count, 1)]


def official_splits(faces: Faces) -> Splits:
    """Kaggle's splits: Training, PublicTest, PrivateTest.

    Raises:
        FerError: the file has no Usage column.
    """
    if not faces.has_usage:
        raise FerError(
            f"{faces.name} has no Usage column, so the official split is unknown: set data.split=random, "
            "or put fer2013.csv or icml_face_data.csv in data.dir"
        )
    train, val, test = (faces.rows_of(usage) for usage in USAGES)
    return Splits(train, val, test)


def random_splits(faces: Faces, val_fraction: float, seed: int) -> Splits:
    """The notebook's splits: a random part of the training rows, chosen by ``seed``, is held out for validation.

    PublicTest rows are not used and PrivateTest stays the test split, so both remain unseen.
    """
    rows = faces.rows_of("Training") if faces.has_usage else np.arange(len(faces))
    held_out, kept = hold_out(rows, val_fraction, seed)
    test = faces.rows_of("PrivateTest") if faces.has_usage else np.empty(0, np.int64)
    return Splits(kept, held_out, test)


def hold_out(rows: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Split rows at random.

    Args:
        rows: int64, at least two.
        fraction: fraction to hold out, rounded to whole rows.
        seed: seed of the random choice.

    Returns:
        (held out, kept), each sorted and with at least one row.
    """
    shuffled = np.random.default_rng(seed).permutation(rows)
    count = min(max(round(fraction * len(rows)), 1), len(rows) - 1)
    return np.sort(shuffled[:count]), np.sort(shuffled[count:])


def training_rows(
    faces: Faces, splits: Splits, *, drop_leaks: bool, deduplicate: bool, exclude: Path | None
) -> np.ndarray:
    """The rows of ``splits.train`` to train on, int64 and sorted; logs how many rows are excluded.

    Args:
        drop_leaks: exclude rows whose exact pixels also occur in val or test.
        deduplicate: keep one of several rows with the same pixels, and none if their labels conflict.
        exclude: a CSV file whose column ``row`` lists rows to exclude.

    Raises:
        FerError: ``exclude`` is malformed.
    """
    rows = splits.train
    if drop_leaks:
        leaked = occurs_in(faces.pixels[rows], faces.pixels[np.concatenate([splits.val, splits.test])])
        log.info("excluded %d training rows: their pixels also occur in val or test", leaked.sum())
        rows = rows[~leaked]
    if deduplicate:
        kept = rows[is_first_of_its_pixels(faces.pixels[rows], faces.labels[rows])]
        log.info("excluded %d training rows: their pixels occur more than once in training", len(rows) - len(kept))
        rows = kept
    if exclude is not None:
        kept = np.setdiff1d(rows, read_row_numbers(exclude, len(faces)))
        log.info("excluded %d training rows listed in %s", len(rows) - len(kept), exclude)
        rows = kept
    return rows
