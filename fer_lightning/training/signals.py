"""Ctrl-C and SIGTERM while a Trainer runs."""

import contextlib
import signal
from collections.abc import Iterator

import lightning as L

from fer_lightning.errors import Terminated


@contextlib.contextmanager
def raising_keyboard_interrupt(trainer: L.Trainer) -> Iterator[None]:
    """Raise KeyboardInterrupt or Terminated in the caller after Lightning has shut down.

    On Ctrl-C Lightning shuts down cleanly, but then calls ``sys.exit(1)`` and leaves SIGINT ignored. It handles
    SIGTERM only between some of a Trainer's steps.

    Raises:
        KeyboardInterrupt: after Ctrl-C.
        Terminated: after SIGTERM.
    """
    handler = signal.getsignal(signal.SIGINT)
    try:
        yield
    except SystemExit:
        if not trainer.interrupted:
            raise
        signal.signal(signal.SIGINT, handler)
        raise (Terminated if trainer.received_sigterm else KeyboardInterrupt) from None
    if trainer.received_sigterm:
        raise Terminated
