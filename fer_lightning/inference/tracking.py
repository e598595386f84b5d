"""Follows the faces of a video from frame to frame. NumPy and Pillow; no torch."""

import math
from dataclasses import dataclass, replace

import numpy as np
from PIL import Image

from fer_lightning.constants import LABELS
from fer_lightning.inference.boxes import Box, overlap
from fer_lightning.inference.reader import ExpressionReader, Face

_SAME_FACE = 0.3  # intersection over union of a face's boxes in two frames
_SEARCH = 0.5  # seconds between searches for small faces, each of which takes as long as many frames
_SEARCH_SHARE = 5  # in real time, a search may take at most one part in this many of the time
_LONGEST_PAUSE = 5.0  # seconds between two searches; a gap between frames may have another reason than a search
_FORGET = 0.5  # seconds after which a face that is not seen any more is forgotten
# two frames belong to different scenes if their thumbnails differ by more grey levels on average and correlate less;
# a flash changes only the difference, and a moving camera changes neither enough
_THUMBNAIL = (32, 18)
_CUT_DIFFERENCE = 12.0
_CUT_CORRELATION = 0.5


@dataclass
class _Track:
    number: int
    box: Box
    probabilities: np.ndarray
    seen: float


class Follower:
    """Reads the faces of frame after frame, follows each, and averages its probabilities over time.

    The whole frame is searched for small faces twice a second; between searches, they are looked for where they were.
    If searches delay frames that are read in real time, they become rarer. A new scene ends all tracks.

    Args:
        reader: finds and reads the faces of one frame.
        live: whether frames are read in real time, from a camera or for a window, so that a search delays the next one.
        seconds: time constant of the average; after this time, two thirds of it come from newer frames.
    """

    def __init__(self, reader: ExpressionReader, *, live: bool = False, seconds: float = 0.3) -> None:
        self._reader = reader
        self._live = live
        self._seconds = seconds
        self._tracks: list[_Track] = []
        self._count = 0
        self._previous = math.nan  # time of the frame before
        self._searched = -math.inf
        self._thumbnail: np.ndarray | None = None
        self._pause = _SEARCH

    def read(self, frame: Image.Image, time: float) -> list[Face]:
        """The faces of the frame at ``time`` (seconds), with the numbers of their tracks and smoothed probabilities."""
        if self._is_cut(frame):
            self._tracks = []
            self._searched = -math.inf
        free = [track for track in self._tracks if track.seen == self._previous or time - track.seen <= _FORGET]
        self._tracks = list(free)
        if self._live and self._searched == self._previous:
            self._pause = min(max(_SEARCH, _SEARCH_SHARE * (time - self._searched)), _LONGEST_PAUSE)
        search = time - self._searched >= self._pause
        if search:
            self._searched = time
        self._previous = time
        known = [track.box for track in free]
        # a turned face would be lost again in the frames between two searches
        faces = self._reader.read(frame, small_faces=search, turned=False, known=known)
        return [self._follow(face, time, free) for face in faces]

    def _follow(self, face: Face, time: float, free: list[_Track]) -> Face:
        new = np.array([face.probabilities[label] for label in LABELS])
        track = max(free, key=lambda each: overlap(each.box, face.box), default=None)
        if track is None or overlap(track.box, face.box) < _SAME_FACE:
            self._count += 1
            track = _Track(self._count, face.box, new, time)
            self._tracks.append(track)
        else:
            free.remove(track)
            kept = np.exp(-(time - track.seen) / self._seconds)
            track.probabilities = kept * track.probabilities + (1 - kept) * new
            track.box, track.seen = face.box, time
        smoothed = dict(zip(LABELS, track.probabilities.tolist(), strict=True))
        return replace(face, number=track.number, probabilities=smoothed)

    def _is_cut(self, frame: Image.Image) -> bool:
        """Whether a new scene begins with ``frame``."""
        before = self._thumbnail
        self._thumbnail = now = np.asarray(frame.convert("L").resize(_THUMBNAIL, reducing_gap=2.0), np.float32)
        if before is None or np.abs(now - before).mean() < _CUT_DIFFERENCE:
            return False
        spread = float(now.std() * before.std())
        both = float(((now - now.mean()) * (before - before.mean())).mean())
        return both < _CUT_CORRELATION * spread
