"""Take a second look at each place where there may be a face. NumPy, Pillow and LiteRT; no torch."""

import math

import numpy as np
from PIL import Image

from fer_lightning.inference.blazeface import BlazeFace, Detection
from fer_lightning.inference.boxes import Box, overlaps, overlaps_of_smaller
from fer_lightning.inference.squares import square

FRAMINGS = (2.0, 3.5)  # sides of the squares in which a face has to be found again, in boxes
SAME_FACE = 0.4  # two boxes are the same face if they share at least this part of the smaller one

_AGAIN_SCORE = 0.6  # least score of a second look if the first score is unknown

# If the first score is known, the evidence for a face is the sum of the logits of all its scores. On 80 photos and 20
# more pictures without a face, three scores of at least 0.5 whose sum is at least 1 find 210 of 222 faces and one false
# face. Asking the full-range model about undecided places finds 214 and none; a sum of 0 without asking it finds 214
# and 11 false faces.
_LEAST_AGAIN = 0.4
_CERTAIN = 1.0  # evidence that is enough after any look; 1.5 finds no more faces and takes more looks
_UNDECIDED = 0.0  # evidence of the short-range model's looks below which the full-range model is not asked
_UNDECIDED_FRAMING = 2.7  # side of the square that it is shown, in boxes
_NOT_SEEN = 0.05  # its score if it sees no face there
_LEAST_EVIDENCE = 0.5
_SAME_PLACE = 0.5  # overlap of two candidates, the second of which is not looked at again


class ConfirmedFaces:
    """The faces of one picture that a second look confirmed.

    False detections seldom survive a second look in a different framing. The second look also measures all faces at
    the same size.

    Attributes:
        found: the faces.

    Args:
        short: the short-range model, which looks at each place in a closer and a wider crop.
        full: the full-range model, which is asked if these looks leave it undecided.
        picture: RGB.
    """

    def __init__(self, short: BlazeFace, full: BlazeFace, picture: Image.Image) -> None:
        self.found: list[Detection] = []
        self._short = short
        self._full = full
        self._picture = picture

    def add(self, box: Box) -> None:
        """Take in the face in ``box``, if there is one and it is not among the faces yet."""
        if self._is_known(box):
            return
        near = self._best(self._short, box, FRAMINGS[0], _AGAIN_SCORE)
        if near is not None and self._best(self._short, box, FRAMINGS[1], _AGAIN_SCORE) is not None:
            self._take_in(near)

    def add_each(self, seen: np.ndarray) -> None:
        """Take in the faces among candidates, rows as ``BlazeFace.look`` returns them, the most certain first."""
        for left, top, right, bottom in _best_first(seen)[:, :4].tolist():
            self.add((left, top, right, bottom))

    def add_by_evidence(self, seen: np.ndarray) -> None:
        """Do what ``add_each`` does, but let the scores at first sight and at second sight decide together."""
        rest = _best_first(self.without_known(seen))
        while len(rest):
            left, top, right, bottom, score = rest[0, :5].tolist()
            box = left, top, right, bottom
            face = self._weigh(box, score)
            rest = rest[1:]
            if face is None:
                rest = rest[overlaps(rest, box) < _SAME_PLACE]
            else:
                self._take_in(face)
                rest = rest[overlaps_of_smaller(rest, face.box) < SAME_FACE]

    def without_known(self, seen: np.ndarray) -> np.ndarray:
        """The candidates that are not among the faces yet."""
        for face in self.found:
            seen = seen[overlaps_of_smaller(seen, face.box) < SAME_FACE]
        return seen

    def _is_known(self, box: Box) -> bool:
        boxes = np.array([face.box for face in self.found], np.float32).reshape(-1, 4)
        return bool((overlaps_of_smaller(boxes, box) >= SAME_FACE).any())

    def _take_in(self, face: Detection) -> None:
        if not self._is_known(face.box):
            self.found.append(face)

    def _weigh(self, box: Box, score: float) -> Detection | None:
        """The face in ``box`` as seen from nearer, if there is enough evidence for it."""
        evidence = _logit(score)
        near: Detection | None = None
        for factor in FRAMINGS:
            again = self._best(self._short, box, factor, _LEAST_AGAIN, mirrored=True)
            if again is None:
                return None
            near = near or again
            evidence += _logit(again.score)
            if evidence >= _CERTAIN:
                return near
        if evidence < _UNDECIDED:
            return None
        again = self._best(self._full, box, _UNDECIDED_FRAMING, _NOT_SEEN, mirrored=True)
        evidence += _logit(_NOT_SEEN if again is None else again.score)
        return near if evidence >= _LEAST_EVIDENCE else None

    def _best(
        self, model: BlazeFace, box: Box, factor: float, least: float, *, mirrored: bool = False
    ) -> Detection | None:
        """The face that a model is most certain of in ``box``, in a square ``factor`` times as large around it."""
        left, top, right, bottom = box
        side = factor * max(right - left, bottom - top)
        x, y = (left + right - side) / 2, (top + bottom - side) / 2
        part = square(self._picture, x, y, side, model.size, mirrored=mirrored)
        seen = model.look(part, (x, y), side, self._picture.size, least)
        same = seen[overlaps_of_smaller(seen, box) >= SAME_FACE]
        return Detection.from_row(same[np.argmax(same[:, 4])]) if len(same) else None


def _best_first(seen: np.ndarray) -> np.ndarray:
    return seen[np.argsort(-seen[:, 4], kind="stable")]


def _logit(score: float) -> float:
    return math.log(score / max(1 - score, 1e-6))
