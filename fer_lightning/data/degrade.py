"""Faces as a small, compressed part of a photo: shrunk, quantised like a JPEG, enlarged again."""

import math

import torch
from torch import Tensor, nn

from fer_lightning.constants import MAX_PIXEL

_SIDES = (12, 32)  # pixels, the range of a shrunk face's side
_QUALITIES = (40, 90)  # on the scale of JPEG; at 20 the smallest faces lost their expression
_BLOCK = 8  # pixels, JPEG's
_MIDDLE = (MAX_PIXEL + 1) / 2

# JPEG's example for brightness (ITU-T T.81, table K.1), at quality 50
_STEPS = (
    *(16, 11, 10, 16, 24, 40, 51, 61),
    *(12, 12, 14, 19, 26, 58, 60, 55),
    *(14, 13, 16, 24, 40, 57, 69, 56),
    *(14, 17, 22, 29, 51, 87, 80, 62),
    *(18, 22, 37, 56, 68, 109, 103, 77),
    *(24, 35, 55, 64, 81, 104, 113, 92),
    *(49, 64, 78, 87, 103, 121, 120, 101),
    *(72, 92, 95, 98, 112, 100, 103, 99),
)


class Degrade(nn.Module):
    """Degrade some images of a batch, each by its own draw of size and quality.

    Args:
        probability: of each image, 0..1.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, images: Tensor) -> Tensor:
        """float32 [B, 1, S, S] in 0..255 -> the same, on the same device; S at least 32."""
        count, device = len(images), images.device
        least, most = _SIDES
        sides = torch.randint(least, most + 1, (count,), device=device)
        qualities = torch.empty(count, device=device).uniform_(*_QUALITIES)
        chosen = torch.rand(count, device=device) < self.probability
        shrink, enlarge = _shrinking(sides, images.shape[-1]), _enlarging(sides, images.shape[-1])
        small = shrink @ images.squeeze(1) @ shrink.mT
        large = enlarge @ _quantised(small, qualities) @ enlarge.mT
        degraded = large.clamp_(0, MAX_PIXEL).unsqueeze(1)
        return torch.where(chosen.view(-1, 1, 1, 1), degraded, images)


def _shrinking(sides: Tensor, full: int) -> Tensor:
    """Means over areas, as matrices from a line of ``full`` pixels to one of ``sides``.

    The last pixel is repeated up to the largest side, which is a whole number of blocks: that is what a JPEG encoder
    does with blocks that reach over the border.

    Args:
        sides: int64 [B].
        full: pixels.

    Returns:
        float32 [B, 32, full].
    """
    scale = full / sides.view(-1, 1, 1)
    places = torch.arange(_SIDES[1], device=sides.device).expand(len(sides), -1)
    start = torch.minimum(places, sides.view(-1, 1) - 1).unsqueeze(2) * scale
    pixels = torch.arange(full, device=sides.device)
    overlap = torch.minimum(start + scale, pixels + 1) - torch.maximum(start, pixels)
    return overlap.clamp_(min=0) / scale


def _enlarging(sides: Tensor, full: int) -> Tensor:
    """Linear interpolation, as matrices from lines of ``sides`` pixels, int64 [B], to ``full``: [B, full, 32]."""
    sides = sides.view(-1, 1)
    centres = (torch.arange(full, device=sides.device) + 0.5) * sides / full - 0.5
    centres = torch.minimum(centres.clamp_(min=0), sides - 1)
    places = torch.arange(_SIDES[1], device=sides.device)
    return (1 - (centres.unsqueeze(2) - places).abs()).clamp_(min=0)


def _quantised(images: Tensor, qualities: Tensor) -> Tensor:
    """Round the cosine transform of each 8x8 block as JPEG does at ``qualities``, float32 [B], 1..100.

    Args:
        images: float32 [B, H, W], 0..255; H and W are multiples of 8.
    """
    device = images.device
    frequencies = torch.arange(_BLOCK, device=device, dtype=torch.float32).view(-1, 1)
    cosine = torch.cos(math.pi / _BLOCK * frequencies * (torch.arange(_BLOCK, device=device) + 0.5))
    cosine *= torch.where(frequencies == 0, math.sqrt(1 / _BLOCK), math.sqrt(2 / _BLOCK))  # an orthogonal matrix
    scale = torch.where(qualities < 50, 50 / qualities, 2 - qualities / 50)  # libjpeg's
    steps = torch.tensor(_STEPS, device=device).view(_BLOCK, _BLOCK) * scale.view(-1, 1, 1, 1, 1)
    steps = steps.round_().clamp_(min=1)
    # [B, rows of blocks, blocks in a row, 8, 8]
    blocks = (images - _MIDDLE).unfold(1, _BLOCK, _BLOCK).unfold(2, _BLOCK, _BLOCK)
    rounded = (cosine @ blocks @ cosine.T / steps).round_() * steps
    restored = cosine.T @ rounded @ cosine + _MIDDLE
    return restored.permute(0, 1, 3, 2, 4).reshape(images.shape).clamp_(0, MAX_PIXEL)
