"""Frames of videos and cameras, and annotated copies as H.264. PyAV; no torch."""

import contextlib
import sys
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from time import perf_counter, sleep
from types import TracebackType
from typing import Any, Self

from PIL import Image

from fer_lightning.errors import FerError
from fer_lightning.inference.images import require_regular_file
from fer_lightning.utils.files import NO_ROOM, replacing
from fer_lightning.utils.own_files import MARK

SUFFIXES = (".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg")

_DEFAULT_RATE = 25.0  # frames a second, if a file or a camera does not say
_CLOCK = 90_000  # ticks a second in copies
_CAMERA_WAIT = 0.01  # seconds
_TURNS = {90: Image.Transpose.ROTATE_90, 180: Image.Transpose.ROTATE_180, 270: Image.Transpose.ROTATE_270}


def _pyav() -> Any:
    try:
        import av
        import av.logging
    except ImportError:
        raise FerError("videos need PyAV: pip install 'fer_lightning[video]'") from None
    av.logging.set_level(av.logging.PANIC)  # errors are raised, and said once
    return av


def name_of(source: Path | int) -> str:
    """A video file's path, or ``camera N``."""
    return f"camera {source}" if isinstance(source, int) else str(source)


class VideoSource:
    """The frames of a video file or a camera, in RGB and upright, with their times; a context manager.

    Attributes:
        rate: frames a second, on average.
        frames: their number; None if it is unknown.

    Args:
        source: a file, or a camera's number.

    Raises:
        FerError: PyAV is not installed, or it cannot open ``source``.
    """

    def __init__(self, source: Path | int) -> None:
        self._av = _pyav()
        self._live = isinstance(source, int)
        self._name = name_of(source)
        self._closing = contextlib.ExitStack()
        try:
            if isinstance(source, int):
                self._container = self._open_camera(source)
            else:
                require_regular_file(source)
                self._container = self._av.open(self._closing.enter_context(source.open("rb")))
            self._closing.enter_context(self._container)
            self._stream = self._container.streams.video[0]
        except (self._av.FFmpegError, IndexError, OSError, ValueError) as error:
            self._closing.close()
            if isinstance(error, PermissionError):
                raise FerError(f"{self._name} cannot be read: {error.strerror}") from None
            reason = (
                "there is no such camera, or another program is using it"
                if self._live
                else "it cannot be read as a video"
            )
            raise FerError(f"{self._name}: {reason}") from None
        self._stream.thread_type = "AUTO"
        rate = self._stream.average_rate or 0
        self.rate = float(rate) if 0 < rate <= 1000 else _DEFAULT_RATE
        self.frames = self._stream.frames or None
        # the width of a pixel divided by its height, which is not 1 on DVDs, for example; other values are mistakes
        aspect = float(self._stream.sample_aspect_ratio or 1)
        self._pixel_aspect = aspect if 0.25 <= aspect <= 4 else 1.0

    def _open_camera(self, number: int) -> Any:
        if sys.platform != "darwin":
            return self._av.open(f"/dev/video{number}", format="v4l2")
        try:  # FFmpeg's default of 29.97 frames a second is refused by cameras that offer 30
            return self._av.open(f"{number}:none", format="avfoundation", options={"framerate": "30"})
        except (self._av.FFmpegError, OSError):
            return self._av.open(f"{number}:none", format="avfoundation")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._closing.close()

    def __iter__(self) -> Iterator[tuple[float, Image.Image]]:
        """Seconds since the first frame, and the frame, until the video ends; damaged frames are left out.

        Seconds never decrease: where the times of a file start anew, as in two files joined, they go on.

        Raises:
            FerError: not one frame can be read.
        """
        first: float | None = None
        seconds = 0.0
        number = 0
        started = perf_counter()
        for frame in self._decoded():
            if self._live:
                seconds = perf_counter() - started
            elif frame.time is None:
                seconds = number / self.rate
            else:
                first = frame.time if first is None else first
                if frame.time - first < seconds:
                    first = frame.time - seconds - 1 / self.rate
                seconds = frame.time - first
            number += 1
            picture = frame.to_image(width=max(round(frame.width * self._pixel_aspect), 1))
            turn = _TURNS.get(getattr(frame, "rotation", 0) % 360)
            yield seconds, picture if turn is None else picture.transpose(turn)
        if not number:
            raise FerError(f"{self._name}: not one frame can be read")

    def _decoded(self) -> Iterator[Any]:
        packets = self._container.demux(self._stream)
        while True:
            try:
                packet = next(packets)
            except StopIteration:
                return
            except BlockingIOError:  # macOS has no new frame of the camera yet
                sleep(_CAMERA_WAIT)
                packets = self._container.demux(self._stream)
                continue
            except self._av.FFmpegError:  # a file that was cut off: the decoder still holds some of its frames
                with contextlib.suppress(self._av.FFmpegError):
                    yield from self._stream.codec_context.decode(None)
                return
            with contextlib.suppress(self._av.FFmpegError):
                yield from packet.decode()


@contextlib.contextmanager
def writing(path: Path, rate: float) -> Iterator["VideoWriter"]:
    """Write an MP4 file, which exists only if the block succeeds.

    Args:
        path: the file.
        rate: frames a second, on average.

    Raises:
        FerError: the file cannot be written.
        OSError: the disk is full.
    """
    with replacing(path) as temporary, temporary.open("wb") as file:
        writer = VideoWriter(file, path, rate)
        try:
            yield writer
            writer.finish()
        except BaseException:
            writer.abandon()
            raise


class VideoWriter:
    """Writes RGB frames of one size as H.264, which browsers play; see ``writing``."""

    def __init__(self, file: Any, path: Path, rate: float) -> None:
        self._av = _pyav()
        self._path = path
        self._container = self._av.open(file, "w", format="mp4")
        self._container.metadata["comment"] = MARK
        self._rate = rate
        self._stream: Any = None
        self._last = -1

    def finish(self) -> None:
        """Write what the encoder holds back, and the index."""
        with self._named_errors():
            if self._stream is not None:
                self._container.mux(self._stream.encode())
            self._container.close()

    def abandon(self) -> None:
        """Close an unfinished file, which may no longer be writable."""
        with contextlib.suppress(OSError, self._av.FFmpegError):
            self._container.close()

    @contextlib.contextmanager
    def _named_errors(self) -> Iterator[None]:
        """Errors that name the file, which FFmpeg's do not."""
        try:
            yield
        except OSError as error:
            if error.errno in NO_ROOM:
                raise OSError(error.errno, error.strerror, str(self._path)) from error
            raise FerError(f"{self._path} could not be written; {error.strerror or error}") from error

    def write(self, frame: Image.Image, seconds: float | None = None) -> None:
        """Add a frame.

        Args:
            seconds: since the first frame; by default, frames are ``1 / rate`` apart.
        """
        if self._stream is None:
            rate = Fraction(self._rate).limit_denominator(1001)
            self._stream = self._container.add_stream("libx264", rate=rate, options={"crf": "20", "preset": "veryfast"})
            self._stream.pix_fmt = "yuv420p"
            # which takes even sides only; an odd one loses its last line
            self._stream.width, self._stream.height = (max(side // 2 * 2, 2) for side in frame.size)
            self._stream.time_base = self._stream.codec_context.time_base = Fraction(1, _CLOCK)
        size = self._stream.width, self._stream.height
        even = frame if frame.size == size else frame.crop((0, 0, *size))
        encoded = self._av.VideoFrame.from_image(even)
        step = round(_CLOCK / self._rate)
        wanted = self._last + step if seconds is None and self._last >= 0 else round((seconds or 0) * _CLOCK)
        self._last = encoded.pts = max(wanted, self._last + 1)
        encoded.time_base = Fraction(1, _CLOCK)
        with self._named_errors():
            self._container.mux(self._stream.encode(encoded))
