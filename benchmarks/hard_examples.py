"""python -m benchmarks.hard_examples DIR [KEY=VALUE ...]: measure whether a phase of hard examples helps.

Trains +experiment=hard_mining on FER2013 in DIR: 8 epochs on all rows, 7 on the hard examples, 9 augmented. With the
same seeds, it also trains without the second phase, adding its steps to the third, and with the same number of random
examples instead of the hard ones, as the notebook did by mistake. Early stopping is off. KEY=VALUE is added to the
words of all runs. Finished runs (those with a metrics.json) are not repeated, and interrupted ones are resumed.
"""

import argparse
import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
from omegaconf import OmegaConf

from benchmarks.runs import trained
from fer_lightning.reporting.style import BLUE, GREEN, ORANGE, STYLE, save
from fer_lightning.utils.environment import describe
from fer_lightning.utils.terminal import make_table, print_table

SEEDS = (0, 1)
COLOURS = {"hard": ORANGE, "random": GREEN, "none": BLUE}
BALANCE_EPOCHS = 9
COMMON = [
    "+experiment=hard_mining",
    "phases.baseline.epochs=8",
    *(f"phases.{name}.patience=1000" for name in ("baseline", "balance")),
]
THREE_PHASES = [
    "phases.hard_examples.epochs=7",
    "phases.hard_examples.patience=1000",
    f"phases.balance.epochs={BALANCE_EPOCHS}",
]


@dataclass(frozen=True)
class Run:
    """A finished run.

    Attributes:
        seed: its seed.
        metrics: the content of its metrics.json.
        batch_size: images per step.
    """

    seed: int
    metrics: dict[str, Any]
    batch_size: int

    def steps(self, name: str | None = None) -> int:
        """The steps of the phase ``name``, or of all phases."""
        phases = [phase for phase in self.metrics["phases"] if name in (None, phase["name"])]
        return sum(phase["epochs"] * self._steps_per_epoch(phase) for phase in phases)

    def steps_and_accuracies(self) -> tuple[list[int], list[float]]:
        """The number of steps until the end of each epoch, and the accuracy there in %."""
        steps, accuracies = [0], []
        for phase in self.metrics["phases"]:
            for epoch in phase["history"]:
                steps.append(steps[-1] + self._steps_per_epoch(phase))
                # an epoch without validation is a gap in the curve
                accuracies.append(100 * epoch.get("val_accuracy", math.nan))
        return steps[1:], accuracies

    def _steps_per_epoch(self, phase: dict[str, Any]) -> int:
        return math.ceil(phase["examples"] / self.batch_size)


def balance_epochs(run: Run) -> int:
    """The epochs of the last phase that a run without the second phase needs for the steps of ``run``."""
    steps_per_epoch = run.steps("balance") / BALANCE_EPOCHS
    return BALANCE_EPOCHS + round(run.steps("hard_examples") / steps_per_epoch)


def train(run_dir: Path, seed: int, words: Sequence[str]) -> Run:
    """The run in ``run_dir``, which is trained or resumed unless it is finished."""
    metrics = trained(run_dir, [*words, f"seed={seed}"])
    config = OmegaConf.load(run_dir / "config.yaml")
    return Run(seed, metrics, int(config.data.batch_size))


def draw(found: dict[str, list[Run]], path: Path) -> None:
    """Plot accuracy on the val split over steps: one panel for each seed, one colour for each kind of run."""
    with plt.rc_context(STYLE):
        figure, panels = plt.subplots(1, len(SEEDS), figsize=(11, 4.2), sharey=True)
        for axes, seed in zip(panels, SEEDS, strict=True):
            for kind, runs in found.items():
                for run in (each for each in runs if each.seed == seed):
                    axes.plot(*run.steps_and_accuracies(), color=COLOURS[kind], marker="o", markersize=3, label=kind)
            axes.set_title(f"seed {seed}")
            axes.set_xlabel("steps")
        panels[0].set_ylabel("accuracy on PublicTest, %")
        panels[0].legend(title="examples of phase 2")
        figure.tight_layout()
        save(figure, path)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.hard_examples",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("data", type=Path, metavar="DIR", help="the folder with FER2013")
    parser.add_argument(
        "words", nargs="*", metavar="KEY=VALUE", help="keys of fer-train for all runs, such as model=phone"
    )
    parser.add_argument(
        "--out", type=Path, default=Path("outputs/hard_examples"), help="the folder for the runs (%(default)s)"
    )
    arguments = parser.parse_args()
    common = [*COMMON, f"data.dir={arguments.data}", *arguments.words]
    found: dict[str, list[Run]] = {kind: [] for kind in COLOURS}
    for seed in SEEDS:
        hard = train(arguments.out / f"hard_{seed}", seed, [*common, *THREE_PHASES])
        words = {
            "none": ["phases.hard_examples=null", f"phases.balance.epochs={balance_epochs(hard)}"],
            "random": [*THREE_PHASES, "phases.hard_examples.source=random"],
        }
        found["hard"].append(hard)
        for kind, others in words.items():
            found[kind].append(train(arguments.out / f"{kind}_{seed}", seed, [*common, *others]))
    columns = ("phase 2", "seed", "steps", "in phase 2", "val loss", "accuracy", "leak-free", "macro F1")
    table = make_table("The effect of phase 2", columns, caption=describe("torch", "lightning"))
    for kind, runs in found.items():
        for run in runs:
            scores = (run.metrics["accuracy"], run.metrics["accuracy_fresh"])
            steps = (str(run.seed), f"{run.steps():,}", f"{run.steps('hard_examples'):,}")
            figures = (f"{run.metrics['loss']:.3f}", *(f"{score:.1%}" for score in scores))
            table.add_row(kind, *steps, *figures, f"{run.metrics['macro_f1']:.3f}")
    print_table(table)
    picture = arguments.out / "hard_examples.png"
    draw(found, picture)
    print(f"image: {picture}")


if __name__ == "__main__":
    main()
