"""Turn SIGTERM and SIGHUP into exceptions, which lets a command clean up before it ends."""

import contextlib
import signal
from collections.abc import Iterator
from types import FrameType
from typing import Any

from fer_lightning.errors import Terminated


@contextlib.contextmanager
def raising_on_termination() -> Iterator[None]:
    """Raise on the first SIGTERM or SIGHUP; ignored signals, such as SIGHUP under nohup, stay ignored.

    Raises:
        Terminated: the process received the signal.
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
