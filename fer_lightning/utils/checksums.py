"""SHA-256 and sizes of files and folders."""

import hashlib
from pathlib import Path
from typing import Any


def fingerprint(path: Path) -> dict[str, Any]:
    """The SHA-256 and size of a file, or the total size of a folder and the SHA-256 of each file in it."""
    if path.is_file():
        return {"sha256": sha256(path), "bytes": size(path)}
    return {
        "parts": {part.relative_to(path).as_posix(): sha256(part) for part in _files_in(path)},
        "bytes": size(path),
    }


def size(path: Path) -> int:
    """The size in bytes of a file, or of all files in a folder."""
    return sum(part.stat().st_size for part in ([path] if path.is_file() else _files_in(path)))


def _files_in(folder: Path) -> list[Path]:
    return sorted(part for part in folder.rglob("*") if part.is_file())


def sha256(path: Path) -> str:
    """The SHA-256 of a file, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
