"""python -m tests.fuzz_predict [--files N] [--seed S]: damaged pictures through fer-predict as a whole.

Folders of 200 damaged pictures are read with --out and --csv. fer-predict must end with exit status 0 or 1, without a
traceback, and change nothing outside --out and --csv. A folder on which it does not is kept in outputs/fuzz.
"""

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.fuzz import damaged, good_inputs

_FOLDER = Path("outputs/fuzz")
_BATCH = 200
_SECONDS = 600  # for one batch
_SUFFIXES = (".jpg", ".png", ".gif", ".bmp", ".webp", ".tif", ".ppm")


def fill(folder: Path, count: int, draw: random.Random) -> None:
    """Write ``count`` damaged pictures, some under a name of another format."""
    seeds = good_inputs()["picture"]
    for number in range(count):
        name = f"{number}{draw.choice(_SUFFIXES)}"
        (folder / name).write_bytes(damaged(draw.choice(seeds), draw))


def mistake(folder: Path) -> str | None:
    """What fer-predict does wrong with the pictures in ``folder``; None if nothing."""
    with tempfile.TemporaryDirectory() as place:
        out, table = Path(place) / "out", Path(place) / "faces.csv"
        before = {path: path.read_bytes() for path in folder.iterdir()}
        command = [sys.executable, "-m", "fer_lightning.predict", str(folder), "--out", str(out), "--csv", str(table)]
        try:
            process = subprocess.run(
                command, cwd=place, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=False
            )
        except subprocess.TimeoutExpired:
            return f"took more than {_SECONDS} s"
        if process.returncode not in (0, 1):
            return f"ended with {process.returncode}: {process.stderr[-1000:]}"
        if "Traceback" in process.stdout + process.stderr:
            return process.stderr[-2000:]
        if {path.name for path in Path(place).iterdir()} - {out.name, table.name}:
            return "left files behind"
        if before != {path: path.read_bytes() for path in folder.iterdir()}:
            return "changed its input"
    return None


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz_predict", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=1000, help="(default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the damage (default %(default)s)")
    arguments = parser.parse_args()
    done = mistakes = 0
    while done < arguments.files:
        draw = random.Random(f"{arguments.seed}, {done}")
        count = min(_BATCH, arguments.files - done)
        with tempfile.TemporaryDirectory() as folder:
            fill(Path(folder), count, draw)
            found = mistake(Path(folder))
            if found is not None:
                mistakes += 1
                kept = _FOLDER / f"predict-{arguments.seed}-{done}"
                shutil.copytree(folder, kept, dirs_exist_ok=True)
                print(f"{kept}: fer-predict {found}", flush=True)
        done += count
        print(f"{done:,} files, {mistakes} mistakes", flush=True)
    sys.exit(1 if mistakes else 0)


if __name__ == "__main__":
    main()
