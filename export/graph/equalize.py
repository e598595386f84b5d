"""Cross-layer equalization: channel ranges are equalized so that int8 weights lose little accuracy."""

import copy

import torch
from torch import Tensor, nn

from .fold_batch_norm import Shift

# shares from 0.4 to 1 and bounds from 2 to 20 were tried; these agreed best with float32 on FER2013's PublicTest
ACTIVATION_SHARE = 0.7
MOST = 4.0

_SILENT = 1e-6

_SCALED = nn.Conv2d | nn.Linear
_COMMUTES = nn.ReLU | nn.MaxPool2d | nn.AdaptiveAvgPool2d | nn.Flatten | Shift


@torch.no_grad()
def equalize(network: nn.Sequential, images: Tensor) -> nn.Sequential:
    """Return a copy that computes the same, with channels of similar ranges.

    A quantized activation has one scale for all its channels, so a channel with a large range costs the others
    precision. Each channel between two layers is scaled by a factor that the next layer's weights divide by. ReLU,
    pooling and the layers that ``fold_batch_norm`` leaves commute with a positive factor. The factor is SmoothQuant's,
    w^(1-a) / x^a (Xiao et al. 2023), from the largest weight w that reads the channel and its largest value x on
    ``images``. It stays between 1/4 and 4, because a channel that happens to be silent on these images would be
    amplified on others.

    Args:
        network: the result of ``fold_batch_norm``.
        images: float32 [N, 1, 48, 48], grey / 255, to measure the channels' ranges on.
    """
    network = copy.deepcopy(network)
    sizes = _input_sizes(network, images)
    source: nn.Conv2d | nn.Linear | None = None
    between: list[nn.Module] = []
    for layer in network:
        if _is_depthwise(layer) or isinstance(layer, _COMMUTES):
            between.append(layer)
        elif isinstance(layer, _SCALED):
            if source is not None:
                _equalize_pair(source, between, layer, sizes[layer])
            source, between = layer, []
        else:
            source = None
    return network


def _is_depthwise(layer: nn.Module) -> bool:
    return isinstance(layer, nn.Conv2d) and layer.groups == layer.in_channels == layer.out_channels > 1


def _input_sizes(network: nn.Sequential, images: Tensor) -> dict[nn.Module, Tensor]:
    """Measure the largest absolute value of each channel that a layer reads, float32 [C]."""
    sizes: dict[nn.Module, Tensor] = {}
    for batch in images.split(64):
        values = batch
        for layer in network:
            if isinstance(layer, _SCALED):
                size = values.abs().transpose(0, 1).flatten(1).amax(1)
                sizes[layer] = torch.maximum(sizes[layer], size) if layer in sizes else size
            values = layer(values.clone())  # a copy, because ReLU may work in place
    return sizes


def _equalize_pair(
    source: nn.Conv2d | nn.Linear, between: list[nn.Module], reader: nn.Conv2d | nn.Linear, size: Tensor
) -> None:
    channels = source.weight.shape[0]
    if reader.weight.shape[1] != channels:  # the reader is grouped, or flattening merged several pixels
        return
    weight = reader.weight.abs().transpose(0, 1).flatten(1).amax(1)
    factor = weight.clamp(min=_SILENT) ** (1 - ACTIVATION_SHARE) / size.clamp(min=_SILENT) ** ACTIVATION_SHARE
    factor /= factor.median()
    factor = factor.clamp(1 / MOST, MOST)
    for layer in (source, *between):
        if isinstance(layer, Shift):
            layer.shift *= factor.view(-1, 1, 1)
        elif isinstance(layer, _SCALED) and layer.bias is not None:
            layer.bias *= factor
    source.weight *= factor.view(-1, *[1] * (source.weight.dim() - 1))
    reader.weight /= factor.view(1, -1, *[1] * (reader.weight.dim() - 2))
