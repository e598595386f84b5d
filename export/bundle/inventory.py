"""The files of a bundle."""

from pathlib import Path

from fer_lightning.errors import FerError
from fer_lightning.inference.bundle_files import GOLDEN_FILE, LABELS_FILE, MANIFEST_FILE, read_manifest
from fer_lightning.utils.files import names_below

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
    existing = names_below(out)
    if not existing:
        return
    try:
        owned = contents(out)
    except FerError:
        owned = set()
    foreign = existing - owned
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
