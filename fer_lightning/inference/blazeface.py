"""BlazeFace, the network that finds faces, on one square of a picture. NumPy, Pillow and LiteRT; no torch.

Google's two models (Bazarevsky and others, 2019): one for short range, which sees 128x128 pixels, and one for full
range, which sees 192x192 and finds smaller faces. The build fetches both files (tools/npm_files.json).
"""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from fer_lightning.errors import FerError
from fer_lightning.inference.boxes import Box
from fer_lightning.utils.quiet import quiet_native_code

COLUMNS = 9  # columns of the array that ``BlazeFace.look`` returns

_MOST_TILT = 60  # degrees; every detection with a larger tilt was false
_ROUNDING = 1e-3  # margin on the logit threshold: rounding could drop a score that equals it


@dataclass(frozen=True)
class Model:
    """One of the two models.

    Attributes:
        file: the model file, which the build downloads.
        size: pixels a side of its input.
        grids: the anchor grids, as (cells a side, anchors in each cell).
    """

    file: Path
    size: int
    grids: tuple[tuple[int, int], ...]


_FOLDER = Path(__file__).with_name("face_models")
SHORT_RANGE = Model(_FOLDER / "face_detection_short_range.tflite", 128, ((16, 2), (8, 6)))
FULL_RANGE = Model(_FOLDER / "face_detection_full_range.tflite", 192, ((48, 1),))


@dataclass(frozen=True)
class Detection:
    """One face in a picture; coordinates are pixels from its top left corner.

    Attributes:
        left, top, right, bottom: the box, which may reach beyond the picture.
        score: the detector's, 0..1.
        eyes: (x, y) of the eye on the left in an upright picture, then of the other eye.
    """

    left: float
    top: float
    right: float
    bottom: float
    score: float
    eyes: tuple[tuple[float, float], tuple[float, float]]

    @classmethod
    def from_row(cls, row: np.ndarray) -> "Detection":
        """Make a detection from a row of the array that ``BlazeFace.look`` returns."""
        left, top, right, bottom, score, *eyes = row.tolist()
        return cls(left, top, right, bottom, score, ((eyes[0], eyes[1]), (eyes[2], eyes[3])))

    @property
    def box(self) -> Box:
        return self.left, self.top, self.right, self.bottom

    def scaled(self, factor: float) -> "Detection":
        """The same face in a picture ``factor`` times as large."""
        box = [factor * value for value in self.box]
        one, other = ((factor * x, factor * y) for x, y in self.eyes)
        return Detection(box[0], box[1], box[2], box[3], self.score, (one, other))

    @property
    def tilt(self) -> float:
        """Degrees by which the line of the eyes falls to the right."""
        (left_x, left_y), (right_x, right_y) = self.eyes
        return math.degrees(math.atan2(right_y - left_y, right_x - left_x))


class BlazeFace:
    """One of the two models, loaded.

    Args:
        model: ``SHORT_RANGE`` or ``FULL_RANGE``.
        threads: threads that LiteRT computes with; its own choice when not given.

    Raises:
        FerError: the model's file is missing.
    """

    def __init__(self, model: Model, threads: int | None = None) -> None:
        from ai_edge_litert.interpreter import Interpreter

        if not model.file.is_file():
            raise FerError(
                f"the face detector {model.file} is missing: reinstall fer_lightning with pip, which "
                "downloads it, or turn face detection off if the pictures are faces already"
            )
        with quiet_native_code():
            self._interpreter = Interpreter(model_path=str(model.file), num_threads=threads)
            self._interpreter.allocate_tensors()
        self.size = model.size
        self.anchors = _anchors(model.grids)
        self._input = self._interpreter.get_input_details()[0]["index"]
        outputs = {int(each["shape"][2]): each["index"] for each in self._interpreter.get_output_details()}
        self._boxes, self._scores = outputs[16], outputs[1]

    def look(
        self, part: Image.Image, corner: tuple[float, float], side: float, picture: tuple[int, int], least: float
    ) -> np.ndarray:
        """The faces in one square of a picture, without those that its edges cut.

        Args:
            part: the square, RGB, ``size`` pixels a side.
            corner: left and top of the square in the picture.
            side: its side in pixels of the picture.
            picture: width and height of the picture.
            least: the smallest score of a face.

        Returns:
            float32 [N, COLUMNS], a row for each face: left, top, right, bottom, score, and x and y of both eyes.
        """
        self._fill_input(part)
        self._interpreter.invoke()
        # views without copies; LiteRT refuses to run while one is held
        logits = self._interpreter.tensor(self._scores)()[0, :, 0]
        rows = np.flatnonzero(logits >= math.log(least / (1 - least)) - _ROUNDING)
        scores = 1 / (1 + np.exp(-np.clip(logits[rows], -60, 60)))
        rows, scores = rows[scores >= least], scores[scores >= least]
        # centre, size, and six points: eyes, nose, mouth, ears; all in fractions of the square
        values = self._interpreter.tensor(self._boxes)()[0, rows].reshape(-1, 8, 2) / self.size
        values[:, [0, *range(2, 8)]] += self.anchors[rows, None]
        centre, size, eyes = values[:, 0], values[:, 1], values[:, 2:4]
        first, last = centre - size / 2, centre + size / 2
        (left, top), (width, height) = corner, picture
        starts_inside = left > 0, top > 0
        ends_inside = left + side < width, top + side < height
        cut = ((first < 0) & starts_inside) | ((last > 1) & ends_inside)
        fall, run = (eyes[:, 1] - eyes[:, 0]).T[::-1]
        kept = ~cut.any(axis=1) & (np.abs(np.degrees(np.arctan2(fall, run))) <= _MOST_TILT) & (size > 0).all(axis=1)
        places = np.stack([first, last, *eyes.swapaxes(0, 1)], axis=1)[kept]  # [N, 4, 2]
        places = np.asarray(corner, np.float32) + places * np.float32(side)
        return np.concatenate(
            [places[:, :2].reshape(-1, 4), scores[kept, None], places[:, 2:].reshape(-1, 4)], axis=1, dtype=np.float32
        )

    def _fill_input(self, part: Image.Image) -> None:
        pixels = self._interpreter.tensor(self._input)()[0]
        np.divide(np.asarray(part), np.float32(127.5), out=pixels, dtype=np.float32)
        pixels -= 1


def _anchors(grids: tuple[tuple[int, int], ...]) -> np.ndarray:
    """float32 [N, 2]: the centres, x and y, that the network's answers count from, in fractions of its input."""
    found = []
    for cells, count in grids:
        centres = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(centres, centres, indexing="ij")
        found.append(np.stack([x, y], axis=-1).reshape(-1, 2).repeat(count, axis=0))
    return np.concatenate(found).astype(np.float32)
