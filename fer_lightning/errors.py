"""Errors that a user can act on, and how a command ends on them."""

import contextlib
import errno
import os
import sys
from collections.abc import Iterator

from fer_lightning.utils.terminal import accept_any_character, printable

INTERRUPTED_EXIT_CODE = 130  # the shell's convention for a process ended by Ctrl-C
TERMINATED_EXIT_CODE = 143  # and by SIGTERM


_MISPLACED = (PermissionError, FileNotFoundError, FileExistsError, NotADirectoryError, IsADirectoryError)


class FerError(Exception):
    """A mistake that the user can fix; its text is the whole message, shown without a traceback."""


class Terminated(KeyboardInterrupt):
    """SIGTERM or SIGHUP, which ask for the same as Ctrl-C."""


def _fail(message: str, code: int = 1) -> None:
    print(f"error: {printable(message)}" if code == 1 else printable(message), file=sys.stderr)
    raise SystemExit(code)


@contextlib.contextmanager
def exit_on_user_error() -> Iterator[None]:
    """Turn a mistake that a user can fix into one sentence on standard error and a non-zero exit.

    Output that is not in UTF-8 is made to take every character.

    All other exceptions keep their traceback, because they are bugs and a bug report needs it.

    Raises:
        SystemExit: 1 after an error, 130 after Ctrl-C, 143 after SIGTERM.
    """
    accept_any_character()
    try:
        yield
    except BrokenPipeError:  # the reader of our output, such as head, has had enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # Python flushes once more at its end
        raise SystemExit(1) from None
    except KeyboardInterrupt as interrupt:
        code = TERMINATED_EXIT_CODE if isinstance(interrupt, Terminated) else INTERRUPTED_EXIT_CODE
        _fail(str(interrupt) or "interrupted", code)
    except Exception as error:
        message = sentence(error)
        if message is None:
            raise
        _fail(message)


def sentence(error: Exception) -> str | None:
    """The message for an error that the user can fix; None if the error is a bug."""
    if isinstance(error, FerError):
        return str(error)
    if isinstance(error, OSError):
        return _system_mistake(error)
    return _configuration_mistake(error)


def _system_mistake(error: OSError) -> str | None:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"the disk is full: {error.strerror}: {error.filename or 'while writing'}"
    if error.errno == errno.EFBIG:
        return f"a file would grow beyond the limit on file sizes: {error.filename or 'while writing'}"
    if isinstance(error, _MISPLACED) or error.errno in (errno.ENAMETOOLONG, errno.ELOOP):
        return str(error) if error.filename is None else f"{error.strerror}: {error.filename}"
    if error.errno == errno.EROFS:
        return f"the file system is read-only: {error.filename}"
    return None


def _configuration_mistake(error: Exception) -> str | None:
    """A sentence about the configuration or the machine, if ``error`` is about one of them.

    torch, Hydra and Lightning take seconds to import, and commands without a configuration do not import them; a
    library that is not imported has not raised.
    """
    compiler = sys.modules.get("torch._dynamo.exc")
    if compiler is not None and isinstance(error, compiler.TorchDynamoException):
        return f"torch cannot compile here, so leave compile= out: {str(error).strip().splitlines()[0]}"
    if isinstance(error, RuntimeError) and str(error).startswith("DataLoader worker"):
        what = " ".join(str(error).split()).rstrip(".")
        return (
            f"a data-loader worker died: {what}. If memory is short, set data.num_workers=0; "
            "continue an interrupted run with resume=RUN_DIR"
        )
    lightning = sys.modules.get("lightning.fabric.utilities.exceptions")
    if lightning is not None and isinstance(error, lightning.MisconfigurationException):
        return f"the configuration is wrong: {str(error).strip().splitlines()[0]}"
    if "hydra" not in sys.modules:
        return None
    from hydra.errors import InstantiationException
    from omegaconf.errors import OmegaConfBaseException

    if isinstance(error, OmegaConfBaseException):
        return f"the configuration is wrong: {str(error).strip().splitlines()[0]}"
    if isinstance(error, InstantiationException):
        if isinstance(error.__cause__, FerError):
            return str(error.__cause__)
        return f"the configuration is wrong: {' '.join(str(error).split())}"
    return None
