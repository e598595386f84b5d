"""Stop where training has diverged, before the checkpoints of that epoch are written."""

import math

import lightning as L

from fer_lightning.errors import FerError


class FiniteLoss(L.Callback):
    """Look at each epoch's training loss; once an epoch, because each look waits for the device.

    Raises:
        FerError: from ``on_train_epoch_end``, where the loss is infinite or no number.
    """

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        loss = float(trainer.callback_metrics["train_loss"])
        if not math.isfinite(loss):
            raise FerError(
                f"the training loss became {loss} in epoch {trainer.current_epoch + 1}, so there is nothing more to "
                "learn: take a lower optimizer.lr, or trainer.gradient_clip_val=1; earlier checkpoints are whole"
            )
