"""Words of a command line -> the pictures and videos that they name."""

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from pathlib import Path

from fer_lightning.errors import FerError
from fer_lightning.inference import images, video
from fer_lightning.inference.copies import is_copy

Source = Path | int  # a file, or the number of a camera

_SUFFIXES = (*images.SUFFIXES, *video.SUFFIXES)
_COPY = "annotated copy or chart"


@dataclass
class Sources:
    """What several words name.

    Attributes:
        names: each source once, in order, with its name: a file's path below the folder that contains all that was
            named; ``camera0`` for a camera.
        complaints: a sentence for each word that names nothing and each folder that cannot be read.
        skipped: for each folder or pattern that was named, how many of its files were passed over, by kind in words.
    """

    names: dict[Source, Path] = field(default_factory=dict)
    complaints: list[str] = field(default_factory=list)
    skipped: dict[str, Counter[str]] = field(default_factory=dict)

    def pictures(self) -> list[Path]:
        return [source for source in self.names if isinstance(source, Path) and not is_video(source)]

    def videos(self) -> list[Source]:
        return [source for source in self.names if is_video(source)]


def is_video(source: Source) -> bool:
    """Whether it is read frame by frame."""
    return isinstance(source, int) or source.suffix.lower() in video.SUFFIXES


def find(words: Sequence[str], *, leave_out: Path | None = None) -> Sources:
    """The files and cameras that ``words`` name: files, folders with all that is below them, patterns, numbers.

    Annotated copies of earlier runs are passed over unless they are named themselves.

    Args:
        leave_out: a folder below those that are named, or below the folder of a pattern, whose files are passed over.
    """
    sources = Sources()
    found: dict[Source, None] = {}  # in order
    roots = []
    for word in words:
        try:
            files, root = _named_by(word, sources, leave_out)
        except FerError as error:
            sources.complaints.append(str(error))
            continue
        found |= dict.fromkeys(files)
        if root is not None:
            # a pattern such as a/*/../b/*.jpg names files outside its folder
            roots += [_absolute(root), *(_absolute(file.parent) for file in files if isinstance(file, Path))]
    common = Path(os.path.commonpath(roots)) if roots else None
    for source in found:
        if isinstance(source, int):
            sources.names[source] = Path(f"camera{source}")
            continue
        path = Path(_absolute(source))
        below = common is not None and path.is_relative_to(common)  # False for a file that does not exist
        sources.names[source] = path.relative_to(common) if common and below else Path(path.name)
    return sources


def _absolute(path: Path) -> str:
    """The absolute path without .. in it; links in it are kept, because their names are the user's."""
    return os.path.abspath(path)  # noqa: PTH100, Path.resolve follows links


def _named_by(word: str, sources: Sources, leave_out: Path | None) -> tuple[Sequence[Source], Path | None]:
    """What a word names, and the folder that contains it; None for a camera and for what does not exist."""
    if not word:
        raise FerError("a path must not be empty; use . for the working directory")
    path = Path(word)
    # unlike Path.is_dir() and exists(), these do not raise on long names and closed folders
    if os.path.isdir(word):  # noqa: PTH112
        return _in_folder(path, sources, leave_out)
    if os.path.lexists(word):
        return [path], path.parent
    if word.isdecimal() and len(word) <= 4:
        return [int(word)], None
    if glob.has_magic(word):
        return _matching(path, sources, leave_out)
    return [path], None


def _in_folder(folder: Path, sources: Sources, leave_out: Path | None) -> tuple[Sequence[Source], Path]:
    found: list[Source] = []
    skipped: Counter[str] = Counter()
    complaints = len(sources.complaints)
    is_left_out = _left_out_below(folder, leave_out)
    for path in sorted(_walk(folder, sources)):
        if is_left_out(path):
            continue
        kind = _why_skipped(path)
        if kind is None:
            found.append(path)
        else:
            skipped[kind] += 1
    sources.skipped[str(folder)] = skipped
    if not found and len(sources.complaints) == complaints:
        raise FerError(f"{folder} contains no pictures or videos ({', '.join(_SUFFIXES)})")
    return found, folder


def _left_out_below(root: Path, leave_out: Path | None) -> Callable[[Path], bool]:
    """Whether a file is in ``leave_out``; never if all of ``root`` is, because then the user means these files."""
    place = None if leave_out is None else leave_out.resolve()
    if place is None or root.resolve().is_relative_to(place):
        return lambda _: False
    return lambda path: path.resolve().is_relative_to(place)


def _walk(folder: Path, sources: Sources) -> Iterator[Path]:
    """Every file below ``folder``; links to folders are not followed, since they may lead back."""

    def complain(error: OSError) -> None:
        sources.complaints.append(f"{error.filename} cannot be read: {error.strerror}")

    for place, folders, names in os.walk(folder, onerror=complain):
        folders[:] = [name for name in folders if not name.startswith(".")]
        yield from (Path(place) / name for name in names)


def _why_skipped(path: Path) -> str | None:
    """What keeps a file in a folder from being read, in words; None if nothing does."""
    if path.name.startswith("."):  # such as the ._x.jpg that macOS writes beside x.jpg on foreign disks
        return "hidden"
    if path.suffix.lower() not in _SUFFIXES:
        return path.suffix.lower() if path.suffix else "without a suffix"
    if not path.is_file():
        return "not a regular file"
    return _COPY if _is_readable_copy(path) else None


def _is_readable_copy(path: Path) -> bool:
    try:
        return is_copy(path)
    except OSError:  # which is reported when the picture is read
        return False


def _matching(pattern: Path, sources: Sources, leave_out: Path | None) -> tuple[Sequence[Source], Path]:
    """The files that a pattern matches, and its folder. Unlike glob.glob's, ** does not follow links to folders."""
    if pattern.name == "**":  # which matches only folders before Python 3.13
        pattern = pattern / "*"
    try:
        matches = sorted(Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor))))
    except ValueError as error:
        raise FerError(f"{pattern} is not a pattern: {error}") from error
    folder = Path(*takewhile(lambda part: not glob.has_magic(part), pattern.parts))
    is_left_out = _left_out_below(folder, leave_out)
    files = [path for path in matches if path.is_file() and not path.name.startswith(".") and not is_left_out(path)]
    found = [path for path in files if not _is_readable_copy(path)]
    sources.skipped[str(pattern)] = Counter({_COPY: len(files) - len(found)})
    if not found:
        raise FerError(f"nothing matches {pattern}")
    return found, folder
