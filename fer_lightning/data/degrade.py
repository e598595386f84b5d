"""Simulate faces cut from a small, compressed photo: shrink, quantize like JPEG, enlarge again."""

import math

import torch
from torch import Tensor, nn

from fer_lightning.constants import MAX_PIXEL

_SIDES = (12, 32)  # range of a shrunk face's side in pixels
_QUALITIES = (40, 90)  # JPEG quality; at 20 the smallest faces lost their expression
_BLOCK = 8  # side of a JPEG block in pixels
_MIDDLE = (MAX_PIXEL + 1) / 2

# JPEG's luminance quantization table (ITU-T T.81, table K.1), for quality 50
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
    """Degrade random images of a batch, each with a random size and quality.

    Args:
        probability: probability that an image is degraded, 0..1.
    """

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, images: Tensor) -> Tensor:
        """Map float32 [B, 1, S, S] in 0..255 to the same shape and range on the same device; S is at least 32."""
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
    """Matrices that shrink a line of ``full`` pixels to ``sides`` pixels by averaging areas.

    The last pixel is repeated up to the largest side, which is a multiple of the block size. JPEG encoders do the
    same with blocks that extend over the border.

    Args:
        sides: int64 [B], lengths of the shrunk lines in pixels.
        full: length of the line in pixels.

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
    """Matrices [B, full, 32] that enlarge lines of ``sides`` pixels, int64 [B], to ``full`` by linear interpolation."""
    sides = sides.view(-1, 1)
    centres = (torch.arange(full, device=sides.device) + 0.5) * sides / full - 0.5
    centres = torch.minimum(centres.clamp_(min=0), sides - 1)
    places = torch.arange(_SIDES[1], device=sides.device)
    return (1 - (centres.unsqueeze(2) - places).abs()).clamp_(min=0)


def _quantised(images: Tensor, qualities: Tensor) -> Tensor:
    """Round the cosine transform of each 8x8 block as JPEG does.

    Args:
        images: float32 [B, H, W], 0..255; H and W are multiples of 8.
        qualities: float32 [B], JPEG qualities, 1..100.
    """
    device = images.device
    frequencies = torch.arange(_BLOCK, device=device, dtype=torch.float32).view(-1, 1)
    cosine = torch.cos(math.pi / _BLOCK * frequencies * (torch.arange(_BLOCK, device=device) + 0.5))
    cosine *= torch.where(frequencies == 0, math.sqrt(1 / _BLOCK), math.sqrt(2 / _BLOCK))  # makes the matrix orthogonal
    scale = torch.where(qualities < 50, 50 / qualities, 2 - qualities / 50)  # as in libjpeg
    steps = torch.tensor(_STEPS, device=device).view(_BLOCK, _BLOCK) * scale.view(-1, 1, 1, 1, 1)
    steps = steps.round_().clamp_(min=1)
    # [B, rows of blocks, blocks in a row, 8, 8]
    blocks = (images - _MIDDLE).unfold(1, _BLOCK, _BLOCK).unfold(2, _BLOCK, _BLOCK)
    rounded = (cosine @ blocks @ cosine.T / steps).round_() * steps
    restored = cosine.T @ rounded @ cosine + _MIDDLE
    return restored.permute(0, 1, 3, 2, 4).reshape(images.shape).clamp_(0, MAX_PIXEL)
