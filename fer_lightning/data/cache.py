"""Cache of parsed Kaggle files: uint8 records on disk, which later runs map into memory."""

import contextlib
import hashlib
import json
import logging
import os
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np

from fer_lightning.data.faces import Faces
from fer_lightning.data.kaggle_csv import RECORD, parse
from fer_lightning.errors import FerError
from fer_lightning.utils.files import locked, replacing, user_cache

log = logging.getLogger(__name__)

_CACHE_VERSION = 1
_TRAILER_BYTES = 512


def load(path: Path) -> Faces:
    """Read a Kaggle file, from its cache if that is up to date and intact.

    The cache is keyed by the file's size and modification time and is stored next to the file, or in the user's
    cache folder if the file's folder is read-only. It is written to a temporary file and renamed. If several processes
    need it at once, one builds it and the others wait.

    Raises:
        FerError: the file is malformed; the text names file, row and reason, and nothing is cached.
    """
    key = _source_key(path)
    places = _cache_places(path)
    for place in places:
        records = _read_cache(place, key)
        if records is not None:
            return _faces(records, path)
    for place in places:
        try:
            with locked(place):
                records = _read_cache(place, key)  # another process may have built it
                if records is None:
                    _build_cache(path, place, key)
                    records = _read_cache(place, key)
        except OSError as error:
            log.info("cannot write the cache %s: %s", place, error.strerror)
            continue
        if records is not None:
            return _faces(records, path)
    log.warning("cannot cache %s anywhere: every run will parse it again, in memory", path)
    with _watched(path, key):
        return _faces(np.concatenate(list(parse(path))), path)


def _faces(records: np.ndarray, path: Path) -> Faces:
    return Faces(records["pixels"], np.array(records["label"]), np.array(records["usage"]), path.name)


def _source_key(path: Path) -> dict[str, Any]:
    stat = path.stat()
    return {"version": _CACHE_VERSION, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _cache_places(path: Path) -> tuple[Path, ...]:
    name = f"{path.name}.cache.npy"
    try:
        user_folder = user_cache()
    except RuntimeError:  # some containers have neither HOME nor a passwd entry
        return (path.with_name(name),)
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    return path.with_name(name), user_folder / f"{digest}-{name}"


def _read_cache(place: Path, key: dict[str, Any]) -> np.ndarray | None:
    """The cached records, mapped read-only; None if they are missing, stale or damaged."""
    try:
        with place.open("rb") as file:
            file.seek(-_TRAILER_BYTES, os.SEEK_END)
            trailer = json.loads(file.read())
        if {name: trailer.get(name) for name in key} != key:
            return None
        records = np.load(place, mmap_mode="r", allow_pickle=False)
        if records.dtype != RECORD or records.shape != (trailer["rows"],):
            return None
        if zlib.crc32(memoryview(records).cast("B")) != trailer["crc32"]:
            log.warning("rebuilding the damaged cache %s", place)
            return None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        log.warning("rebuilding the damaged cache %s", place)
        return None
    return records


def _build_cache(path: Path, place: Path, key: dict[str, Any]) -> None:
    """Parse ``path`` into a temporary file next to ``place`` and rename it when complete.

    Raises:
        OSError: ``place`` cannot be written.
        FerError: ``path`` is malformed.
    """
    log.info("parsing %s into the cache %s", path, place)
    with replacing(place) as temporary, temporary.open("wb") as file, _watched(path, key):
        _write_records(file, parse(path), key)


def _write_records(file: IO[bytes], blocks: Iterable[np.ndarray], key: dict[str, Any]) -> None:
    def write_header(rows: int) -> int:
        # NumPy pads the header for a growing first axis, so the rewritten header has the same length
        description = {"descr": RECORD.descr, "fortran_order": False, "shape": (rows,)}
        file.seek(0)
        np.lib.format.write_array_header_1_0(file, description)
        return file.tell()

    offset = write_header(0)
    rows = crc = 0
    for block in blocks:
        data = block.tobytes()
        crc = zlib.crc32(data, crc)
        rows += len(block)
        file.write(data)
    file.write(json.dumps({**key, "rows": rows, "crc32": crc}).encode().ljust(_TRAILER_BYTES))
    if write_header(rows) != offset:
        raise AssertionError("NumPy's header changed its length")


@contextlib.contextmanager
def _watched(path: Path, key: dict[str, Any]) -> Iterator[None]:
    """Raise FerError at the end of the block if ``path`` no longer matches ``key``."""
    yield
    if _source_key(path) != key:
        raise FerError(f"{path} changed while it was being read; try again when no other program writes to it")
