"""Learning from a trained network's answers (Hinton and others, 2015), made batch by batch."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F


@dataclass
class Distillation:
    """What a teacher adds to the loss.

    Attributes:
        teacher: float32 [B, 1, H, W] in 0..1 -> logits [B, classes], in eval mode.
        weight: of the teacher's answers against the labels, 0..1.
        temperature: both networks' logits are divided by it, above 0.

    Raises:
        ValueError: weight or temperature is out of range.
    """

    teacher: nn.Module
    weight: float
    temperature: float

    def __post_init__(self) -> None:
        if not isinstance(self.weight, int | float) or not 0 <= self.weight <= 1:
            raise ValueError(f"weight={self.weight} is no number from 0 to 1")
        if not isinstance(self.temperature, int | float) or not self.temperature > 0:
            raise ValueError(f"temperature={self.temperature} is no number above 0")

    def mixed(self, loss: Tensor, logits: Tensor, inputs: Tensor) -> Tensor:
        """``loss`` and the divergence from the teacher's answers to the same, augmented inputs.

        Args:
            loss: the mean over the batch of what the labels say.
            logits: float32 [B, classes], the student's.
            inputs: float32 [B, 1, H, W] in 0..1, of both networks.
        """
        with torch.no_grad():
            answers = self.teacher(inputs).float()
        divergence = F.kl_div(
            F.log_softmax(logits / self.temperature, dim=1),
            F.log_softmax(answers / self.temperature, dim=1),
            reduction="batchmean",
            log_target=True,
        )
        # softer answers give smaller gradients, by the temperature squared
        return (1 - self.weight) * loss + self.weight * self.temperature**2 * divergence
