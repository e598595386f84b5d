"""Synthetic faces that replace FER2013 in the demo and in tests.

Like real expressions, they differ in brows, lids and mouth; they also vary in shape, pose, light and noise. A score
on them shows that the code works, not how well it recognizes the expressions of people.
"""

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from PIL import Image, ImageDraw

from fer_lightning.constants import IMAGE_SIZE, LABELS, MAX_PIXEL, NUM_CLASSES
from fer_lightning.data.faces import USAGES, Faces

NAME = "synthetic faces (not FER2013)"

_SCALE = 3  # faces are drawn larger and then reduced, which smooths the edges
_SIDE = IMAGE_SIZE * _SCALE

Point = tuple[float, float]


@dataclass(frozen=True)
class Expression:
    """The positions of facial features, on a face that spans -1..1 in x and y, with y pointing down.

    Attributes:
        brow_inner: shift of the inner ends of the brows (negative is up).
        brow_outer: shift of the outer ends of the brows.
        lid: eye opening, 1 at rest.
        curve: height of the mouth's corners above its middle (positive is a smile).
        opening: height of the open mouth.
        width: width of the mouth, 1 at rest.
        sneer: how far one half of the upper lip is raised.
        wrinkle: depth of the folds between the brows and beside the nose, 0..1.
    """

    brow_inner: float = 0.0
    brow_outer: float = 0.0
    lid: float = 1.0
    curve: float = 0.0
    opening: float = 0.0
    width: float = 1.0
    sneer: float = 0.0
    wrinkle: float = 0.0


EXPRESSIONS = {
    "angry": Expression(brow_inner=0.14, brow_outer=-0.06, lid=0.6, curve=-0.09, width=0.8, wrinkle=0.5),
    "disgust": Expression(brow_inner=0.08, lid=0.4, curve=-0.1, opening=0.05, width=0.85, sneer=0.16, wrinkle=1.0),
    "fear": Expression(brow_inner=-0.17, brow_outer=-0.02, lid=1.5, curve=-0.08, opening=0.14, width=1.1),
    "happy": Expression(brow_inner=-0.02, brow_outer=-0.03, lid=0.7, curve=0.22, opening=0.12, width=1.25),
    "sad": Expression(brow_inner=-0.14, brow_outer=0.1, lid=0.6, curve=-0.17, width=0.9),
    "surprise": Expression(brow_inner=-0.17, brow_outer=-0.18, lid=1.6, opening=0.34, width=0.6),
    "neutral": Expression(),
}


def draw_sample(train: int, val: int, test: int, seed: int) -> Faces:
    """Draw faces in FER2013's format, with balanced classes in each split.

    Args:
        train: number of faces with Usage Training.
        val: number of faces with Usage PublicTest.
        test: number of faces with Usage PrivateTest.
        seed: the same seed draws the same faces.
    """
    rng = np.random.default_rng(seed)
    counts = (train, val, test)
    usage = np.repeat(np.arange(len(USAGES), dtype=np.uint8), counts)
    labels = np.concatenate([rng.permutation(np.arange(count, dtype=np.uint8) % NUM_CLASSES) for count in counts])
    pixels = np.empty((len(labels), IMAGE_SIZE, IMAGE_SIZE), np.uint8)
    for row, label in enumerate(labels):
        pixels[row] = draw_face(LABELS[label], rng)
    return Faces(pixels, labels, usage, NAME)


def draw_face(label: str, rng: np.random.Generator) -> np.ndarray:
    """Draw one face, uint8 [48, 48], with the expression ``label``; everything else is random."""
    image = Image.new("L", (_SIDE, _SIDE), int(rng.uniform(10, 245)))
    Person(_Raster(image), _SIDE, rng).draw(_varied(EXPRESSIONS[label], rng))
    return _photographed(np.asarray(image.reduce(_SCALE), np.float64), rng)


def _varied(expression: Expression, rng: np.random.Generator) -> Expression:
    """The expression with a random strength and small random changes of each feature."""
    strength = rng.uniform(0.75, 1.25)
    rest = Expression()
    values = {}
    for field in dataclasses.fields(Expression):
        at_rest, moved = getattr(rest, field.name), getattr(expression, field.name)
        values[field.name] = at_rest + (moved - at_rest) * strength + rng.normal(0, 0.012)
    values["opening"] = max(values["opening"], 0.0)
    return Expression(**values)


class Canvas(Protocol):
    """Draws shapes; shades are grey values of about 0..255, and lengths are in the canvas's units."""

    def polygon(self, points: Sequence[Point], shade: float) -> None: ...

    def line(self, points: Sequence[Point], shade: float, width: float) -> None: ...


class _Raster:
    """Draws on a Pillow image of mode L."""

    def __init__(self, image: Image.Image) -> None:
        self._draw = ImageDraw.Draw(image)

    def polygon(self, points: Sequence[Point], shade: float) -> None:
        self._draw.polygon(list(points), fill=_grey(shade))

    def line(self, points: Sequence[Point], shade: float, width: float) -> None:
        self._draw.line(list(points), fill=_grey(shade), width=max(1, round(width)), joint="curve")


class Person:
    """Draws one person's face, with a random shape, pose and shades.

    Args:
        canvas: the canvas to draw on.
        side: side length of the canvas.
        rng: random generator; the same state draws the same person.
    """

    def __init__(self, canvas: Canvas, side: float, rng: np.random.Generator) -> None:
        self._canvas = canvas
        self._rng = rng
        self._angle = rng.normal(0, math.radians(6))
        self._size = side / 2 * rng.uniform(0.82, 1.05)
        self._centre = side / 2 + rng.normal(0, side * 0.025, size=2)
        self._turn = rng.normal(0, 0.06)  # the features move sideways as the head turns
        self._skin = rng.uniform(100, 215)
        self._dark = self._skin * rng.uniform(0.15, 0.45)
        self._eye_gap = rng.uniform(0.34, 0.42)
        self._eye_height = rng.uniform(-0.3, -0.2)
        self._mouth_height = rng.uniform(0.42, 0.52)

    def draw(self, expression: Expression) -> None:
        """Draw the whole face; call it once only, because the hair also depends on ``rng``."""
        self._head()
        for side in (-1, 1):
            self._eye(side, expression)
            self._brow(side, expression)
        self._nose(expression)
        self._mouth(expression)

    def _to_pixels(self, points: Sequence[Point]) -> list[Point]:
        cos, sin = math.cos(self._angle), math.sin(self._angle)
        return [
            (
                self._centre[0] + self._size * (x * cos - y * sin),
                self._centre[1] + self._size * (x * sin + y * cos),
            )
            for x, y in points
        ]

    def _polygon(self, points: Sequence[Point], shade: float) -> None:
        self._canvas.polygon(self._to_pixels(points), shade)

    def _line(self, points: Sequence[Point], shade: float, width: float) -> None:
        self._canvas.line(self._to_pixels(points), shade, width * self._size)

    def _head(self) -> None:
        hair = self._rng.uniform(15, 200)
        width = self._rng.uniform(0.78, 0.92)
        if self._rng.random() < 0.8:
            self._polygon(_ellipse(0, -0.15, width + 0.12, 1.0), hair)
        self._polygon(_ellipse(0, 0.05, width, 1.0), self._skin)
        fringe = self._rng.uniform(-0.85, -0.6)
        self._polygon([(x, y) for x, y in _ellipse(0, 0.05, width, 1.02) if y < fringe], hair)

    def _eye(self, side: int, expression: Expression) -> None:
        x, y = self._turn + side * self._eye_gap, self._eye_height
        open_by = max(0.09 * expression.lid, 0.015)
        self._polygon(_ellipse(x, y, 0.17, open_by), min(self._skin + 70, 250))
        iris = min(0.085, open_by * 1.1)
        self._polygon(_ellipse(x, y, iris, min(iris, open_by)), self._dark * 0.6)
        lid = [(px, min(py, y)) for px, py in _ellipse(x, y, 0.18, open_by + 0.01)]
        self._line([point for point in lid if point[1] < y], self._dark, 0.03)

    def _brow(self, side: int, expression: Expression) -> None:
        base = self._eye_height - 0.24
        inner = (self._turn + side * 0.17, base + expression.brow_inner)
        outer = (self._turn + side * (self._eye_gap + 0.22), base + 0.03 + expression.brow_outer)
        middle = ((inner[0] + outer[0]) / 2, (inner[1] + outer[1]) / 2 - 0.04)
        self._line([inner, middle, outer], self._dark, 0.075)
        if expression.wrinkle > 0.2:
            fold = self._skin * (1 - 0.35 * min(expression.wrinkle, 1))
            self._line([(self._turn + side * 0.06, base + 0.02), (self._turn + side * 0.05, base + 0.2)], fold, 0.03)

    def _nose(self, expression: Expression) -> None:
        shade = self._skin * 0.7
        tip = 0.15 - 0.05 * min(max(expression.wrinkle, 0), 1)
        self._line(
            [(self._turn * 1.6 - 0.1, tip), (self._turn * 1.6, tip + 0.04), (self._turn * 1.6 + 0.1, tip)], shade, 0.035
        )
        if expression.wrinkle > 0.7:
            for side in (-1, 1):
                self._line([(self._turn + side * 0.15, 0.05), (self._turn + side * 0.36, 0.32)], shade, 0.04)

    def _mouth(self, expression: Expression) -> None:
        half = 0.3 * expression.width
        across = np.linspace(-1, 1, 13)
        middle = self._mouth_height + expression.curve * (1 - across**2) - expression.curve / 2
        bulge = expression.opening * np.sqrt(np.clip(1 - across**2, 0, 1))
        upper = middle - bulge * 0.4 - expression.sneer * np.clip(across, 0, 1) * (1 - across**2) * 2.5
        lower = middle + bulge
        xs = self._turn + half * across
        outline = [*zip(xs, upper, strict=True), *zip(xs[::-1], lower[::-1], strict=True)]
        if expression.opening > 0.03:
            self._polygon(outline, self._dark * 0.5)
            if expression.curve > 0.05:  # a smile shows the teeth
                teeth = np.minimum(upper + bulge * 0.7, lower)
                self._polygon([*zip(xs, upper, strict=True), *zip(xs[::-1], teeth[::-1], strict=True)], 235)
        self._line(list(zip(xs, upper, strict=True)), self._dark, 0.05)
        self._line(list(zip(xs, lower, strict=True)), self._dark, 0.05)


def _ellipse(x: float, y: float, half_width: float, half_height: float) -> list[Point]:
    angles = np.linspace(0, 2 * math.pi, 37)[:-1]
    return [(x + half_width * math.cos(a), y + half_height * math.sin(a)) for a in angles]


def _grey(shade: float) -> int:
    return int(min(max(shade, 0), MAX_PIXEL))


def _photographed(image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Add light from one side, contrast and sensor noise; float [48, 48] -> uint8 [48, 48]."""
    ramp = np.linspace(-1, 1, IMAGE_SIZE)
    direction = rng.uniform(0, 2 * math.pi)
    light = 1 + rng.uniform(0, 0.3) * (math.cos(direction) * ramp[None, :] + math.sin(direction) * ramp[:, None])
    contrast = rng.uniform(0.6, 1.1)
    lit = (image * light - 128) * contrast + 128 + rng.uniform(-20, 20)
    noisy = lit + rng.normal(0, rng.uniform(1, 9), image.shape)
    return np.clip(np.rint(noisy), 0, MAX_PIXEL).astype(np.uint8)
