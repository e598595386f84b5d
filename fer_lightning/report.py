"""python -m fer_lightning.report RUN_DIR: print the scores of a finished run."""

import json
from pathlib import Path

from fer_lightning.errors import FerError, exit_on_user_error
from fer_lightning.reporting.tables import print_phases, print_scores
from fer_lightning.utils.command_line import argument_parser


def print_run(run_dir: Path) -> None:
    """Print the table of a finished run, from its metrics.json.

    Raises:
        FerError: metrics.json is missing or damaged, or does not come from fer-train or fer-soup.
    """
    path = run_dir / "metrics.json"
    try:
        metrics = json.loads(path.read_text())
        if "chosen" in metrics:
            print_scores(metrics, f"soup of {len(metrics['chosen'])} on the val split")
        elif "members" in metrics:
            print_scores(metrics, f"average of {len(metrics['members'])} on the val split")
        elif "phases" not in metrics:
            raise FerError(f"{path} has no phases: it does not come from a training run")
        else:
            print_phases(metrics["phases"], metrics["data"], final=metrics)
    except FileNotFoundError:
        raise FerError(f"{run_dir} contains no finished run: no such file: {path}") from None
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise FerError(f"{path} is damaged: {error}") from error


def main() -> None:
    parser = argument_parser(
        "fer-report",
        "Print the scores of a finished run by phase.",
        [
            "fer-report outputs/train/2026-01-31_12-00-00",
            "fer-train data.dir=data hydra.run.dir=outputs/mine && fer-report outputs/mine",
            "fer-report outputs/mine > scores.txt",
        ],
    )
    parser.add_argument("run_dir", type=Path, help="the directory of the run, the value of hydra.run.dir")
    with exit_on_user_error():
        print_run(parser.parse_args().run_dir)


if __name__ == "__main__":
    main()
