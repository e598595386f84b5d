"""A bundle appears whole or not at all."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fer_lightning.bundle import LABELS_FILE, MODEL_FILE
from fer_lightning.errors import FerError

ONNX_FILE = "FER2013.onnx"
VERIFICATION_FILE = "verification.json"
BUNDLE_FILES = {MODEL_FILE, LABELS_FILE, ONNX_FILE, VERIFICATION_FILE}


def check_place(out: Path) -> None:
    """Refuse a place that holds anything but a bundle, because all of it will be replaced.

    Raises:
        FerError: ``out`` is a file, or a folder with other content.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise FerError(f"out={out} is a file; name a folder")
    foreign = {path.name for path in out.iterdir()} - BUNDLE_FILES
    if foreign:
        raise FerError(f"out={out} holds {min(foreign)}, which is no part of a bundle; name another folder")


@contextlib.contextmanager
def building(out: Path) -> Iterator[Path]:
    """Give a folder beside ``out`` that replaces it on success and vanishes on failure."""
    out = out.absolute()
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        yield temporary
        temporary.chmod(0o755)  # mkdtemp keeps other users out
        with _set_aside(out):
            temporary.rename(out)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def _set_aside(out: Path) -> Iterator[None]:
    """Move ``out`` out of the way; back again on failure, away for good on success."""
    if not out.exists():
        yield
        return
    aside = Path(tempfile.mkdtemp(prefix=f".{out.name}.old.", dir=out.parent))
    former = out.rename(aside / out.name)
    try:
        yield
    except BaseException:
        former.rename(out)
        raise
    finally:
        shutil.rmtree(aside)
