"""The files that make up the game's site: the pages, the generated parts and a bundle. Standard library only."""

import gzip
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from fer_lightning.errors import FerError
from fer_lightning.inference.bundle_files import (
    GOLDEN_FILE,
    LABELS_FILE,
    MANIFEST_FILE,
    MODEL_FILE,
    read_json,
    read_manifest,
    require_intact,
)
from fer_lightning.utils import atomic_dir, files
from fer_lightning.utils.checksums import sha256

SCORE_TABLE_FILE = "score_table.json"
INDEX = "index.html"
_LIST = "best_actor.json"  # in a written site: the SHA-256 of its other files, which a later version may replace
_WWW = Path(__file__).parent / "www"
_VENDOR = "vendor/VENDOR.json"
_DETECTOR = "face_detection_short_range.tflite"
_FACE_MODELS = Path(__file__).parents[1] / "inference" / "face_models"
_TYPES = {
    ".css": "text/css; charset=utf-8",
    ".html": "text/html; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".tflite": "application/octet-stream",
    ".txt": "text/plain; charset=utf-8",
    ".wasm": "application/wasm",
}


@dataclass(frozen=True)
class Resource:
    """One file of the site.

    Attributes:
        path: the file on disk.
        content_type: the value of its Content-Type header.
        is_packed: whether that file is compressed with gzip.
    """

    path: Path
    content_type: str
    is_packed: bool

    @cache  # noqa: B019, a site's few resources live as long as the process
    def packed(self) -> bytes:
        """The content, compressed with gzip."""
        content = self.path.read_bytes()
        return content if self.is_packed else gzip.compress(content, 6, mtime=0)

    def content(self) -> bytes:
        return gzip.decompress(self.path.read_bytes()) if self.is_packed else self.path.read_bytes()


def collect(bundle: Path) -> dict[str, Resource]:
    """Collect the files of the site.

    Args:
        bundle: an exported bundle, whose model the game uses.

    Returns:
        Resources by their path below the site's root, such as ``vendor/worker.js``.

    Raises:
        FerError: the folder is not a bundle, its model is damaged, or the generated files are missing.
    """
    if not (_WWW / _VENDOR).is_file():
        raise FerError("this copy of fer_lightning lacks the game's generated files; run python tools/game_files.py")
    require_intact(bundle)
    names = [MODEL_FILE, LABELS_FILE, MANIFEST_FILE, GOLDEN_FILE]
    if SCORE_TABLE_FILE in read_manifest(bundle)["documents"]:
        names.append(SCORE_TABLE_FILE)
    for name in names:
        if not (bundle / name).is_file():
            raise FerError(f"{bundle} is not a complete bundle: it has no {name}")
    read_json(bundle / GOLDEN_FILE)
    # editors and systems leave other files, such as .DS_Store
    sources = [path for path in sorted(_WWW.rglob("*")) if Path(path.name.removesuffix(".gz")).suffix in _TYPES]
    pages = {path.relative_to(_WWW).as_posix(): path for path in sources}
    models = {f"model/{name}": bundle / name for name in names} | {f"vendor/{_DETECTOR}": _FACE_MODELS / _DETECTOR}
    return dict(_resource(name, path) for name, path in (pages | models).items())


def _resource(name: str, path: Path) -> tuple[str, Resource]:
    is_packed = path.suffix == ".gz"
    name = name.removesuffix(".gz") if is_packed else name
    return name, Resource(path, _TYPES[Path(name).suffix], is_packed)


def write(site: Mapping[str, Resource], out: Path) -> None:
    """Write the site as static files, whole or not at all.

    Args:
        out: a folder that does not exist, is empty, or contains an earlier site, also of another version, which is
            replaced.

    Raises:
        FerError: ``out`` is a file or a mount point, or contains files that are not part of the site.
    """
    out = out.resolve()
    if out.exists() and not out.is_dir():
        raise FerError(f"{out} is a file; choose a folder")
    found = files.names_below(out)
    earlier = _unchanged_files(out)
    foreign = found - {*site, *earlier, _LIST, f"model/{SCORE_TABLE_FILE}"}
    if foreign:
        raise FerError(f"{out} contains {min(foreign)}, which is not part of the game; choose another folder")
    with atomic_dir.building(out) as folder:
        for name, resource in site.items():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_bytes(resource.content())
        files.write_json(folder / _LIST, {name: sha256(folder / name) for name in sorted(site)})


def _unchanged_files(out: Path) -> set[str]:
    """The files of an earlier site that nobody has changed since."""
    listed = files.read_json(out / _LIST) or {}
    return {name for name, digest in listed.items() if (out / name).is_file() and sha256(out / name) == digest}
