"""The networks, as plain PyTorch modules: Scale, ExpressionCNN and the smaller PhoneCNN."""

from collections.abc import Sequence
from itertools import pairwise
from typing import Literal

from torch import Tensor, nn

from fer_lightning.constants import MAX_PIXEL, NUM_CLASSES


class Scale(nn.Module):
    """Scales uint8 or float32 pixels in 0..255 to float32 in 0..1, for training, prediction and export alike."""

    def forward(self, images: Tensor) -> Tensor:
        return images.float() / MAX_PIXEL


class FaceNetwork(nn.Sequential):
    """A sequence of layers: the last, dense layer is the head, and the layers before it compute the features."""

    @property
    def num_features(self) -> int:
        """Number of features per face, the input size of the head."""
        head = self[-1]
        assert isinstance(head, nn.Linear)
        return head.in_features

    def forward_features(self, images: Tensor) -> Tensor:
        """Map float32 [B, 1, H, W] in 0..1 to float32 features [B, num_features]."""
        *layers, _ = self
        features = images
        for layer in layers:
            features = layer(features)
        return features

    def forward_head(self, features: Tensor) -> Tensor:
        """Map float32 features [B, num_features] to float32 logits [B, classes]."""
        return self[-1](features)


class ExpressionCNN(FaceNetwork):
    """The notebook's network: 48x48 grey faces, float32 [B, 1, 48, 48] in 0..1 -> logits [B, 7].

    Four stacks, each of two blocks (3x3 convolution, ReLU, batch-norm), a 3x3 max-pool with stride 2, and dropout; then
    dense layers with ReLU and dropout. Only the very first convolution is unpadded: 48 -> 46 -> 22 -> 10 -> 4 -> 1. The
    defaults have 5,098,951 trainable values and 3,840 batch-norm statistics, Keras' initialization and Keras'
    batch-norm constants.

    Args:
        channels: channels of each stack.
        dense: sizes of the hidden dense layers.
        dropout: dropout probability after each stack and each hidden dense layer.
        dense_dropout: dropout probability after the hidden dense layers; None uses ``dropout``.
        bn_momentum: weight of the newest batch in the running statistics (1 - Keras' momentum).
        bn_eps: value added to the variance.
        initialisation: ``keras`` (Glorot-uniform weights, zero biases) or ``torch`` (both uniform, up to
            1 / sqrt(inputs)); with SGD, the smaller weights of ``torch`` start learning immediately.
        num_classes: number of logits.

    Raises:
        ValueError: ``initialisation`` has another value.
    """

    def __init__(
        self,
        *,
        channels: Sequence[int] = (64, 128, 256, 512),
        dense: Sequence[int] = (512, 256, 64),
        dropout: float = 0.3,
        dense_dropout: float | None = None,
        bn_momentum: float = 0.01,
        bn_eps: float = 1e-3,
        initialisation: Literal["keras", "torch"] = "keras",
        num_classes: int = NUM_CLASSES,
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
        share = dropout if dense_dropout is None else dense_dropout
        for inputs, outputs in pairwise((channels[-1], *dense)):
            layers += [nn.Linear(inputs, outputs), nn.ReLU(inplace=True), nn.Dropout(share)]
        layers.append(nn.Linear((channels[-1], *dense)[-1], num_classes))
        super().__init__(*layers)
        _initialise(self, initialisation)


class PhoneCNN(FaceNetwork):
    """A smaller network: float32 [B, 1, 48, 48] in 0..1 -> logits [B, 7].

    It has a fifth of ``ExpressionCNN``'s MACs and a tenth of its size. Eight convolutions, all padded, in four stacks
    with 2x2 max-pooling between them, then the mean over the last 6x6 pixels and one dense layer. Batch-norm comes
    before ReLU and is folded completely into the convolutions on export. The defaults have 474,855 trainable values and
    57.7 million MACs.

    Args:
        channels: channels of each stack.
        dropout: dropout probability before the dense layer.
        bn_momentum: weight of the newest batch in the running statistics.
        bn_eps: value added to the variance.
        initialisation: as for ``ExpressionCNN``.
        num_classes: number of logits.

    Raises:
        ValueError: ``initialisation`` has another value.
    """

    def __init__(
        self,
        *,
        channels: Sequence[int] = (24, 48, 88, 152),
        dropout: float = 0.2,
        bn_momentum: float = 0.1,
        bn_eps: float = 1e-3,
        initialisation: Literal["keras", "torch"] = "torch",
        num_classes: int = NUM_CLASSES,
    ) -> None:
        layers: list[nn.Module] = []
        for index, (inputs, outputs) in enumerate(pairwise((1, *channels))):
            if index:
                layers.append(nn.MaxPool2d(kernel_size=2))
            for width in (inputs, outputs):
                layers += [
                    nn.Conv2d(width, outputs, kernel_size=3, padding=1, bias=False),
                    nn.BatchNorm2d(outputs, eps=bn_eps, momentum=bn_momentum),
                    nn.ReLU(inplace=True),
                ]
        layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(dropout), nn.Linear(channels[-1], num_classes)]
        super().__init__(*layers)
        _initialise(self, initialisation)


def _initialise(network: nn.Module, like: str) -> None:
    if like not in ("keras", "torch"):
        raise ValueError(f"initialisation must be keras or torch, got {like!r}")
    if like == "keras":  # torch's modules have already initialized themselves
        network.apply(_initialise_like_keras)


def _initialise_like_keras(module: nn.Module) -> None:
    if isinstance(module, nn.Conv2d | nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        if module.bias is not None:
            nn.init.zeros_(module.bias)
