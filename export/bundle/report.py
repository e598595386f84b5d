"""report.md and report.png: size, latency and accuracy of each file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from fer_lightning.reporting import plots
from fer_lightning.utils import files
from fer_lightning.utils.terminal import make_table, print_table

from ..check.parity import Agreement

COLUMNS = ("file", "MB", "ms per face", "accuracy", "same top class", "largest difference", "mean difference")
_SHORT = ("file", "MB", "ms", "accuracy", "agree", "diff")  # for 80 columns


@dataclass(frozen=True)
class Row:
    """The measurements of one file.

    Attributes:
        file: its path in the bundle, or its description.
        size: bytes.
        agreement: None if its runtime does not run here.
        milliseconds: the latency of one face on one thread; None if it was not timed.
    """

    file: str
    size: int
    agreement: Agreement | None
    milliseconds: float | None

    def cells(self) -> tuple[str, ...]:
        """Return the cells of a table, in the order of ``COLUMNS``."""
        speed = "-" if self.milliseconds is None else f"{self.milliseconds:.2f}"
        if self.agreement is None:
            return (self.file, f"{self.size / 1e6:.2f}", speed, "not run", "-", "-", "-")
        return (
            self.file,
            f"{self.size / 1e6:.2f}",
            speed,
            f"{self.agreement.accuracy:.2%}",
            f"{self.agreement.agreement:.2%}",
            f"{self.agreement.max_difference:.1e}",
            f"{self.agreement.mean_difference:.1e}",
        )


def markdown_table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def write(rows: Sequence[Row], facts: Sequence[str], report: Path, picture: Path) -> None:
    """Write the table and the chart.

    Args:
        rows: the measurements.
        facts: sentences about what was compared, where and how.
        report: the Markdown file to write.
        picture: the PNG file to write.
    """
    text = "# Size, latency and accuracy of the files in this bundle\n\n"
    text += "".join(f"- {fact}\n" for fact in facts)
    text += f"\n{markdown_table(COLUMNS, [row.cells() for row in rows])}"
    text += f"\n![Size, latency and difference in accuracy of each file]({picture.name})\n"
    files.write_text(report, text)
    shown = [
        (row.file, row.size / 1e6, row.milliseconds, row.agreement.accuracy_gain)
        for row in rows
        if row.agreement is not None and row.milliseconds is not None
    ]
    plots.size_latency_accuracy(shown, picture)


def show(rows: Sequence[Row], title: str) -> None:
    """Print the table."""
    table = make_table(title, _SHORT)
    for row in rows:
        table.add_row(*row.cells()[: len(_SHORT)])
    print_table(table)
