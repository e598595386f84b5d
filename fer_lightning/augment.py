"""Batched augmentation on the device, for training only: the notebook's four, one draw an image.

torchvision's transforms draw once for a whole batch, so the affine map is built here; the sampling
itself is PyTorch's.
"""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class RandomAffine(nn.Module):
    """Rotate, shift, zoom and flip each image of a batch by its own draw.

    The ranges are those of Keras' ImageDataGenerator in the notebook, and so are the details: width
    and height are zoomed independently, and what comes into view repeats the border.

    Args:
        degrees: rotation, drawn from -degrees..degrees.
        shift: horizontal and vertical shift as a fraction of the side, drawn from -shift..shift.
        zoom: scale of each axis, drawn from 1-zoom..1+zoom.
        flip: probability of a horizontal flip, 0..1.

    Raises:
        ValueError: one of them is no number, or out of range.
    """

    def __init__(self, degrees: float = 10.0, shift: float = 0.1, zoom: float = 0.1, flip: float = 0.5) -> None:
        super().__init__()
        for name, value, most in (
            ("degrees", degrees, 180),
            ("shift", shift, 1),
            ("zoom", zoom, 0.9),
            ("flip", flip, 1),
        ):
            if not isinstance(value, int | float) or not 0 <= value <= most:
                raise ValueError(f"{name}={value} is no number from 0 to {most}")
        self.degrees = degrees
        self.shift = shift
        self.zoom = zoom
        self.flip = flip

    def forward(self, images: Tensor) -> Tensor:
        """uint8 [B, 1, H, W] -> uint8 [B, 1, H, W], on the same device."""
        theta = self._draw(len(images), images.device)
        grid = F.affine_grid(theta, list(images.shape), align_corners=False)
        moved = F.grid_sample(images.float(), grid, mode="bilinear", padding_mode="border", align_corners=False)
        return moved.round_().to(torch.uint8)

    def _draw(self, count: int, device: torch.device) -> Tensor:
        """float32 [count, 2, 3]: the maps from output to input coordinates, both in -1..1."""

        def uniform(limit: float) -> Tensor:
            return (torch.rand(count, device=device) * 2 - 1) * limit

        angle = uniform(math.radians(self.degrees))
        scale_x, scale_y = 1 / (1 + uniform(self.zoom)), 1 / (1 + uniform(self.zoom))
        mirror = torch.where(torch.rand(count, device=device) < self.flip, -1.0, 1.0)
        # one side is 2 units long in these coordinates
        shift_x, shift_y = 2 * uniform(self.shift), 2 * uniform(self.shift)
        cos, sin = torch.cos(angle), torch.sin(angle)
        row_x = torch.stack([cos * scale_x * mirror, -sin * scale_y, shift_x], dim=1)
        row_y = torch.stack([sin * scale_x * mirror, cos * scale_y, shift_y], dim=1)
        return torch.stack([row_x, row_y], dim=1)
