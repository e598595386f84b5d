"""The synthetic faces as vector drawings, which the game shows. NumPy; no torch.

The faces are those of ``fer_lightning.data.synthetic``, without its light and noise, and in warm colours.
"""

from collections.abc import Sequence
from itertools import pairwise

import numpy as np

from fer_lightning.constants import LABELS
from fer_lightning.data.synthetic import EXPRESSIONS, Person, Point

_PEOPLE = (7, 12, 2, 8)  # seeds of faces that are easy to read
_SIDE = 200
_MARGIN = 20
_COVER = (("fear", 2), ("happy", 7), ("surprise", 12))  # expressions and people, from left to right
# grey values -> red, green, blue
_COLOURS = {0: (33, 21, 38), 60: (92, 46, 51), 120: (176, 103, 77), 190: (238, 188, 150), 250: (255, 246, 234)}


def draw_faces() -> dict[str, list[str]]:
    """SVG documents by expression; each list shows the same people in the same order."""
    return {label: [draw_face_svg(label, seed) for seed in _PEOPLE] for label in LABELS}


def draw_cover() -> str:
    """Three faces side by side, as an SVG document."""
    side = _SIDE + 2 * _MARGIN
    faces = "".join(
        f'<g transform="translate({index * side + _MARGIN} {_MARGIN})">{_shapes(label, seed)}</g>'
        for index, (label, seed) in enumerate(_COVER)
    )
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {len(_COVER) * side} {side}">{faces}</svg>'


def draw_face_svg(label: str, seed: int) -> str:
    """One face as an SVG document without a background.

    Args:
        label: the expression, one of ``constants.LABELS``.
        seed: the same seed draws the same person.
    """
    side = _SIDE + 2 * _MARGIN
    view = f"{-_MARGIN} {-_MARGIN} {side} {side}"
    return f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{view}">{_shapes(label, seed)}</svg>'


def _shapes(label: str, seed: int) -> str:
    canvas = _Vector()
    Person(canvas, _SIDE, np.random.default_rng(seed)).draw(EXPRESSIONS[label])
    return "".join(canvas.shapes)


class _Vector:
    """Collects the shapes of a drawing as SVG elements."""

    def __init__(self) -> None:
        self.shapes: list[str] = []

    def polygon(self, points: Sequence[Point], shade: float) -> None:
        if points:
            self.shapes.append(f'<path d="M{_path(points)}Z" fill="{_colour(shade)}"/>')

    def line(self, points: Sequence[Point], shade: float, width: float) -> None:
        if points:
            self.shapes.append(
                f'<path d="M{_path(points[:1])}{_curve(points)}" fill="none" stroke="{_colour(shade)}" '
                f'stroke-width="{width:.1f}" stroke-linecap="round" stroke-linejoin="round"/>'
            )


def _path(points: Sequence[Point]) -> str:
    return " ".join(f"{x:.1f} {y:.1f}" for x, y in points)


def _curve(points: Sequence[Point]) -> str:
    """A smooth line that bends at the inner points and ends at the last."""
    text = ""
    for index, (bend, after) in enumerate(pairwise(points[1:])):
        is_last = index == len(points) - 3
        end = after if is_last else ((bend[0] + after[0]) / 2, (bend[1] + after[1]) / 2)
        text += f"Q{_path([bend, end])}"
    return text or f"L{_path(points[1:])}"


def _colour(shade: float) -> str:
    shades, colours = list(_COLOURS), np.array(list(_COLOURS.values()), np.float64)
    channels = (np.interp(shade, shades, colours[:, index]) for index in range(3))
    return "#" + "".join(f"{round(float(channel)):02x}" for channel in channels)
