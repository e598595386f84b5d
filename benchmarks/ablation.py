"""python -m benchmarks.ablation DIR: measure the effect of each part of experiment=best, one change at a time.

Trains on FER2013 in DIR for 5 epochs of 63 batches (8,064 faces), with the official split, seed 0 and a moving
average shortened to match. Such short runs rank what helps a network to learn, not what prevents overfitting in a
long run. Finished runs are not repeated, and interrupted ones are resumed.
"""

import argparse
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from rich.console import Console

from benchmarks.runs import trained
from fer_lightning.reporting.style import BLUE, GREY, ORANGE, STYLE, save
from fer_lightning.utils.environment import describe
from fer_lightning.utils.terminal import make_table

COMMON = [
    "+experiment=best",
    "phases.fit.epochs=5",
    "trainer.limit_train_batches=63",
    "callbacks.weight_averaging.decay=0.98",
]
BASE = "base"
VARIANTS = {
    BASE: [],
    "Keras' initialisation": ["model.initialisation=keras"],
    "no votes": ["vote_weight=0"],
    "whole faces throughout": ["augment.size_schedule=[]"],
    "the notebook's augmentation": ["augment=affine"],
}


def run(name: str, data: Path, out: Path) -> dict[str, Any]:
    """The metrics of one variant, which is trained or resumed unless it is finished."""
    run_dir = out / name.lower().replace(" ", "_").replace("'", "")
    return trained(run_dir, [*COMMON, *VARIANTS[name], f"data.dir={data}"])


def draw(scores: dict[str, float], error: float, path: Path) -> None:
    """Plot accuracies as points with one standard error."""
    names = list(scores)[::-1]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(8, 1 + 0.45 * len(names)))
        values = [100 * scores[name] for name in names]
        colours = [ORANGE if name == BASE else BLUE for name in names]
        axes.axvline(100 * scores[BASE], color=ORANGE, linewidth=1, linestyle="--")
        axes.errorbar(values, range(len(names)), xerr=100 * error, fmt="none", ecolor=GREY)
        axes.scatter(values, range(len(names)), color=colours, zorder=3)
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("accuracy on PublicTest after 315 steps, %, and its standard error")
        save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.ablation", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="DIR", help="the folder with FER2013 and fer2013new.csv")
    parser.add_argument(
        "--out", type=Path, default=Path("outputs/ablation"), help="the folder for the runs (%(default)s)"
    )
    arguments = parser.parse_args()
    columns = ("change", "overrides", "val loss", "accuracy", "macro F1")
    table = make_table("One change at a time", columns, texts=2, caption=describe("torch", "lightning"))
    found = {name: run(name, arguments.data, arguments.out) for name in VARIANTS}
    for name, metrics in found.items():
        figures = (f"{metrics['loss']:.3f}", f"{metrics['accuracy']:.1%}", f"{metrics['macro_f1']:.3f}")
        table.add_row(name, " ".join(VARIANTS[name]), *figures)
    Console().print(table)
    picture = arguments.out / "ablation.png"
    draw({name: metrics["accuracy"] for name, metrics in found.items()}, found[BASE]["standard_error"], picture)
    print(f"image: {picture}")


if __name__ == "__main__":
    main()
