"""Writing a file so that nobody ever sees half of it."""

import contextlib
import errno
import json
import os
import secrets
import shutil
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


def umask() -> int:
    """The permissions that this process takes from new files; asking for them means setting them for a moment."""
    current = os.umask(0o077)
    os.umask(current)
    return current


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

    A link keeps pointing where it points, and what it points to is replaced. What is not a regular file, such as a
    device or a pipe, is given itself. The file's permissions are the former file's, else what the umask leaves.
    Makes the folder where needed.
    """
    target = Path(os.path.realpath(path))
    if target.exists() and not target.is_file() and not target.is_dir():
        yield target
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _make_beside(target)
    try:
        yield temporary
        if target.is_file():
            shutil.copymode(target, temporary)
        temporary.replace(target)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in _NO_ROOM and error.filename is None:
            error.filename = str(path)  # which write() does not say
        raise


def _make_beside(target: Path) -> Path:
    """An empty hidden file in the same folder; mkstemp would make it private, whatever the umask says."""
    while True:
        # the same suffix, by which some writers choose a format
        path = target.with_name(f".{target.stem[:100]}.{secrets.token_hex(4)}{target.suffix}")
        with contextlib.suppress(FileExistsError):
            path.touch(exist_ok=False)
            return path
