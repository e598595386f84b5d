"""Knowledge distillation (Hinton et al., 2015): the teacher sees the same augmented images as the student."""

from collections.abc import Hashable
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass
class Distillation:
    """The distillation term of the loss.

    Attributes:
        teacher: float32 [B, 1, H, W] in 0..1 -> logits [B, classes], in eval mode.
        weight: weight of the teacher's outputs relative to the labels, 0..1.
        temperature: divisor of both networks' logits, above 0.
        cached_epochs: number of epochs of a phase that differ in augmentation and order. Later epochs repeat them, so
            the teacher's logits are computed once and kept, 28 bytes per image and epoch. None if every epoch differs.

    Raises:
        ValueError: weight or temperature is out of range.
    """

    teacher: nn.Module
    weight: float
    temperature: float
    cached_epochs: int | None = None
    _logits: dict[Hashable, Tensor] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not isinstance(self.weight, int | float) or not 0 <= self.weight <= 1:
            raise ValueError(f"weight must be a number from 0 to 1, got {self.weight!r}")
        if not isinstance(self.temperature, int | float) or not self.temperature > 0:
            raise ValueError(f"temperature must be a number above 0, got {self.temperature!r}")

    def start_phase(self, device: torch.device) -> None:
        """Move the teacher to ``device`` and forget the logits of another phase's images."""
        self.teacher.to(device).to(memory_format=torch.channels_last)  # as the student: twice as fast
        self._logits.clear()

    def mixed(self, loss: Tensor, logits: Tensor, inputs: Tensor, epoch: int = 0, batch_idx: int = 0) -> Tensor:
        """The weighted sum of ``loss`` and the divergence from the teacher's outputs for the same augmented inputs.

        Args:
            loss: the loss against the labels, averaged over the batch.
            logits: float32 [B, classes], the student's.
            inputs: float32 [B, 1, H, W] in 0..1, the input of both networks.
            epoch: the phase's epoch, from 0; used with ``cached_epochs`` only.
            batch_idx: the batch's position in the epoch, from 0; used with ``cached_epochs`` only.
        """
        answers = self._answers(inputs, epoch, batch_idx)
        divergence = F.kl_div(
            F.log_softmax(logits / self.temperature, dim=1),
            F.log_softmax(answers / self.temperature, dim=1),
            reduction="batchmean",
            log_target=True,
        )
        # the gradients shrink by the temperature squared
        return (1 - self.weight) * loss + self.weight * self.temperature**2 * divergence

    @torch.no_grad()
    def _answers(self, inputs: Tensor, epoch: int, batch_idx: int) -> Tensor:
        """The teacher's logits, float32 [B, classes]."""
        if self.cached_epochs is None:
            return self.teacher(inputs).float()
        # the size of crops changes during a phase, and a run that was stopped may begin within an epoch
        key = (epoch % self.cached_epochs, batch_idx, inputs.shape)
        if key not in self._logits:
            self._logits[key] = self.teacher(inputs).float()
        return self._logits[key]
