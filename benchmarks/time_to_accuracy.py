"""python -m benchmarks.time_to_accuracy DIR: training time to the notebook's accuracy with our recipe and its own.

Both train on FER2013 in DIR with the official split. The time until the validation accuracy (PublicTest) reaches the
target includes validation. Runs are kept in --out, where the same command continues them. Existing runs can be used
instead of training again:
  python -m benchmarks.time_to_accuracy DIR --ours RUN_DIR --notebook RUN_DIR
"""

import argparse
import json
from pathlib import Path
from typing import Any

from rich.console import Console

from benchmarks.runs import trained
from fer_lightning.utils.environment import describe
from fer_lightning.utils.terminal import make_table

NOTEBOOK_ACCURACY = 0.678
RECIPES = {"ours": ["+experiment=best"], "notebook": ["+experiment=notebook", "data.split=official"]}


def epochs_of(run_dir: Path) -> list[dict[str, Any]]:
    """The epochs of all finished phases, in order; without accuracy if a phase was not scored on the val split."""
    done = sorted(run_dir.glob("phases/*/done.json"))
    if not done:
        raise SystemExit(f"error: {run_dir} contains no finished phase")
    epochs = []
    for path in done:
        phase = json.loads(path.read_text())
        for epoch in phase["history"]:
            if phase["phase"]["holdout"]:
                epoch.pop("val_accuracy", None)
            epochs.append(epoch)
    if any("seconds" not in epoch for epoch in epochs):
        raise SystemExit(f"error: {run_dir} was trained by a version that did not record the seconds of each epoch")
    return epochs


def time_to(epochs: list[dict[str, Any]], target: float) -> tuple[float | None, int | None]:
    """Seconds and epochs until the validation accuracy first reached ``target``; None and None if it never did."""
    seconds = 0.0
    for number, epoch in enumerate(epochs, start=1):
        seconds += epoch["seconds"]
        if epoch.get("val_accuracy", 0) >= target:
            return seconds, number
    return None, None


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.time_to_accuracy",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, metavar="DIR", help="the folder with FER2013")
    parser.add_argument("--target", type=float, default=NOTEBOOK_ACCURACY, help="accuracy, 0..1 (default %(default)s)")
    parser.add_argument(
        "--out", type=Path, default=Path("outputs/time_to_accuracy"), help="where runs go (default %(default)s)"
    )
    parser.add_argument("--ours", type=Path, metavar="RUN_DIR", help="a finished run of our recipe")
    parser.add_argument("--notebook", type=Path, metavar="RUN_DIR", help="a finished run of the notebook's recipe")
    arguments = parser.parse_args()
    table = make_table(
        f"Time to {arguments.target:.1%} on PublicTest",
        ("recipe", "seconds", "epochs", "best", "of epochs", "s/epoch"),
        caption=describe("torch", "lightning"),
    )
    for name, words in RECIPES.items():
        run_dir: Path | None = getattr(arguments, name)
        if run_dir is None:
            run_dir = arguments.out / name
            trained(run_dir, [*words, f"data.dir={arguments.data}"])
        epochs = epochs_of(run_dir)
        seconds, count = time_to(epochs, arguments.target)
        best = max(epoch.get("val_accuracy", 0) for epoch in epochs)
        mean = sum(epoch["seconds"] for epoch in epochs) / len(epochs)
        reached = ("never", "-") if seconds is None else (f"{seconds:,.0f}", str(count))
        table.add_row(name, *reached, f"{best:.1%}", str(len(epochs)), f"{mean:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
