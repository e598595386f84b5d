"""Looks at each place where a face may be a second time. NumPy, Pillow and LiteRT; no torch."""

import math
from collections.abc import Iterator

from PIL import Image

from fer_lightning.inference.blazeface import BlazeFace, Detection, square
from fer_lightning.inference.boxes import Box, overlap, overlap_of_smaller

FRAMINGS = (2.0, 3.5)  # sides of the squares in which a face has to be found again, in boxes
SAME_FACE = 0.4  # of the smaller of two boxes, covered by both

_AGAIN_SCORE = 0.6  # if the score at first sight is not given
_LEAST_AGAIN = 0.5  # if it is
_LEAST_EVIDENCE = 1.0  # sum of the logits of all three scores; a shirt in a grey photo reaches 0.5
_SAME_PLACE = 0.6  # overlap of two candidates, the second of which is not looked at again


class ConfirmedFaces:
    """The faces of one picture that a second look confirmed.

    Chance likenesses in a part of a picture seldom survive another framing, and all faces are measured at the same
    size that way.

    Attributes:
        found: the faces.
    """

    def __init__(self, model: BlazeFace, picture: Image.Image) -> None:
        self.found: list[Detection] = []
        self._model = model
        self._picture = picture
        self._refuted: list[Box] = []

    def add(self, box: Box, score: float | None = None) -> None:
        """Take the face in ``box`` in if it is one, and not among the faces yet.

        Args:
            score: at first sight. If given, the three scores together decide.
        """
        if any(overlap_of_smaller(box, other.box) >= SAME_FACE for other in self.found):
            return
        if score is not None and any(overlap(box, other) >= _SAME_PLACE for other in self._refuted):
            return
        face = self._look_again(box, score)
        if face is None:
            self._refuted.append(box)
        elif all(overlap_of_smaller(face.box, other.box) < SAME_FACE for other in self.found):
            self.found.append(face)

    def _look_again(self, box: Box, score: float | None) -> Detection | None:
        """The face in ``box`` as seen from nearer, if it is also seen from further away."""
        left, top, right, bottom = box
        centre_x, centre_y = (left + right) / 2, (top + bottom) / 2
        size = max(right - left, bottom - top)
        least = _AGAIN_SCORE if score is None else _LEAST_AGAIN
        seen = []
        for factor in FRAMINGS:
            side = factor * size
            found = look(self._model, self._picture, centre_x - side / 2, centre_y - side / 2, side, least)
            same = (other for other in found if overlap_of_smaller(box, other.box) >= SAME_FACE)
            again = max(same, key=lambda other: other.score, default=None)
            if again is None:
                return None
            seen.append(again)
        scores = [face.score for face in seen]
        if score is not None and sum(map(_logit, (score, *scores))) < _LEAST_EVIDENCE:
            return None
        return seen[0]


def look(
    model: BlazeFace, picture: Image.Image, left: float, top: float, side: float, least: float
) -> Iterator[Detection]:
    """The faces that a model sees in one square."""
    return model.look(square(picture, left, top, side, model.size), (left, top), side, picture.size, least)


def _logit(score: float) -> float:
    return math.log(score / max(1 - score, 1e-6))
