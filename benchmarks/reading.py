"""python -m benchmarks.reading: compare how fer_lightning, fer (PyPI) and @vladmandic/face-api (npm) read photos.

Each package runs in a separate process with its default settings and reads the expressions of all faces from the
files. Ours also runs without the search for small faces, which is how most video frames are read. The processes take
turns, so a slower machine affects all of them. Memory is read from /proc, so this runs on Linux only. The photos come
from --photos, a folder with truth.json; without such a folder, they are groups made from one portrait.

Install the peers into folders that can be deleted afterwards. fer wants older packages than ours:

  python -m venv /tmp/fer && /tmp/fer/bin/pip install fer 'setuptools<80'
  npm install --prefix /tmp/face-api @vladmandic/face-api @tensorflow/tfjs @tensorflow/tfjs-backend-wasm sharp
  python -m benchmarks.reading --fer /tmp/fer/bin/python --face-api /tmp/face-api
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks import photos
from benchmarks.arguments import positive
from fer_lightning.utils import terminal
from fer_lightning.utils.environment import describe

OPEN_SET = Path(__file__).parents[2] / "shared" / "photos"
FACE_API = Path(__file__).with_name("face_api.js")

# each defines PACKAGE and read(path), which gives the box and the label of each face
OURS = """
from fer_lightning import ExpressionReader
PACKAGE = "fer_lightning"
reader = ExpressionReader()
read = lambda path: [(face.box, face.label) for face in reader.read(path, small_faces={small_faces})]
"""
FER = """
import cv2
from fer.fer import FER
PACKAGE = "fer"
detector = FER(mtcnn={mtcnn})
def read(path):
    faces = detector.detect_emotions(cv2.imread(path)) or []
    boxes = [[float(value) for value in face["box"]] for face in faces]
    emotions = [face["emotions"] for face in faces]
    return [((x, y, x + w, y + h), max(each, key=each.get)) for (x, y, w, h), each in zip(boxes, emotions)]
"""
# prints an answer for each line of paths that it reads; disk is the size of the package and of all that it requires
LOOP = """
import importlib.metadata, importlib.util, json, pathlib, re, sys, time

def required(name, known):
    known.add(name)
    for line in importlib.metadata.requires(name) or []:
        other = re.match(r"[\\w.-]+", line)[0]
        if "extra ==" not in line and other not in known and list(importlib.metadata.distributions(name=other)):
            required(other, known)
    return known

def size(name):
    files = [file.locate() for file in importlib.metadata.files(name) or []]
    if name == PACKAGE:  # may be editable
        folder = pathlib.Path(importlib.util.find_spec(name).origin).parent
        files = [file for file in folder.rglob("*") if "__pycache__" not in file.parts]
    return sum(file.stat().st_size for file in files if file.is_file())

disk = sum(map(size, required(PACKAGE, set())))
for line in sys.stdin:
    paths = json.loads(line)
    started, cpu = time.perf_counter(), time.process_time()
    faces = [read(path) for path in paths]
    print("answer", json.dumps({
        "seconds": time.perf_counter() - started,
        "cpu": time.process_time() - cpu,
        "disk": disk,
        "faces": faces,
    }), flush=True)
"""


@dataclass(frozen=True)
class Package:
    """What is compared: its name in the table, the command that starts it, and the folder to start it in."""

    name: str
    command: list[str]
    folder: Path | None = None


class Contestant:
    """One package in a process of its own.

    Attributes:
        start: seconds from the start of the process until the first picture was read.
        answers: one for each turn through all pictures.
    """

    def __init__(self, package: Package, picture: str) -> None:
        self._name = package.name
        self.answers: list[dict[str, Any]] = []
        started = time.perf_counter()
        try:
            self._process = subprocess.Popen(
                package.command,
                cwd=package.folder,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        except OSError as error:
            raise SystemExit(f"error: {self._name} cannot be started: {error.strerror}: {error.filename}") from None
        self._ask([picture])
        self.start = time.perf_counter() - started

    @property
    def memory(self) -> int:
        """The most bytes that the process held in memory so far."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])

    def read(self, pictures: list[str]) -> None:
        self.answers.append({**self._ask(pictures), "memory": self.memory})

    def median(self, value: str) -> float:
        """The median of a value over the turns."""
        return statistics.median(answer[value] for answer in self.answers)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()

    def _ask(self, pictures: list[str]) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        try:
            self._process.stdin.write(json.dumps(pictures) + "\n")
            self._process.stdin.flush()
            answer = next(line for line in self._process.stdout if line.startswith("answer "))
        except (StopIteration, BrokenPipeError):
            raise SystemExit(f"error: {self._name} failed; is it installed in that environment?") from None
        return dict(json.loads(answer.removeprefix("answer ")))


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.reading", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--photos", type=Path, metavar="DIR", help="photos with truth.json")
    parser.add_argument("--fer", metavar="PYTHON", help="the interpreter of an environment with fer")
    parser.add_argument("--face-api", type=Path, metavar="DIR", help="the folder where face-api was installed")
    parser.add_argument("--turns", type=positive, default=3, help="turns through all photos (default %(default)s)")
    arguments = parser.parse_args()
    packages = [
        Package(name, [sys.executable, "-c", OURS.format(small_faces=small) + LOOP])
        for name, small in (("fer_lightning", True), ("fer_lightning, large faces", False))
    ]
    if arguments.fer:
        for name, mtcnn in (("fer, Haar cascade", False), ("fer, mtcnn", True)):
            packages.append(Package(name, [arguments.fer, "-c", FER.format(mtcnn=mtcnn) + LOOP]))
    if arguments.face_api:
        packages.append(Package("face-api, SSD", ["node", "-e", FACE_API.read_text()], arguments.face_api))
    with tempfile.TemporaryDirectory() as folder:
        judged = arguments.photos or OPEN_SET
        if arguments.photos and not (judged / "truth.json").is_file():
            parser.error(f"--photos {judged} has no truth.json")
        known = photos.judged(judged) if (judged / "truth.json").is_file() else photos.made(Path(folder))
        print_table(compare(packages, known, arguments.turns), known, arguments.turns)


def compare(packages: list[Package], known: list[photos.Photo], turns: int) -> dict[str, Contestant]:
    """Let the packages read the photos in turns."""
    paths = [str(photo.path) for photo in known]
    contestants = {package.name: Contestant(package, paths[0]) for package in packages}
    for _ in range(turns):
        for contestant in contestants.values():
            contestant.read(paths)
    for contestant in contestants.values():
        contestant.close()
    return contestants


def print_table(contestants: dict[str, Contestant], known: list[photos.Photo], turns: int) -> None:
    table = terminal.make_table(
        f"{len(known)} photos, medians of {turns} turns",
        ("", "found", "false", "expressions", "seconds", "CPU s", "start, s", "memory, MB", "disk, MB", "in crowds"),
        caption=describe("ai-edge-litert"),
    )
    for name, contestant in contestants.items():
        counts = photos.score(known, contestant.answers[-1]["faces"])
        table.add_row(
            name,
            f"{counts['found']} of {counts['faces']}",
            f"{counts['false']}",
            f"{counts['right']} of {counts['asked']}",
            f"{contestant.median('seconds'):.1f}",
            f"{contestant.median('cpu'):.1f}",
            f"{contestant.start:.1f}",
            f"{contestant.median('memory') / 1e6:.0f}",
            f"{contestant.median('disk') / 1e6:.0f}",
            f"{counts['crowds']}",
        )
    terminal.print_table(table, least_width=120)


if __name__ == "__main__":
    main()
