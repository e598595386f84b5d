"""The files of a bundle: their names, the shipped bundle, and checks that a bundle is whole; no torch."""

import json
import os
from pathlib import Path
from typing import Any

from fer_lightning.constants import LABELS, PRETRAINED, SHIPPED_BUNDLES
from fer_lightning.errors import FerError
from fer_lightning.inference.tflite_model import require_loadable
from fer_lightning.utils.checksums import sha256

MODEL_FILE = "FER2013.tflite"
LABELS_FILE = "labels.txt"
LABELS_TEXT = "".join(f"{label}\n" for label in LABELS)
MANIFEST_FILE = "model.json"
GOLDEN_FILE = "golden.json"


def shipped_bundle(name: str = PRETRAINED) -> Path:
    """A bundle that the package ships.

    Args:
        name: one of ``constants.SHIPPED_BUNDLES``.

    Raises:
        FerError: this copy of the package does not have it.
    """
    folder = Path(__file__).parents[1] / "pretrained" / SHIPPED_BUNDLES[name]
    if not (folder / MODEL_FILE).is_file():
        raise FerError(
            f"this copy of fer_lightning does not ship {name}: pass a bundle or a checkpoint, or train one with "
            "python -m fer_lightning.train"
        )
    return folder


def model_path(model: str | os.PathLike[str] | None) -> Path:
    """The path of a model that a command names; None is ``pretrained``, and shipped names are their bundles.

    Raises:
        FerError: see ``shipped_bundle``.
    """
    name = PRETRAINED if model is None else os.fspath(model)
    return shipped_bundle(name) if name in SHIPPED_BUNDLES else Path(name)


def require_intact(folder: Path) -> None:
    """Raise FerError if a bundle's app model is not the file that its manifest describes, or does not load.

    A folder without a manifest, such as an app's own, only has to load.
    """
    path = folder / MODEL_FILE
    _require_file(path)
    if not (folder / MANIFEST_FILE).is_file():
        require_loadable(path)
        return
    expected = read_manifest(folder)["files"].get(MODEL_FILE, {}).get("sha256")
    if sha256(path) != expected:
        raise FerError(f"{path} is damaged: its SHA-256 is not the one in {MANIFEST_FILE}")


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON file of a bundle.

    Raises:
        FerError: it is missing, or is not a JSON object.
    """
    _require_file(path)
    try:
        value = json.loads(path.read_text())
    except (ValueError, RecursionError) as error:  # wrong JSON and wrong UTF-8 are both ValueErrors
        raise FerError(f"{path} is damaged: {error}") from error
    if not isinstance(value, dict):
        raise FerError(f"{path} is damaged: it is not a JSON object")
    return value


def _require_file(path: Path) -> None:
    if path.parent.is_file():
        raise FerError(f"{path.parent} is a file; a bundle is a folder, which fer-export makes")
    if not path.parent.is_dir():
        raise FerError(f"no such folder: {path.parent}")
    if not path.is_file():
        raise FerError(f"{path.parent} is not a bundle of this version: it has no {path.name}")


def read_manifest(folder: Path) -> dict[str, Any]:
    """A bundle's model.json.

    Its ``files`` and ``documents`` are mappings by names that all lie inside the bundle.

    Raises:
        FerError: it is missing or damaged, or names a file outside the bundle.
    """
    path = folder / MANIFEST_FILE
    manifest = read_json(path)
    root = folder.resolve()
    for part in ("files", "documents"):
        entries = manifest.get(part)
        if not isinstance(entries, dict) or not all(_is_entry(entry) for entry in entries.values()):
            raise FerError(f"{path} is damaged: its {part} are not described")
        for name, entry in entries.items():
            for inside in (name, *(f"{name}/{each}" for each in entry.get("parts", ()))):
                if not _lies_in(root, inside):
                    raise FerError(f"{path} names {inside!r}, which is outside the bundle")
    return manifest


def _is_entry(entry: object) -> bool:
    if not isinstance(entry, dict) or not isinstance(entry.get("parts", {}), dict):
        return False
    return isinstance(entry.get("sha256"), str) or "parts" in entry


def _lies_in(root: Path, name: str) -> bool:
    if "\\" in name:  # a separator on some systems
        return False
    try:
        path = (root / name).resolve()
        path.exists()
    except (ValueError, OSError, RuntimeError):  # no name of a file: too long, not encodable, links in a circle
        return False
    return path.is_relative_to(root)
