"""A bundle appears whole or not at all."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fer_lightning.bundle import LABELS_FILE, MODEL_FILE
from fer_lightning.errors import FerError


def check_place(out: Path) -> None:
    """Refuse a place that holds something else than a bundle.

    Raises:
        FerError: ``out`` is a file, or a folder with other content.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise FerError(f"out={out} is a file; name a folder")
    names = {path.name for path in out.iterdir()}
    if names and not {MODEL_FILE, LABELS_FILE} <= names:
        raise FerError(f"out={out} holds something else than a bundle; name another folder")


@contextlib.contextmanager
def building(out: Path) -> Iterator[Path]:
    """Give a folder beside ``out`` that replaces it on success and vanishes on failure."""
    out = out.absolute()
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        yield temporary
        temporary.chmod(0o755)  # mkdtemp keeps other users out
        if out.exists():
            old = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
            out.rename(old / out.name)
            temporary.rename(out)
            shutil.rmtree(old)
        else:
            temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
