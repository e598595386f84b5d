"""Stop within an epoch and lose nothing of it."""

import signal
from pathlib import Path
from types import FrameType
from typing import Any

import lightning as L
from lightning.pytorch.utilities.exceptions import SIGTERMException


class GracefulStop(L.Callback):
    """On SIGTERM or Ctrl-C finish the batch and save, so that the phase goes on behind it.

    Lightning ends training behind a batch on SIGTERM, so Ctrl-C is turned into one; a second Ctrl-C ends
    it at once, and the epoch is repeated. So it is where several processes train, which may be in different
    batches when the signal comes.

    Args:
        path: where the checkpoint goes.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self.interrupted = False
        self._former = signal.getsignal(signal.SIGINT)

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        # Lightning puts the former handler back in the end
        if trainer.world_size == 1:
            self._former = signal.signal(signal.SIGINT, self._interrupt)

    def _interrupt(self, number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, self._former)
        self.interrupted = True
        signal.raise_signal(signal.SIGTERM)

    def on_exception(self, trainer: L.Trainer, pl_module: L.LightningModule, exception: BaseException) -> None:
        progress: Any = trainer.fit_loop.epoch_loop.batch_progress
        # behind the last batch, validation and the epoch's own checkpoint come first
        within_an_epoch = trainer.training and progress.current.completed > 0 and not progress.is_last_batch
        if isinstance(exception, SIGTERMException) and within_an_epoch and trainer.world_size == 1:
            trainer.save_checkpoint(self._path, weights_only=False)
