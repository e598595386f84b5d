"""Fold batch-norm into the layers around it, exactly, before any converter sees it."""

import copy
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval


class Shift(nn.Module):
    """A layer that adds a constant to each channel of [B, C, H, W].

    Args:
        shift: float [C].
    """

    shift: Tensor

    def __init__(self, shift: Tensor) -> None:
        super().__init__()
        self.register_buffer("shift", shift.float().view(-1, 1, 1))

    def forward(self, inputs: Tensor) -> Tensor:
        return inputs + self.shift


@dataclass
class _Owed:
    """A pending operation on each channel: multiply by ``sign`` (1 or -1), then add ``shift``; both float64 [C]."""

    sign: Tensor
    shift: Tensor

    def pay_sign(self) -> list[nn.Module]:
        """Return the layer that applies the signs, or nothing if all are positive."""
        if (self.sign > 0).all():
            return []
        channels = len(self.sign)
        flip = nn.Conv2d(channels, channels, kernel_size=1, groups=channels, bias=False)
        flip.weight.data = self.sign.float().view(-1, 1, 1, 1)
        self.sign = torch.ones_like(self.sign)
        return [flip]

    def pay(self) -> list[nn.Module]:
        """Return the layers that apply signs and shift."""
        return [*self.pay_sign(), Shift(self.shift)]

    def pay_into_dense(self, dense: nn.Linear) -> None:
        """Fold signs and shift into a dense layer that reads the flattened channels."""
        repeats = dense.in_features // len(self.sign)
        sign, shift = (value.repeat_interleave(repeats) for value in (self.sign, self.shift))
        weight = dense.weight.data.double()
        dense.bias.data = (dense.bias.data.double() + weight @ shift).float()
        dense.weight.data = (weight * sign).float()

    def pay_before_convolution(self, convolution: nn.Conv2d) -> list[nn.Module]:
        """Fold the signs into a convolution and return the layer that applies the shift.

        The shift cannot go into the convolution, because the zeros of its padding are not shifted.
        """
        if convolution.groups > 1:
            return self.pay()
        convolution.weight.data *= self.sign.float().view(1, -1, 1, 1)
        return [Shift(self.sign * self.shift)]


def fold_batch_norm(network: nn.Sequential) -> nn.Sequential:
    """Return a copy in eval mode that computes the same without batch-norm and dropout.

    Batch-norm directly after a convolution is folded into it. After a convolution and ReLU, as in the notebook's
    network, it is split, y = gamma/sigma * relu(conv(x)) + shift:

    - The magnitude of gamma/sigma goes into the convolution, because relu(a z) = a relu(z) for a >= 0.
    - Its sign goes into the next convolution or dense layer.
    - The shift moves past max-pooling, because max(x + t) = max(x) + t, and into a dense layer's bias.

    One addition before each convolution remains and, if a gamma before max-pooling is negative, a 1x1 depthwise
    convolution with 1 and -1. Batch-norm in any other place stays.
    """
    waiting = deque(_layers(network))
    done: list[nn.Module] = []
    owed: _Owed | None = None

    def next_are(*types: type[nn.Module]) -> bool:
        return len(waiting) >= len(types) and all(isinstance(*pair) for pair in zip(waiting, types, strict=False))

    while waiting:
        layer = waiting.popleft()
        passes = isinstance(layer, nn.MaxPool2d) or (isinstance(layer, nn.Flatten) and next_are(nn.Linear))
        if owed and isinstance(layer, nn.MaxPool2d):
            done += owed.pay_sign()
        elif owed and not passes:
            if isinstance(layer, nn.Linear):
                owed.pay_into_dense(layer)
            elif isinstance(layer, nn.Conv2d):
                done += owed.pay_before_convolution(layer)
            else:
                done += owed.pay()
            owed = None
        if isinstance(layer, nn.Conv2d):
            if next_are(nn.BatchNorm2d):
                layer = fuse_conv_bn_eval(layer, cast(nn.BatchNorm2d, waiting.popleft()))
            if next_are(nn.ReLU, nn.BatchNorm2d):
                done += [layer, waiting.popleft()]
                owed = _absorb_size(layer, cast(nn.BatchNorm2d, waiting.popleft()))
                continue
        done.append(layer)
    if owed:
        done += owed.pay()
    return nn.Sequential(*done).eval()


def _layers(network: nn.Sequential) -> Iterator[nn.Module]:
    """Yield copies of all layers in order, without dropout."""
    for layer in network:
        if isinstance(layer, nn.Sequential):
            yield from _layers(layer)
        elif not isinstance(layer, nn.Dropout):
            yield copy.deepcopy(layer).eval()


def _absorb_size(convolution: nn.Conv2d, norm: nn.BatchNorm2d) -> _Owed:
    """Scale a convolution by the magnitude of the batch-norm factor after its ReLU; return the rest."""
    assert norm.running_var is not None
    assert norm.running_mean is not None
    factor = norm.weight.data.double() / (norm.running_var.double() + norm.eps).sqrt()
    shift = norm.bias.data.double() - norm.running_mean.double() * factor
    size = factor.abs()
    convolution.weight.data = (convolution.weight.data.double() * size.view(-1, 1, 1, 1)).float()
    if convolution.bias is not None:
        convolution.bias.data = (convolution.bias.data.double() * size).float()
    return _Owed(torch.where(factor < 0, -1.0, 1.0).double(), shift)
