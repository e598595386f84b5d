"""The settings, the result and the file locations of a phase."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from omegaconf import DictConfig

from fer_lightning.errors import FerError
from fer_lightning.training.run_config import plain

Weights = Literal["best", "last"]


@dataclass(frozen=True)
class Phase:
    """The settings of one phase, an entry of the ``phases`` config group.

    Attributes:
        source: ``all`` training examples, the ``hard`` ones, mined before the phase's fit, or as many at ``random``,
            which is the notebook's mistake.
        augment: whether the augment group is applied.
        epochs: maximum number of epochs; trainer.max_epochs also limits it.
        lr_factor: factor for the optimizer's learning rate.
        patience: number of epochs without a better val_accuracy after which the phase ends.
        carry: the weights that the next phase starts from: the ``best`` by val_accuracy, or the ``last``.
        holdout: fraction of the hard or random examples to validate on; 0 validates on the val split.
    """

    source: Literal["all", "hard", "random"] = "all"
    augment: bool = False
    epochs: int = 100
    lr_factor: float = 1.0
    patience: int = 10
    carry: Weights = "best"
    holdout: float = 0.0

    def most_epochs(self, max_epochs: int | None) -> int:
        """The maximum number of epochs under the trainer's ``max_epochs``."""
        return self.epochs if max_epochs is None else min(self.epochs, max_epochs)

    def in_words(self, max_epochs: int | None) -> str:
        """One line for the log that describes the phase; ``max_epochs`` is the trainer's."""
        examples = f"{self.source} examples{', augmented' if self.augment else ''}"
        epochs = self.most_epochs(max_epochs)
        return (
            f"{examples}, at most {epochs} epoch{'s' * (epochs != 1)}, patience {self.patience}, "
            f"learning rate x {self.lr_factor:g}"
        )


@dataclass
class PhaseResult:
    """The result of a phase: one row of the table and one entry of metrics.json.

    Attributes:
        name: the phase's name.
        phase: its settings.
        examples: number of rows trained on; 0 if the phase was skipped.
        epochs: number of epochs trained.
        history: one entry per epoch (see callbacks/history.py).
        best_val_accuracy: accuracy of the best epoch, on the rows the phase validated on; another score if
            ``callbacks.checkpoint.monitor`` names one.
        scores: scores on the val split of the weights that the next phase starts from (``metrics.score``).
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
    """Parse the ``phases`` group, in running order; ``config_rules`` has already checked its values.

    Raises:
        FerError: the group is empty.
    """
    phases = {str(name): Phase(**value) for name, value in plain(config).items() if value is not None}
    if not phases:
        raise FerError("phases is empty: there is nothing to train")
    return phases


def phase_folder(run_dir: Path, index: int, name: str) -> Path:
    """The folder of the checkpoints and logs of the ``index``-th phase, counted from 0."""
    return run_dir / "phases" / f"{index + 1}-{name}"


def checkpoint_path(folder: Path, weights: Weights) -> Path:
    """The path of the best or last weights of a phase or a whole run, below its ``folder``."""
    return folder / "checkpoints" / f"{weights}.ckpt"


def carried_checkpoint(folder: Path, phase: Phase) -> Path | None:
    """The checkpoint that the next phase starts from: the last if there is no best, None if there is neither."""
    paths = (checkpoint_path(folder, phase.carry), checkpoint_path(folder, "last"))
    return next((path for path in paths if path.is_file()), None)
