"""Averages of probabilities: over networks, and over views of a face."""

from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from fer_lightning.errors import FerError

View = Callable[[Tensor], Tensor]

_CROP = 44  # pixels; the network takes 40 to 48


def _mirrored(images: Tensor) -> Tensor:
    return images.flip(-1)


def _unchanged(images: Tensor) -> Tensor:
    return images


def _crop(top: int, left: int) -> View:
    return lambda images: images[..., top : top + _CROP, left : left + _CROP]


def _ten_crops(size: int) -> list[View]:
    """The four corners and the centre, each also mirrored (Krizhevsky and others, 2012)."""
    far, middle = size - _CROP, (size - _CROP) // 2
    places = ((0, 0), (0, far), (far, 0), (far, far), (middle, middle))
    crops = [_crop(top, left) for top, left in places]
    return crops + [lambda images, crop=crop: _mirrored(crop(images)) for crop in crops]


TEST_TIME_AVERAGES: dict[str, Callable[[int], list[View]]] = {
    "none": lambda size: [_unchanged],
    "flip": lambda size: [_unchanged, _mirrored],
    "ten_crop": _ten_crops,
}


class AverageOverNetworks(nn.Module):
    """Logs of the mean of several networks' probabilities, [B, classes], for the networks' input.

    Args:
        networks: each gives logits [B, classes].
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, images: Tensor) -> Tensor:
        return _log_of_mean([network(images) for network in self.networks])


class AverageOverViews(nn.Module):
    """Logs of the mean of one network's probabilities over views of each face, [B, classes].

    Args:
        network: gives logits [B, classes].
        kind: a key of ``TEST_TIME_AVERAGES``.

    Raises:
        FerError: ``kind`` is none.
    """

    def __init__(self, network: nn.Module, kind: str) -> None:
        super().__init__()
        if kind not in TEST_TIME_AVERAGES:
            raise FerError(f"tta={kind} is none of {', '.join(TEST_TIME_AVERAGES)}")
        self.network = network
        self._views = TEST_TIME_AVERAGES[kind]

    def forward(self, images: Tensor) -> Tensor:
        return _log_of_mean([self.network(view(images)) for view in self._views(images.shape[-1])])


def _log_of_mean(logits: Sequence[Tensor]) -> Tensor:
    stacked = torch.stack([each.float().log_softmax(dim=1) for each in logits])
    return stacked.logsumexp(dim=0) - torch.tensor(float(len(logits))).log()
