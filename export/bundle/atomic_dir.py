"""Write a bundle completely or not at all."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from fer_lightning.errors import FerError
from fer_lightning.inference.bundle_files import GOLDEN_FILE, LABELS_FILE, MANIFEST_FILE, read_manifest
from fer_lightning.utils import files

README_FILE = "README.md"
REPORT_FILE = "report.md"
PICTURE_FILE = "report.png"
DOCUMENTS = (LABELS_FILE, GOLDEN_FILE, README_FILE, REPORT_FILE, PICTURE_FILE)


def check_place(out: Path) -> None:
    """Refuse a folder with anything but a bundle in it, because the export replaces all of it.

    Raises:
        FerError: ``out`` is a file, or a folder with other files.
    """
    if not out.exists():
        return
    if not out.is_dir():
        raise FerError(f"out={out} is a file; choose a folder")
    found = {path.relative_to(out).as_posix() for path in out.rglob("*") if not path.is_dir()}
    if not found:
        return
    try:
        owned = contents(out)
    except FerError:
        owned = set()
    foreign = found - owned
    if foreign:
        raise FerError(f"out={out} contains {min(foreign)}, which is not part of a bundle; choose another folder")


def contents(folder: Path) -> set[str]:
    """Return the names of a bundle's model.json and of all files that it lists.

    Raises:
        FerError: model.json is missing or damaged.
    """
    manifest = read_manifest(folder)
    names = {MANIFEST_FILE, *manifest["documents"]}
    for name, entry in manifest["files"].items():
        names |= {f"{name}/{part}" for part in entry["parts"]} if "parts" in entry else {name}
    return names


@contextlib.contextmanager
def building(out: Path) -> Iterator[Path]:
    """Yield a new folder beside ``out`` that replaces it on success and is removed on failure."""
    out = out.resolve()  # if it is a link, replace its target
    out.parent.mkdir(parents=True, exist_ok=True)
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
        former.rename(out)  # fails if another export has written out meanwhile; the former bundle then stays in aside
        aside.rmdir()
        raise
    shutil.rmtree(aside, ignore_errors=True)
