"""Finds faces in pictures with BlazeFace. NumPy, Pillow and LiteRT; no torch."""

import math
from collections.abc import Callable, Iterable

import numpy as np
from PIL import Image

from fer_lightning.inference.blazeface import COLUMNS, FULL_RANGE, SHORT_RANGE, BlazeFace, Detection
from fer_lightning.inference.boxes import Box, overlaps_of_smaller
from fer_lightning.inference.confirmed_faces import FRAMINGS, SAME_FACE, ConfirmedFaces
from fer_lightning.inference.squares import centred, regions, square, starts

# the search for large faces, which the game in the browser makes too (play/www/detection.js). Nine in ten of FER2013's
# faces reach this score, and 0.6 from nearer and further away
_MIN_SCORE = 0.7
_COARSE = 2  # the smallest squares searched are 1 / _COARSE of the picture's longer side

# the search for small faces. Of 222 faces of at least 12 pixels in the full-range model's input, nine in ten reach
# 0.3; what is seen at 0.3 is then confirmed or refuted
_FIRST_SCORE = 0.3
_FIRST_SCORE_FINE = 0.4  # which keeps the time short: there are many fine tiles
_FIRST_SCORE_WHOLE = 0.5  # of the short-range model on the whole picture, and of both on a turned one
_AGAIN_SCORE_TURNED = 0.75  # a cup of coffee on its side reaches 0.63
# Tiles are skipped if all faces seen in the whole picture are large and nothing else in it reaches this score. On the
# open set, that skips the tiles of half of the photos, and no face is lost.
_HINT = 0.15
_HINT_FINE = 0.05  # of a face in a tile; fine tiles are skipped if no face in them reaches it
_ROOM_FOR_FULL, _ROOMS_FOR_SHORT = 1.25, (1.0, 1.5)  # sides of squares around the whole picture, in its longer side
_LARGE = 10  # the longer side of the picture, in large faces
_TILES = 2.4  # the longer side of the picture, in tiles
_FINE_TILES = 5.0
_CROWD = 25  # the longer side of the picture, in faces so small that smaller ones are likely
_TILE_STEP = 0.8  # from one tile to the next, in tiles
_MIN_FULL_TILE = 96  # pixels: enlarged more than twice, a picture shows nothing new

# A turn must raise the highest score of a face by this much. No turn raised it by 0.1 in 69 upright pictures, and the
# right turn raised it most in 41 of 43 turned portraits
_TURNED_MARGIN = 0.1
_TURNS = (Image.Transpose.ROTATE_90, Image.Transpose.ROTATE_180, Image.Transpose.ROTATE_270)

_Search = Callable[[Image.Image, ConfirmedFaces], None]


class FaceDetector:
    """Finds the faces of a picture, large and small.

    Two searches share a second look in a closer and a wider crop, which confirms each face and measures its box:

    - for large faces: the short-range model on the whole picture and its halves. It takes a few milliseconds, serves
      most frames of a video, and is the search that the game makes;
    - for small faces too: the full-range model on the whole picture, on overlapping tiles unless all faces are large,
      and on smaller tiles if faces are small; the short-range model on the whole picture if the other is not
      certain of any face.

    Args:
        threads: threads that LiteRT computes with; its own choice when not given.

    Raises:
        FerError: a model's file is missing.
    """

    def __init__(self, threads: int | None = None) -> None:
        self._short = BlazeFace(SHORT_RANGE, threads)
        self._full = BlazeFace(FULL_RANGE, threads)

    def detect(
        self, picture: Image.Image, *, small_faces: bool = True, known: Iterable[Box] = (), turned: bool = False
    ) -> list[Detection]:
        """The faces of an RGB picture, the largest first; none is an empty list.

        Args:
            small_faces: whether to find faces down to 1/40 of the picture's longer side, and smaller ones next to them;
                otherwise only down to 1/10.
            known: boxes where faces of any size may be, such as those in a video's frame before.
            turned: whether to search the picture in quarter turns too if no face is found or the most certain one is
                not upright; ignored without ``small_faces``.
        """
        faces = ConfirmedFaces(self._short, self._full, picture)
        for box in known:
            faces.add(box)
        if small_faces:
            self._search_small(picture, faces)
        else:
            self._search_large(picture, faces)
        found = faces.found
        turned = turned and small_faces
        if turned and found:
            turn = self._turn_of(picture, found)
            if turn is not None:
                found = max(found, self._search_turned(picture, turn, self._search_small), key=_total_score)
        elif turned:
            turns = (self._search_turned(picture, turn, self._search_strictly) for turn in _TURNS)
            found = max(turns, key=_total_score)
        return sorted(found, key=lambda face: (face.left - face.right, face.left))

    def _search_large(self, picture: Image.Image, faces: ConfirmedFaces) -> None:
        seen = [
            self._short.look(
                square(picture, left, top, side, self._short.size), (left, top), side, picture.size, _MIN_SCORE
            )
            for left, top, side in regions(*picture.size, _COARSE)
        ]
        faces.add_each(np.concatenate(seen))

    def _search_small(self, picture: Image.Image, faces: ConfirmedFaces) -> None:
        longest = max(picture.size)
        seen = self._whole(picture, _HINT)
        faces.add_by_evidence(seen[seen[:, 4] >= _FIRST_SCORE])
        if len(faces.without_known(seen)) or _smallest(faces) < longest / _LARGE:
            seen = self._tiles(picture, _TILES, _HINT_FINE)
            faces.add_by_evidence(seen[seen[:, 4] >= _FIRST_SCORE])
        if 0 < _smallest(faces) < longest / _CROWD:
            faces.add_by_evidence(self._tiles(picture, _FINE_TILES, _FIRST_SCORE_FINE, near=seen))

    def _search_strictly(self, picture: Image.Image, faces: ConfirmedFaces) -> None:
        faces.add_each(self._whole(picture, _FIRST_SCORE_WHOLE))
        faces.found = [face for face in faces.found if face.score >= _AGAIN_SCORE_TURNED]

    def _search_turned(self, picture: Image.Image, turn: Image.Transpose, search: _Search) -> list[Detection]:
        """What a search finds in the turned picture, in the coordinates of the picture itself."""
        upright = picture.transpose(turn)
        faces = ConfirmedFaces(self._short, self._full, upright)
        search(upright, faces)
        return [_turned_back(face, turn, *picture.size) for face in faces.found]

    def _turn_of(self, picture: Image.Image, found: list[Detection]) -> Image.Transpose | None:
        """The turn that makes the most certain face upright; None if it is upright already.

        Faces that lie on their side or upside down are often taken for upright ones, with lower scores.
        """
        face = max(found, key=lambda face: face.score)
        if face.score > 1 - _TURNED_MARGIN:  # no turn can raise it by so much
            return None
        side = FRAMINGS[0] * max(face.right - face.left, face.bottom - face.top)
        left, top = (face.left + face.right - side) / 2, (face.top + face.bottom - side) / 2
        part = square(picture, left, top, side, self._short.size)
        middle = (side / 4, side / 4, side * 3 / 4, side * 3 / 4)

        def score(turn: Image.Transpose | None) -> float:
            turned = part if turn is None else part.transpose(turn)
            seen = self._short.look(turned, (0, 0), side, (math.ceil(side), math.ceil(side)), 0.05)
            return float(seen[overlaps_of_smaller(seen, middle) >= SAME_FACE, 4].max(initial=0))

        scores = {turn: score(turn) for turn in _TURNS}
        best = max(scores, key=scores.__getitem__)
        return best if scores[best] > score(None) + _TURNED_MARGIN else None

    def _whole(self, picture: Image.Image, least: float) -> np.ndarray:
        """The faces that are seen in the whole picture; one that fills it is seen with room around it.

        Args:
            least: the smallest score of a face that the full-range model sees.

        Returns:
            Rows as ``BlazeFace.look`` returns them.
        """
        copy = picture.reduce(max(1, max(picture.size) // (2 * self._full.size)))  # faster to resize three times

        def look(model: BlazeFace, factor: float, score: float) -> np.ndarray:
            part = square(copy, *centred(copy, factor), model.size)
            left, top, side = centred(picture, factor)
            return model.look(part, (left, top), side, picture.size, score)

        seen = look(self._full, _ROOM_FOR_FULL, least)
        if (seen[:, 4] >= _FIRST_SCORE_WHOLE).any():
            return seen
        # the short-range model sees faces that fill the picture
        return np.concatenate([seen, *(look(self._short, room, _FIRST_SCORE_WHOLE) for room in _ROOMS_FOR_SHORT)])

    def _tiles(self, picture: Image.Image, across: float, least: float, near: np.ndarray | None = None) -> np.ndarray:
        """What the full-range model sees in overlapping tiles, of which ``across`` make up the longer side.

        Args:
            near: rows as ``BlazeFace.look`` returns them. If given, tiles are left out in which no such face has its
                centre.

        Returns:
            Rows as ``BlazeFace.look`` returns them; none if the tiles would be too small.
        """
        side, size = max(picture.size) / across, self._full.size
        seen = [np.empty((0, COLUMNS), np.float32)]
        if side < _MIN_FULL_TILE:
            return seen[0]
        scale = size / side
        width, height = (max(1, round(length * scale)) for length in picture.size)
        resized = picture.resize((width, height), Image.Resampling.BILINEAR, reducing_gap=1.0)
        for top in starts(height, size, _TILE_STEP):
            for left in starts(width, size, _TILE_STEP):
                x, y = round(left), round(top)
                corner = x / scale, y / scale
                if near is None or _any_centre_in(near, corner, side):
                    tile = resized.crop((x, y, x + size, y + size))
                    seen.append(self._full.look(tile, corner, side, picture.size, least))
        return np.concatenate(seen)


def _any_centre_in(faces: np.ndarray, corner: tuple[float, float], side: float) -> bool:
    """Whether the centre of any face lies in a square."""
    centres = (faces[:, :2] + faces[:, 2:4]) / 2 - corner
    return bool(((centres >= 0) & (centres < side)).all(axis=1).any())


def _smallest(faces: ConfirmedFaces) -> float:
    """The longer side of the smallest face; 0 if there is none."""
    return min((max(face.right - face.left, face.bottom - face.top) for face in faces.found), default=0)


def _total_score(faces: Iterable[Detection]) -> float:
    return sum(face.score for face in faces)


def _turned_back(face: Detection, turn: Image.Transpose, width: int, height: int) -> Detection:
    """A face of the turned picture in the picture itself, whose size is ``width`` x ``height``."""

    def back(x: float, y: float) -> tuple[float, float]:
        if turn is Image.Transpose.ROTATE_90:
            return width - y, x
        if turn is Image.Transpose.ROTATE_180:
            return width - x, height - y
        return y, height - x

    (x0, y0), (x1, y1) = back(face.left, face.top), back(face.right, face.bottom)
    eyes = (back(*face.eyes[0]), back(*face.eyes[1]))
    return Detection(min(x0, x1), min(y0, y1), max(x0, x1), max(y0, y1), face.score, eyes)
