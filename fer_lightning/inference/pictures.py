"""Convert any input of ``ExpressionReader.read`` to an upright RGB picture. NumPy and Pillow; no torch."""

import io
import os
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fer_lightning.errors import FerError
from fer_lightning.inference.images import open_picture, upright_rgb


def as_picture(image: Any) -> Image.Image:
    """Convert an input of ``ExpressionReader.read`` to an upright RGB picture.

    Raises:
        FerError: see ``ExpressionReader.read``.
    """
    if isinstance(image, str | os.PathLike):
        return open_picture(Path(image))
    if isinstance(image, Image.Image):
        return upright_rgb(image)
    if hasattr(image, "read") and hasattr(image, "seek") and not isinstance(image, io.TextIOBase):
        return open_picture(image)
    if hasattr(image, "detach") and hasattr(image, "cpu"):  # a tensor, without importing torch to say so
        image = image.detach().cpu()
        image = (image.float() if image.is_floating_point() else image).numpy()  # NumPy has no bfloat16
    if not isinstance(image, np.ndarray):
        kind = type(image).__name__
        raise FerError(f"a picture must be a path, a binary file, a PIL image, an array or a tensor, got {kind}")
    return _from_array(image)


def _from_array(array: np.ndarray) -> Image.Image:
    if array.ndim == 3 and array.shape[0] in (1, 3) and array.shape[2] not in (1, 3):
        array = array.transpose(1, 2, 0)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)) or 0 in array.shape:
        raise FerError(
            f"an array must have the shape [H, W], [H, W, 3] or [3, H, W] to be a picture, got {list(array.shape)}"
        )
    if np.issubdtype(array.dtype, np.floating):
        if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise FerError("the values of a float array must be from 0 to 1")
        array = (array * 255).round().astype(np.uint8)
    if array.dtype != np.uint8:
        raise FerError(f"an array must be uint8 0..255 or float 0..1, got {array.dtype}")
    return Image.fromarray(np.ascontiguousarray(array)).convert("RGB")
