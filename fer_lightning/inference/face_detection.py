"""Finds faces in pictures, and crops them as FER2013's are framed. NumPy, Pillow and LiteRT; no torch.

The detector is Google's BlazeFace for short range (Bazarevsky and others, 2019). The build fetches its file
(tools/npm_files.json).
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
from PIL import Image

from fer_lightning.constants import IMAGE_SIZE
from fer_lightning.errors import FerError
from fer_lightning.inference.boxes import Box, area, intersection
from fer_lightning.utils.quiet import quiet_native_code

_MODEL_FILE = Path(__file__).with_name("face_models") / "face_detection_short_range.tflite"
_INPUT = 128  # pixels a side
_ANCHOR_GRIDS = ((16, 2), (8, 6))  # cells a side, anchors in each
# a face has to reach these at first sight, and again from nearer and further away: nine in ten of FER2013's do;
# of fifteen pictures without a face, one, of a motorcycle's headlights, had something that does too
_MIN_SCORE = 0.7
_MOST_TILT = 60  # degrees; what lies further on its side was a mistake each time
_AGAIN_SCORE = 0.6
_FRAMINGS = (2.0, 3.5)  # sides of the squares in which a face has to be found again, in boxes
_SAME_FACE = 0.4  # of the smaller of two boxes, covered by both
_MIN_TILE = 128  # pixels; smaller parts of a picture show the network nothing new
_LARGE_FACE = 400.0  # pixels a side
_FINEST, _COARSE = 8, 2  # the longer side of the picture, in the smallest parts that are looked at

# FER2013's pictures against BlazeFace's boxes in them, the medians: side in boxes, and how far the picture's
# centre lies below the box's, in sides (python -m benchmarks.framing DIR)
CROP_SIDE = 1.19
CROP_DOWN = -0.07


@dataclass(frozen=True)
class Detection:
    """One face in a picture; coordinates are pixels from its top left corner.

    Attributes:
        left, top, right, bottom: the box, which may reach beyond the picture.
        score: the detector's, 0..1.
        eyes: (x, y) of the one on the left of the picture, and of the other.
    """

    left: float
    top: float
    right: float
    bottom: float
    score: float
    eyes: tuple[tuple[float, float], tuple[float, float]]

    @property
    def box(self) -> Box:
        return self.left, self.top, self.right, self.bottom

    def scaled(self, factor: float) -> "Detection":
        """The same face in a picture so many times as large."""
        box = [factor * value for value in self.box]
        one, other = ((factor * x, factor * y) for x, y in self.eyes)
        return Detection(box[0], box[1], box[2], box[3], self.score, (one, other))

    @property
    def tilt(self) -> float:
        """Degrees by which the line of the eyes falls to the right."""
        (left_x, left_y), (right_x, right_y) = self.eyes
        return math.degrees(math.atan2(right_y - left_y, right_x - left_x))


class FaceDetector:
    """Finds the faces of a picture, large and small.

    The network sees 128x128 pixels, so a small face in a large picture is lost on it. It is therefore shown
    the whole picture, then overlapping quarters, and quarters of these, as long as that adds pixels.

    Args:
        threads: threads that LiteRT computes with; its own choice when not given.

    Raises:
        FerError: the detector's file is missing.
    """

    def __init__(self, threads: int | None = None) -> None:
        from ai_edge_litert.interpreter import Interpreter

        if not _MODEL_FILE.is_file():
            raise FerError(
                f"the face detector {_MODEL_FILE} is missing: install fer_lightning again (pip install), which fetches "
                "it; --no-detect does without, for pictures that are faces already"
            )
        with quiet_native_code():
            self._interpreter = Interpreter(model_path=str(_MODEL_FILE), num_threads=threads)
            self._interpreter.allocate_tensors()
        (self._input,) = self._interpreter.get_input_details()
        outputs = {int(each["shape"][2]): each["index"] for each in self._interpreter.get_output_details()}
        self._boxes, self._scores = outputs[16], outputs[1]

    def detect(self, picture: Image.Image, *, small_faces: bool = True, known: Iterable[Box] = ()) -> list[Detection]:
        """The faces of an RGB picture, the largest first; none is an empty list.

        Args:
            small_faces: whether to look for faces down to a fiftieth of the picture's longer side, at up to
                200 times the work, and not down to a tenth only.
            known: boxes where faces of any size may be, such as a video's frame before had them.
        """
        regions = _regions(*picture.size, _FINEST if small_faces else _COARSE)
        found = [face for region in regions for face in self._look(picture, *region)]
        kept: list[Detection] = []
        for candidate in (*known, *(face.box for face in sorted(found, key=lambda face: -face.score))):
            if all(_overlap(candidate, other.box) < _SAME_FACE for other in kept):
                face = self._look_again(picture, candidate)
                if face is not None and all(_overlap(face.box, other.box) < _SAME_FACE for other in kept):
                    kept.append(face)
        return sorted(kept, key=lambda face: (face.left - face.right, face.left))

    def _look_again(self, picture: Image.Image, box: Box) -> Detection | None:
        """The face in ``box`` as seen from nearer, where it is also found from further away; else it was none.

        Chance likenesses in a part of a picture seldom survive another framing, and all faces are measured
        at the same size that way.
        """
        left, top, right, bottom = box
        centre_x, centre_y = (left + right) / 2, (top + bottom) / 2
        size = max(right - left, bottom - top)
        seen = []
        for factor in _FRAMINGS:
            side = factor * size
            found = self._look(picture, centre_x - side / 2, centre_y - side / 2, side, _AGAIN_SCORE)
            same = (other for other in found if _overlap(box, other.box) >= _SAME_FACE)
            again = max(same, key=lambda other: other.score, default=None)
            if again is None:
                return None
            seen.append(again)
        return seen[0]

    def _look(
        self, picture: Image.Image, left: float, top: float, side: float, least: float = _MIN_SCORE
    ) -> Iterator[Detection]:
        """What the network finds in one square, with those that its edge cuts left out."""
        part = _square(picture, left, top, side)
        self._interpreter.set_tensor(self._input["index"], np.asarray(part, np.float32)[None] / 127.5 - 1)
        self._interpreter.invoke()
        logits = self._interpreter.get_tensor(self._scores)[0, :, 0]
        scores = 1 / (1 + np.exp(-np.clip(logits, -60, 60)))
        rows = np.flatnonzero(scores >= least)
        # centre, size, and six points: eyes, nose, mouth, ears; all in fractions of the square
        values = self._interpreter.get_tensor(self._boxes)[0, rows].reshape(-1, 8, 2) / _INPUT
        values[:, [0, *range(2, 8)]] += _anchors()[rows, None]
        for score, (centre, size, one, other, *_) in zip(scores[rows], values, strict=True):
            first, last = centre - size / 2, centre + size / 2
            width, height = picture.size
            x0, y0, x1, y1 = left + first[0] * side, top + first[1] * side, left + last[0] * side, top + last[1] * side
            cut = (
                (first[0] < 0 and left > 0)
                or (first[1] < 0 and top > 0)
                or (last[0] > 1 and left + side < width)
                or (last[1] > 1 and top + side < height)
            )
            eyes = [(float(left + x * side), float(top + y * side)) for x, y in (one, other)]
            face = Detection(float(x0), float(y0), float(x1), float(y1), float(score), (eyes[0], eyes[1]))
            if not cut and abs(face.tilt) <= _MOST_TILT:
                yield face


def _square(picture: Image.Image, left: float, top: float, side: float) -> Image.Image:
    """A square of an RGB picture, in the network's size; what lies beyond the picture is black."""
    box = max(left, 0.0), max(top, 0.0), min(left + side, picture.width), min(top + side, picture.height)
    canvas = Image.new("RGB", (_INPUT, _INPUT))
    if box[2] > box[0] and box[3] > box[1]:
        # the part within the picture alone: the square of a long strip is larger than any memory
        scale = _INPUT / side
        size = (max(1, round((box[2] - box[0]) * scale)), max(1, round((box[3] - box[1]) * scale)))
        inner = picture.resize(size, Image.Resampling.BILINEAR, box=box, reducing_gap=2.0)
        canvas.paste(inner, (round((box[0] - left) * scale), round((box[1] - top) * scale)))
    return canvas


def crop_face(picture: Image.Image, face: Detection) -> np.ndarray:
    """The face, upright and framed as FER2013's are, grey, uint8 [48, 48].

    What lies beyond the picture repeats its border.
    """
    shrink = max(face.right - face.left, face.bottom - face.top) / _LARGE_FACE
    if shrink > 1:  # turning it in full size would take a multiple of the picture's memory, for 48 pixels
        size = (max(1, round(picture.width / shrink)), max(1, round(picture.height / shrink)))
        return crop_face(picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0), face.scaled(1 / shrink))
    centre_x, centre_y = (face.left + face.right) / 2, (face.top + face.bottom) / 2
    side = CROP_SIDE * (face.right - face.left + face.bottom - face.top) / 2
    angle = math.radians(face.tilt)
    # down the face, which is not down the picture where it is tilted
    centre_x -= math.sin(angle) * CROP_DOWN * side
    centre_y += math.cos(angle) * CROP_DOWN * side
    reach = math.ceil(side * 0.75) + 2  # of a square that holds the crop at any angle
    square = _bordered_square(picture.convert("L"), round(centre_x), round(centre_y), reach)
    upright = square.rotate(face.tilt, Image.Resampling.BICUBIC)
    edge = reach - side / 2
    box = (edge, edge, edge + side, edge + side)
    return np.asarray(upright.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BILINEAR, box=box))


def _bordered_square(grey: Image.Image, x: int, y: int, reach: int) -> Image.Image:
    """The pixels around (x, y), ``reach`` to each side, the border repeated where the picture ends."""
    width, height = grey.size
    columns = np.clip(np.arange(x - reach, x + reach), 0, width - 1)
    rows = np.clip(np.arange(y - reach, y + reach), 0, height - 1)
    inner = np.asarray(grey.crop((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)))
    return Image.fromarray(inner[np.ix_(rows - rows[0], columns - columns[0])])


@cache
def _anchors() -> np.ndarray:
    """float32 [896, 2]: the centres, x and y, that the network's answers count from, in fractions of its input."""
    grids = []
    for cells, count in _ANCHOR_GRIDS:
        centres = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(centres, centres, indexing="ij")
        grids.append(np.stack([x, y], axis=-1).reshape(-1, 2).repeat(count, axis=0))
    return np.concatenate(grids).astype(np.float32)


def _regions(width: int, height: int, finest: int) -> Iterator[tuple[float, float, float]]:
    """Squares to look at, as left, top, side: the whole picture, half its size and so on, overlapping by half."""
    longest = max(width, height)
    # a face that fills the picture is found when there is room around it
    for side in (1.5 * longest, float(longest)):
        yield (width - side) / 2, (height - side) / 2, side
    side = min(width, height) if longest > 1.25 * min(width, height) else longest / 2
    while side >= max(_MIN_TILE, longest / finest):
        for top in _starts(height, side):
            for left in _starts(width, side):
                yield left, top, side
        side /= 2


def _starts(length: int, side: float) -> list[float]:
    """Where tiles of ``side`` begin, so that they cover ``length`` and overlap by about half."""
    room = max(length - side, 0)
    count = math.ceil(room / (side / 2)) + 1
    return [room * index / max(count - 1, 1) for index in range(count)]


def _overlap(one: Box, other: Box) -> float:
    """The share of the smaller box that both cover."""
    return intersection(one, other) / min(area(one), area(other))
