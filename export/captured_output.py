"""Keep converters quiet: what they print matters only when they fail."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from typing import IO

from fer_lightning.errors import FerError

_STANDARD = (1, 2)  # descriptors of the process, because TensorFlow and LiteRT write past Python's streams


@contextlib.contextmanager
def captured_output() -> Iterator[IO[str]]:
    """Collect what Python code and native code write to standard output and error."""
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
    """Capture a converter's output and turn its failure into one sentence.

    Args:
        converter: its name, for the error.

    Raises:
        FerError: the converter failed or exited.
        OSError: the disk is full, for example; passed on unchanged.
    """
    with captured_output() as output:
        try:
            yield
        except (OSError, FerError):
            raise
        except (Exception, SystemExit) as error:
            raise FerError(f"{converter} could not convert the network: {_last_words(error, output)}") from error


def _last_words(error: BaseException, output: IO[str]) -> str:
    """Return the last line of the exception, or of the output if the converter just exited."""
    said = str(error)
    if isinstance(error, SystemExit):
        output.seek(0)
        said = output.read()
    return (said.strip().splitlines() or [type(error).__name__])[-1].strip()
