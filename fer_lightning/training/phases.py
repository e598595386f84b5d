"""The ordered list of trainer.fit calls.

Each phase is one fit with a fresh Trainer and fresh callbacks, so that early stopping, the plateau
schedule and the epoch count start clean; only the weights go from one phase to the next.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import lightning as L
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig

from fer_lightning.data.datamodule import FER2013DataModule
from fer_lightning.errors import FerError
from fer_lightning.models import checkpoint
from fer_lightning.training.callbacks.epoch_seed import EpochSeed
from fer_lightning.training.callbacks.finite_loss import FiniteLoss
from fer_lightning.training.callbacks.graceful_stop import GracefulStop
from fer_lightning.training.callbacks.hard_examples import HardExampleMining, NoHardExamples
from fer_lightning.training.callbacks.history import History
from fer_lightning.training.checkpoint_io import KeepingCheckpointIO, newest
from fer_lightning.training.classifier import ExpressionClassifier
from fer_lightning.training.distributed import is_first
from fer_lightning.training.precision import SharedPrecision
from fer_lightning.training.run_config import plain
from fer_lightning.training.signals import raising_keyboard_interrupt
from fer_lightning.utils import files, shell_words

log = logging.getLogger(__name__)

Weights = Literal["best", "last"]


@dataclass(frozen=True)
class Phase:
    """One entry of the ``phases`` config group, under its name.

    Attributes:
        source: ``all`` training examples or the ``hard`` ones, mined when the phase starts.
        augment: whether the augment group is applied.
        epochs: at most so many; trainer.max_epochs caps it.
        lr_factor: on the optimizer's learning rate.
        patience: epochs without a better val_accuracy before the phase ends.
        carry: the weights that the next phase starts from, the ``best`` by val_accuracy or the ``last``.
        holdout: fraction of the hard examples to validate on, 0 validates on the val split.
    """

    source: Literal["all", "hard"] = "all"
    augment: bool = False
    epochs: int = 100
    lr_factor: float = 1.0
    patience: int = 10
    carry: Weights = "best"
    holdout: float = 0.0

    def in_words(self) -> str:
        """What it will do, for the log."""
        examples = f"{self.source} examples{', augmented' if self.augment else ''}"
        return f"{examples}, at most {self.epochs} epochs, patience {self.patience}, learning rate x {self.lr_factor:g}"


@dataclass
class PhaseResult:
    """What became of a phase: a line of the table, and of metrics.json.

    Attributes:
        examples: rows trained on; 0 says that the phase was skipped.
        epochs: epochs trained.
        history: see callbacks/history.py, an entry an epoch.
        best_val_accuracy: of its best epoch, on what the phase validated on.
        scores: of the weights that it hands on, on the val split (``metrics.score``).
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


def run_phases(
    cfg: DictConfig,
    module: ExpressionClassifier,
    datamodule: FER2013DataModule,
    run_dir: Path,
    evaluate: Callable[[], dict[str, Any]],
) -> Iterator[PhaseResult]:
    """Run what is not done yet of ``cfg.phases``, yielding each phase's result when it is.

    After each, ``module`` has the weights that the phase hands on. A phase that ended keeps its
    result in ``done.json``; one that was interrupted goes on from its last checkpoint.

    Args:
        evaluate: gives the scores of ``module`` on the val split; of several processes the first calls it.

    Raises:
        KeyboardInterrupt: on Ctrl-C, with a text that says how to go on.
    """
    phases = parse_phases(cfg.phases)
    for index, (name, phase) in enumerate(phases.items()):
        folder = phase_folder(run_dir, index, name)
        done = folder / "done.json"
        finished = _finished(done)
        if finished is not None:
            result = finished
            if cfg.trainer.enable_checkpointing and not cfg.trainer.fast_dev_run:
                _require_weights(folder, result)
            log.info("phase %s is done already", name)
        else:
            log.info("phase %d of %d, %s: %s", index + 1, len(phases), name, phase.in_words())
            result = _fit(cfg, index, name, phase, module, datamodule, folder)
            if is_first():
                files.write_json(done, asdict(result))
        _carry(module, folder, result)
        if is_first() and not result.scores:
            result.scores = evaluate()
            files.write_json(done, asdict(result))
        yield result


def _fit(
    cfg: DictConfig,
    index: int,
    name: str,
    phase: Phase,
    module: ExpressionClassifier,
    datamodule: FER2013DataModule,
    folder: Path,
) -> PhaseResult:
    history = History()
    callbacks: list[L.Callback] = [SharedPrecision(), FiniteLoss(), history, EpochSeed(cfg.seed, index)]
    if phase.source == "hard":
        callbacks.append(HardExampleMining(phase.holdout))
    last = checkpoint_path(folder, "last")
    graceful_stop = GracefulStop(last)
    if cfg.trainer.enable_checkpointing:
        callbacks.append(graceful_stop)
    checkpoints = {"dirpath": str(last.parent)}
    filled_in: dict[str, dict[str, Any]] = {
        "early_stopping": {"patience": phase.patience},
        "checkpoint": checkpoints,
        "last_checkpoint": checkpoints,
    }
    # Lightning takes a callback together with the switch against it for a mistake
    switched_off = {
        "progress_bar": not cfg.trainer.enable_progress_bar,
        "checkpoint": not cfg.trainer.enable_checkpointing,
        "last_checkpoint": not cfg.trainer.enable_checkpointing,
    }
    for key, callback in cfg.callbacks.items():
        if callback is not None and not switched_off.get(key):
            callbacks.append(instantiate(callback, **filled_in.get(key, {})))
    for unsafe in folder.glob("hpc_ckpt_*.ckpt"):  # Lightning's, when SLURM takes a job back: from within a step
        unsafe.unlink(missing_ok=True)  # another process may be first
    saved = newest(last.parent)
    caps = [phase.epochs, cfg.trainer.max_epochs, None if saved is None else _stopped_after(saved[1], phase)]
    trainer = make_trainer(
        cfg.trainer,
        max_epochs=min(cap for cap in caps if cap is not None),
        callbacks=callbacks,
        plugins=[KeepingCheckpointIO(), *(plain(cfg.trainer).get("plugins") or [])],
        logger=[make_logger(logger, folder) for logger in cfg.logger.values() if logger is not None],
        default_root_dir=str(folder),
    )
    datamodule.start_phase(augment=phase.augment)
    module.lr_factor = phase.lr_factor
    try:
        with raising_keyboard_interrupt(trainer):
            trainer.fit(
                module, datamodule=datamodule, ckpt_path=None if saved is None else str(saved[0]), weights_only=True
            )
    except NoHardExamples:
        log.warning("phase %s is skipped: there are no hard examples, or too few for its holdout", name)
        return PhaseResult(name, phase)
    except KeyboardInterrupt as interrupt:
        kind = KeyboardInterrupt if graceful_stop.interrupted else type(interrupt)
        raise kind(
            f"stopped in phase {name} after {len(history.epochs)} whole epochs; go on with: "
            f"{shell_words.resume(folder.parent.parent)}"
        ) from None
    wrote_none = trainer.strategy.broadcast(not last.is_file())  # else a slower process might see the others' new one
    if cfg.trainer.enable_checkpointing and not cfg.trainer.fast_dev_run and wrote_none:
        # trainer.max_steps and max_time can end a phase within its first epoch
        trainer.save_checkpoint(last, weights_only=False)
    best = getattr(trainer.checkpoint_callback, "best_model_score", None)
    return PhaseResult(
        name,
        phase,
        examples=len(datamodule.phase_rows),
        epochs=len(history.epochs),
        history=history.epochs,
        best_val_accuracy=None if best is None else float(best),
    )


def _stopped_after(saved: dict[str, Any], phase: Phase) -> int | None:
    """Epochs that the phase had trained when early stopping ended it, where its checkpoint ``saved`` says that.

    Lightning would train one more each time such a checkpoint is resumed.
    """
    states = saved["callbacks"]
    stopped = any(
        name.startswith("EarlyStopping") and state["stopped_epoch"] and state["wait_count"] >= phase.patience
        for name, state in states.items()
    )
    return len(states["History"]["epochs"]) if stopped else None


def carried_checkpoint(folder: Path, phase: Phase) -> Path | None:
    """The weights that a phase hands on; the last where it has no best, None where it wrote none."""
    paths = (checkpoint_path(folder, phase.carry), checkpoint_path(folder, "last"))
    return next((path for path in paths if path.is_file()), None)


def _finished(path: Path) -> PhaseResult | None:
    """What a phase's done.json says; None if there is none, or if it is damaged, which a warning says."""
    saved = files.read_json(path)
    if saved is None:
        return None
    try:
        return PhaseResult(**{**saved, "phase": Phase(**saved["phase"])})
    except (TypeError, KeyError):
        log.warning("%s is damaged and is ignored", path)
        return None


def _require_weights(folder: Path, result: PhaseResult) -> None:
    """Raises FerError if a finished phase has lost the weights that it hands on."""
    best = result.phase.carry == "best" and result.best_val_accuracy is not None
    path = checkpoint_path(folder, "best" if best else "last")
    if not result.skipped and not path.is_file():
        raise FerError(
            f"no such file: {path}; phase {result.name} is done, but the weights that the next phase starts from are "
            f"gone: restore the file, or train the phase again without {folder / 'done.json'}"
        )


def _carry(module: ExpressionClassifier, folder: Path, result: PhaseResult) -> None:
    path = carried_checkpoint(folder, result.phase)
    if path is not None:
        module.load_state_dict(checkpoint.read(path)["state_dict"])


def make_logger(config: DictConfig, folder: Path) -> Logger:
    """One of the logger group's, which writes below ``folder``.

    Raises:
        FerError: its package is not installed, or a value is of the wrong kind.
    """
    options: dict[str, Any] = {"save_dir": str(folder)}
    if config._target_.endswith("MLFlowLogger") and config.tracking_uri is None:
        options["tracking_uri"] = f"sqlite:///{folder / 'mlflow.db'}"  # MLflow no longer likes plain files
        options["artifact_location"] = str(folder / "mlflow")  # it would take the working directory
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return instantiate(config, **options)
    except InstantiationException as error:
        if isinstance(error.__cause__, ModuleNotFoundError):
            raise FerError(f"{config._target_.rpartition('.')[2]} needs a package: {error.__cause__}") from error
        raise


def make_trainer(config: DictConfig, **given: Any) -> L.Trainer:
    """A Trainer with the keys of the trainer group, ``given`` going before them.

    Raises:
        FerError: Lightning refuses a value.
    """
    options = {**plain(config), **given}
    try:
        return L.Trainer(**options)
    except Exception as error:  # whatever Lightning and the plugins that it loads raise for an argument
        raise FerError(
            f"the trainer group has a value that Lightning refuses: {' '.join(str(error).split())}"
        ) from error


def check_callbacks(config: DictConfig) -> None:
    """Raises FerError or InstantiationException if the callbacks group has what its callbacks do not take."""
    for callback in config.values():
        if callback is not None:
            instantiate(callback)
