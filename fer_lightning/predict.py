"""python -m fer_lightning.predict PATH...: read the expressions on the faces of photos and videos."""

import argparse
import contextlib
import csv
import glob
import itertools
import json
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from fer_lightning.constants import LABELS
from fer_lightning.errors import FerError, exit_on_user_error
from fer_lightning.inference import images, video
from fer_lightning.inference.annotate import annotate
from fer_lightning.inference.images import open_picture
from fer_lightning.inference.reader import ExpressionReader, Face
from fer_lightning.utils.command_line import argument_parser
from fer_lightning.utils.files import replacing
from fer_lightning.utils.terminal import printable

_CSV_COLUMNS = ("file", "seconds", "left", "top", "right", "bottom", "score", "label", "doubt", *LABELS)
_CSV_HEADER = (",".join(_CSV_COLUMNS) + "\r\n").encode()
_CHARTED_FACES = 6
_CHARTED_TRACKS = 3

messages = Console(stderr=True, soft_wrap=True, highlight=False)


def main() -> None:
    arguments = _parse()
    with exit_on_user_error():
        sources, failed = _all_sources(arguments.paths)
        if not sources:
            raise SystemExit(1)
        copies = None if arguments.out is None else _Copies(arguments.out, sources)
        reader = ExpressionReader(arguments.model, detect=arguments.detect)
        with _Output(arguments.json, arguments.csv) as output:
            pictures = [source for source in sources if isinstance(source, Path) and not _is_video(source)]
            failed |= _read_pictures(pictures, reader, output, copies)
            for source in sources:
                if _is_video(source):
                    failed |= not _read_video(source, reader, output, copies)
        if failed:
            raise SystemExit(1)


def _parse() -> argparse.Namespace:
    parser = argument_parser(
        "fer-predict",
        "Find the faces in pictures and videos and read their expressions: " + ", ".join(LABELS) + ". If a file cannot "
        "be read, the others are read all the same, and the exit status is 1. The expressions are what people would "
        "call the face, not what anybody feels.",
        [
            "fer-predict photo.jpg",
            "fer-predict photos/ 'more/*.png' --csv faces.csv --out annotated",
            "fer-predict holiday.mp4 --out annotated",
        ],
    )
    parser.add_argument(
        "paths",
        nargs="+",
        metavar="PATH",
        help="a picture, a folder of pictures, a pattern as 'photos/*.jpg', a video, or the number of a camera",
    )
    parser.add_argument(
        "--model", metavar="M", help="a bundle, a .tflite file or a checkpoint (default: the shipped one)"
    )
    parser.add_argument(
        "--no-detect", dest="detect", action="store_false", help="take each picture for one face, as FER2013's are"
    )
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each picture or video frame")
    parser.add_argument("--csv", type=Path, metavar="F", help="write a row for each face into this file")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write annotated copies and charts into this folder")
    return parser.parse_args()


# ------------------------------------------------------------------------------------- what to read


def _all_sources(words: Sequence[str]) -> tuple[list[Path | int], bool]:
    """What the words name, each once, and whether one of them names nothing."""
    sources: dict[Path | int, None] = {}
    failed = False
    for word in words:
        try:
            sources |= dict.fromkeys(_sources(word))
        except FerError as error:
            _complain(error)
            failed = True
    return list(sources), failed


def _sources(word: str) -> Sequence[Path | int]:
    """What a word names, folders and patterns as the files in them."""
    if not word:
        raise FerError("a PATH is empty; '.' is the working directory")
    path = Path(word)
    if path.is_dir():
        known = (*images.SUFFIXES, *video.SUFFIXES)
        found = sorted(each for each in path.rglob("*") if each.suffix.lower() in known and each.is_file())
        if not found:
            raise FerError(f"{path} holds no pictures ({', '.join(images.SUFFIXES)})")
        return found
    if word.isdecimal() and not path.exists():
        return [int(word)]
    if not path.exists() and glob.has_magic(word):
        # unlike glob.glob's, this ** does not follow links to folders, which may lead back
        matches = sorted(Path(path.anchor).glob(str(path.relative_to(path.anchor))))
        found = [match for match in matches if match.is_file() and not match.name.startswith(".")]
        if not found:
            raise FerError(f"nothing matches {word}")
        return found
    return [path]


def _is_video(source: Path | int) -> bool:
    return isinstance(source, int) or source.suffix.lower() in video.SUFFIXES


def _name(source: Path | int) -> str:
    return f"camera {source}" if isinstance(source, int) else str(source)


# --------------------------------------------------------------------------------- what comes out


class _Copies:
    """Where annotated copies and charts go: under the names of their sources, numbered where several share one."""

    def __init__(self, folder: Path, sources: Sequence[Path | int]) -> None:
        self._folder = folder
        self._stems: dict[Path | int, str] = {}
        for source in sources:
            stem = f"camera{source}" if isinstance(source, int) else source.stem
            numbered = itertools.chain([stem], (f"{stem}_{count}" for count in itertools.count(2)))
            self._stems[source] = next(name for name in numbered if name not in self._stems.values())

    def path(self, source: Path | int, what: str) -> Path:
        return self._folder / f"{self._stems[source]}_{what}"


class _Output:
    """The answers: as JSON lines or a table on standard output, and as CSV where that is asked for."""

    def __init__(self, as_json: bool, csv_path: Path | None) -> None:
        self.as_json = as_json
        self._csv_path = csv_path
        self._opened = contextlib.ExitStack()
        self._rows: Any = None

    def __enter__(self) -> "_Output":
        if self._csv_path is not None:
            _refuse_foreign(self._csv_path)
            temporary = self._opened.enter_context(replacing(self._csv_path))
            file = self._opened.enter_context(temporary.open("w", newline="", errors="surrogateescape"))
            self._rows = csv.writer(file)
            self._rows.writerow(_CSV_COLUMNS)
        return self

    def __exit__(self, kind: Any, error: Any, at: Any) -> None:
        self._opened.__exit__(kind, error, at)

    def add(self, name: str, faces: Sequence[tuple[int | None, Face]], seconds: float | None = None) -> None:
        """The faces of one picture, or of a video's frame, where each has a number."""
        if self.as_json:
            entries = [({} if number is None else {"face": number}) | face.as_json() for number, face in faces]
            moment = {} if seconds is None else {"seconds": round(seconds, 3)}
            print(json.dumps({"file": name, **moment, "faces": entries}), flush=True)
        if self._rows is not None:
            for _, face in faces:
                values = [round(value, 1) for value in face.box]
                score = "" if face.score is None else round(face.score, 4)
                moment_cell = "" if seconds is None else round(seconds, 3)
                answers = [round(face.probabilities[label], 4) for label in LABELS]
                self._rows.writerow([name, moment_cell, *values, score, face.label, face.doubt or "", *answers])
            if not faces:
                self._rows.writerow([name, "" if seconds is None else round(seconds, 3)])


def _refuse_foreign(path: Path) -> None:
    """Raises FerError if ``path`` is a file with anything in it but a table of ours, which a new one may replace."""
    if not path.is_file():
        return
    with path.open("rb") as file:
        start = file.read(len(_CSV_HEADER))
    if start and start != _CSV_HEADER:
        raise FerError(f"--csv {path} exists and is not a table of fer-predict; name another file")


def _progress() -> Progress:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*columns, console=messages, transient=True, disable=not messages.is_terminal)


def _plain(text: object) -> str:
    """``text`` for one of our consoles: neither rich's markup nor a terminal's."""
    return escape(printable(str(text)))


def _complain(error: FerError) -> None:
    messages.print(f"error: {_plain(error)}", style="red")


# -------------------------------------------------------------------------------------- pictures


def _read_pictures(paths: Sequence[Path], reader: ExpressionReader, output: _Output, copies: _Copies | None) -> bool:
    """Whether one of them could not be read."""
    table = _table()
    failed = False
    with _progress() as progress:
        for path in progress.track(paths, description="reading pictures"):
            try:
                picture = open_picture(path)
                faces = reader.read(picture)
            except FerError as error:
                _complain(error)
                failed = True
                continue
            output.add(str(path), [(None, face) for face in faces])
            _fill(table, str(path), faces)
            if copies is not None:
                _draw_copy(picture, faces, copies.path(path, "expressions.png"))
                if len(paths) == 1 and faces:
                    _draw_chart(picture, faces, path.name, copies.path(path, "chart.png"))
    if table.row_count and not output.as_json:
        Console().print(table)
    return failed


def _table() -> Table:
    table = Table(box=SIMPLE_HEAD, padding=(0, 1, 0, 0))
    table.add_column("picture", overflow="fold")
    table.add_column("face", justify="right", no_wrap=True)
    for column in ("expression", "or"):
        table.add_column(column, no_wrap=True)
    table.add_column("note")
    return table


def _fill(table: Table, name: str, faces: Sequence[Face]) -> None:
    if not faces:
        table.add_row(_plain(name), "", "[dim]no face found[/dim]", "", "")
    for index, face in enumerate(faces):
        first, second, *_ = sorted(face.probabilities.items(), key=lambda pair: -pair[1])
        left, top, right, bottom = (round(value) for value in face.box)
        table.add_row(
            _plain(name) if index == 0 else "",
            f"{right - left}x{bottom - top} at {left},{top}",
            f"[bold]{first[0]}[/bold] {first[1]:.0%}",
            f"{second[0]} {second[1]:.0%}",
            "" if face.doubt is None else f"{face.doubt}: not to be trusted",
        )


def _draw_copy(picture: Image.Image, faces: Sequence[Face], path: Path) -> None:
    with replacing(path) as temporary:
        annotate(picture, faces).save(temporary, format="PNG")
    messages.print(f"annotated copy: {_plain(path)}")


def _draw_chart(picture: Image.Image, faces: Sequence[Face], title: str, path: Path) -> None:
    from fer_lightning.reporting import charts  # which takes matplotlib half a second to load

    charts.probabilities(picture, faces[:_CHARTED_FACES], title, path)
    messages.print(f"chart: {_plain(path)}")


# ---------------------------------------------------------------------------------------- videos


def _read_video(source: Path | int, reader: ExpressionReader, output: _Output, copies: _Copies | None) -> bool:
    """Whether it could be read."""
    name = _name(source)
    follower = video.Follower(reader)
    times: list[float] = []
    answers: list[dict[int, list[float]]] = []
    started = time.perf_counter()
    try:
        with contextlib.ExitStack() as opened:
            frames = opened.enter_context(video.VideoSource(source))
            progress = opened.enter_context(_progress())
            copy: video.VideoWriter | None = None
            if copies is not None:
                copy = opened.enter_context(video.writing(copies.path(source, "expressions.mp4"), frames.rate))
            task = progress.add_task(_plain(name), total=frames.frames)
            try:
                for number, frame in enumerate(frames):
                    seconds = time.perf_counter() - started if isinstance(source, int) else number / frames.rate
                    followed = follower.read(frame, seconds)
                    output.add(name, list(followed), seconds)
                    times.append(seconds)
                    answers.append({face: list(read.probabilities.values()) for face, read in followed})
                    if copy is not None:
                        copy.write(annotate(frame, [read for _, read in followed]))
                    progress.advance(task)
            except KeyboardInterrupt:
                if not isinstance(source, int) or not times:  # a camera has no other end
                    raise
    except FerError as error:
        _complain(error)
        return False
    rate = len(times) / (time.perf_counter() - started)
    _sum_up(name, times, answers, rate, output)
    if copies is not None:
        messages.print(f"annotated video: {_plain(copies.path(source, 'expressions.mp4'))}")
        _draw_over_time(name, times, answers, copies.path(source, "over_time.png"))
    return True


def _longest(answers: Sequence[dict[int, list[float]]]) -> list[int]:
    """The numbers of the faces, those that the most frames show first."""
    counts = Counter(face for frame in answers for face in frame)
    return [face for face, _ in counts.most_common()]


def _sum_up(
    name: str, times: Sequence[float], answers: Sequence[dict[int, list[float]]], rate: float, output: _Output
) -> None:
    faces = _longest(answers)
    says = "no face found"
    if faces:
        values = np.array([frame[faces[0]] for frame in answers if faces[0] in frame])
        shares = np.bincount(values.argmax(axis=1), minlength=len(LABELS)) / len(values)
        ranking = sorted(zip(LABELS, shares, strict=True), key=lambda pair: -pair[1])
        parts = ", ".join(f"{label} {share:.0%}" for label, share in ranking if share)
        says = f"face {faces[0]} in {len(values):,} of them: {parts}"
    console = messages if output.as_json else Console(soft_wrap=True, highlight=False)
    console.print(f"{_plain(name)}: {len(times):,} frames, {rate:.0f} a second; {says}")


def _draw_over_time(name: str, times: Sequence[float], answers: Sequence[dict[int, list[float]]], path: Path) -> None:
    faces = _longest(answers)[:_CHARTED_TRACKS]
    if not faces:
        return
    from fer_lightning.reporting import charts

    unseen = [float("nan")] * len(LABELS)
    charts.over_time(
        times, {face: np.array([frame.get(face, unseen) for frame in answers]) for face in faces}, name, path
    )
    messages.print(f"chart: {_plain(path)}")


if __name__ == "__main__":
    main()
