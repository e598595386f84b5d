"""Videos and cameras, frame by frame, with faces followed over time. OpenCV; no torch."""

import contextlib
import math
import os
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from PIL import Image

from fer_lightning.constants import LABELS
from fer_lightning.errors import FerError
from fer_lightning.inference.boxes import Box, area, intersection
from fer_lightning.inference.images import require_regular_file
from fer_lightning.inference.reader import ExpressionReader, Face
from fer_lightning.utils.files import replacing

SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")

_LAST_CAMERA = 2**31 - 1  # OpenCV takes no larger number
_DEFAULT_RATE = 25.0  # frames a second, where a file or a camera does not say
_SAME_FACE = 0.3  # overlap of a face's boxes in two frames, of the area that either covers
_SEARCH = 0.5  # seconds between searches for small faces, each of which takes as long as many frames
_SEARCH_SHARE = 5  # a search may take at most one part in so many of the time
_FORGET = 0.5  # seconds after which a face that is not seen any more is forgotten


def _opencv() -> Any:
    # what it says of broken files, we say ourselves
    os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
    os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
    try:
        import cv2
    except ImportError:
        raise FerError("videos need OpenCV: pip install 'fer_lightning[video]'") from None
    return cv2


class VideoSource:
    """The frames of a video file or a camera, in RGB; a context manager.

    Args:
        source: a file, or a camera's number.

    Raises:
        FerError: OpenCV is not installed, or it cannot open ``source``.
    """

    def __init__(self, source: Path | int) -> None:
        cv2 = _opencv()
        self._name = f"camera {source}" if isinstance(source, int) else str(source)
        if isinstance(source, Path):
            require_regular_file(source)
            _require_utf_8(source)
        if isinstance(source, int) and source > _LAST_CAMERA:
            raise FerError(f"{self._name}: there is no camera of that number")
        self._capture = cv2.VideoCapture(source if isinstance(source, int) else str(source))
        if not self._capture.isOpened():
            what = "there is no camera of that number" if isinstance(source, int) else "it is no video that can be read"
            raise FerError(f"{self._name}: {what}")
        rate = self._capture.get(cv2.CAP_PROP_FPS)
        self.rate = float(rate) if 0 < rate <= 1000 else _DEFAULT_RATE
        count = int(self._capture.get(cv2.CAP_PROP_FRAME_COUNT))
        self.frames = count if count > 0 else None  # cameras and some files do not know

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._capture.release()

    def __iter__(self) -> Iterator[Image.Image]:
        """The frames until the video ends.

        Raises:
            FerError: not one frame can be read.
        """
        seen = 0
        while True:
            more, frame = self._capture.read()
            if not more:
                break
            seen += 1
            yield Image.fromarray(np.ascontiguousarray(frame[:, :, ::-1]))
        if not seen:
            raise FerError(f"{self._name}: not one frame can be read")


@contextlib.contextmanager
def writing(path: Path, rate: float) -> Iterator["VideoWriter"]:
    """Write an MP4 file, which is there when the block is done and not when that fails.

    Args:
        path: the file.
        rate: frames a second.

    Raises:
        FerError: the file cannot be written, as on a full disk.
    """
    _require_utf_8(path)
    with replacing(path) as temporary:
        writer = VideoWriter(temporary, rate)
        try:
            yield writer
        finally:
            writer.close()
        if not _is_whole(temporary, writer.frames):
            raise FerError(f"{path} could not be written; the disk may be full")


def _is_whole(path: Path, frames: int) -> bool:
    """Whether a video has all of its frames; OpenCV's writer does not say that a write failed."""
    if not frames:
        return True
    cv2 = _opencv()
    capture = cv2.VideoCapture(str(path))
    try:
        return capture.isOpened() and int(capture.get(cv2.CAP_PROP_FRAME_COUNT)) == frames and capture.read()[0]
    finally:
        capture.release()


def _require_utf_8(path: Path) -> None:
    try:
        str(path).encode()
    except UnicodeEncodeError:
        raise FerError(f"{path}: OpenCV takes only names in UTF-8; rename the file or its folder") from None


class VideoWriter:
    """Writes RGB frames of one size; see ``writing``.

    Raises:
        FerError: OpenCV cannot write the file.
    """

    def __init__(self, path: Path, rate: float) -> None:
        self._path = path
        self._rate = rate
        self._writer: Any = None
        self.frames = 0

    def close(self) -> None:
        if self._writer is not None:
            self._writer.release()

    def write(self, frame: Image.Image) -> None:
        if self._writer is None:
            cv2 = _opencv()
            self._writer = cv2.VideoWriter(str(self._path), cv2.VideoWriter.fourcc(*"mp4v"), self._rate, frame.size)
            if not self._writer.isOpened():
                raise FerError(f"OpenCV cannot write {self._path}")
        self._writer.write(np.asarray(frame)[:, :, ::-1])
        self.frames += 1


@dataclass
class _Track:
    number: int
    box: Box
    probabilities: np.ndarray
    seen: float


class Follower:
    """Reads the faces of frame after frame, follows each, and averages what is read on it over time.

    Small faces are searched for from time to time only, and then looked for where they were before. Where frames
    come in real time, a search that holds them up is made the more seldom for it.

    Args:
        reader: finds and reads the faces of one frame.
        seconds: time constant of the average; after so long, two thirds of the answer are new.
    """

    def __init__(self, reader: ExpressionReader, seconds: float = 0.3) -> None:
        self._reader = reader
        self._seconds = seconds
        self._tracks: list[_Track] = []
        self._count = 0
        self._previous = math.nan  # time of the frame before
        self._searched = -math.inf
        self._pause = _SEARCH

    def read(self, frame: Image.Image, time: float) -> list[tuple[int, Face]]:
        """The faces of the frame at ``time`` (seconds), each with its number and its smoothed probabilities."""
        free = [track for track in self._tracks if track.seen == self._previous or time - track.seen <= _FORGET]
        self._tracks = list(free)
        if self._searched == self._previous:
            self._pause = max(_SEARCH, _SEARCH_SHARE * (time - self._searched))
        search = time - self._searched >= self._pause
        if search:
            self._searched = time
        self._previous = time
        faces = self._reader.read(frame, small_faces=search, known=[track.box for track in free])
        return [self._follow(face, time, free) for face in faces]

    def _follow(self, face: Face, time: float, free: list[_Track]) -> tuple[int, Face]:
        new = np.array([face.probabilities[label] for label in LABELS])
        track = max(free, key=lambda each: _overlap(each.box, face.box), default=None)
        if track is None or _overlap(track.box, face.box) < _SAME_FACE:
            self._count += 1
            track = _Track(self._count, face.box, new, time)
            self._tracks.append(track)
        else:
            free.remove(track)
            kept = np.exp(-(time - track.seen) / self._seconds)
            track.probabilities = kept * track.probabilities + (1 - kept) * new
            track.box, track.seen = face.box, time
        smoothed = dict(zip(LABELS, track.probabilities.tolist(), strict=True))
        return track.number, replace(face, probabilities=smoothed)


def _overlap(one: Box, other: Box) -> float:
    """Intersection over union."""
    both = intersection(one, other)
    return both / (area(one) + area(other) - both)
