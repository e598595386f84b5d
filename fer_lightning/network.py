"""Scale and the 8-conv/3-dense network: plain modules, no Lightning."""

from collections.abc import Sequence
from itertools import pairwise

from torch import Tensor, nn

from fer_lightning.labels import NUM_CLASSES
from fer_lightning.preprocessing import MAX_PIXEL


class Scale(nn.Module):
    """uint8 0..255 -> float32 0..1, so that training, prediction and export agree on it."""

    def forward(self, images: Tensor) -> Tensor:
        return images.float() / MAX_PIXEL


class ExpressionCNN(nn.Sequential):
    """The notebook's network: 48x48 grey faces, float32 [B, 1, 48, 48] in 0..1 -> logits [B, 7].

    Four stacks of (3x3 convolution, ReLU, batch-norm) twice, max-pool 3x3 of stride 2 and dropout;
    then dense layers with ReLU and dropout. Only the very first convolution is unpadded, so that
    48 -> 46 -> 22 -> 10 -> 4 -> 1. With the defaults 5,098,951 trainable values and 3,840 batch-norm
    statistics, Keras' initialisation and Keras' batch-norm constants.

    Args:
        channels: channels of each stack.
        dense: sizes of the hidden dense layers.
        dropout: probability, after each stack and each hidden dense layer.
        bn_momentum: weight of the newest batch in the running statistics (1 - Keras' momentum).
        bn_eps: added to the variance.
    """

    def __init__(
        self,
        *,
        channels: Sequence[int] = (64, 128, 256, 512),
        dense: Sequence[int] = (512, 256, 64),
        dropout: float = 0.3,
        bn_momentum: float = 0.01,
        bn_eps: float = 1e-3,
    ) -> None:
        def convolution(inputs: int, outputs: int, padding: int) -> list[nn.Module]:
            return [
                nn.Conv2d(inputs, outputs, kernel_size=3, padding=padding),
                nn.ReLU(inplace=True),
                nn.BatchNorm2d(outputs, eps=bn_eps, momentum=bn_momentum),
            ]

        layers: list[nn.Module] = []
        for index, (inputs, outputs) in enumerate(pairwise((1, *channels))):
            layers += convolution(inputs, outputs, padding=0 if index == 0 else 1)
            layers += convolution(outputs, outputs, padding=1)
            layers += [nn.MaxPool2d(kernel_size=3, stride=2), nn.Dropout(dropout)]
        layers.append(nn.Flatten())
        for inputs, outputs in pairwise((channels[-1], *dense)):
            layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True), nn.Dropout(dropout)]
        layers.append(nn.Linear((channels[-1], *dense)[-1], NUM_CLASSES))
        super().__init__(*layers)
        self.apply(_initialise_like_keras)


def _initialise_like_keras(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
