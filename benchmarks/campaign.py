"""python -m benchmarks.campaign DIR: the steps from the recipe of the shipped weights to a distilled student, in order.

FER2013 and FER+'s votes are in DIR. A step that has its metrics.json is skipped, one that was interrupted is resumed,
and the first that fails ends the campaign. Everything is chosen on PublicTest. --dry-run prints the commands.
"""

import argparse
import shlex
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Step:
    """One command.

    Attributes:
        name: of its folder.
        words: what follows ``python -m fer_lightning.COMMAND``; {name} is the folder of an earlier step.
        command: of fer_lightning; each of them writes a metrics.json at its end.
    """

    name: str
    words: Sequence[str]
    command: str = "train"


LAST = "phases/1-fit/checkpoints/last.ckpt"  # of the last epoch, with the raw weights beside the average
BEST = "checkpoints/best.ckpt"
CYCLES = ("cycle_1", "cycle_2", "cycle_3")
DECAYS = ("decay_plain", "decay", "decay_sam", "decay_weight_decay")
DECAY = ("+experiment=decay", f"init_from={{trunk}}/{LAST}")
TEACHER = ("+experiment=best", "phases.fit.epochs=90", "augment.mixup=0.2", "model.dense_dropout=0.4")
TEACHERS = f"{{soup_of_decays}}/soup.ckpt,{{teacher_1}}/{BEST},{{teacher_2}}/{BEST}"


def soup(name: str, members: Sequence[str]) -> Step:
    """The soup of earlier steps, as the step ``name``."""
    paths = ",".join(f"{{{member}}}/{LAST}" for member in members)
    return Step(name, (f"ckpt=[{paths}]", f"out={{{name}}}/soup.ckpt", "method=greedy"), "soup")


def flip(name: str, checkpoints: str) -> Step:
    """The score with flip averaging, as the step ``name``."""
    return Step(name, (f"ckpt=[{checkpoints}]", "tta=flip", "data.split=official", "subset=val"), "evaluate")


STEPS = (
    Step("best", ("+experiment=best",)),
    *(
        Step(name, ("+experiment=cycle", f"init_from={{best}}/{BEST}", f"seed={seed}"))
        for seed, name in enumerate(CYCLES, start=1)
    ),
    soup("soup_of_cycles", CYCLES),
    Step("trunk", ("+experiment=trunk",)),
    Step("decay_plain", (*DECAY, "augment.mixup=0", "model.dense_dropout=null")),
    Step("decay", DECAY),
    Step("decay_sam", (*DECAY, "sam.last_epochs=6")),
    Step("decay_weight_decay", (*DECAY, "optimizer.weight_decay=1e-3")),
    soup("soup_of_decays", DECAYS),
    Step("teacher_1", (*TEACHER, "seed=1")),
    Step("teacher_2", (*TEACHER, "seed=2")),
    flip("ensemble", TEACHERS),
    Step(
        "student",
        (
            "+experiment=distill",
            f"teacher=[{TEACHERS}]",
            "phases.fit.epochs=110",
            "augment.mixup=0.2",
            "model.dense_dropout=0.4",
            "sam.last_epochs=6",
        ),
    ),
    flip("student_flip", f"{{student}}/{BEST}"),
)


def command_of(step: Step, data: Path, out: Path) -> list[str]:
    """What to run for a step: resumed if it is a training run that was begun."""
    run_dir = out / step.name
    python = [sys.executable, "-m", f"fer_lightning.{step.command}"]
    if step.command == "train" and (run_dir / "run.yaml").is_file():
        return [*python, f"resume={run_dir}", f"data.dir={data}"]
    folders = {each.name: out / each.name for each in STEPS}
    words = [word.format(**folders) for word in step.words]
    return [*python, *words, f"data.dir={data}", f"hydra.run.dir={run_dir}"]


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.campaign", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="DIR", help="the folder with FER2013 and fer2013new.csv")
    parser.add_argument("--out", type=Path, default=Path("outputs/campaign"), help="where the runs go (%(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="print the commands and run none")
    arguments = parser.parse_args()
    data, out = arguments.data.absolute(), arguments.out.absolute()
    for step in STEPS:
        if (out / step.name / "metrics.json").is_file():
            print(f"# {step.name} is done")
            continue
        command = command_of(step, data, out)
        print(shlex.join(command), flush=True)
        if not arguments.dry_run and (code := subprocess.run(command, check=False).returncode):
            raise SystemExit(
                f"error: step {step.name} failed with exit code {code}; mend it and start the campaign again"
            )


if __name__ == "__main__":
    main()
