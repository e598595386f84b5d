"""Tables in the terminal, and the entries of metrics.json."""

import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from fer_lightning.phases import PhaseResult

_NONE = "-"


def _percent(value: float | None) -> str:
    return _NONE if value is None else f"{100 * value:.1f} %"


def phase_entry(result: PhaseResult) -> dict[str, Any]:
    """A phase in metrics.json: the scores are of the weights that it hands on, on the val split."""
    rates = [epoch["images_per_second"] for epoch in result.history]
    return {
        "name": result.name,
        "skipped": result.skipped,
        "epochs": result.epochs,
        "examples": result.examples,
        "val_accuracy": result.scores["accuracy"],
        "val_accuracy_fresh": result.scores["accuracy_fresh"],
        "val_loss": result.scores["loss"],
        "val_macro_f1": result.scores["macro_f1"],
        "images_per_second": round(sum(rates) / len(rates), 1) if rates else None,
        "history": result.history,
    }


def print_phases(results: Sequence[PhaseResult], data: str, final: dict[str, Any] | None = None) -> None:
    """The table of scores by phase; with ``final`` a last line for the weights that the run hands over."""
    table = Table(title=f"Scores by phase on the val split of {data}, {results[0].scores['n']:,} faces")
    for column in ("phase", "examples", "epochs", "val loss", "accuracy", "not in training", "macro F1", "images/s"):
        table.add_column(column, justify="left" if column == "phase" else "right")
    for entry in map(phase_entry, results):
        table.add_row(
            entry["name"],
            "skipped" if entry["skipped"] else f"{entry['examples']:,}",
            str(entry["epochs"]),
            *_score_cells(entry["val_loss"], entry["val_accuracy"], entry["val_accuracy_fresh"], entry["val_macro_f1"]),
            _NONE if entry["images_per_second"] is None else f"{entry['images_per_second']:.0f}",
        )
    if final:
        table.add_section()
        cells = _score_cells(final["loss"], final["accuracy"], final["accuracy_fresh"], final["macro_f1"])
        table.add_row("handed over", "", "", *cells, "")
    Console().print(table)


def _score_cells(loss: float, accuracy: float | None, fresh: float | None, macro_f1: float) -> list[str]:
    return [f"{loss:.3f}", _percent(accuracy), _percent(fresh), f"{macro_f1:.3f}"]


def print_scores(scores: dict[str, Any], title: str) -> None:
    """Accuracy, then precision, recall and F1 by class."""
    table = Table(
        title=f"{title}, {scores['n']:,} faces",
        caption=(
            f"accuracy {_percent(scores['accuracy'])}; on the {scores['n_fresh']:,} faces that are not in training "
            f"{_percent(scores['accuracy_fresh'])}; macro F1 {scores['macro_f1']:.3f}"
        ),
        caption_justify="left",
    )
    table.add_column("class")
    for column in ("precision", "recall", "F1", "faces"):
        table.add_column(column, justify="right")
    for label, row in scores["per_class"].items():
        table.add_row(label, *(f"{row[key]:.3f}" for key in ("precision", "recall", "f1")), f"{row['n']:,}")
    Console(file=sys.stdout).print(table)
