"""Random numbers that depend only on seed, phase and epoch."""

from typing import Any

import lightning as L
import numpy as np
import torch


class EpochSeed(L.Callback):
    """Seeds torch at the start of each epoch, so a resumed run draws the same numbers as an uninterrupted one.

    Dropout and augmentation draw from torch's generator on the device; the order of the examples comes from the
    sampler's own seed and epoch. A phase that was stopped within an epoch restores the generators' states and the place
    in that order.

    Args:
        seed: the run's seed.
        phase: the phase's position in the run, from 0.
        distinct_epochs: number of epochs that differ; later epochs repeat their numbers. None if every epoch differs.
    """

    def __init__(self, seed: int, phase: int, distinct_epochs: int | None = None) -> None:
        self.seed = seed
        self.phase = phase
        self.distinct_epochs = distinct_epochs
        self._states: list[torch.Tensor] = []
        self._device = torch.device("cpu")

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        epoch = trainer.current_epoch if self.distinct_epochs is None else trainer.current_epoch % self.distinct_epochs
        entropy = (self.seed, self.phase, epoch, trainer.global_rank)
        torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1)[0]))

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        # a schedule by step asks for the number of batches; for that, Lightning 2.6 sets up the loader before it
        # restores the state of its loops, and then ignores the loader's saved state
        trainer.fit_loop._load_combined_loader_states()
        self._device = pl_module.device
        if trainer.fit_loop.restarted_mid_epoch and self._states:
            own, *device = self._states
            torch.set_rng_state(own)
            if self._device.type == "cuda" and device:
                torch.cuda.set_rng_state(device[0], self._device)
            elif self._device.type == "mps" and device:
                torch.mps.set_rng_state(device[0])

    def state_dict(self) -> dict[str, Any]:
        device = []
        if self._device.type == "cuda":  # other GPUs may not be visible when the run is resumed
            device = [torch.cuda.get_rng_state(self._device)]
        elif self._device.type == "mps":
            device = [torch.mps.get_rng_state()]
        return {"generators": [torch.get_rng_state(), *device]}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self._states = state_dict["generators"]
