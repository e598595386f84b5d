"""Fit one phase: prepare its data and callbacks, then run a fresh Trainer."""

import logging
from pathlib import Path
from typing import Any

import lightning as L
import numpy as np
from omegaconf import DictConfig

from fer_lightning.data.datamodule import FaceDataModule
from fer_lightning.errors import FerError
from fer_lightning.training.callbacks.deferred_requeue import DeferredRequeue
from fer_lightning.training.callbacks.epoch_seed import EpochSeed
from fer_lightning.training.callbacks.finite_loss import FiniteLoss
from fer_lightning.training.callbacks.graceful_stop import GracefulStop
from fer_lightning.training.callbacks.hard_examples import HardExampleMining
from fer_lightning.training.callbacks.history import History
from fer_lightning.training.checkpoint_io import KeepingCheckpointIO, newest
from fer_lightning.training.classifier import ExpressionClassifier
from fer_lightning.training.mining import mined_rows
from fer_lightning.training.phase import Phase, PhaseResult, checkpoint_path
from fer_lightning.training.precision import SharedPrecision
from fer_lightning.training.run_config import plain
from fer_lightning.training.signals import raising_keyboard_interrupt
from fer_lightning.training.trainers import keeps_weights, make_callbacks, make_logger, make_trainer
from fer_lightning.utils import shell_words

log = logging.getLogger(__name__)


def fit_phase(
    cfg: DictConfig,
    index: int,
    name: str,
    phase: Phase,
    module: ExpressionClassifier,
    datamodule: FaceDataModule,
    folder: Path,
) -> PhaseResult:
    """Train ``module`` as ``phase`` says, resuming from its last checkpoint in ``folder`` if there is one.

    Args:
        index: the phase's position in the run, from 0.

    Raises:
        FerError: the data have changed since the checkpoint was written.
        KeyboardInterrupt: on Ctrl-C, with the command that resumes the run.
    """
    history = History()
    last = checkpoint_path(folder, "last")
    graceful_stop = GracefulStop(last)

    def stopped(interrupt: KeyboardInterrupt) -> KeyboardInterrupt:
        kind = KeyboardInterrupt if graceful_stop.interrupted else type(interrupt)
        return kind(
            f"stopped in phase {name}, complete epochs: {len(history.epochs)}; resume with: "
            f"{shell_words.resume(folder.parent.parent)}"
        )

    for unsafe in folder.glob("hpc_ckpt_*.ckpt"):  # Lightning writes these within a step when SLURM preempts a job
        unsafe.unlink(missing_ok=True)  # another process may have deleted it
    saved = newest(last.parent)
    if saved is not None:
        require_same_split(saved[1], datamodule)
    distinct_epochs = None if cfg.teacher is None else cfg.distillation.cached_epochs
    epoch_seed = EpochSeed(cfg.seed, index, distinct_epochs)
    callbacks: list[L.Callback] = [SharedPrecision(), FiniteLoss(), history, epoch_seed, DeferredRequeue()]
    rows: np.ndarray | None = None
    if phase.source != "all":
        rows = None if saved is None else HardExampleMining.rows_in(saved[1])
        if rows is None:
            try:
                rows = mined_rows(cfg, phase.source, module, datamodule, folder)
            except KeyboardInterrupt as interrupt:
                raise stopped(interrupt) from None
        if len(rows) < (2 if phase.holdout else 1):
            log.warning("skipping phase %s: there are no hard examples, or too few for its holdout", name)
            return PhaseResult(name, phase)
        callbacks.append(HardExampleMining(rows))
    if cfg.trainer.enable_checkpointing:
        callbacks.append(graceful_stop)
    checkpoints = {"dirpath": str(last.parent)}
    callbacks += make_callbacks(
        cfg,
        {
            "early_stopping": {"patience": phase.patience},
            "checkpoint": checkpoints,
            "last_checkpoint": checkpoints,
        },
    )
    stopped_after = None if saved is None else _stopped_after(saved[1], phase)
    most_epochs = phase.most_epochs(cfg.trainer.max_epochs)
    trainer = make_trainer(
        cfg.trainer,
        max_epochs=most_epochs if stopped_after is None else min(most_epochs, stopped_after),
        callbacks=callbacks,
        plugins=[KeepingCheckpointIO(), *(plain(cfg.trainer).get("plugins") or [])],
        logger=[make_logger(logger, folder) for logger in cfg.logger.values() if logger is not None],
        default_root_dir=str(folder),
    )
    # with max_steps, Lightning 2.6 resumes a finished epoch as if it were unfinished, and ends it a second time
    trainer.fit_loop._iteration_based_training = lambda: False  # type: ignore[method-assign]
    datamodule.phase = datamodule.phase_data(
        augment=phase.augment, rows=rows, holdout=phase.holdout, distinct_epochs=distinct_epochs
    )
    module.lr_factor = phase.lr_factor
    # Lightning would move the module only after the callback has copied it for the moving average
    module.to(trainer.strategy.root_device)
    resumed = None if saved is None else str(saved[0])
    try:
        with raising_keyboard_interrupt(trainer):
            trainer.fit(module, datamodule=datamodule, ckpt_path=resumed, weights_only=True)
    except KeyboardInterrupt as interrupt:
        raise stopped(interrupt) from None
    # without the callback, the file is what an interruption has left; broadcast, because a slow process might see the
    # new file
    wrote_none = trainer.strategy.broadcast(cfg.callbacks.get("last_checkpoint") is None or not last.is_file())
    if keeps_weights(cfg.trainer) and wrote_none:
        # trainer.max_steps and max_time can end a phase within its first epoch
        trainer.save_checkpoint(last, weights_only=False)
    best = getattr(trainer.checkpoint_callback, "best_model_score", None)
    return PhaseResult(
        name,
        phase,
        examples=len(datamodule.phase.rows),
        epochs=len(history.epochs),
        history=history.epochs,
        best_val_accuracy=None if best is None else float(best),
    )


def require_same_split(saved: dict[str, Any], datamodule: FaceDataModule) -> None:
    """Raise FerError if training from the checkpoint ``saved`` would be validated on faces that it has trained on."""
    name, digest = datamodule.faces.name, datamodule.held_out
    if saved["hyper_parameters"].get("held_out", digest) != digest:
        raise FerError(
            f"{name} has changed since this run was started, so its random split would validate on faces that the "
            "network was trained on: restore the data, or start a new run"
        )


def _stopped_after(saved: dict[str, Any], phase: Phase) -> int | None:
    """The number of epochs after which early stopping ended the phase of the checkpoint ``saved``; None if it did not.

    Lightning would train one more epoch each time such a checkpoint is resumed.
    """
    states = saved["callbacks"]
    stopped = any(
        name.startswith("EarlyStopping") and state["stopped_epoch"] and state["wait_count"] >= phase.patience
        for name, state in states.items()
    )
    return len(states["History"]["epochs"]) if stopped else None
