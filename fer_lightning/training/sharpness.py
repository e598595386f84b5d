"""Sharpness-aware minimization (SAM, Foret et al., 2021) in the last epochs of a phase."""

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from fer_lightning.errors import FerError


@dataclass(frozen=True)
class SharpnessAware:
    """The settings of sharpness-aware steps.

    Such a step takes its gradient at the weights that, to first order, are worst for the batch within a distance of
    ``rho``. It needs two passes through the network instead of one.

    Attributes:
        last_epochs: number of epochs at the end of each phase that use such steps, >= 1.
        rho: Euclidean distance over all weights, above 0.

    Raises:
        FerError: one of them is out of range.
    """

    last_epochs: int
    rho: float

    def __post_init__(self) -> None:
        if not isinstance(self.last_epochs, int) or self.last_epochs < 1:
            raise FerError(f"sam.last_epochs must be an integer >= 1, got {self.last_epochs!r}")
        if not isinstance(self.rho, int | float) or not self.rho > 0:
            raise FerError(f"sam.rho must be a number above 0, got {self.rho!r}")

    def is_due(self, epoch: int, epochs: int) -> bool:
        """Whether ``epoch``, counted from 0, of a phase of ``epochs`` epochs uses sharpness-aware steps."""
        return epoch >= epochs - self.last_epochs

    @contextlib.contextmanager
    def perturbed(self, module: nn.Module) -> Iterator[None]:
        """Move the weights of ``module`` along their gradients by ``rho``, and restore them exactly on exit.

        Meanwhile batch-norm normalizes by the batch statistics but does not update its running statistics, which
        belong to the original weights.
        """
        trained = [parameter for parameter in module.parameters() if parameter.grad is not None]
        kept = [parameter.detach().clone() for parameter in trained]
        norms = [each for each in module.modules() if isinstance(each, _BatchNorm) and each.track_running_stats]
        with torch.no_grad():
            gradients = [parameter.grad for parameter in trained]
            length = torch.linalg.vector_norm(torch.stack([torch.linalg.vector_norm(each) for each in gradients]))
            for parameter, gradient in zip(trained, gradients, strict=True):
                parameter.add_(gradient * (self.rho / (length + 1e-12)))
        for norm in norms:
            norm.track_running_stats = False
        try:
            yield
        finally:
            for norm in norms:
                norm.track_running_stats = True
            with torch.no_grad():
                for parameter, value in zip(trained, kept, strict=True):
                    parameter.copy_(value)
