"""Draw readings on a picture: a box, a number, the label and a bar chart by each face. Pillow only."""

from collections.abc import Sequence
from dataclasses import replace

from PIL import Image, ImageDraw, ImageFont

from fer_lightning.constants import CLASS_COLOURS, LABELS
from fer_lightning.inference.boxes import Box, intersection, rescaled
from fer_lightning.inference.images import full_size
from fer_lightning.inference.reader import Face

_PANEL_ROWS = 8  # the label and seven bars
_ROW = 1.2  # height of a row, in heights of its text
_LEAST_TEXT = 9.0  # pixels; smaller cannot be read
_MOST_PANELS = 8  # the panels of more faces would cover each other
_WIDEST_TAG = 2.0  # boxes; in a crowd of small faces, labels would cover the neighbours


def annotate(picture: Image.Image, faces: Sequence[Face]) -> Image.Image:
    """A copy of an RGB picture with a box around each face, its number and its label, and its probabilities beside it.

    Args:
        picture: the picture, which is not changed.
        faces: the faces; with more than eight, no probabilities are drawn, because the panels would cover the faces.
            The smallest of them have no label either; the colour of the box shows the expression.
    """
    canvas = picture.copy()
    draw = ImageDraw.Draw(canvas, "RGBA")
    drawn = [replace(face, box=rescaled(face.box, full_size(picture), picture.size)) for face in faces]
    taken: list[Box] = [face.box for face in drawn]
    for face in drawn:
        left, top, right, bottom = face.box
        text = max(_LEAST_TEXT, min(min(canvas.size) / 32, (bottom - top) / (_PANEL_ROWS * _ROW)))
        draw.rectangle((left, top, right - 1, bottom - 1), outline=_colour(face), width=max(2, round(text / 6)))
        tag = (_Panel if len(faces) <= _MOST_PANELS else _Tag)(draw, face, text)
        place = tag.place(canvas.size, taken)
        taken.append((place[0], place[1], place[0] + tag.width, place[1] + tag.height))
        tag.draw_at(*place)
    return canvas


def _colour(face: Face) -> str:
    return CLASS_COLOURS[LABELS.index(face.label)]


class _Tag:
    """The number and the label in a line, or the number alone if the face is much smaller than the line."""

    def __init__(self, draw: ImageDraw.ImageDraw, face: Face, text: float) -> None:
        self._draw = draw
        self._face = face
        self._text = text
        self._font = ImageFont.load_default(text)
        self._heading = f"{face.number} {face.caption}"
        if draw.textlength(self._heading, self._font) > _WIDEST_TAG * (face.box[2] - face.box[0]):
            self._heading = f"{face.number}"
        self.width = draw.textlength(self._heading, self._font) + text / 2
        self.height = _ROW * text

    def place(self, size: tuple[int, int], taken: Sequence[Box]) -> tuple[float, float]:
        """Its left and top: on the upper or the lower edge of its box, whichever covers less of ``taken``."""
        left, top, _, bottom = self._face.box
        return _least_covered(size, [(left, top - self.height), (left, bottom)], self.width, self.height, taken)

    def draw_at(self, x: float, y: float) -> None:
        self._draw.rectangle((x, y, x + self.width, y + self.height), fill=(255, 255, 255, 205))
        self._draw.text((x + self._text / 4, y), self._heading, fill="black", font=self._font)


class _Panel(_Tag):
    """The number, the label and a bar for each probability."""

    def __init__(self, draw: ImageDraw.ImageDraw, face: Face, text: float) -> None:
        super().__init__(draw, face, text)
        self._heading = f"{face.number} {face.caption} {face.probabilities[face.label]:.0%}"
        self._names = max(draw.textlength(f"{label} ", self._font) for label in LABELS)
        self.width = max(self._names + 5 * text, draw.textlength(self._heading, self._font) + text)
        self.height = _PANEL_ROWS * _ROW * text

    def place(self, size: tuple[int, int], taken: Sequence[Box]) -> tuple[float, float]:
        """Its left and top: beside, below or above its box, whichever covers least of ``taken``."""
        left, top, right, bottom = self._face.box
        beside = [(right + 2, top), (left - self.width - 2, top), (left, bottom + 2), (left, top - self.height - 2)]
        return _least_covered(size, beside, self.width, self.height, taken)

    def draw_at(self, x: float, y: float) -> None:
        draw, face, text, font = self._draw, self._face, self._text, self._font
        draw.rectangle((x, y, x + self.width, y + self.height), fill=(255, 255, 255, 205))
        draw.text((x + text / 2, y + text / 8), self._heading, fill="black", font=font)
        start, full = x + text / 2 + self._names, self.width - self._names - text
        for index, label in enumerate(LABELS):
            line = y + (index + 1) * _ROW * text
            draw.text((x + text / 2, line), label, fill="black", font=font)
            draw.rectangle((start, line + text * 0.25, start + full, line + text), fill=(0, 0, 0, 25))
            length = face.probabilities[label] * full
            if length >= 1:
                draw.rectangle((start, line + text * 0.25, start + length, line + text), fill=CLASS_COLOURS[index])


def _least_covered(
    size: tuple[int, int], places: Sequence[tuple[float, float]], width: float, height: float, taken: Sequence[Box]
) -> tuple[float, float]:
    """The place, moved into the picture, at which a rectangle covers least of ``taken``; the first of equal ones."""
    inside = [(max(0.0, min(x, size[0] - width)), max(0.0, min(y, size[1] - height))) for x, y in places]

    def covered(place: tuple[float, float]) -> float:
        x, y = place
        return sum(intersection((x, y, x + width, y + height), other) for other in taken)

    return min(inside, key=covered)
