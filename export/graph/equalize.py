"""Even out the channels of a folded network, so that eight bits hold each of them well."""

import copy

import torch
from torch import Tensor, nn

from .fold_batch_norm import Shift

# of shares of 0.4 to 1 and bounds of 2 to 20, these agreed best with float32 on FER2013's PublicTest
ACTIVATION_SHARE = 0.7
MOST = 4.0

_SILENT = 1e-6

_SCALED = nn.Conv2d | nn.Linear
_COMMUTES = nn.ReLU | nn.MaxPool2d | nn.AdaptiveAvgPool2d | nn.Flatten | Shift


@torch.no_grad()
def equalize(network: nn.Sequential, images: Tensor) -> nn.Sequential:
    """Give a copy that computes the same, with channels of more even size.

    An activation has one scale for all its channels once quantized, so a loud channel costs the others
    their precision. Each channel between two layers is scaled by a factor that the next layer's weights
    take back; ReLU, pooling and what ``fold_batch_norm`` leaves in between let a positive factor
    through. The factor, w^(1-a) / x^a, is SmoothQuant's (Xiao et al. 2023), from the largest weight w that
    reads the channel and its largest value x over ``images``; it stays within 1/4 and 4, since a channel
    that happens to be silent on them would be blown up on others.

    Args:
        network: as ``fold_batch_norm`` gives it.
        images: float32 [N, 1, 48, 48], grey / 255, to find the channels' sizes on.
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
    """The largest absolute value of each channel that a layer reads, [C]."""
    sizes: dict[nn.Module, Tensor] = {}
    for batch in images.split(64):
        values = batch
        for layer in network:
            if isinstance(layer, _SCALED):
                size = values.abs().transpose(0, 1).flatten(1).amax(1)
                sizes[layer] = torch.maximum(sizes[layer], size) if layer in sizes else size
            values = layer(values.clone())  # ReLU may work in place
    return sizes


def _equalize_pair(
    source: nn.Conv2d | nn.Linear, between: list[nn.Module], reader: nn.Conv2d | nn.Linear, size: Tensor
) -> None:
    channels = source.weight.shape[0]
    if reader.weight.shape[1] != channels:  # flattened from more than one pixel, or grouped
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
