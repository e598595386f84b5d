"""Small crops while the network learns the coarse, whole faces for the rest."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Any

import lightning as L

from fer_lightning.constants import IMAGE_SIZE
from fer_lightning.errors import FerError

_SMALLEST = 33  # pixels; of smaller crops the four stacks of cnn8 leave nothing


class ProgressiveResizing(L.Callback):
    """Trains on crops whose size depends on the epoch (Howard, DAWNBench, 2018).

    The size is that of the datamodule's augmentation, which it gets back afterwards; where a phase does
    not augment, nothing is cropped.

    Args:
        schedule: pairs of the share of the phase's epochs up to which, above 0 and at most 1, and the side of the
            crops in pixels, 33..48: [[0.3, 36], [0.6, 40]]. After the last pair the augmentation's own size is used.

    Raises:
        FerError: ``schedule`` is not such a list, or its shares do not increase.
    """

    def __init__(self, schedule: Sequence[Sequence[float]]) -> None:
        self.schedule = [(share, int(pixels)) for share, pixels in _checked(schedule)]
        self._full = 0

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._full = trainer.datamodule.augment.size  # type: ignore[attr-defined]

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._resize(trainer)  # where a phase goes on within an epoch, that does not start anew

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        self._resize(trainer)

    def _resize(self, trainer: L.Trainer) -> None:
        assert trainer.max_epochs is not None  # phases always give it
        due = (pixels for share, pixels in self.schedule if trainer.current_epoch < share * trainer.max_epochs)
        trainer.datamodule.augment.size = next(due, self._full)  # type: ignore[attr-defined]

    def on_fit_end(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        trainer.datamodule.augment.size = self._full  # type: ignore[attr-defined]


def _checked(schedule: Any) -> Sequence[Sequence[float]]:
    """``schedule`` as it is.

    Raises:
        FerError: see ``ProgressiveResizing``.
    """
    is_list = isinstance(schedule, Sequence) and not isinstance(schedule, str)
    if not is_list or not all(_is_pair(entry) for entry in schedule):
        raise FerError(
            f"callbacks.resizing.schedule must be a list of [share of the epochs, 0..1; pixels, {_SMALLEST}.."
            f"{IMAGE_SIZE}], such as [[0.3, 36], [0.6, 40]], got {schedule}"
        )
    shares = [share for share, _ in schedule]
    if any(later <= earlier for earlier, later in pairwise(shares)):
        raise FerError(f"callbacks.resizing.schedule: the shares must increase, got {schedule}")
    return schedule


def _is_pair(entry: Any) -> bool:
    if not isinstance(entry, Sequence) or isinstance(entry, str) or len(entry) != 2:
        return False
    share, pixels = entry
    is_share = isinstance(share, int | float) and not isinstance(share, bool) and 0 < share <= 1
    return is_share and isinstance(pixels, int) and _SMALLEST <= pixels <= IMAGE_SIZE
