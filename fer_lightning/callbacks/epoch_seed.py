"""Random draws that depend on seed, phase and epoch alone."""

import lightning as L
import numpy as np
import torch


class EpochSeed(L.Callback):
    """Seed torch at each epoch's start, so that a resumed run draws what an unbroken one would have.

    Dropout and augmentation draw from torch's generator, on the device; the order of the examples
    comes from the sampler's own seed and epoch.

    Args:
        seed: the run's.
        phase: the phase's place in the run.
    """

    def __init__(self, seed: int, phase: int) -> None:
        self.seed = seed
        self.phase = phase

    def on_train_epoch_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        entropy = (self.seed, self.phase, trainer.current_epoch, trainer.global_rank)
        torch.manual_seed(int(np.random.SeedSequence(entropy).generate_state(1)[0]))
