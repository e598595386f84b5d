"""Read faces from image folders with one folder per class."""

import logging
from collections import Counter
from pathlib import Path

import numpy as np
from rich.progress import track

from fer_lightning.constants import IMAGE_SIZE, LABELS
from fer_lightning.data.faces import UNKNOWN, Faces
from fer_lightning.errors import FerError
from fer_lightning.inference.images import SUFFIXES, as_face, open_picture
from fer_lightning.utils.data_folder import require_data_folder

log = logging.getLogger(__name__)

SPLIT_FOLDERS = ("train", "val", "test")  # in the order of faces.USAGES


def load_folder(folder: Path) -> Faces:
    """Read the faces below ``folder``: CLASS/image, or train/CLASS/image and likewise for val and test.

    The centre square of an image is used as the face, without face detection. A warning lists the files and folders
    that are skipped, except hidden ones.

    Raises:
        FerError: the folder is missing, a class folder is not named after a class, there are no images, or an image
            cannot be read.
    """
    require_data_folder(folder, kaggle=False)
    splits = [folder / name for name in SPLIT_FOLDERS if (folder / name).is_dir()]
    skipped: Counter[str] = Counter()
    if splits:
        for path in _visible(folder):
            if path not in splits:
                skipped[f"entry '{path.name}' next to {' and '.join(split.name for split in splits)}"] += 1
    found = [(path, label, split) for split in splits or [folder] for path, label in _pictures(split, skipped)]
    if skipped:
        log.warning("skipped in %s: %s", folder, ", ".join(f"{count:,} {what}" for what, count in skipped.items()))
    if not found:
        raise FerError(
            f"{folder} contains no images ({', '.join(SUFFIXES)}); put them in {folder}/{LABELS[0]} and so on"
        )
    faces, larger = [], 0
    for path, _, _ in track(found, "reading images", transient=True):
        picture = open_picture(path)
        larger += picture.size != (IMAGE_SIZE, IMAGE_SIZE)
        faces.append(as_face(picture))
    if larger:
        log.info(
            "%d of %d images are not 48x48: their centre squares are used, without face detection; "
            "to find and crop the faces in photos, run fer-predict PHOTOS --crops DIR",
            larger,
            len(found),
        )
    labels = np.array([label for _, label, _ in found], np.uint8)
    usage = [SPLIT_FOLDERS.index(split.name) if splits else UNKNOWN for _, _, split in found]
    return Faces(np.stack(faces), labels, np.array(usage, np.uint8), folder.resolve().name)


def _visible(folder: Path) -> list[Path]:
    """The sorted content of ``folder`` without hidden files, such as the ._x.jpg that macOS writes next to x.jpg."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _pictures(folder: Path, skipped: Counter[str]) -> list[tuple[Path, int]]:
    """The sorted images in the class folders below ``folder``, each with its class; counts skipped files."""
    pictures = []
    for place in _visible(folder):
        if not place.is_dir():
            skipped["files next to the class folders"] += 1
            continue
        if place.name not in LABELS:
            raise FerError(f"{place} is not named after one of the classes {', '.join(LABELS)}")
        for path in _visible(place):
            if path.is_dir():
                skipped["subfolders of class folders"] += 1
            elif path.suffix.lower() in SUFFIXES:
                pictures.append((path, LABELS.index(place.name)))
            else:
                skipped[f"{path.suffix.lower()} files" if path.suffix else "files without a suffix"] += 1
    return pictures
