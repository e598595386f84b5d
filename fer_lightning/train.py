"""python -m fer_lightning.train: train the phases, evaluate before and after, draw."""

from datetime import datetime
from pathlib import Path

from fer_lightning.utils.command_line import hydra_command


def _run_dir(resume: str | None) -> str:
    """Where a run writes: a resumed one where it began."""
    from fer_lightning.training.run_config import SETTINGS_FILE  # which imports Hydra

    # Hydra writes into it before we can say that resume= names no run
    if resume and (Path(resume) / SETTINGS_FILE).is_file():
        return resume
    return f"outputs/train/{datetime.now():%Y-%m-%d_%H-%M-%S}"


main = hydra_command(
    "train",
    "fer_lightning.commands.train",
    extra="train",
    needs=("torch", "lightning"),
    resolvers={"run_dir": _run_dir},
)

if __name__ == "__main__":
    main()
