"""Report problems in the data and the rows to exclude from training."""

import csv
import io
import logging
from collections.abc import Iterable, Sequence
from pathlib import Path

from hydra.core.hydra_config import HydraConfig
from omegaconf import DictConfig

from fer_lightning.constants import LABELS
from fer_lightning.data import ferplus
from fer_lightning.data.audit import Finding, examine
from fer_lightning.data.faces import UNKNOWN, USAGES, Faces, occurs_in
from fer_lightning.data.sources import KaggleSource
from fer_lightning.reporting import face_sheets
from fer_lightning.utils import files, shell_words, terminal
from fer_lightning.utils.quiet import quiet_libraries

log = logging.getLogger(__name__)

_SHEET = 60  # maximum number of faces on a sheet


def write(findings: Iterable[Finding], faces: Faces, out: Path) -> None:
    """Write findings.csv (all rows of all findings), exclude.csv (rows to exclude) and a sheet per finding."""
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
    """Print a table with one line per finding: the number of groups, of rows, and of rows to exclude."""
    table = terminal.make_table(f"{faces.name}: {len(faces):,} faces", ("problem", "groups", "rows", "to exclude"))
    for finding in findings:
        counts = (len(finding.groups), len(finding.rows), len(finding.leave_out))
        table.add_row(finding.title, *(f"{count:,}" for count in counts))
    terminal.print_table(table)


def print_leaks(faces: Faces) -> None:
    """Log how many rows of each other split have the same pixels as a row in Training."""
    training = faces.pixels[faces.rows_of("Training")]
    for usage in USAGES[1:]:
        rows = faces.rows_of(usage)
        if len(rows):
            count = int(occurs_in(faces.pixels[rows], training).sum())
            log.info("%d of %d %s rows have the same pixels as a row in Training", count, len(rows), usage)


def run(cfg: DictConfig) -> None:
    quiet_libraries()
    folder, out = Path(cfg.data.dir), Path(HydraConfig.get().runtime.output_dir)
    source = KaggleSource(folder)
    faces = source.load()
    findings = examine(faces, source.read_votes(faces))
    write(findings, faces, out)
    print_table(findings, faces)
    print_leaks(faces)
    if not ferplus.has_votes(folder):
        log.info("to also find images without a face, put FER+'s %s next to the data", ferplus.VOTES_FILE)
    log.info("all rows are listed in %s", out / "findings.csv")
    log.info("to train without the rows to exclude, set %s", shell_words.override("data.exclude", out / "exclude.csv"))
