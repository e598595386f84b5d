"""python -m fer_lightning.report RUN_DIR: print the scores of a finished run."""

import argparse
import json
from pathlib import Path

from fer_lightning.errors import FerError, exit_on_user_error
from fer_lightning.reporting.tables import print_phases, print_scores


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
