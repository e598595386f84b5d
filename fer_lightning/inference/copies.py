"""Where annotated copies, charts and crops of faces go, and what they are called."""

import os
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from PIL import Image
from PIL.PngImagePlugin import PngInfo

from fer_lightning.errors import FerError
from fer_lightning.utils.files import replacing
from fer_lightning.utils.own_files import MARK, is_own, refuse_foreign

ANNOTATED = "expressions"
CHART = "chart"
OVER_TIME = "over_time"

_ENDINGS = tuple(f"_{what}" for what in (ANNOTATED, CHART, OVER_TIME))
_LONGEST_STEM = 200  # bytes; most file systems allow 255 for a name, endings and numbers included
_LONGEST_JPEG_SIDE = 65_500
_JPEG_QUALITY = 92


def is_copy(path: Path) -> bool:
    """Whether a file is a copy or a chart that ``Copies`` wrote.

    Raises:
        OSError: it cannot be read.
    """
    return path.stem.endswith(_ENDINGS) and is_own(path)


class Copies:
    """A folder for annotated copies and charts, which have the names of their sources, numbered if several share one.

    Args:
        folder: the folder, created when the first file is written.
        names: the name of each source, of which only the last part is used.
    """

    def __init__(self, folder: Path, names: Mapping[Path | int, Path]) -> None:
        self.folder = folder
        self.written = 0
        self._stems: dict[Path | int, str] = {}
        taken: set[str] = set()
        counts: Counter[str] = Counter()
        for source, name in names.items():
            first = stem = _shortened(name.name if isinstance(source, int) else name.stem)
            while stem.casefold() in taken:  # some file systems do not tell capitals from small letters
                counts[first] += 1
                stem = f"{first}_{counts[first] + 1}"
            taken.add(stem.casefold())
            self._stems[source] = stem

    def path(self, source: Path | int, what: str, suffix: str) -> Path:
        """Where a copy or a chart of ``source`` goes.

        Raises:
            FerError: there is a symbolic link or somebody else's file in its place.
        """
        target = self.folder / f"{self._stems[source]}_{what}{suffix}"
        _refuse_link(target)
        refuse_foreign(target)
        return target

    def save(self, picture: Image.Image, source: Path | int) -> None:
        """Write an annotated RGB picture with its colour profile: JPEG, or PNG if it is too long for that."""
        too_long = max(picture.size) > _LONGEST_JPEG_SIDE
        profile = picture.info.get("icc_profile")
        with replacing(self.path(source, ANNOTATED, ".png" if too_long else ".jpg")) as temporary:
            if too_long:
                picture.save(temporary, "PNG", pnginfo=_marked(), icc_profile=profile)
            else:
                # chroma subsampling would blur coloured text
                picture.save(temporary, "JPEG", quality=_JPEG_QUALITY, subsampling=0, comment=MARK, icc_profile=profile)
        self.written += 1


class Crops:
    """A folder for the faces of pictures as the network sees them, under the names and sub-folders of the pictures.

    A picture's only face has its name, one of several also its number: ``a.png``, or ``a_face1.png`` and so on.

    Args:
        folder: the folder, created when the first file is written.
        names: the name of each source, whose folders are kept (see ``Sources``).

    Raises:
        FerError: a source is in ``folder`` itself.
    """

    def __init__(self, folder: Path, names: Mapping[Path | int, Path]) -> None:
        root = folder.resolve()
        for source in names:
            if isinstance(source, Path) and source.parent.resolve().is_relative_to(root):
                raise FerError(f"{source} is in {folder}, where the crops go; choose another folder for them")
        self.folder = folder
        self.written = 0
        self._names = names
        self._taken: set[str] = set()

    def save(self, crop: Image.Image, source: Path, number: int, count: int) -> None:
        """Write the crop of face ``number`` (from 1) of ``count``, grey, 48x48, as PNG.

        Raises:
            FerError: there is a symbolic link or somebody else's file in its place.
        """
        name = self._names[source]
        stem = _shortened(name.stem) + ("" if count == 1 else f"_face{number}")
        path, copies = name.with_name(f"{stem}.png"), 1
        while str(path).casefold() in self._taken:  # some file systems do not tell capitals from small letters
            copies += 1
            path = name.with_name(f"{stem}_{copies}.png")
        self._taken.add(str(path).casefold())
        target = self.folder / path
        _refuse_link(target)
        refuse_foreign(target)
        with replacing(target) as temporary:
            crop.save(temporary, "PNG", pnginfo=_marked())
        self.written += 1


def _refuse_link(target: Path) -> None:
    """Raise FerError for a symbolic link: its name does not show that what it points to may be replaced."""
    if target.is_symlink():
        raise FerError(f"{target} is a symbolic link; remove it, or choose another folder")


def _marked() -> PngInfo:
    software = PngInfo()
    software.add_text("Software", MARK)
    return software


def _shortened(stem: str) -> str:
    while len(os.fsencode(stem)) > _LONGEST_STEM:
        stem = stem[:-1]
    return stem
