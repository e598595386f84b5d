"""Pictures in folders of one's own, one a class -> arrays."""

import logging
from collections import Counter
from pathlib import Path

import numpy as np
from rich.progress import track

from fer_lightning.constants import IMAGE_SIZE, LABELS
from fer_lightning.data.faces import UNKNOWN, Faces
from fer_lightning.errors import FerError
from fer_lightning.inference.images import SUFFIXES, as_face, open_picture

log = logging.getLogger(__name__)

SPLIT_FOLDERS = ("train", "val", "test")  # in the order of fer2013.USAGES


def load_folder(folder: Path) -> Faces:
    """The faces below ``folder``: CLASS/picture, or train/CLASS/picture and so on for val and test.

    A picture's centre square is taken for the face; no face is looked for. Files and folders that are passed over are
    named in a warning, except hidden ones.

    Raises:
        FerError: a folder is missing, has another name than a class, or holds no pictures; or one of the
            pictures cannot be read.
    """
    if not folder.is_dir():
        raise FerError(f"data.dir={folder} is no folder")
    splits = [folder / name for name in SPLIT_FOLDERS if (folder / name).is_dir()]
    skipped: Counter[str] = Counter()
    if splits:
        for path in _visible(folder):
            if path not in splits:
                skipped[f"{path.name} beside {' and '.join(split.name for split in splits)}"] += 1
    found = [(path, label, split) for split in splits or [folder] for path, label in _pictures(split, skipped)]
    if skipped:
        log.warning("skipped in %s: %s", folder, ", ".join(f"{count:,} {what}" for what, count in skipped.items()))
    if not found:
        raise FerError(
            f"{folder} holds no pictures ({', '.join(SUFFIXES)}); they go into {folder}/{LABELS[0]} and so on"
        )
    faces, larger = [], 0
    for path, _, _ in track(found, "reading pictures", transient=True):
        picture = open_picture(path)
        larger += picture.size != (IMAGE_SIZE, IMAGE_SIZE)
        faces.append(as_face(picture))
    if larger:
        log.info(
            "%d of %d pictures are not 48x48: their centre squares are taken, and no face is looked for; "
            "fer-predict PHOTOS --crops DIR finds the faces of photos and crops them",
            larger,
            len(found),
        )
    labels = np.array([label for _, label, _ in found], np.uint8)
    usage = [SPLIT_FOLDERS.index(split.name) if splits else UNKNOWN for _, _, split in found]
    return Faces(np.stack(faces), labels, np.array(usage, np.uint8), str(folder))


def _visible(folder: Path) -> list[Path]:
    """What is in ``folder``, sorted; not hidden files, such as the ._x.jpg that macOS writes beside x.jpg."""
    return sorted(path for path in folder.iterdir() if not path.name.startswith("."))


def _pictures(folder: Path, skipped: Counter[str]) -> list[tuple[Path, int]]:
    """Each picture in the classes' folders below ``folder``, sorted, with its class; counts what is passed over."""
    pictures = []
    for place in _visible(folder):
        if not place.is_dir():
            skipped["files beside the classes' folders"] += 1
            continue
        if place.name not in LABELS:
            raise FerError(f"{place} is named after none of the classes {', '.join(LABELS)}")
        for path in _visible(place):
            if path.is_dir():
                skipped["sub-folders of classes"] += 1
            elif path.suffix.lower() in SUFFIXES:
                pictures.append((path, LABELS.index(place.name)))
            else:
                skipped[f"{path.suffix.lower()} files" if path.suffix else "files without a suffix"] += 1
    return pictures
