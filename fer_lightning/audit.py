"""python -m fer_lightning.audit data.dir=DIR: what is wrong with the data, and which rows to leave out."""

import csv
import io
import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import hydra
import networkx as nx
import numpy as np
from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

from fer_lightning.config_rules.check import check
from fer_lightning.constants import LABELS
from fer_lightning.data import fer2013, ferplus
from fer_lightning.data.fer2013 import UNKNOWN, USAGES, Faces
from fer_lightning.errors import exit_on_user_error
from fer_lightning.reporting import plots
from fer_lightning.utils import files
from fer_lightning.utils.quiet import quiet_libraries

log = logging.getLogger("fer_lightning.audit")  # __name__ is __main__ here

NEAR = 0.95  # correlation of two faces at a ninth of their pixels; of sixty pairs looked at, none was chance
_SMALL = 16  # pixels a side, where faces are compared
_BLOCK = 2048  # rows compared at once, for memory's sake
_SHEET = 60  # faces on a picture


def _all(groups: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([*groups, np.empty(0, np.int64)])


@dataclass
class Finding:
    """One kind of problem.

    Attributes:
        name: for files.
        title: what it is, for people.
        groups: row indices; those of a group belong together, a face that stands alone is a group of one.
        leave_out: the rows that should not be trained on.
    """

    name: str
    title: str
    groups: list[np.ndarray]
    leave_out: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))

    @property
    def rows(self) -> np.ndarray:
        return _all(self.groups)


def examine(faces: Faces, votes: np.ndarray | None) -> list[Finding]:
    """Everything that is wrong with ``faces``.

    Args:
        votes: FER+'s, uint8 [N, 10]; None leaves out what needs them.
    """
    exact = [rows for rows in fer2013.same_pixels(faces.pixels) if len(rows) > 1]
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
        Finding("flat", "one single grey", [row[None] for row in flat], flat),
    ]
    if votes is not None:
        no_face = np.flatnonzero(ferplus.is_no_face(votes))
        findings.append(
            Finding("no_face", "no face, by most of FER+'s annotators", [r[None] for r in no_face], no_face)
        )
    return findings


def near_groups(pixels: np.ndarray, exact: Sequence[np.ndarray], threshold: float = NEAR) -> list[np.ndarray]:
    """Row indices of faces that are nearly alike, or mirrored, two or more a group.

    Of exact repetitions the first stands for all, and flat faces are like nothing.

    Args:
        pixels: uint8 [N, 48, 48].
        exact: those of ``fer2013.same_pixels`` that have several.
        threshold: least correlation of two faces at 16x16 pixels.
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
            apart = twos > ones  # each pair once, and no face with itself
            graph.add_edges_from(zip(rows[ones[apart] + start], rows[twos[apart] + start], strict=True))
    return sorted(
        (np.array(sorted(group)) for group in nx.connected_components(graph)), key=lambda group: int(group[0])
    )


# --------------------------------------------------------------------------------- what people read


def write(findings: Iterable[Finding], faces: Faces, out: Path) -> None:
    """findings.csv with every row of every finding, exclude.csv with those to leave out, and a sheet of each."""
    found = list(findings)
    lines = [
        (finding.name, number, row, _usage(faces, row), _label(faces, row))
        for finding in found
        for number, group in enumerate(finding.groups, start=1)
        for row in group.tolist()
    ]
    files.write_text(out / "findings.csv", _csv(("problem", "group", "row", "usage", "label"), lines))
    reasons: dict[int, list[str]] = {}
    for finding in found:
        for row in finding.leave_out.tolist():
            reasons.setdefault(row, []).append(finding.name)
    excluded = [(row, " ".join(reasons[row])) for row in sorted(reasons)]
    files.write_text(out / "exclude.csv", _csv(("row", "reason"), excluded))
    for finding in found:
        if len(finding.rows):
            rows = finding.rows[:_SHEET]
            captions = [f"{row} {_label(faces, row)}" for row in rows.tolist()]
            title = f"{finding.title}: {len(finding.rows):,} faces of {faces.name}"
            if len(rows) < len(finding.rows):
                title += f", the first {len(rows)}"
            plots.sheet(faces.pixels[rows], captions, title, out / "sheets" / f"{finding.name}.png")


def _csv(header: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(header)
    writer.writerows(lines)
    return text.getvalue()


def _usage(faces: Faces, row: int) -> str:
    return "" if faces.usage[row] == UNKNOWN else USAGES[faces.usage[row]]


def _label(faces: Faces, row: int) -> str:
    return "" if faces.labels[row] == UNKNOWN else LABELS[faces.labels[row]]


def print_table(findings: Iterable[Finding], faces: Faces) -> None:
    """A line for each kind: groups, rows, and how many of them should not be trained on."""
    table = Table(title=f"{faces.name}: {len(faces):,} faces", box=SIMPLE_HEAD)
    for column in ("problem", "groups", "rows", "to leave out"):
        table.add_column(column, justify="left" if column == "problem" else "right", no_wrap=True)
    for finding in findings:
        counts = (len(finding.groups), len(finding.rows), len(finding.leave_out))
        table.add_row(finding.title, *(f"{count:,}" for count in counts))
    Console().print(table)


def print_leaks(faces: Faces) -> None:
    """How many rows of each other split are pixel for pixel in Training."""
    training = faces.pixels[faces.rows_of("Training")]
    for usage in USAGES[1:]:
        rows = faces.rows_of(usage)
        if len(rows):
            count = int(fer2013.occurs_in(faces.pixels[rows], training).sum())
            log.info("%d of %d %s rows are pixel for pixel in Training", count, len(rows), usage)


@hydra.main(version_base="1.3", config_path="pkg://fer_lightning.conf", config_name="audit")
def main(cfg: DictConfig) -> None:
    quiet_libraries()
    with exit_on_user_error():
        check("audit", cfg)
        folder, out = Path(cfg.data.dir), Path(HydraConfig.get().runtime.output_dir)
        faces = fer2013.load(fer2013.find_training_file(folder))
        has_votes = ferplus.has_votes(folder)
        findings = examine(faces, ferplus.read_votes_of(faces, folder) if has_votes else None)
        write(findings, faces, out)
        print_table(findings, faces)
        print_leaks(faces)
        if not has_votes:
            log.info("with FER+'s %s beside the data it would also list what is no face", ferplus.VOTES_FILE)
        log.info("every row: %s", out / "findings.csv")
        log.info("train without those to leave out by data.exclude=%s", out / "exclude.csv")


if __name__ == "__main__":
    main()
