"""Tell the pictures and videos that this project writes from the user's own."""

import os
from pathlib import Path

from fer_lightning.errors import FerError

MARK = "fer_lightning"  # in a JPEG's comment, a PNG's Software and an MP4's comment
# bytes at each end: JPEG and PNG have the mark near the start, behind a colour profile, and MP4 behind its index
_SEARCHED = 1_000_000


def is_own(path: Path) -> bool:
    """Whether a regular file contains ``MARK`` near its start or its end."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        start = file.read(_SEARCHED)
        file.seek(max(os.fstat(file.fileno()).st_size - _SEARCHED, 0))
        return any(MARK.encode() in part for part in (start, file.read()))


def refuse_foreign(path: Path) -> None:
    """Raise FerError if there is a file in the place of ``path`` that this project did not write."""
    if path.exists() and not is_own(path):
        raise FerError(
            f"{path} exists and has no mark of {MARK}, which files of earlier versions lack; move it away, or choose "
            "another folder"
        )
