"""Grad-CAM heat maps."""

import torch
from torch import Tensor, nn

from fer_lightning.errors import FerError
from fer_lightning.models.networks import Scale


def heat(network: nn.Sequential, images: Tensor, classes: Tensor) -> Tensor:
    """Compute Grad-CAM heat maps (Selvaraju et al., 2017) with Captum.

    The maps come from the last batch-norm layer whose output is at least 10 pixels wide; later layers are too coarse to
    show a part of a face.

    Args:
        network: a network in eval mode.
        images: uint8 [N, 1, 48, 48].
        classes: int64 [N], the class to explain for each image.

    Returns:
        float32 [N, 48, 48] in 0..1, 1 for each face's strongest pixel; all zeros if no pixel supports the class.

    Raises:
        FerError: Captum is not installed.
    """
    try:
        from captum.attr import LayerAttribution, LayerGradCam
    except ImportError:
        raise FerError("explaining needs Captum: pip install 'fer_lightning[explain]'") from None
    inputs = Scale()(images)
    layer = _last_wide_layer(network, inputs[:1])
    with torch.enable_grad():
        found = LayerGradCam(network, layer).attribute(inputs, target=classes, relu_attributions=True)
    wide = LayerAttribution.interpolate(found.detach(), images.shape[-2:], "bilinear")[:, 0]
    return wide / wide.amax(dim=(1, 2), keepdim=True).clamp(min=1e-12)


def _last_wide_layer(network: nn.Sequential, example: Tensor, least: int = 10) -> nn.Module:
    wide: nn.Module | None = None
    values = example
    with torch.no_grad():
        for layer in network:
            values = layer(values.clone())  # ReLU may modify its input
            if isinstance(layer, nn.BatchNorm2d) and values.shape[-1] >= least:
                wide = layer
    assert wide is not None  # both of our networks have such a layer
    return wide
