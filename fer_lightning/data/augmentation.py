"""Batched augmentation on the device, for training only, with random parameters for each image.

torchvision's transforms draw parameters once per batch, so the affine maps are built here and PyTorch samples the
pixels. Mixing comes from torchvision, because the papers also draw once per batch. Pixels are float32 in 0..255 from
the first step on and are never rounded, as in the notebook's ImageDataGenerator.
"""

import math
from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torchvision.transforms import v2

from fer_lightning.constants import IMAGE_SIZE, MAX_PIXEL, NUM_CLASSES
from fer_lightning.data.degrade import Degrade
from fer_lightning.data.loaders import Batch


class Augmentation(nn.Module):
    """Degrade, move, crop, change contrast, erase and mix, in that order; steps set to 0 are skipped.

    The defaults of degrees, translate, scale and flip are the notebook's; everything else is off.

    Args:
        degrees: see ``RandomAffine``, also for ``translate``, ``scale`` and ``flip``.
        size: side of the training crop in pixels, at most the side of the images. The crop is central, shifted by
            ``translate``.
        size_schedule: pairs (share, side): up to this share of the phase's epochs, above 0 and at most 1, crops have
            this side (Howard, DAWNBench, 2018). Shares increase; after the last pair ``size`` is used.
        contrast: pixels are scaled about the image mean by a factor from 1-contrast..1+contrast.
        brightness: value added to all pixels of an image, as a fraction of 255, from -brightness..brightness.
        random_erasing: probability that a square is painted over with one grey value, 0..1.
        erasing_size: side of that square in pixels; it may lie partly outside the image.
        mixup: alpha of mixup (Zhang et al., 2018); 0 is off.
        cutmix: alpha of CutMix (Yun et al., 2019); 0 is off. With both, each batch gets one of them.
        degrade: probability that a face is shrunk to 12..32 pixels, compressed and enlarged again, 0..1.

    Raises:
        ValueError: a value is not a number, or out of range.
    """

    def __init__(
        self,
        *,
        degrees: float = 10.0,
        translate: float = 0.1,
        scale: float = 0.1,
        flip: float = 0.5,
        size: int = IMAGE_SIZE,
        size_schedule: Sequence[tuple[float, int]] = (),
        contrast: float = 0.0,
        brightness: float = 0.0,
        random_erasing: float = 0.0,
        erasing_size: int = 12,
        mixup: float = 0.0,
        cutmix: float = 0.0,
        degrade: float = 0.0,
    ) -> None:
        super().__init__()
        self.affine = RandomAffine(degrees=degrees, translate=translate, scale=scale, flip=flip)
        _check("contrast", contrast, 1)
        _check("brightness", brightness, 1)
        _check("random_erasing", random_erasing, 1)
        _check("degrade", degrade, 1)
        _check("mixup", mixup, 100)
        _check("cutmix", cutmix, 100)
        for name, side in (("size", size), ("erasing_size", erasing_size)):
            if not isinstance(side, int) or not 1 <= side <= IMAGE_SIZE:
                raise ValueError(f"{name} must be an integer from 1 to {IMAGE_SIZE}, got {side!r}")
        self.degrade = Degrade(degrade) if degrade else None
        self.size = size
        self.size_schedule = [(share, side) for share, side in size_schedule]
        self.contrast = contrast
        self.brightness = brightness
        self.random_erasing = random_erasing
        self.erasing_size = erasing_size
        mixers: list[nn.Module] = []
        if mixup:
            mixers.append(v2.MixUp(alpha=float(mixup)))
        if cutmix:
            mixers.append(v2.CutMix(alpha=float(cutmix)))
        self.mix = v2.RandomChoice(mixers) if mixers else None

    def size_at(self, epoch: int, epochs: int) -> int:
        """The side in pixels of the crops in ``epoch``, counted from 0, of ``epochs``."""
        return next((side for share, side in self.size_schedule if epoch < share * epochs), self.size)

    def forward(self, batch: Batch, classes: int = NUM_CLASSES, size: int | None = None) -> Batch:
        """Augment one batch on its device.

        Args:
            batch: a batch with uint8 images [B, 1, H, W].
            classes: number of classes K of mixed labels.
            size: side of the crops; None for the augmentation's ``size``.

        Returns:
            The batch with images float32 [B, 1, size, size] in 0..255. If images are mixed, so are the labels,
            float32 [B, K], and the votes.
        """
        images, labels, votes = batch.images.float(), batch.labels, batch.votes
        if self.degrade is not None:
            images = self.degrade(images)
        images = self.affine(images, self.size if size is None else size)
        if self.contrast or self.brightness:
            images = self._change_light(images)
        if self.random_erasing:
            images = self._erase(images)
        if self.mix is None:
            return Batch(images, labels, votes)
        targets = labels if labels.ndim == 2 else F.one_hot(labels, classes).float()
        if votes is not None:  # votes must be mixed with the same partner and share as the labels
            targets = torch.cat([targets, votes], dim=1)
        images, targets = self.mix(images, targets)
        if votes is None:
            return Batch(images, targets)
        labels, votes = targets.tensor_split([targets.shape[1] - votes.shape[1]], dim=1)
        return Batch(images, labels, votes)

    def _change_light(self, images: Tensor) -> Tensor:
        count, device = len(images), images.device
        mean = images.mean(dim=(1, 2, 3), keepdim=True)
        factor = 1 + _uniform(count, self.contrast, device).view(-1, 1, 1, 1)
        added = MAX_PIXEL * _uniform(count, self.brightness, device).view(-1, 1, 1, 1)
        return ((images - mean) * factor + mean + added).clamp_(0, MAX_PIXEL)

    def _erase(self, images: Tensor) -> Tensor:
        count, device = len(images), images.device
        height, width = images.shape[-2:]

        def covered(side: int) -> Tensor:
            """bool [count, side]: whether a pixel is at most half the square's side from the square's centre."""
            centre = torch.rand(count, 1, device=device) * side
            places = torch.arange(side, device=device) + 0.5
            return (places - centre).abs() < self.erasing_size / 2

        square = covered(height)[:, None, :, None] & covered(width)[:, None, None, :]
        chosen = (torch.rand(count, device=device) < self.random_erasing).view(-1, 1, 1, 1)
        grey = torch.randint(0, MAX_PIXEL + 1, (count, 1, 1, 1), device=device, dtype=torch.uint8).float()
        return torch.where(square & chosen, grey, images)


class RandomAffine(nn.Module):
    """Rotate, shift, zoom and flip each image of a batch with random parameters.

    The ranges and details are those of Keras' ImageDataGenerator in the notebook: width and height are zoomed
    independently, and areas outside the image repeat its border.

    Args:
        degrees: rotation, drawn from -degrees..degrees.
        translate: horizontal and vertical shift as a fraction of the side, drawn from -translate..translate.
        scale: zoom of each axis, drawn from 1-scale..1+scale.
        flip: probability of a horizontal flip, 0..1.

    Raises:
        ValueError: a value is not a number, or out of range.
    """

    def __init__(self, degrees: float = 10.0, translate: float = 0.1, scale: float = 0.1, flip: float = 0.5) -> None:
        super().__init__()
        _check("degrees", degrees, 180)
        _check("translate", translate, 1)
        _check("scale", scale, 0.9)
        _check("flip", flip, 1)
        self.degrees = degrees
        self.translate = translate
        self.scale = scale
        self.flip = flip

    def forward(self, images: Tensor, size: int | None = None) -> Tensor:
        """Map float32 [B, 1, H, W] to float32 [B, 1, size, size] at the same scale, on the same device.

        If ``size`` is None, height and width stay the same.
        """
        count, channels, height, width = images.shape
        theta = self._draw(count, images.device)
        rows, columns = (height, width) if size is None else (size, size)
        # restrict the coordinates, which go from -1 to 1 over the image, to the crop
        theta = theta * torch.tensor([columns / width, rows / height, 1.0], device=images.device)
        grid = F.affine_grid(theta, [count, channels, rows, columns], align_corners=False)
        return F.grid_sample(images, grid, mode="bilinear", padding_mode="border", align_corners=False)

    def _draw(self, count: int, device: torch.device) -> Tensor:
        """float32 [count, 2, 3]: affine maps from output to input coordinates, both in -1..1."""

        def uniform(limit: float) -> Tensor:
            return _uniform(count, limit, device)

        angle = uniform(math.radians(self.degrees))
        scale_x, scale_y = 1 / (1 + uniform(self.scale)), 1 / (1 + uniform(self.scale))
        mirror = torch.where(torch.rand(count, device=device) < self.flip, -1.0, 1.0)
        # one side is 2 units long in these coordinates
        shift_x, shift_y = 2 * uniform(self.translate), 2 * uniform(self.translate)
        cos, sin = torch.cos(angle), torch.sin(angle)
        row_x = torch.stack([cos * scale_x * mirror, -sin * scale_y, shift_x], dim=1)
        row_y = torch.stack([sin * scale_x * mirror, cos * scale_y, shift_y], dim=1)
        return torch.stack([row_x, row_y], dim=1)


def _uniform(count: int, limit: float, device: torch.device) -> Tensor:
    """float32 [count], uniform in -limit..limit."""
    return (torch.rand(count, device=device) * 2 - 1) * limit


def _check(name: str, value: float, most: float) -> None:
    if not isinstance(value, int | float) or not 0 <= value <= most:
        raise ValueError(f"{name} must be a number from 0 to {most}, got {value!r}")
