"""Converters talk a lot; what they say matters only when they fail."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import IO

from fer_lightning.errors import FerError

_STANDARD = (1, 2)  # output and error, of the process: TensorFlow and LiteRT write there without asking Python


@contextlib.contextmanager
def captured_output() -> Iterator[IO[str]]:
    """Collect what is written to standard output and error, by Python code and by native code."""
    with tempfile.TemporaryFile("w+", errors="replace") as file:
        kept = [os.dup(number) for number in _STANDARD]
        try:
            for number in _STANDARD:
                os.dup2(file.fileno(), number)
            with contextlib.redirect_stdout(file), contextlib.redirect_stderr(file):
                yield file
        finally:
            for number, copy in zip(_STANDARD, kept, strict=True):
                os.dup2(copy, number)
                os.close(copy)


@contextlib.contextmanager
def converting(converter: str) -> Iterator[None]:
    """Around a converter's work: keep it quiet, and say in one sentence why it failed.

    Args:
        converter: its name.

    Raises:
        FerError: the converter failed, or exited.
        OSError: a full disk is no fault of the network.
    """
    with captured_output() as output:
        try:
            yield
        except (OSError, FerError):
            raise
        except (Exception, SystemExit) as error:
            raise FerError(f"{converter} could not convert the network: {_last_words(error, output)}") from error


def _last_words(error: BaseException, output: IO[str]) -> str:
    """What an exception says, or, where the converter just exited, the last that it printed."""
    said = str(error)
    if isinstance(error, SystemExit):
        output.seek(0)
        said = output.read()
    return (said.strip().splitlines() or [type(error).__name__])[-1].strip()
