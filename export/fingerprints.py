"""By what a file is known again."""

import hashlib
from pathlib import Path
from typing import Any


def fingerprint(path: Path) -> dict[str, Any]:
    """SHA-256 and bytes of a file; of a folder, the bytes of all its files and the SHA-256 of each."""
    if path.is_file():
        return {"sha256": sha256(path), "bytes": path.stat().st_size}
    parts = sorted(part for part in path.rglob("*") if part.is_file())
    return {
        "parts": {part.relative_to(path).as_posix(): sha256(part) for part in parts},
        "bytes": sum(part.stat().st_size for part in parts),
    }


def sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
