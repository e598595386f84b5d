"""Ensembles and test-time augmentation: averages of probabilities over networks or views of a face."""

from collections.abc import Callable, Sequence
from itertools import product

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from fer_lightning.errors import FerError

View = Callable[[Tensor], Tensor]

_CROP = 44  # side in pixels

# the values that a list of transforms combines: mirroring, shift in pixels (right, down), scale
_FLIPS = (False, True)
_SHIFTS = ((0, 0), (-2, 0), (2, 0), (0, -2), (0, 2))
_ZOOMS = (1.0, 1.08)
CROSSED = ("flip", "shift", "zoom")


def _crop(top: int, left: int, mirror: bool) -> View:
    def view(images: Tensor) -> Tensor:
        crop = images[..., top : top + _CROP, left : left + _CROP]
        return crop.flip(-1) if mirror else crop

    return view


def _ten_crops(size: int) -> list[View]:
    """The crops at the four corners and the centre, each also mirrored (Krizhevsky et al., 2012)."""
    far, middle = size - _CROP, (size - _CROP) // 2
    places = ((0, 0), (0, far), (far, 0), (far, far), (middle, middle))
    return [_crop(top, left, mirror) for mirror in _FLIPS for top, left in places]


def _whole(mirror: bool, shift: tuple[int, int], zoom: float) -> View:
    """The whole face, shifted and scaled in one interpolation; areas outside the image repeat its border."""

    def view(images: Tensor) -> Tensor:
        if shift != (0, 0) or zoom != 1:
            height, width = images.shape[-2:]
            # a map from output to input coordinates, both in -1..1
            rows = [[1 / zoom, 0, -2 * shift[0] / width / zoom], [0, 1 / zoom, -2 * shift[1] / height / zoom]]
            theta = torch.tensor(rows, dtype=images.dtype, device=images.device).expand(len(images), 2, 3)
            grid = F.affine_grid(theta, list(images.shape), align_corners=False)
            images = F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)
        return images.flip(-1) if mirror else images

    return view


def _crossed(transforms: Sequence[str]) -> list[View]:
    return [
        _whole(mirror, shift, zoom)
        for mirror, shift, zoom in product(
            _FLIPS if "flip" in transforms else _FLIPS[:1],
            _SHIFTS if "shift" in transforms else _SHIFTS[:1],
            _ZOOMS if "zoom" in transforms else _ZOOMS[:1],
        )
    ]


def views_of(tta: str | Sequence[str]) -> Callable[[int], list[View]]:
    """The views for test-time augmentation, as a function of the side of the images in pixels.

    Args:
        tta: ``none``, ``flip``, ``ten_crop``, or a list of ``flip``, ``shift`` and ``zoom``, which are combined:
            [flip, shift, zoom] gives 2 x 5 x 2 views of a face.

    Raises:
        FerError: ``tta`` has another value.
    """
    if tta == "ten_crop":
        return _ten_crops
    if tta in ("none", "flip"):
        transforms = [tta] if tta == "flip" else []
    elif _is_list_of_transforms(tta):
        transforms = list(tta)
    else:
        given = repr(tta) if isinstance(tta, str) else str(tta).replace("'", "")
        raise FerError(f"tta must be none, flip, ten_crop or a list of {', '.join(CROSSED)}, got {given}")
    views = _crossed(transforms)
    return lambda size: views


def _is_list_of_transforms(tta: object) -> bool:
    if not isinstance(tta, list | tuple) or not tta:
        return False
    return all(each in CROSSED for each in tta) and len(set(tta)) == len(tta)


class AverageOverNetworks(nn.Module):
    """Averages the probabilities of several networks and returns their logs, float32 [B, classes].

    Args:
        networks: networks with the same input and logits [B, classes].
    """

    def __init__(self, networks: Sequence[nn.Module]) -> None:
        super().__init__()
        self.networks = nn.ModuleList(networks)

    def forward(self, images: Tensor) -> Tensor:
        return _log_of_mean([network(images) for network in self.networks])


class AverageOverViews(nn.Module):
    """Averages a network's probabilities over views of each face and returns their logs, float32 [B, classes].

    Args:
        network: a network with logits [B, classes].
        tta: see ``views_of``.

    Raises:
        FerError: see ``views_of``.
    """

    def __init__(self, network: nn.Module, tta: str | Sequence[str]) -> None:
        super().__init__()
        self.network = network
        self._views = views_of(tta)

    def forward(self, images: Tensor) -> Tensor:
        return _log_of_mean([self.network(view(images)) for view in self._views(images.shape[-1])])


def _log_of_mean(logits: Sequence[Tensor]) -> Tensor:
    stacked = torch.stack([each.float().log_softmax(dim=1) for each in logits])
    return stacked.logsumexp(dim=0) - torch.tensor(float(len(logits))).log()
