"""What is wrong with the data, and which rows to leave out."""

import csv
import io
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig
from rich.console import Console

from fer_lightning.constants import LABELS
from fer_lightning.data import cache, ferplus, kaggle_csv
from fer_lightning.data.audit import Finding, examine
from fer_lightning.data.faces import UNKNOWN, USAGES, Faces, occurs_in
from fer_lightning.reporting import face_sheets
from fer_lightning.utils import files
from fer_lightning.utils.quiet import quiet_libraries
from fer_lightning.utils.terminal import make_table

log = logging.getLogger(__name__)

_SHEET = 60  # faces on a picture


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
            face_sheets.captioned(faces.pixels[rows], captions, title, out / "sheets" / f"{finding.name}.png")


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
    table = make_table(f"{faces.name}: {len(faces):,} faces", ("problem", "groups", "rows", "to leave out"))
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
            count = int(occurs_in(faces.pixels[rows], training).sum())
            log.info("%d of %d %s rows are pixel for pixel in Training", count, len(rows), usage)


def run(cfg: DictConfig) -> None:
    quiet_libraries()
    folder, out = Path(cfg.data.dir), Path(HydraConfig.get().runtime.output_dir)
    faces = cache.load(kaggle_csv.find_training_file(folder))
    has_votes = ferplus.has_votes(folder)
    findings = examine(faces, ferplus.read_votes_of(faces, folder) if has_votes else None)
    write(findings, faces, out)
    print_table(findings, faces)
    print_leaks(faces)
    if not has_votes:
        log.info("with FER+'s %s beside the data it would also list what is no face", ferplus.VOTES_FILE)
    log.info("every row: %s", out / "findings.csv")
    log.info("train without those to leave out by data.exclude=%s", out / "exclude.csv")
