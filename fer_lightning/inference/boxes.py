"""Boxes in pictures, as (left, top, right, bottom) in pixels."""

from collections.abc import Sequence

import numpy as np

Box = tuple[float, float, float, float]


def area(box: Box) -> float:
    """The area of a box in square pixels."""
    return (box[2] - box[0]) * (box[3] - box[1])


def rescaled(box: Box, before: tuple[int, int], after: tuple[int, int]) -> Box:
    """The same box if a picture of the size ``before`` (width, height) has the size ``after``."""
    left, top, right, bottom = box
    x, y = after[0] / before[0], after[1] / before[1]
    return left * x, top * y, right * x, bottom * y


def intersection(one: Box, other: Box) -> float:
    """The area that two boxes share, in square pixels."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0..1."""
    both = intersection(one, other)
    return both / (area(one) + area(other) - both)


def overlaps(rows: np.ndarray, box: Sequence[float]) -> np.ndarray:
    """Intersection over union of each of many boxes with one.

    Args:
        rows: [N, 4 or more], the boxes in the first four columns.

    Returns:
        [N], 0..1.
    """
    both, areas, area_of_box = _intersections(rows, box)
    return both / (areas + area_of_box - both)


def overlaps_of_smaller(rows: np.ndarray, box: Sequence[float]) -> np.ndarray:
    """The intersection of each of many boxes with one, divided by the smaller of the two areas; see ``overlaps``."""
    both, areas, area_of_box = _intersections(rows, box)
    return both / np.minimum(areas, area_of_box)


def _intersections(rows: np.ndarray, box: Sequence[float]) -> tuple[np.ndarray, np.ndarray, float]:
    """The intersection of each box with ``box``, the area of each, and the area of ``box``."""
    left, top, right, bottom = rows[:, :4].T
    width = np.minimum(right, box[2]) - np.maximum(left, box[0])
    height = np.minimum(bottom, box[3]) - np.maximum(top, box[1])
    both = np.maximum(width, 0) * np.maximum(height, 0)
    return both, (right - left) * (bottom - top), (box[2] - box[0]) * (box[3] - box[1])
