"""Stop a diverged training before the checkpoints of that epoch are written."""

import math

import lightning as L

from fer_lightning.errors import FerError


class FiniteLoss(L.Callback):
    """Checks the training loss once per epoch; each check waits for the device.

    Raises:
        FerError: from ``on_train_epoch_end``, if the loss is infinite or NaN.
    """

    def on_train_epoch_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        loss = float(trainer.callback_metrics["train_loss"])
        if not math.isfinite(loss):
            raise FerError(
                f"the training loss became {loss} in epoch {trainer.current_epoch + 1}: lower optimizer.lr, or set "
                "trainer.gradient_clip_val=1; earlier checkpoints are intact"
            )
