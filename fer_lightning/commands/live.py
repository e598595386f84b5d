"""``fer-predict --live``: a camera or a video in a window, or as lines on the terminal."""

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from PIL import Image

from fer_lightning.errors import Terminated
from fer_lightning.inference.annotate import annotate
from fer_lightning.inference.reader import ExpressionReader, Face
from fer_lightning.inference.tracking import Follower
from fer_lightning.inference.video import VideoSource

_LINE_EVERY = 0.5  # seconds
_LATE = 0.2  # seconds after which a frame is skipped
_LONGEST_GAP = 0.5  # seconds in which late frames are skipped
_REACTION = 0.05  # seconds between two looks at the window's events while the next frame is not due
_LARGEST_WINDOW = (1280, 800)


def show(reader: ExpressionReader, source: Path | int) -> None:
    """Show the frames as they come, with their faces, until the video ends, the window is closed or Ctrl-C
    is pressed.

    Raises:
        FerError: the source cannot be read.
    """
    with VideoSource(source) as frames:
        try:
            in_real_time = not isinstance(source, int)
            window = _window(f"camera {source}" if isinstance(source, int) else source.name)
            if window is None:
                _print_lines(_read(reader, frames, in_real_time=in_real_time))
            else:
                _show_in(window, lambda wait: _read(reader, frames, in_real_time=in_real_time, wait=wait))
        except Terminated:
            raise
        except KeyboardInterrupt:
            pass  # Ctrl-C is the normal way to stop


def _read(
    reader: ExpressionReader,
    frames: VideoSource,
    *,
    in_real_time: bool,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[tuple[float, Image.Image, list[Face]]]:
    """Frames with their faces; frames of a file that are already late are skipped, but not for long.

    Args:
        wait: waits some seconds for a frame that is not due yet.
    """
    follower = Follower(reader, live=True)
    started = shown = time.perf_counter()
    for seconds, frame in frames:
        now = time.perf_counter()
        ahead = seconds - (now - started)
        if in_real_time and ahead < -_LATE and now - shown < _LONGEST_GAP:
            continue
        if in_real_time and ahead > 0:
            wait(ahead)
        shown = time.perf_counter()
        yield seconds, frame, follower.read(frame, seconds)


def _print_lines(read: Iterator[tuple[float, Image.Image, list[Face]]]) -> None:
    printed = -_LINE_EVERY
    for seconds, _, faces in read:
        if seconds - printed < _LINE_EVERY:
            continue
        printed = seconds
        parts = [f"{face.number} {face.caption} {face.probabilities[face.label]:.0%}" for face in faces]
        print(f"{seconds:7.1f} s  {'   '.join(parts) or 'no face'}", flush=True)


def _window(title: str) -> Any:
    """A Tk window; None if Tk or a display is missing."""
    try:
        import tkinter

        window = tkinter.Tk()
    except (ImportError, RuntimeError):
        return None
    except Exception as error:  # tkinter.TclError, which has no name if the import failed
        if type(error).__name__ != "TclError":
            raise
        return None
    window.title(f"fer-predict: {title}")
    return window


def _show_in(
    window: Any, read: Callable[[Callable[[float], None]], Iterator[tuple[float, Image.Image, list[Face]]]]
) -> None:
    """Show what ``read`` yields, which takes the function that waits while the window reacts."""
    import tkinter

    from PIL import ImageTk

    label = tkinter.Label(window, borderwidth=0)
    label.pack()
    closed = False

    def close(*_: object) -> None:
        nonlocal closed
        closed = True

    def wait(seconds: float) -> None:
        end = time.perf_counter() + seconds
        while not closed and (rest := end - time.perf_counter()) > 0:
            time.sleep(min(rest, _REACTION))
            window.update()

    window.protocol("WM_DELETE_WINDOW", close)
    for key in ("<Escape>", "q"):
        window.bind(key, close)
    try:
        for _, frame, faces in read(wait):
            shown = annotate(frame, faces)
            shown.thumbnail(_LARGEST_WINDOW)
            photo = ImageTk.PhotoImage(shown)
            label.configure(image=photo)
            label.image = photo  # type: ignore[attr-defined]  # Tk itself keeps no reference
            window.update()
            if closed:
                return
    finally:
        window.destroy()
