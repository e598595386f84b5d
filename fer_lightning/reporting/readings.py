"""Print readings as text or JSON lines, and write them to a CSV file. No torch."""

import contextlib
import csv
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import numpy as np
from rich.console import Console
from rich.markup import escape

from fer_lightning.constants import LABELS
from fer_lightning.errors import FerError
from fer_lightning.inference.reader import Face
from fer_lightning.utils.files import replacing
from fer_lightning.utils.terminal import printable

CSV_COLUMNS = ("file", "seconds", "face", "left", "top", "right", "bottom", "score", "label", "doubt", *LABELS)
_CSV_START = b"file,seconds,"  # the start of every table that this module has written
_HEADER = f"{'face':>6}  {'expression':<14}  {'or':<14}  {'box':<18}  note"


def make_console(*, stderr: bool = False) -> Console:
    """A console for answers and messages, which neither wraps lines nor changes what looks like numbers or emoji."""
    return Console(stderr=stderr, soft_wrap=True, highlight=False, emoji=False)


def plain(text: object) -> str:
    """Return ``text`` for a rich console, without rich's markup and without escape sequences."""
    return escape(printable(str(text)))


class Readings:
    """A context manager that prints and writes readings as they arrive.

    Args:
        as_json: whether to print JSON lines instead of text.
        csv_path: a file for one row per face; it is replaced at the end, and left untouched after a failure or Ctrl-C.

    Raises:
        FerError: ``csv_path`` exists and was not written by fer-predict.
    """

    def __init__(self, *, as_json: bool, csv_path: Path | None) -> None:
        self.as_json = as_json
        self._csv_path = csv_path
        self._console = make_console()
        self._opened = contextlib.ExitStack()
        self._rows: Any = None
        self._has_header = False

    def __enter__(self) -> Self:
        if self._csv_path is not None:
            _refuse_foreign(self._csv_path)
            temporary = self._opened.enter_context(replacing(self._csv_path))
            file = self._opened.enter_context(
                temporary.open(
                    "w", newline="", encoding="utf-8", errors="surrogateescape"
                )  # file names may not be UTF-8
            )
            self._rows = csv.writer(file)
            self._rows.writerow(CSV_COLUMNS)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._opened.__exit__(kind, error, at)

    def add_picture(self, name: str, faces: Sequence[Face]) -> None:
        """Add the faces of one image."""
        self._add(name, faces, None)
        if not self.as_json:
            self._print(name, faces)

    def add_frame(self, name: str, faces: Sequence[Face], seconds: float) -> None:
        """Add the faces of one video frame; text is printed only for the whole video, by ``sum_up``."""
        self._add(name, faces, round(seconds, 3))

    def _add(self, name: str, faces: Sequence[Face], seconds: float | None) -> None:
        if self.as_json:
            entries = [{"face": face.number, **face.as_json()} for face in faces]
            moment = {} if seconds is None else {"seconds": seconds}
            print(json.dumps({"file": name, **moment, "faces": entries}, allow_nan=False), flush=True)
        if self._rows is not None:
            start = [name, "" if seconds is None else seconds]
            for face in faces:
                entry = face.as_json()
                values = [*entry["box"], entry["score"], entry["label"], entry["doubt"]]
                self._rows.writerow([*start, face.number, *values, *entry["probabilities"].values()])
            if not faces:
                self._rows.writerow([*start, *[""] * (len(CSV_COLUMNS) - len(start))])

    def _print(self, name: str, faces: Sequence[Face]) -> None:
        if not faces:
            self._console.print(f"{plain(name)}: no face found")
            return
        if not self._has_header:
            self._console.print(_HEADER, style="dim")
            self._has_header = True
        self._console.print(plain(name))
        for face in faces:
            first, second, *_ = sorted(face.probabilities.items(), key=lambda pair: -pair[1])
            left, top, right, bottom = (round(value) for value in face.box)
            box = f"{right - left}x{bottom - top} at {left},{top}"
            note = "" if face.doubt is None else f"  {face.doubt}: not to be trusted"
            columns = (f"{face.number:>6}", _cell(*first, bold=True), _cell(*second), f"{box:<18}{note}".rstrip())
            self._console.print("  ".join(columns))

    def sum_up(self, name: str, answers: Sequence[dict[int, list[float]]], rate: float) -> None:
        """Print a line about a whole video, and one about each of its faces.

        Args:
            name: the video.
            answers: for each frame, the probabilities [7] by the number of the face.
            rate: frames read per second.
        """
        console = make_console(stderr=True) if self.as_json else self._console
        faces = most_seen(answers)
        count = _counted(len(faces), "face") if faces else "no face found"
        console.print(f"{plain(name)}: {_counted(len(answers), 'frame')}, {rate:.0f} a second; {count}")
        for face in faces:
            values = np.array([frame[face] for frame in answers if face in frame])
            shares = np.bincount(values.argmax(axis=1), minlength=len(LABELS)) / len(values)
            ranking = sorted(zip(LABELS, shares, strict=True), key=lambda pair: -pair[1])
            parts = ", ".join(f"{label} {share:.0%}" for label, share in ranking if share)
            console.print(f"  face {face} in {_counted(len(values), 'frame')}: {parts}")


def _counted(count: int, noun: str) -> str:
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def most_seen(answers: Sequence[dict[int, list[float]]]) -> list[int]:
    """Return the numbers of a video's faces, sorted by how many frames show them, most first."""
    counts = Counter(face for frame in answers for face in frame)
    return [face for face, _ in counts.most_common()]


def _cell(label: str, share: float, *, bold: bool = False) -> str:
    text = f"{label} {share:.0%}"
    padding = " " * (14 - len(text))
    return f"[bold]{text}[/bold]{padding}" if bold else text + padding


def _refuse_foreign(path: Path) -> None:
    """Raise FerError if ``path`` has content that fer-predict did not write."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        start = file.read(len(_CSV_START))
    if start and start != _CSV_START:
        raise FerError(f"{path} exists and was not written by fer-predict; choose another file")
