"""The network as the app calls it."""

from torch import nn


def deployable(network: nn.Module) -> nn.Module:
    """float32 [1, 1, 48, 48], grey / 255, -> probabilities float32 [1, 7].

    Scale stays out: the app has divided by 255 already.
    """
    return nn.Sequential(network, nn.Softmax(dim=1)).eval()
