"""python -m fer_lightning.sweep SWEEP_DIR: rank the runs of a sweep; also printed at the end of a sweep."""

from pathlib import Path

from fer_lightning.errors import exit_on_user_error
from fer_lightning.utils.command_line import argument_parser


def main() -> None:
    parser = argument_parser(
        "fer-sweep",
        "Rank the runs of a sweep, which may still be running or have been stopped.",
        [
            "fer-sweep outputs/multirun/2026-01-31_12-00-00",
            "fer-train -m optimizer.lr=1e-3,3e-4 hydra.sweep.dir=outputs/lr && fer-sweep outputs/lr",
            "column -s, -t outputs/lr/sweep.csv",
        ],
    )
    parser.add_argument(
        "sweep_dir", type=Path, metavar="SWEEP_DIR", help="the directory of the sweep, the value of hydra.sweep.dir"
    )
    arguments = parser.parse_args()
    from fer_lightning.commands import sweep  # imports Hydra

    with exit_on_user_error():
        sweep.conclude(arguments.sweep_dir)


if __name__ == "__main__":
    main()
