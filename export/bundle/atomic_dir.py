"""A bundle appears whole or not at all."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fer_lightning.errors import FerError
from fer_lightning.inference.tflite_model import GOLDEN_FILE, LABELS_FILE, MANIFEST_FILE, read_manifest
from fer_lightning.utils import files

README_FILE = "README.md"
REPORT_FILE = "report.md"
PICTURE_FILE = "report.png"
DOCUMENTS = (LABELS_FILE, GOLDEN_FILE, README_FILE, REPORT_FILE, PICTURE_FILE)


def check_place(out: Path) -> None:
    """Refuse a place that holds anything but a bundle, because all of it will be replaced.

    Raises:
        FerError: ``out`` is a file, or a folder with other content.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise FerError(f"out={out} is a file; name a folder")
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()}
    if not found:
        return
    try:
        owned = contents(out)
    except FerError:
        owned = set()
    foreign = found - owned
    if foreign:
        raise FerError(f"out={out} holds {min(foreign)}, which is no part of a bundle; name another folder")


def contents(folder: Path) -> set[str]:
    """The names of all files that a bundle says it has, its model.json too.

    Raises:
        FerError: that file is missing or damaged.
    """
    manifest = read_manifest(folder)
    names = {MANIFEST_FILE, *manifest["documents"]}
    for name, entry in manifest["files"].items():
        names |= {f"{name}/{part}" for part in entry["parts"]} if "parts" in entry else {name}
    return names


@contextlib.contextmanager
def building(out: Path) -> Iterator[Path]:
    """Give a folder beside ``out`` that replaces it on success and vanishes on failure."""
    out = out.resolve()  # a link stays one
    out.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}.", dir=out.parent))
    try:
        yield temporary
        allowed = ~files.umask()
        for path in (temporary, *temporary.rglob("*")):  # mkdtemp and some converters keep other users out
            path.chmod((0o777 if path.is_dir() else 0o666) & allowed)
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
        former.rename(out)  # where another export was faster, this fails, and the former one stays in aside
        aside.rmdir()
        raise
    shutil.rmtree(aside, ignore_errors=True)
