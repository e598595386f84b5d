"""Squares of pictures, which are what the detector looks at. NumPy and Pillow; no torch."""

import math
from collections.abc import Iterator

import numpy as np
from PIL import Image

_MIN_TILE = 128  # pixels; smaller parts of a picture show the short-range model nothing new


def square(
    picture: Image.Image, left: float, top: float, side: float, size: int, *, mirrored: bool = False
) -> Image.Image:
    """A square of an RGB picture, resized to ``size`` pixels a side.

    Args:
        mirrored: whether areas beyond the picture show its mirror image instead of black.
    """
    box = max(left, 0.0), max(top, 0.0), min(left + side, picture.width), min(top + side, picture.height)
    if not (box[2] > box[0] and box[3] > box[1]):
        return Image.new("RGB", (size, size))
    # only the part within the picture: the square of a long strip is larger than any memory
    scale = size / side
    width, height = max(1, round((box[2] - box[0]) * scale)), max(1, round((box[3] - box[1]) * scale))
    inner = picture.resize((width, height), Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
    if inner.size == (size, size):
        return inner
    x, y = round((box[0] - left) * scale), round((box[1] - top) * scale)
    if mirrored:
        return Image.fromarray(np.asarray(inner)[np.ix_(_mirrored(size, y, height), _mirrored(size, x, width))])
    canvas = Image.new("RGB", (size, size))
    canvas.paste(inner, (x, y))
    return canvas


def _mirrored(size: int, start: int, length: int) -> np.ndarray:
    """For ``size`` pixels, which of ``length`` each shows if these begin at ``start`` and are mirrored at both ends."""
    places = (np.arange(size) - start) % (2 * length)
    return np.minimum(places, 2 * length - 1 - places)


def centred(picture: Image.Image, factor: float) -> tuple[float, float, float]:
    """Left, top and side of the square around a picture's centre that is ``factor`` times as long as the picture."""
    side = factor * max(picture.size)
    return (picture.width - side) / 2, (picture.height - side) / 2, side


def regions(width: int, height: int, finest: int) -> Iterator[tuple[float, float, float]]:
    """Squares in which to look for large faces, as left, top, side: the picture, half of it and so on, overlapping."""
    longest = max(width, height)
    # a face that fills the picture is found when there is room around it
    for side in (1.5 * longest, float(longest)):
        yield (width - side) / 2, (height - side) / 2, side
    side = min(width, height) if longest > 1.25 * min(width, height) else longest / 2
    while side >= max(_MIN_TILE, longest / finest):
        for top in starts(height, side, 0.5):
            for left in starts(width, side, 0.5):
                yield left, top, side
        side /= 2


def starts(length: float, side: float, step: float) -> list[float]:
    """Where tiles of ``side`` begin if they cover ``length`` and are at most ``step`` tiles apart."""
    room = max(length - side, 0)
    count = math.ceil(room / (side * step)) + 1
    return [room * index / max(count - 1, 1) for index in range(count)]
