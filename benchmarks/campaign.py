"""python -m benchmarks.campaign DIR: run all steps from experiment=best to a distilled student.

DIR contains FER2013 and the FER+ votes. Finished steps (those with a metrics.json) are skipped, an interrupted step is
resumed, and the first failure ends the campaign. All choices are made on PublicTest. --dry-run prints the commands.
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
    """One command of the campaign.

    Attributes:
        name: name of the step and of its folder.
        words: arguments of ``python -m fer_lightning.COMMAND``; {name} stands for the folder of an earlier step.
        command: a command of fer_lightning that writes a metrics.json at its end.
    """

    name: str
    words: Sequence[str]
    command: str = "train"


LAST = "phases/1-fit/checkpoints/last.ckpt"  # the last epoch, with raw and averaged weights
BEST = "checkpoints/best.ckpt"
CYCLES = ("cycle_1", "cycle_2", "cycle_3")
DECAYS = ("decay_plain", "decay", "decay_sam", "decay_weight_decay")
DECAY = ("+experiment=decay", f"init_from={{trunk}}/{LAST}")
TEACHER = ("+experiment=best", "phases.fit.epochs=90", "augment.mixup=0.2", "model.dense_dropout=0.4")
TEACHERS = f"{{soup_of_decays}}/soup.ckpt,{{teacher_1}}/{BEST},{{teacher_2}}/{BEST}"


def soup(name: str, checkpoints: Sequence[str], word: str) -> Step:
    """The step ``name``, which makes a soup of checkpoints of earlier steps; ``word`` says how."""
    return Step(name, (f"ckpt=[{','.join(checkpoints)}]", f"out={{{name}}}/soup.ckpt", word), "soup")


def flip(name: str, checkpoints: str) -> Step:
    """The step ``name``, which scores checkpoints with flip averaging."""
    return Step(name, (f"ckpt=[{checkpoints}]", "tta=flip", "data.split=official", "subset=val"), "evaluate")


STEPS = (
    Step("best", ("+experiment=best",)),
    *(
        Step(name, ("+experiment=cycle", f"init_from={{best}}/{BEST}", f"seed={seed}"))
        for seed, name in enumerate(CYCLES, start=1)
    ),
    soup("soup_of_cycles", [f"{{{cycle}}}/{LAST}" for cycle in CYCLES], "method=greedy"),
    Step("sam", ("+experiment=sam", f"init_from={{best}}/{BEST}", "seed=31")),
    soup("soup_of_best_and_sam", (f"{{best}}/{BEST}", f"{{sam}}/{LAST}"), "weights=averaged"),
    Step(
        "second_sam",
        (
            "+experiment=sam",
            "init_from={soup_of_best_and_sam}/soup.ckpt",
            "seed=33",
            "phases.fit.epochs=10",
            "sam.last_epochs=10",
            "sam.rho=0.2",
            "optimizer.lr=0.02",
        ),
    ),
    soup("second_soup", ("{soup_of_best_and_sam}/soup.ckpt", f"{{second_sam}}/{LAST}"), "weights=averaged"),
    Step("trunk", ("+experiment=trunk",)),
    Step("decay_plain", (*DECAY, "augment.mixup=0", "model.dense_dropout=null")),
    Step("decay", DECAY),
    Step("decay_sam", (*DECAY, "sam.last_epochs=6")),
    Step("decay_weight_decay", (*DECAY, "optimizer.weight_decay=1e-3")),
    soup("soup_of_decays", [f"{{{decay}}}/{LAST}" for decay in DECAYS], "method=greedy"),
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
    """The command line of a step; it resumes a training run that has already started."""
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
    parser.add_argument(
        "--out", type=Path, default=Path("outputs/campaign"), help="the folder for the runs (%(default)s)"
    )
    parser.add_argument("--dry-run", action="store_true", help="print the commands without running them")
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
                f"error: step {step.name} failed with exit code {code}; fix the cause and start the campaign again"
            )


if __name__ == "__main__":
    main()
