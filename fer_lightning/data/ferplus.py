"""FER+: the votes of ten annotators for each FER2013 image (Barsoum et al., 2016). Needs only NumPy."""

import csv
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from fer_lightning.constants import LABELS
from fer_lightning.data.faces import UNKNOWN, Faces
from fer_lightning.errors import FerError

VOTES_FILE = "fer2013new.csv"
# FER+'s columns: our seven classes under FER+'s names, an eighth class, and two columns that are not expressions
EXPRESSIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt")
COLUMNS = (*EXPRESSIONS, "unknown", "NF")  # NF: no face
FERPLUS_LABELS = (*LABELS, "contempt")


def read_votes(path: Path) -> np.ndarray:
    """Read a file of FER+ votes.

    Returns:
        uint8 [N, 10]: the votes for ``COLUMNS``, one row for each row of fer2013.csv, in its order.

    Raises:
        FerError: the file is missing or malformed; the text names file, row and column.
    """
    if not path.is_file():
        raise FerError(
            f"no such file: {path}; get {VOTES_FILE} from Microsoft's FERPlus repository "
            "(github.com/microsoft/FERPlus) and put it next to FER2013"
        )
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = sorted(set(COLUMNS) - set(reader.fieldnames or ()))
            if missing:
                raise FerError(f"{path} has no column {missing[0]}; FER+ has the columns {', '.join(COLUMNS)}")
            rows = [
                [_vote(path, row, column, line[column]) for column in COLUMNS] for row, line in enumerate(reader, 1)
            ]
    except (UnicodeDecodeError, csv.Error) as error:
        raise FerError(f"{path} is not a CSV file: {error}") from error
    return np.array(rows, dtype=np.uint8).reshape(-1, len(COLUMNS))


def has_votes(folder: Path) -> bool:
    """Whether ``folder`` contains the file of FER+ votes."""
    return (folder / VOTES_FILE).is_file()


def read_votes_of(faces: Faces, folder: Path) -> np.ndarray:
    """Read the FER+ votes in ``folder`` (see ``read_votes``) for ``faces``.

    Raises:
        FerError: the file is missing or malformed, or has a different number of rows than ``faces``.
    """
    path = folder / VOTES_FILE
    votes = read_votes(path)
    if len(votes) != len(faces):
        raise FerError(f"{path} has {len(votes)} rows, but {faces.name} has {len(faces)}: FER+ needs fer2013.csv")
    return votes


def _vote(path: Path, row: int, column: str, text: str | None) -> int:
    if text is None or not text.isascii() or not text.isdigit() or len(text) > 2 or int(text) > 10:
        raise FerError(f"{path}, row {row}: {column} must be an integer from 0 to 10, got {text and text[:30]!r}")
    return int(text)


def distribution(votes: np.ndarray, columns: Sequence[str]) -> np.ndarray:
    """float32 [N, len(columns)]: each row's votes for ``columns`` as fractions; zeros for rows without such votes."""
    chosen = votes[:, [COLUMNS.index(column) for column in columns]].astype(np.float32)
    total = chosen.sum(axis=1, keepdims=True)
    return np.divide(chosen, total, out=np.zeros_like(chosen), where=total > 0)


def majority(votes: np.ndarray) -> np.ndarray:
    """The class that the majority of annotators chose, by the paper's protocol.

    Single votes are dropped as outliers, and a majority is more than half of the remaining votes. Images without a
    majority, or whose majority is "unknown" or "no face", have no class.

    Args:
        votes: uint8 [N, 10], as returned by ``read_votes``.

    Returns:
        uint8 [N]: indices into ``FERPLUS_LABELS``, or ``faces.UNKNOWN`` for images without a class.
    """
    kept = _without_slips(votes)
    winner = kept.argmax(axis=1)
    wins = 2 * kept.max(axis=1) > kept.sum(axis=1)
    return np.where(wins & (winner < len(EXPRESSIONS)), winner, UNKNOWN).astype(np.uint8)


def is_no_face(votes: np.ndarray) -> np.ndarray:
    """bool [N]: whether most annotators saw no face.

    Args:
        votes: uint8 [N, 10], as returned by ``read_votes``.
    """
    return 2 * votes[:, COLUMNS.index("NF")].astype(int) > votes.sum(axis=1)


def most_voted(votes: np.ndarray) -> np.ndarray:
    """The class with the most votes, if at least half of all votes are for one of the eight classes.

    Args:
        votes: uint8 [N, 10], as returned by ``read_votes``.

    Returns:
        uint8 [N]: indices into ``FERPLUS_LABELS``, or ``faces.UNKNOWN`` for other images.
    """
    expressions = votes[:, : len(EXPRESSIONS)]
    clear = 2 * expressions.sum(axis=1) >= votes.sum(axis=1)
    return np.where(clear & expressions.any(axis=1), expressions.argmax(axis=1), UNKNOWN).astype(np.uint8)


def _without_slips(votes: np.ndarray) -> np.ndarray:
    return np.where(votes > 1, votes, 0)
