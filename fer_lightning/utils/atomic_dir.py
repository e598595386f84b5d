"""Write a folder completely or not at all."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fer_lightning.errors import FerError
from fer_lightning.utils import files
from fer_lightning.utils.termination import raising_on_termination


@contextlib.contextmanager
def building(out: Path) -> Iterator[Path]:
    """Yield a new folder beside ``out`` that replaces it on success and is removed on failure.

    Must be called in the main thread.

    Raises:
        FerError: ``out`` is a mount point or contains the working directory.
        Terminated: the process received SIGTERM or SIGHUP.
    """
    out = out.resolve()  # if it is a link, replace its target
    if out.is_mount():
        raise FerError(f"{out} is a mount point, which cannot be replaced; choose a folder in it")
    if Path.cwd().is_relative_to(out):  # the shell would stay in the folder that is removed
        raise FerError(f"{out} is or contains the working directory, which cannot be replaced; choose a folder in it")
    out.parent.mkdir(parents=True, exist_ok=True)
    with raising_on_termination():
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
        try:
            yield temporary
            allowed = ~files.umask()
            for path in (temporary, *temporary.rglob("*")):  # mkdtemp and some converters exclude other users
                path.chmod((0o777 if path.is_dir() else 0o666) & allowed)
            with _set_aside(out):
                temporary.rename(out)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def _set_aside(out: Path) -> Iterator[None]:
    """Move ``out`` aside; restore it on failure and delete it on success."""
    if not out.exists():
        yield
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
    former = out.rename(aside / out.name)
    try:
        yield
    except BaseException:
        former.rename(out)  # fails if another process has written out meanwhile; the former folder then stays in aside
        aside.rmdir()
        raise
    shutil.rmtree(aside, ignore_errors=True)
