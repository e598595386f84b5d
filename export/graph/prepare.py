"""Prepare the network for apps: batch-norm folded, channels equalized, softmax inside."""

import copy

import torch
from torch import Tensor, nn

from fer_lightning.constants import GREY_WEIGHTS, IMAGE_SIZE
from fer_lightning.models.networks import Scale

from .equalize import equalize
from .fold_batch_norm import fold_batch_norm


def deployable(network: nn.Sequential, images: Tensor) -> nn.Sequential:
    """Return the network as exported: float32 [B, 1, 48, 48], grey / 255 -> probabilities, float32 [B, 7].

    It has no Scale layer, because the app has already divided by 255.

    Args:
        network: the trained network.
        images: float32 [N, 1, 48, 48], faces for the equalization (see ``equalize``).
    """
    return nn.Sequential(*equalize(fold_batch_norm(network), images), nn.Softmax(dim=1)).eval()


def taking_pixels(model: nn.Sequential) -> nn.Sequential:
    """Return the same model for uint8 [B, 1, 48, 48], with the division by 255 in the graph."""
    return nn.Sequential(Scale(), *model).eval()


def taking_rgb(model: nn.Sequential) -> nn.Sequential:
    """Return the same model for float32 [B, 3, 48, 48], RGB / 255, with the grey formula in the first convolution."""
    model = copy.deepcopy(model)
    first = model[0]
    assert isinstance(first, nn.Conv2d)
    first.weight = nn.Parameter(first.weight * torch.tensor(GREY_WEIGHTS).view(1, 3, 1, 1))
    first.in_channels = 3
    return model.eval()


class FlipAverage(nn.Module):
    """The average of a model's probabilities for a face and its mirror image: [1, C, 48, 48] -> [1, 7].

    Both go through the model as one batch, so that the weights occur in the file once.

    Args:
        model: a model as exported (see ``deployable``).
    """

    def __init__(self, model: nn.Sequential) -> None:
        super().__init__()
        self.model = model

    def forward(self, images: Tensor) -> Tensor:
        return self.model(torch.cat([images, images.flip(-1)])).mean(dim=0, keepdim=True)


def example(model: nn.Module, batch: int = 1) -> Tensor:
    """Return a black input with the model's shape and dtype."""
    takes_pixels = any(isinstance(layer, Scale) for layer in model.modules())
    channels = next(layer.in_channels for layer in model.modules() if isinstance(layer, nn.Conv2d))
    return torch.zeros(batch, channels, IMAGE_SIZE, IMAGE_SIZE, dtype=torch.uint8 if takes_pixels else torch.float32)
