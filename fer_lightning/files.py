"""Writing a file so that nobody ever sees half of it."""

import contextlib
import errno
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from filelock import FileLock

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def user_cache() -> Path:
    """The user's own cache folder, which may not exist yet.

    Raises:
        RuntimeError: the user has no home directory.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fer_lightning"


def write_text(path: Path, text: str) -> None:
    """Write ``text``, whole or not at all."""
    with replacing(path) as temporary:
        temporary.write_text(text)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` as indented JSON, whole or not at all."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def copy(source: Path, target: Path) -> None:
    """Copy a file, whole or not at all."""
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)


@contextlib.contextmanager
def locked(path: Path, wait: float = -1) -> Iterator[None]:
    """Keep other processes that lock the same path out while the block runs; the lock ends with the process.

    The lock is a hidden file beside ``path``. It is removed in the end, so one that waited can find itself
    with another that came later: what the block makes, it has to look for first, and to put there by a rename.

    Args:
        path: a file or a folder, which need not exist.
        wait: seconds to wait for another process to end; -1 waits for ever.

    Raises:
        filelock.Timeout: another process did not end in time.
        OSError: the folder cannot be written.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    with FileLock(lock, timeout=wait):
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path`` that takes its place on success and vanishes on failure.

    Makes the folder where needed.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    # the same suffix, by which some writers choose a format
    descriptor, name = tempfile.mkstemp(prefix=f".{path.stem}.", suffix=path.suffix, dir=path.parent)
    os.close(descriptor)
    temporary = Path(name)
    try:
        yield temporary
        temporary.chmod(0o644)  # mkstemp keeps other users out
        temporary.replace(path)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in _NO_ROOM and error.filename is None:
            error.filename = str(path)  # which write() does not say
        raise
