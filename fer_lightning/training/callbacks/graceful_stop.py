"""Stop within an epoch without losing progress."""

import signal
from pathlib import Path
from types import FrameType
from typing import Any

import lightning as L
from lightning.pytorch.utilities.exceptions import SIGTERMException


class GracefulStop(L.Callback):
    """On SIGTERM or Ctrl-C, finishes the batch and saves a checkpoint that resumes at the next batch.

    Lightning stops training after the current batch on SIGTERM, so Ctrl-C is turned into SIGTERM. A second Ctrl-C
    stops at once, and the resumed run repeats the epoch. Runs of several processes also repeat it, because their
    processes may be in different batches when the signal arrives, and so does a stop between batches whose gradients
    are accumulated, because a checkpoint has no gradients.

    Args:
        path: the checkpoint's path.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.interrupted = False
        self._former = signal.getsignal(signal.SIGINT)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        # Lightning restores the former handler at the end
        if trainer.world_size == 1:
            self._former = signal.signal(signal.SIGINT, self._interrupt)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, self._former)
        self.interrupted = True
        signal.raise_signal(signal.SIGTERM)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        progress: Any = trainer.fit_loop.epoch_loop.batch_progress
        # after the last batch, validation and the epoch's own checkpoint still have to run
        batches = progress.current.completed
        within_an_epoch = trainer.training and batches > 0 and not progress.is_last_batch
        after_a_step = batches % trainer.accumulate_grad_batches == 0
        if isinstance(exception, SIGTERMException) and within_an_epoch and after_a_step and trainer.world_size == 1:
            trainer.save_checkpoint(self._path, weights_only=False)
