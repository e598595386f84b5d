"""Converters talk a lot; what they say matters only when they fail."""

import contextlib
import io
from collections.abc import Iterator


@contextlib.contextmanager
def captured_output() -> Iterator[io.StringIO]:
    """Collect what Python code prints on standard output and error."""
    output = io.StringIO()
    with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
        yield output
