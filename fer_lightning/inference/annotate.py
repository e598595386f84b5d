"""Draws what was read onto a picture: a box, the label and a bar chart by each face. Pillow only."""

from collections.abc import Sequence

from PIL import Image, ImageDraw, ImageFont

from fer_lightning.constants import CLASS_COLOURS, LABELS
from fer_lightning.inference.boxes import Box, intersection
from fer_lightning.inference.reader import Face

_PANEL_ROWS = 8  # the label and seven bars
_ROW = 1.2  # height of a row, in heights of its text
_LEAST_TEXT = 9.0  # pixels; smaller cannot be read


def annotate(picture: Image.Image, faces: Sequence[Face]) -> Image.Image:
    """A copy of an RGB picture with a box around each face and its probabilities beside it."""
    canvas = picture.copy()
    draw = ImageDraw.Draw(canvas, "RGBA")
    taken: list[Box] = [face.box for face in faces]
    for face in faces:
        left, top, right, bottom = face.box
        text = max(_LEAST_TEXT, min(min(canvas.size) / 32, (bottom - top) / (_PANEL_ROWS * _ROW)))
        draw.rectangle((left, top, right - 1, bottom - 1), outline=_colour(face), width=max(2, round(text / 6)))
        panel = _Panel(draw, face, text)
        place = _place(canvas.size, face.box, panel.width, panel.height, taken)
        taken.append((place[0], place[1], place[0] + panel.width, place[1] + panel.height))
        panel.draw_at(*place)
    return canvas


def _colour(face: Face) -> str:
    return CLASS_COLOURS[LABELS.index(face.label)]


class _Panel:
    """The label and a bar for each probability."""

    def __init__(self, draw: ImageDraw.ImageDraw, face: Face, text: float) -> None:
        self._draw = draw
        self._face = face
        self._text = text
        self._font = ImageFont.load_default(text)
        self._names = max(draw.textlength(f"{label} ", self._font) for label in LABELS)
        self.width = self._names + 5 * text
        self.height = _PANEL_ROWS * _ROW * text

    def draw_at(self, x: float, y: float) -> None:
        draw, face, text, font = self._draw, self._face, self._text, self._font
        draw.rectangle((x, y, x + self.width, y + self.height), fill=(255, 255, 255, 205))
        heading = f"{face.label}{'?' if face.doubt else ''} {face.probabilities[face.label]:.0%}"
        draw.text((x + text / 2, y + text / 8), heading, fill="black", font=font)
        start, full = x + text / 2 + self._names, self.width - self._names - text
        for index, label in enumerate(LABELS):
            line = y + (index + 1) * _ROW * text
            draw.text((x + text / 2, line), label, fill="black", font=font)
            draw.rectangle((start, line + text * 0.25, start + full, line + text), fill=(0, 0, 0, 25))
            length = face.probabilities[label] * full
            if length >= 1:
                draw.rectangle((start, line + text * 0.25, start + length, line + text), fill=CLASS_COLOURS[index])


def _place(size: tuple[int, int], box: Box, width: float, height: float, taken: Sequence[Box]) -> tuple[float, float]:
    """Where a panel goes: beside, below or above its box, inside the picture, where it covers least of ``taken``."""
    left, top, right, bottom = box
    beside = ((right + 2, top), (left - width - 2, top), (left, bottom + 2), (left, top - height - 2))
    places = [(max(0.0, min(x, size[0] - width)), max(0.0, min(y, size[1] - height))) for x, y in beside]

    def covered(place: tuple[float, float]) -> float:
        x, y = place
        return sum(intersection((x, y, x + width, y + height), other) for other in taken)

    return min(places, key=covered)
