"""How the export's commands end where a package of theirs is missing."""

import contextlib
from collections.abc import Iterator


@contextlib.contextmanager
def explaining_missing_packages() -> Iterator[None]:
    """Around imports: say how to install what is missing.

    Raises:
        SystemExit: a package is not installed.
    """
    try:
        yield
    except ModuleNotFoundError as error:
        raise SystemExit(
            f"error: the export needs {error.name}, which is not installed: pip install 'fer_lightning[export]'"
        ) from None
