"""Write files atomically, and lock them."""

import contextlib
import errno
import json
import logging
import os
import secrets
import shutil
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

log = logging.getLogger(__name__)

NO_ROOM = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def user_cache() -> Path:
    """The user's cache folder for this project, which may not exist yet.

    Raises:
        RuntimeError: the user has no home directory.
    """
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "fer_lightning"


def write_text(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text)


def write_json(path: Path, value: Any) -> None:
    """Write ``value`` to ``path`` as indented JSON, atomically."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def read_json(path: Path) -> dict[str, Any] | None:
    """The JSON object in ``path``; None if the file does not exist or, with a warning, if it is damaged."""
    try:
        value = json.loads(path.read_bytes())
    except FileNotFoundError:
        return None
    except (ValueError, RecursionError):  # wrong JSON and wrong UTF-8 are both ValueErrors
        value = None
    if not isinstance(value, dict):
        log.warning("ignoring %s: the file is damaged", path)
        return None
    return value


def names_below(folder: Path) -> set[str]:
    """The names of all files in a folder and below it, with slashes, except those that macOS adds."""
    paths = (path for path in folder.rglob("*") if not path.is_dir() and path.name != ".DS_Store")
    return {path.relative_to(folder).as_posix() for path in paths}


def copy(source: Path, target: Path) -> None:
    """Copy a file atomically."""
    with replacing(target) as temporary:
        shutil.copyfile(source, temporary)


def umask() -> int:
    """The process's umask; it can only be read by setting it for a moment."""
    current = os.umask(0o077)
    os.umask(current)
    return current


@contextlib.contextmanager
def locked(path: Path, wait: float = -1) -> Iterator[None]:
    """Hold a lock on ``path`` while the block runs; the lock ends with the process.

    The lock is a hidden file next to ``path``, which is removed at the end. A process that waited for it can
    therefore run at the same time as one that came later. So the block must first check whether its output already
    exists, and must put the output in place by a rename.

    Args:
        path: a file or a folder, which need not exist.
        wait: seconds to wait for another process; -1 waits forever.

    Raises:
        filelock.Timeout: another process still holds the lock.
        OSError: the folder is not writable.
    """
    from filelock import FileLock  # imported late: it adds 5% to the start of fer-predict, which locks nothing

    path.parent.mkdir(parents=True, exist_ok=True)
    lock = path.with_name(f".{path.name}.lock")
    with FileLock(lock, timeout=wait):
        try:
            yield
        finally:
            lock.unlink(missing_ok=True)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a temporary path next to ``path`` that replaces ``path`` on success and is deleted on failure.

    For a symbolic link, the file that it points to is replaced. If ``path`` is not a regular file but a device or a
    pipe, it is yielded itself. The new file keeps the permissions of the former one; without one, they follow the
    umask. A missing folder is created. The content is flushed to disk before the rename, and the rename before the
    block ends, so neither is lost if the machine crashes.

    Raises:
        IsADirectoryError: ``path`` is a folder.
    """
    if path.is_dir():
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if path.exists() and not path.is_file():
        yield path  # with its links, because the pipe behind /dev/stdout has no path of its own
        return
    target = Path(os.path.realpath(path))
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = _make_beside(target)
    mode = (target if target.is_file() else temporary).stat().st_mode
    try:
        yield temporary
        temporary.chmod(stat.S_IMODE(mode))  # safetensors puts a private file in its place
        _flush(temporary)
        temporary.replace(target)
        _flush(target.parent)
    except BaseException as error:
        temporary.unlink(missing_ok=True)
        if isinstance(error, OSError) and error.errno in NO_ROOM and error.filename is None:
            error.filename = str(path)  # write() does not set it
        raise


def require_writable(folder: Path) -> None:
    """Raise OSError if no file can be written in a folder or, if it does not exist, in its nearest existing parent."""
    existing = next((each for each in (folder, *folder.absolute().parents) if each.exists()), folder)
    try:
        tempfile.TemporaryFile(dir=existing).close()
    except OSError as error:
        error.filename = str(existing)  # not the random name of the temporary file
        raise


def _flush(path: Path) -> None:
    """Flush a file, or the entries of a folder, to disk."""
    if path.is_dir() and os.name == "nt":  # Windows cannot open folders
        return
    descriptor = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOTSUP):  # some network file systems cannot
            raise
    finally:
        os.close(descriptor)


def _make_beside(target: Path) -> Path:
    """Create an empty hidden file in the same folder; mkstemp would make it private and ignore the umask."""
    while True:
        # a short name, because the target's may already have the maximum length; the same suffix, because some
        # writers choose the format by it
        path = target.with_name(f".{secrets.token_hex(8)}{target.suffix[:16]}")
        with contextlib.suppress(FileExistsError):
            try:
                path.touch(exist_ok=False)
            except FileExistsError:
                raise
            except OSError as error:
                error.filename = str(target)  # not the random name
                raise
            return path
