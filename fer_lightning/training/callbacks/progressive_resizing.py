"""Small crops while the network learns the coarse, whole faces for the rest."""

import lightning as L


class ProgressiveResizing(L.Callback):
    """Trains on crops of ``size`` pixels for the first ``until`` of the epochs (Howard, DAWNBench, 2018).

    The size is that of the datamodule's augmentation, which it gets back afterwards; where a phase does
    not augment, nothing is cropped.

    Args:
        size: side of the crops in pixels.
        until: fraction of the phase's epochs, 0..1.
    """

    def __init__(self, size: int, until: float) -> None:
        self.size = size
        self.until = until
        self._full = 0

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._full = trainer.datamodule.augment.size  # type: ignore[attr-defined]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._resize(trainer)  # where a phase goes on within an epoch, that does not start anew

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._resize(trainer)

    def _resize(self, trainer: L.Trainer) -> None:
        assert trainer.max_epochs is not None  # phases always give it
        small = trainer.current_epoch < self.until * trainer.max_epochs
        trainer.datamodule.augment.size = self.size if small else self._full  # type: ignore[attr-defined]

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trainer.datamodule.augment.size = self._full  # type: ignore[attr-defined]
