"""Boxes in pictures, as (left, top, right, bottom) in pixels."""

Box = tuple[float, float, float, float]


def area(box: Box) -> float:
    """Square pixels."""
    return (box[2] - box[0]) * (box[3] - box[1])


def intersection(one: Box, other: Box) -> float:
    """Square pixels that both cover."""
    width = min(one[2], other[2]) - max(one[0], other[0])
    height = min(one[3], other[3]) - max(one[1], other[1])
    return max(width, 0.0) * max(height, 0.0)


def overlap(one: Box, other: Box) -> float:
    """Intersection over union, 0..1."""
    both = intersection(one, other)
    return both / (area(one) + area(other) - both)


def overlap_of_smaller(one: Box, other: Box) -> float:
    """The share of the smaller box that both cover, 0..1."""
    return intersection(one, other) / min(area(one), area(other))
