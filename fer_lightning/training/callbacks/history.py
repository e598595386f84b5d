"""The scores of each epoch, saved in the checkpoint, so a resumed phase has all of them.

For an epoch that was resumed in its middle, the training scores and the speed are those of the rest of the epoch.
"""

import time
from typing import Any

import lightning as L
from torch import Tensor

SCORES = ("train_loss", "train_accuracy", "val_loss", "val_accuracy", "val_macro_f1")


class History(L.Callback):
    """Collects a dictionary of plain numbers for each epoch: ``SCORES``, lr, images_per_second and seconds.

    images_per_second counts the training batches of all processes and excludes validation and checkpoints; seconds
    includes validation.
    """

    def __init__(self) -> None:
        self.epochs: list[dict[str, float]] = []
        self._images = 0
        self._started = self._seconds = 0.0
        self._validated = False

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._started = time.perf_counter()  # a phase resumed within an epoch gets no on_train_epoch_start

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._images = 0
        self._started = time.perf_counter()

    def on_train_batch_end(
        self,
        trainer: L.Trainer,
        pl_module: L.LightningModule,
        outputs: Any,
        batch: tuple[Tensor, Tensor],
        batch_idx: int,
    ) -> None:
        self._images += len(batch[0]) * trainer.world_size
        self._seconds = time.perf_counter() - self._started

    def on_validation_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._validated = not trainer.sanity_checking

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        metrics = trainer.callback_metrics  # which keeps the scores of the last validation
        names = [name for name in SCORES if name in metrics and (self._validated or not name.startswith("val_"))]
        self._validated = False
        epoch = {name: float(metrics[name]) for name in names}
        epoch["lr"] = float(trainer.optimizers[0].param_groups[0]["lr"])
        epoch["seconds"] = round(time.perf_counter() - self._started, 2)
        epoch["images_per_second"] = round(self._images / self._seconds, 1)
        self.epochs.append(epoch)

    def state_dict(self) -> dict[str, Any]:
        return {"epochs": self.epochs}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.epochs = list(state_dict["epochs"])
