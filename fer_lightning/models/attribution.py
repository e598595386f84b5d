"""Where a network looks: Grad-CAM."""

import torch
from torch import Tensor, nn

from fer_lightning.errors import FerError
from fer_lightning.models.networks import Scale


def heat(network: nn.Sequential, images: Tensor, classes: Tensor) -> Tensor:
    """Where each face speaks for a class: Grad-CAM (Selvaraju and others, 2017), by Captum.

    It is taken behind the last convolution whose map is at least 10 pixels wide: what comes later is too
    coarse to point at anything in a face.

    Args:
        network: in eval mode.
        images: uint8 [N, 1, 48, 48].
        classes: int64 [N].

    Returns:
        float32 [N, 48, 48], 0..1, 1 being each face's strongest place; zeros where nothing speaks for it.

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
            values = layer(values.clone())  # ReLU may work in place
            if isinstance(layer, nn.BatchNorm2d) and values.shape[-1] >= least:
                wide = layer
    assert wide is not None  # both of our networks have one
    return wide
