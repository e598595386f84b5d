"""python -m fer_lightning.train: train the phases and evaluate the result, or resume a run."""

from datetime import datetime
from pathlib import Path

from fer_lightning.utils.command_line import hydra_command


def _run_dir(resume: str | None) -> str:
    """The output directory of a run; a resumed run keeps its directory."""
    from fer_lightning.utils.output_dir import SETTINGS_FILE  # imports Hydra

    # only if it is a run: Hydra writes to the directory before we can reject a wrong resume=
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
