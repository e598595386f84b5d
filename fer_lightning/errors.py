"""Errors that a user can act on, and how a command ends on them."""

import contextlib
import errno
import sys
from collections.abc import Iterator

INTERRUPTED_EXIT_CODE = 130  # the shell's convention for a process ended by Ctrl-C


class FerError(Exception):
    """A mistake that the user can mend; its text is the whole message, shown without a traceback."""


def _fail(message: str, code: int = 1) -> None:
    print(f"error: {message}" if code == 1 else message, file=sys.stderr)
    raise SystemExit(code)


@contextlib.contextmanager
def exit_on_user_error() -> Iterator[None]:
    """Turn what a user can mend into one sentence on standard error and a non-zero exit.

    Anything else keeps its traceback: it is our mistake and a report needs it.

    Raises:
        SystemExit: 1 after an error, 130 after Ctrl-C.
    """
    from hydra.errors import InstantiationException
    from lightning.fabric.utilities.exceptions import MisconfigurationException
    from omegaconf.errors import OmegaConfBaseException

    try:
        yield
    except FerError as error:
        _fail(str(error))
    except (MisconfigurationException, OmegaConfBaseException) as error:
        _fail(f"the configuration is wrong: {str(error).strip().splitlines()[0]}")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, FerError):
            _fail(str(cause))
        _fail(f"the configuration is wrong: {' '.join(str(error).split())}")
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            _fail(f"the disk is full: {error.strerror}: {error.filename or 'while writing'}")
        if isinstance(error, (PermissionError, FileNotFoundError, NotADirectoryError, IsADirectoryError)):
            _fail(f"{error.strerror}: {error.filename}")
        if error.errno == errno.EROFS:
            _fail(f"the file system is read-only: {error.filename}")
        raise
    except KeyboardInterrupt as interrupt:
        _fail(str(interrupt) or "interrupted", INTERRUPTED_EXIT_CODE)
