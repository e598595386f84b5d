"""Tables in the terminal, and the entries of metrics.json."""

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from fer_lightning.errors import FerError, exit_on_user_error
from fer_lightning.training.phases import PhaseResult
from fer_lightning.utils.terminal import print_table

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


def print_phases(entries: Sequence[dict[str, Any]], data: str, final: dict[str, Any] | None = None) -> None:
    """The table of scores by phase; with ``final`` a last line for the weights that the run hands over.

    Args:
        entries: see ``phase_entry``.
        data: what the faces are.
        final: see ``metrics.score``.
    """
    table = Table(
        title=f"Scores by phase on the val split of {data}",
        caption="fresh: on the faces whose exact pixels are not in training",
        box=SIMPLE_HEAD,
        padding=(0, 1, 0, 0),  # the longest phase name fits 80 columns then
        caption_justify="left",
    )
    for column in ("phase", "faces", "epochs", "val loss", "accuracy", "fresh", "macro F1", "images/s"):
        table.add_column(column, justify="left" if column == "phase" else "right", no_wrap=True)
    for entry in entries:
        rate = entry["images_per_second"]
        table.add_row(
            entry["name"],
            "skipped" if entry["skipped"] else f"{entry['examples']:,}",
            str(entry["epochs"]),
            *_score_cells(entry["val_loss"], entry["val_accuracy"], entry["val_accuracy_fresh"], entry["val_macro_f1"]),
            _NONE if rate is None else f"{rate:.0f}",
        )
    if final:
        table.add_section()
        cells = _score_cells(final["loss"], final["accuracy"], final["accuracy_fresh"], final["macro_f1"])
        table.add_row("handed over", "", "", *cells, "")
    print_table(table)


def _score_cells(loss: float, accuracy: float | None, fresh: float | None, macro_f1: float) -> list[str]:
    return [f"{loss:.3f}", _percent(accuracy), _percent(fresh), f"{macro_f1:.3f}"]


def print_scores(scores: dict[str, Any], title: str) -> None:
    """Accuracy, then precision, recall and F1 by class."""
    table = Table(
        title=f"{title}, {scores['n']:,} faces",
        box=SIMPLE_HEAD,
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
    print_table(table)


def print_run(run_dir: Path) -> None:
    """The table of a finished run, from its metrics.json.

    Raises:
        FerError: the run has none.
    """
    path = run_dir / "metrics.json"
    try:
        metrics = json.loads(path.read_text())
        if "members" in metrics:
            print_scores(metrics, f"average of {len(metrics['members'])} on the val split")
        else:
            print_phases(metrics["phases"], metrics["data"], final=metrics)
    except FileNotFoundError:
        raise FerError(f"{run_dir} holds no finished run: there is no {path}") from None
    except (ValueError, KeyError, TypeError) as error:
        raise FerError(f"{path} is damaged: {error}") from error


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m fer_lightning.report", description="Print the scores by phase of a finished run."
    )
    parser.add_argument("run_dir", type=Path, help="the run's directory, as hydra.run.dir named it")
    with exit_on_user_error():
        print_run(parser.parse_args().run_dir)


if __name__ == "__main__":
    main()
