"""A clear message when a package that the export needs is not installed."""

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def explaining_missing_packages() -> Iterator[None]:
    """Wrap imports and say how to install a missing package.

    Raises:
        SystemExit: a package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise SystemExit(
            f"error: the export needs {error.name}, which is not installed: pip install 'fer_lightning[export]'"
        ) from None
