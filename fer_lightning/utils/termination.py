"""SIGTERM and SIGHUP as exceptions, so that a command cleans up before it ends."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

from fer_lightning.errors import Terminated


@contextlib.contextmanager
def raising_on_termination() -> Iterator[None]:
    """Raise on the first SIGTERM or SIGHUP; a signal that is ignored, as SIGHUP is under nohup, stays ignored.

    Raises:
        Terminated: the signal came.
    """
    former: dict[int, Any] = {}

    def end(number: int, frame: FrameType | None) -> None:
        for each in former:
            signal.signal(each, signal.SIG_IGN)  # cleaning up takes only a moment
        raise Terminated

    for name in ("SIGTERM", "SIGHUP"):  # Windows has no SIGHUP
        number = getattr(signal, name, None)
        if number is not None and signal.getsignal(number) != signal.SIG_IGN:
            former[number] = signal.signal(number, end)
    try:
        yield
    finally:
        for number, handler in former.items():
            signal.signal(number, handler)
