"""The rows of one data file as arrays, and the search for rows with the same pixels."""

import hashlib
from dataclasses import dataclass

import numpy as np

USAGES = ("Training", "PublicTest", "PrivateTest")

UNKNOWN = 255  # code of a label or usage that is missing in the file


@dataclass(frozen=True)
class Faces:
    """The rows of one data file, in file order.

    Attributes:
        pixels: uint8 [N, 48, 48], 0 (black) to 255.
        labels: uint8 [N], indices into the source's ``class_names``, or ``UNKNOWN`` for rows without a label.
        usage: uint8 [N], indices into ``USAGES``, or ``UNKNOWN`` for rows that belong to no split.
        name: the name of the data, for messages.
    """

    pixels: np.ndarray
    labels: np.ndarray
    usage: np.ndarray
    name: str

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def has_usage(self) -> bool:
        return bool((self.usage != UNKNOWN).any())

    @property
    def has_labels(self) -> bool:
        return bool((self.labels != UNKNOWN).any())

    def rows_of(self, usage: str) -> np.ndarray:
        """The indices, int64, of the rows with this Usage."""
        return np.flatnonzero(self.usage == USAGES.index(usage))


def digest_of_rows(faces: Faces, rows: np.ndarray) -> str:
    """The SHA-256 of the pixels and labels of some faces, in their order."""
    digest = hashlib.sha256(faces.pixels[rows].tobytes())
    digest.update(faces.labels[rows].tobytes())
    return digest.hexdigest()


def occurs_in(pixels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """bool [N]: whether each face in ``pixels`` (uint8 [N, 48, 48]) is identical to a face in ``others``."""
    known = set(digests(others))
    return np.array([digest in known for digest in digests(pixels)], bool)


def is_first_of_its_pixels(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """bool [N]: whether a face is the first with its pixels and all faces with these pixels have the same label.

    Args:
        pixels: uint8 [N, 48, 48].
        labels: uint8 [N].
    """
    kept = np.zeros(len(labels), bool)
    for rows in same_pixels(pixels):
        kept[rows[0]] = (labels[rows] == labels[rows[0]]).all()
    return kept


def same_pixels(pixels: np.ndarray) -> list[np.ndarray]:
    """Group identical faces.

    Args:
        pixels: uint8 [N, 48, 48].

    Returns:
        int64 row indices of each group, ordered by the groups' first rows; a unique face is a group of one.
    """
    groups: dict[bytes, list[int]] = {}
    for row, digest in enumerate(digests(pixels)):
        groups.setdefault(digest, []).append(row)
    return [np.array(rows) for rows in groups.values()]


def digests(faces: np.ndarray) -> list[bytes]:
    """One hash per face of ``faces``, uint8 [N, 48, 48]."""
    return [hashlib.blake2b(face.tobytes(), digest_size=16).digest() for face in faces]
