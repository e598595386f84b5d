"""The values that describe a phase: what it is asked to do, what became of it, and where it keeps its files."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from omegaconf import DictConfig

from fer_lightning.errors import FerError
from fer_lightning.training.run_config import plain

Weights = Literal["best", "last"]


@dataclass(frozen=True)
class Phase:
    """One entry of the ``phases`` config group, under its name.

    Attributes:
        source: ``all`` training examples, or the ``hard`` ones, mined before the phase's fit.
        augment: whether the augment group is applied.
        epochs: at most so many; trainer.max_epochs caps it.
        lr_factor: multiplies the optimizer's learning rate.
        patience: epochs without a better val_accuracy before the phase ends.
        carry: the weights that the next phase starts from, the ``best`` by val_accuracy or the ``last``.
        holdout: fraction of the hard examples to validate on; 0 validates on the val split.
    """

    source: Literal["all", "hard"] = "all"
    augment: bool = False
    epochs: int = 100
    lr_factor: float = 1.0
    patience: int = 10
    carry: Weights = "best"
    holdout: float = 0.0

    def in_words(self) -> str:
        """What the phase will do, for the log."""
        examples = f"{self.source} examples{', augmented' if self.augment else ''}"
        return f"{examples}, at most {self.epochs} epochs, patience {self.patience}, learning rate x {self.lr_factor:g}"


@dataclass
class PhaseResult:
    """What became of a phase: a line of the table, and of metrics.json.

    Attributes:
        examples: rows trained on; 0 if the phase was skipped.
        epochs: epochs trained.
        history: one entry an epoch (see callbacks/history.py).
        best_val_accuracy: of its best epoch, on what the phase validated on.
        scores: of the weights that the next phase starts from, on the val split (``metrics.score``).
    """

    name: str
    phase: Phase
    examples: int = 0
    epochs: int = 0
    history: list[dict[str, float]] = field(default_factory=list)
    best_val_accuracy: float | None = None
    scores: dict[str, Any] = field(default_factory=dict)

    @property
    def skipped(self) -> bool:
        return self.examples == 0


def parse_phases(config: DictConfig) -> dict[str, Phase]:
    """The ``phases`` group in the order in which they run; its values have been checked (``config_rules``).

    Raises:
        FerError: there is none.
    """
    phases = {str(name): Phase(**value) for name, value in plain(config).items() if value is not None}
    if not phases:
        raise FerError("phases is empty: there is nothing to train")
    return phases


def phase_folder(run_dir: Path, index: int, name: str) -> Path:
    """Where the ``index``-th phase (from 0) keeps its checkpoints and logs."""
    return run_dir / "phases" / f"{index + 1}-{name}"


def checkpoint_path(folder: Path, weights: Weights) -> Path:
    """Where a phase, or a whole run, keeps its best or its last weights, below its ``folder``."""
    return folder / "checkpoints" / f"{weights}.ckpt"


def carried_checkpoint(folder: Path, phase: Phase) -> Path | None:
    """The weights that the next phase starts from: the last if there is no best, None if there are none."""
    paths = (checkpoint_path(folder, phase.carry), checkpoint_path(folder, "last"))
    return next((path for path in paths if path.is_file()), None)
