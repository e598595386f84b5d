"""Pictures in folders of one's own, one a class -> arrays."""

from pathlib import Path

import numpy as np
from rich.progress import track

from fer_lightning.constants import LABELS
from fer_lightning.data.faces import UNKNOWN, Faces
from fer_lightning.errors import FerError
from fer_lightning.inference.images import SUFFIXES, as_face, open_picture

SPLIT_FOLDERS = ("train", "val", "test")  # in the order of fer2013.USAGES


def load_folder(folder: Path) -> Faces:
    """The faces below ``folder``: CLASS/picture, or train/CLASS/picture and so on for val and test.

    Raises:
        FerError: a folder is missing, has another name than a class, or holds no pictures; or one of the
            pictures cannot be read.
    """
    if not folder.is_dir():
        raise FerError(f"data.dir={folder} is no folder")
    splits = [folder / name for name in SPLIT_FOLDERS if (folder / name).is_dir()]
    found = [(path, label, split) for split in splits or [folder] for path, label in _pictures(split)]
    if not found:
        raise FerError(
            f"{folder} holds no pictures ({', '.join(SUFFIXES)}); they go into {folder}/{LABELS[0]} and so on"
        )
    pictures = track(found, "reading pictures", transient=True)
    pixels = np.stack([as_face(open_picture(path)) for path, _, _ in pictures])
    labels = np.array([label for _, label, _ in found], np.uint8)
    usage = [SPLIT_FOLDERS.index(split.name) if splits else UNKNOWN for _, _, split in found]
    return Faces(pixels, labels, np.array(usage, np.uint8), str(folder))


def _pictures(folder: Path) -> list[tuple[Path, int]]:
    """Each picture in the classes' folders below ``folder``, sorted, with its class."""
    pictures = []
    for place in sorted(path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")):
        if place.name not in LABELS:
            raise FerError(f"{place} is named after none of the classes {', '.join(LABELS)}")
        files = sorted(path for path in place.iterdir() if path.suffix.lower() in SUFFIXES)
        pictures += [(path, LABELS.index(place.name)) for path in files]
    return pictures
