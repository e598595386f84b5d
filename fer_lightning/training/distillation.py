"""Knowledge distillation (Hinton et al., 2015); the teacher runs on every training batch."""

from dataclasses import dataclass

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

    Raises:
        ValueError: weight or temperature is out of range.
    """

    teacher: nn.Module
    weight: float
    temperature: float

    def __post_init__(self) -> None:
        if not isinstance(self.weight, int | float) or not 0 <= self.weight <= 1:
            raise ValueError(f"weight must be a number from 0 to 1, got {self.weight!r}")
        if not isinstance(self.temperature, int | float) or not self.temperature > 0:
            raise ValueError(f"temperature must be a number above 0, got {self.temperature!r}")

    def mixed(self, loss: Tensor, logits: Tensor, inputs: Tensor) -> Tensor:
        """The weighted sum of ``loss`` and the divergence from the teacher's outputs for the same augmented inputs.

        Args:
            loss: the loss against the labels, averaged over the batch.
            logits: float32 [B, classes], the student's.
            inputs: float32 [B, 1, H, W] in 0..1, the input of both networks.
        """
        with torch.no_grad():
            answers = self.teacher(inputs).float()
        divergence = F.kl_div(
            F.log_softmax(logits / self.temperature, dim=1),
            F.log_softmax(answers / self.temperature, dim=1),
            reduction="batchmean",
            log_target=True,
        )
        # the gradients shrink by the temperature squared
        return (1 - self.weight) * loss + self.weight * self.temperature**2 * divergence
