"""The rows of one file as arrays, and which of them have the same pixels."""

import hashlib
from dataclasses import dataclass

import numpy as np

USAGES = ("Training", "PublicTest", "PrivateTest")

UNKNOWN = 255  # the code of a label or a usage that the file does not give


@dataclass(frozen=True)
class Faces:
    """The rows of one file, in its order.

    Attributes:
        pixels: uint8 [N, 48, 48], 0 (black) to 255.
        labels: uint8 [N], a class of ``labels.LABELS``, or ``UNKNOWN`` in a file without labels.
        usage: uint8 [N], an index into ``USAGES``, or ``UNKNOWN`` in a file without that column.
        name: what the rows came from, for messages.
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
        """Row indices, int64, whose Usage is ``usage``."""
        return np.flatnonzero(self.usage == USAGES.index(usage))


def occurs_in(pixels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """bool [N]: whether each face of ``pixels`` (uint8 [N, 48, 48]) is, pixel for pixel, among ``others``."""
    known = set(digests(others))
    return np.array([digest in known for digest in digests(pixels)], bool)


def is_first_of_its_pixels(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """bool [N]: whether a face is the first with its pixels, and all others with them have its label.

    Args:
        pixels: uint8 [N, 48, 48].
        labels: uint8 [N].
    """
    kept = np.zeros(len(labels), bool)
    for rows in same_pixels(pixels):
        kept[rows[0]] = (labels[rows] == labels[rows[0]]).all()
    return kept


def same_pixels(pixels: np.ndarray) -> list[np.ndarray]:
    """Row indices of faces (uint8 [N, 48, 48]) that are alike pixel for pixel, in the order of their first.

    A face that is like no other is a group of its own.
    """
    groups: dict[bytes, list[int]] = {}
    for row, digest in enumerate(digests(pixels)):
        groups.setdefault(digest, []).append(row)
    return [np.array(rows) for rows in groups.values()]


def digests(faces: np.ndarray) -> list[bytes]:
    """A hash of each face's pixels, uint8 [N, 48, 48]."""
    return [hashlib.blake2b(face.tobytes(), digest_size=16).digest() for face in faces]
