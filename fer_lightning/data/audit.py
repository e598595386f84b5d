"""Find problems in a dataset, and the rows that should not be trained on."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import networkx as nx
import numpy as np
from rich.progress import track

from fer_lightning.data import ferplus
from fer_lightning.data.faces import Faces, same_pixels

NEAR = 0.95  # correlation of two faces at a ninth of their pixels; none of sixty pairs inspected was a coincidence
_SMALL = 16  # side in pixels at which faces are compared
_BLOCK = 2048  # rows compared at once, to limit memory


def _all(groups: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([*groups, np.empty(0, np.int64)])


@dataclass
class Finding:
    """One kind of problem and the rows that have it.

    Attributes:
        name: the name used in files.
        title: the description shown to people.
        groups: int64 row indices, one array per group of related rows; an unrelated row is a group of one.
        leave_out: int64, the rows that should not be trained on.
    """

    name: str
    title: str
    groups: list[np.ndarray]
    leave_out: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def rows(self) -> np.ndarray:
        return _all(self.groups)


def examine(faces: Faces, votes: np.ndarray | None) -> list[Finding]:
    """Find all problems in ``faces``.

    Args:
        votes: FER+ votes, uint8 [N, 10]; None skips the checks that need them.
    """
    exact = [rows for rows in same_pixels(faces.pixels) if len(rows) > 1]
    repeated = _all([group[1:] for group in exact])
    conflicting = [group for group in exact if len(set(faces.labels[group].tolist())) > 1]
    across = [group for group in exact if len(set(faces.usage[group].tolist())) > 1]
    near = near_groups(faces.pixels, exact)
    flat = np.flatnonzero(faces.pixels.max(axis=(1, 2)) == faces.pixels.min(axis=(1, 2)))
    findings = [
        Finding("repeated", "exactly the same pixels", exact, repeated),
        Finding("conflicting", "the same pixels under different labels", conflicting, _all(conflicting)),
        Finding("across_splits", "the same pixels in several splits", across),
        Finding("near", "nearly the same, or mirrored", near),
        Finding("flat", "a single grey value", [row[None] for row in flat], flat),
    ]
    if votes is not None:
        no_face = np.flatnonzero(ferplus.is_no_face(votes))
        findings.append(
            Finding("no_face", "no face, according to most FER+ annotators", [r[None] for r in no_face], no_face)
        )
    return findings


def near_groups(pixels: np.ndarray, exact: Sequence[np.ndarray], threshold: float = NEAR) -> list[np.ndarray]:
    """Group faces that are nearly identical, or mirror images of each other.

    Only the first of several identical faces is compared, and flat faces are not compared.

    Args:
        pixels: uint8 [N, 48, 48].
        exact: the groups of ``same_pixels`` with several rows.
        threshold: minimum correlation of two faces at 16x16 pixels.

    Returns:
        int64 row indices, at least two per group.
    """
    first = np.ones(len(pixels), bool)
    first[_all([group[1:] for group in exact])] = False
    rows = np.flatnonzero(first & (pixels.max(axis=(1, 2)) > pixels.min(axis=(1, 2))))
    if not len(rows):
        return []
    factor = pixels.shape[1] // _SMALL
    small = pixels[rows].reshape(-1, _SMALL, factor, _SMALL, factor).mean(axis=(2, 4), dtype=np.float32)
    small -= small.mean(axis=(1, 2), keepdims=True)
    small /= np.linalg.norm(small, axis=(1, 2), keepdims=True)
    straight, mirrored = small.reshape(len(small), -1), small[:, :, ::-1].reshape(len(small), -1)
    graph: nx.Graph[int] = nx.Graph()
    starts = range(0, len(rows), _BLOCK)
    for start in track(starts, description="comparing faces", transient=True):
        block = straight[start : start + _BLOCK]
        for others in (straight, mirrored):
            ones, twos = np.nonzero(block @ others[start:].T >= threshold)
            apart = twos > ones  # each pair once, and no face paired with itself
            graph.add_edges_from(zip(rows[ones[apart] + start], rows[twos[apart] + start], strict=True))
    return sorted(
        (np.array(sorted(group)) for group in nx.connected_components(graph)), key=lambda group: int(group[0])
    )
