"""python -m fer_lightning.predict PATH...: read the expressions on the faces of photos and videos."""

import argparse
import contextlib
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from fer_lightning.commands import charting
from fer_lightning.constants import LABELS, PRETRAINED, PRETRAINED_PHONE
from fer_lightning.errors import FerError, Terminated, exit_on_user_error, sentence
from fer_lightning.inference import sources, video
from fer_lightning.inference.annotate import annotate
from fer_lightning.inference.copies import ANNOTATED, CHART, OVER_TIME, Copies, Crops
from fer_lightning.inference.images import open_picture
from fer_lightning.inference.reader import ExpressionReader
from fer_lightning.inference.sources import Source
from fer_lightning.inference.tracking import Follower
from fer_lightning.reporting.readings import Readings, make_console, plain
from fer_lightning.utils.command_line import argument_parser
from fer_lightning.utils.files import NO_ROOM, require_writable
from fer_lightning.utils.terminal import printable
from fer_lightning.utils.termination import raising_on_termination

messages = make_console(stderr=True)


def main() -> None:
    arguments = _parse()
    with exit_on_user_error(), raising_on_termination():
        if arguments.live:
            _show_live(arguments)
            return
        run = _Run(arguments)
        run.read_everything()
        if run.failed:
            raise SystemExit(1)


def _parse() -> argparse.Namespace:
    parser = argument_parser(
        "fer-predict",
        "Find the faces in pictures and videos and read their expressions: " + ", ".join(LABELS) + ". If a file cannot "
        "be read, the others are read all the same, and the exit status is 1. The expressions are what people would "
        "call the face, not what anybody feels.",
        [
            "fer-predict photos/ 'more/*.png' --csv faces.csv --out annotated",
            "fer-predict holiday.mp4 --out annotated",
            "fer-predict --live",
        ],
    )
    parser.add_argument(
        "paths",
        nargs="*",
        metavar="PATH",
        help="a picture, a video, a folder of them, a pattern such as 'photos/*.jpg', or the number of a camera",
    )
    parser.add_argument(
        "--model",
        metavar="M",
        default=PRETRAINED,
        help=f"{PRETRAINED}, {PRETRAINED_PHONE} (a tenth of the size), a bundle, a .tflite file, or a checkpoint "
        "(needs the extra train); default: %(default)s",
    )
    parser.add_argument(
        "--no-detect", dest="detect", action="store_false", help="treat each picture as one face, as in FER2013"
    )
    parser.add_argument("--json", action="store_true", help="print a line of JSON for each picture or video frame")
    parser.add_argument("--csv", type=Path, metavar="F", help="write a row for each face into this file, at the end")
    parser.add_argument("--out", type=Path, metavar="DIR", help="write annotated copies and charts into this folder")
    parser.add_argument(
        "--crops",
        type=Path,
        metavar="DIR",
        help="write the faces of the pictures into this folder, grey, 48x48, and keep the pictures' folders below the "
        "one that contains them all; train on them with data=folder data.dir=DIR",
    )
    parser.add_argument(
        "--live",
        action="store_true",
        help="show a camera (default: 0) or a video with its faces in a window, or as lines if there is no display",
    )
    arguments = parser.parse_args()
    if not arguments.paths and not arguments.live:
        parser.error("the following arguments are required: PATH")
    return arguments


def _show_live(arguments: argparse.Namespace) -> None:
    """Raise FerError if there is not one camera or video to show, or if it cannot be read."""
    for option in ("json", "csv", "out", "crops"):
        if getattr(arguments, option):
            raise FerError(f"--live only shows what it reads; leave out --{option}, or leave out --live")
    shown: Source = 0
    if arguments.paths:
        found = sources.find(arguments.paths)
        if found.complaints:
            raise FerError(found.complaints[0])
        if len(found.names) != 1 or not found.videos():
            raise FerError(f"--live takes exactly one camera or one video, got {', '.join(arguments.paths)}")
        shown = found.videos()[0]
    from fer_lightning.commands import live  # which loads Tk

    live.show(ExpressionReader(arguments.model, detect=arguments.detect), shown)


def _progress(*, hidden: bool) -> Progress:
    columns = (TextColumn("{task.description}", markup=False), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    # what is printed must go to standard output, and not above the bar, which may be elsewhere
    return Progress(
        *columns,
        console=messages,
        transient=True,
        disable=hidden or not messages.is_terminal,
        redirect_stdout=False,
        redirect_stderr=False,
    )


class _Run:
    """One call of the command.

    Raises:
        FerError: the model cannot be loaded, or the output folder cannot be used.
        SystemExit: status 1; the arguments name nothing that can be read.
    """

    def __init__(self, arguments: argparse.Namespace) -> None:
        self.failed = False
        found = sources.find(arguments.paths, leave_out=arguments.crops)
        for complaint in found.complaints:
            self._complain(complaint)
        for name, kinds in found.skipped.items():
            if kinds.total():
                counts = ", ".join(f"{kind} ({count:,})" for kind, count in sorted(kinds.items()))
                messages.print(f"skipped in {plain(name)}: {plain(counts)}")
        if not found.names:
            raise SystemExit(1)
        for option in ("out", "crops"):
            folder = getattr(arguments, option)
            if folder is None:
                continue
            if folder.exists() and not folder.is_dir():
                raise FerError(f"--{option} {folder} is not a folder")
            require_writable(folder)
        self._copies = None if arguments.out is None else Copies(arguments.out, found.names)
        self._crops = None if arguments.crops is None else Crops(arguments.crops, found.names)
        self._reader = ExpressionReader(arguments.model, detect=arguments.detect)
        self._readings = Readings(as_json=arguments.json, csv_path=arguments.csv)
        self._sources = found
        # rows printed to the same terminal already show the progress, and a bar would disturb them
        self._prints_rows = sys.stdout is not None and sys.stdout.isatty()

    def read_everything(self) -> None:
        with self._readings:
            pictures = self._sources.pictures()
            with _progress(hidden=self._prints_rows) as progress:
                for path in progress.track(pictures, description="reading pictures"):
                    with self._going_on_after_errors():
                        self._read_picture(path, with_chart=len(pictures) == 1)
            for source in self._sources.videos():
                with self._going_on_after_errors():
                    self._read_video(source)
        if self._copies is not None and self._copies.written:
            messages.print(f"annotated copies: {self._copies.written:,} in {plain(self._copies.folder)}")
        if self._crops is not None:
            messages.print(f"crops of faces: {self._crops.written:,} in {plain(self._crops.folder)}")

    def _complain(self, text: str) -> None:
        messages.print(f"error: {plain(text)}", style="red")
        self.failed = True

    @contextlib.contextmanager
    def _going_on_after_errors(self) -> Iterator[None]:
        """Say what is wrong with one source; a full disk, which is wrong with all of them, ends the command."""
        try:
            yield
        except (FerError, OSError) as error:
            told = sentence(error)
            if told is None or (isinstance(error, OSError) and error.errno in NO_ROOM):
                raise
            self._complain(told)

    def _read_picture(self, path: Path, *, with_chart: bool) -> None:
        picture = open_picture(path)
        faces = self._reader.read(picture)
        self._readings.add_picture(str(path), faces)
        if self._crops is not None:
            for face in faces:
                self._crops.save(Image.fromarray(face.crop), path, face.number, len(faces))
        if self._copies is not None:
            self._copies.save(annotate(picture, faces), path)
            if with_chart and faces:
                chart = self._copies.path(path, CHART, ".png")
                charting.draw_chart(picture, faces, path.name, chart)
                messages.print(f"chart: {plain(chart)}")

    def _read_video(self, source: Source) -> None:
        name = video.name_of(source)
        follower = Follower(self._reader, live=isinstance(source, int))
        times: list[float] = []
        answers: list[dict[int, list[float]]] = []
        started = time.perf_counter()
        with contextlib.ExitStack() as opened:
            frames = opened.enter_context(video.VideoSource(source))
            progress = opened.enter_context(_progress(hidden=self._readings.as_json and self._prints_rows))
            copy: video.VideoWriter | None = None
            if self._copies is not None:
                target = self._copies.path(source, ANNOTATED, ".mp4")
                copy = opened.enter_context(video.writing(target, frames.rate))
            task = progress.add_task(printable(name), total=frames.frames)
            try:
                for seconds, frame in frames:
                    followed = follower.read(frame, seconds)
                    self._readings.add_frame(name, followed, seconds)
                    times.append(seconds)
                    answers.append({face.number: list(face.probabilities.values()) for face in followed})
                    if copy is not None:
                        copy.write(annotate(frame, followed), seconds)
                    progress.advance(task)
            except KeyboardInterrupt as interrupt:
                is_camera = isinstance(source, int)
                if isinstance(interrupt, Terminated) or not is_camera or not times:
                    raise  # but Ctrl-C is the normal way to stop a camera
        self._readings.sum_up(name, answers, len(times) / (time.perf_counter() - started))
        if self._copies is not None:
            messages.print(f"annotated video: {plain(self._copies.path(source, ANNOTATED, '.mp4'))}")
            chart = self._copies.path(source, OVER_TIME, ".png")
            if charting.draw_over_time(name, times, answers, chart):
                messages.print(f"chart: {plain(chart)}")


if __name__ == "__main__":
    main()
