"""Tables of scores in the terminal."""

from collections.abc import Sequence
from typing import Any

from fer_lightning.utils.terminal import make_table, print_table

_NONE = "-"


def _percent(value: float | None) -> str:
    return _NONE if value is None else f"{100 * value:.1f}%"


def print_phases(entries: Sequence[dict[str, Any]], data: str, final: dict[str, Any] | None = None) -> None:
    """Print the table of scores by phase and, if given, a last line with the final scores of the run.

    Args:
        entries: the phases in metrics.json.
        data: the name of the dataset.
        final: the scores of the run's final weights (see ``metrics.score``).
    """
    table = make_table(
        f"Scores by phase on the val split of {data}",
        ("phase", "faces", "epochs", "loss", "accuracy", "leak-free", "macro F1", "img/s"),
        caption="leak-free: on the faces whose exact pixels are not in training",
    )
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
        table.add_row("final", "", "", *cells, "")
    print_table(table)


def _score_cells(loss: float, accuracy: float | None, leak_free: float | None, macro_f1: float) -> list[str]:
    return [f"{loss:.3f}", _percent(accuracy), _percent(leak_free), f"{macro_f1:.3f}"]


def print_scores(scores: dict[str, Any], title: str) -> None:
    """Print precision, recall and F1 by class, with the accuracy below."""
    table = make_table(
        f"{title}, {scores['n']:,} faces",
        ("class", "precision", "recall", "F1", "faces"),
        caption=(
            f"accuracy {_percent(scores['accuracy'])}; on the {scores['n_fresh']:,} leak-free faces "
            f"{_percent(scores['accuracy_fresh'])}; macro F1 {scores['macro_f1']:.3f}"
        ),
    )
    for label, row in scores["per_class"].items():
        table.add_row(label, *(f"{row[key]:.3f}" for key in ("precision", "recall", "f1")), f"{row['n']:,}")
    print_table(table)
