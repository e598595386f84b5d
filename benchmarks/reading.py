"""python -m benchmarks.reading PICTURE... --peer PYTHON: photos a second, beside the package fer from PyPI.

Each runs in a process of its own with its defaults, from the files to the expressions of all faces; ours also
without the search for small faces, as most frames of a video are read. The processes take turns, so that a machine
that slows down slows all. fer wants older packages than ours, so it has an environment of its own, whose
interpreter --peer names: pip install fer 'setuptools<80'
"""

import argparse
import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from fer_lightning.utils.environment import describe

OURS, SMALL_FACES_LEFT_OUT, PEER = "fer_lightning", "fer_lightning, large faces", "fer from PyPI"
# each defines read(path), which gives the number of faces
SCRIPTS = {
    OURS: """
from fer_lightning.inference.reader import ExpressionReader
reader = ExpressionReader()
read = lambda path: len(reader.read(path))
""",
    SMALL_FACES_LEFT_OUT: """
from fer_lightning.inference.reader import ExpressionReader
reader = ExpressionReader()
read = lambda path: len(reader.read(path, small_faces=False))
""",
    PEER: """
import cv2
from fer.fer import FER
detector = FER()
read = lambda path: len(detector.detect_emotions(cv2.imread(path)))
""",
}
# a line for each line that it is sent: seconds, and the faces of each picture
LOOP = """
import json, sys, time
for line in sys.stdin:
    paths = json.loads(line)
    started = time.perf_counter()
    faces = [read(path) for path in paths]
    print("answer", json.dumps([time.perf_counter() - started, faces]), flush=True)
"""


class Contestant:
    """One package in a process of its own.

    Attributes:
        first: seconds from the start of the process until the first picture was read.
    """

    def __init__(self, name: str, python: str, picture: str) -> None:
        self._name = name
        started = time.perf_counter()
        self._process = subprocess.Popen(
            [python, "-c", SCRIPTS[name] + LOOP],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        self.read([picture])
        self.first = time.perf_counter() - started

    def read(self, pictures: list[str]) -> tuple[float, list[int]]:
        """Seconds, and the faces found in each."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(pictures) + "\n")
            self._process.stdin.flush()
            answer = next(line for line in self._process.stdout if line.startswith("answer "))
        except (StopIteration, BrokenPipeError):
            raise SystemExit(f"error: {self._name} failed; is it installed in that environment?") from None
        seconds, faces = json.loads(answer.removeprefix("answer "))
        return seconds, faces

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reading", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("pictures", nargs="+", metavar="PICTURE", help="photos")
    parser.add_argument("--peer", required=True, metavar="PYTHON", help="the interpreter of an environment with fer")
    parser.add_argument("--turns", type=int, default=5, help="through all pictures, each (default %(default)s)")
    arguments = parser.parse_args()
    pictures = [str(Path(picture).absolute()) for picture in arguments.pictures]
    pythons = {OURS: sys.executable, SMALL_FACES_LEFT_OUT: sys.executable, PEER: arguments.peer}
    contestants = {name: Contestant(name, python, pictures[0]) for name, python in pythons.items()}
    found: dict[str, list[int]] = {}
    rates: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(arguments.turns):
        for name, contestant in contestants.items():
            seconds, found[name] = contestant.read(pictures)
            rates[name].append(len(pictures) / seconds)
    for contestant in contestants.values():
        contestant.close()
    table = Table(
        title=f"{len(pictures)} pictures, medians of {arguments.turns} turns",
        caption=describe("ai-edge-litert"),
        box=SIMPLE_HEAD,
    )
    for column in ("", "first answer, s", "pictures/s", "times as fast", "faces in each"):
        table.add_column(column, justify="left" if column == "" else "right")
    for name, contestant in contestants.items():
        rate = statistics.median(rates[name])
        ratio = rate / statistics.median(rates[PEER])
        faces = " ".join(str(count) for count in found[name])
        table.add_row(name, f"{contestant.first:.1f}", f"{rate:.1f}", f"{ratio:.2f}", faces)
    Console().print(table)


if __name__ == "__main__":
    main()
