"""Ctrl-C while a Trainer works."""

import contextlib
import signal
from collections.abc import Iterator

import lightning as L


@contextlib.contextmanager
def raising_keyboard_interrupt(trainer: L.Trainer) -> Iterator[None]:
    """Give the caller its KeyboardInterrupt back.

    Lightning shuts down in good order on Ctrl-C, but then leaves the process by ``sys.exit(1)`` and
    leaves SIGINT ignored.
    """
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit:
        if trainer.interrupted:
            signal.signal(signal.SIGINT, handler)
            raise KeyboardInterrupt from None
        raise
