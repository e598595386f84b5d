"""Requeue a SLURM job between two batches."""

import signal
from collections.abc import Callable
from types import FrameType
from typing import Any

import lightning as L


class DeferredRequeue(L.Callback):
    """Makes the signal with which SLURM announces the end of a job wait for the end of the batch.

    Lightning 2.6 saves, flushes the loggers and requeues the job within the signal's handler. If the signal arrives
    while TensorBoard's writer holds its lock, the process then waits for itself for ever, and the job is lost.
    """

    def __init__(self) -> None:
        self._handler: Callable[[int, FrameType | None], Any] | None = None
        self._received = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        # Lightning registers its handler before this, in SLURM only, and restores the former one at the end
        handler = signal.getsignal(signal.SIGUSR1) if hasattr(signal, "SIGUSR1") else None
        if callable(handler):
            self._handler = handler
            signal.signal(signal.SIGUSR1, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        self._received = True

    def _requeue(self) -> None:
        if self._received and self._handler is not None:
            self._received = False
            self._handler(signal.SIGUSR1, None)

    def on_train_batch_end(self, *_: Any) -> None:
        self._requeue()

    def on_validation_batch_end(self, *_: Any) -> None:
        self._requeue()

    def on_train_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._requeue()
