"""python -m benchmarks.loading DIR: time to read Kaggle's train.csv, with this project and others in the same run.

All readers get the file from the system's cache. In the cold load, ours also writes its cache, as for users, to a
temporary folder. The notebook's loop converts every value in Python.
"""

import argparse
import shutil
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from rich.console import Console
from torchvision import datasets

from benchmarks.arguments import positive
from fer_lightning.data import cache
from fer_lightning.utils.environment import describe
from fer_lightning.utils.terminal import make_table


def notebook_loop(path: Path) -> np.ndarray:
    """Split and convert each row in Python, like the notebook's helper."""
    frame = pd.read_csv(path)
    return np.array([[int(value) for value in text.split(" ")] for text in frame["pixels"]], np.uint8)


def pandas_fromstring(path: Path) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        frame = pd.read_csv(path)
        return np.stack([np.fromstring(text, dtype=np.uint8, sep=" ") for text in frame["pixels"]])


def torchvision_dataset(path: Path) -> np.ndarray:
    # it looks for root/fer2013/train.csv; its check of the file's MD5 is skipped, because it is not to be measured
    root = path.parent / "torchvision"
    (root / "fer2013").mkdir(parents=True)
    (root / "fer2013" / "train.csv").symlink_to(path)

    class Unchecked(datasets.FER2013):
        _RESOURCES = {name: (file, None) for name, (file, _) in datasets.FER2013._RESOURCES.items()}  # noqa: RUF012

    dataset = Unchecked(root, split="train")
    return np.stack([pixels.numpy().ravel() for pixels, _ in dataset._samples])


def ours(path: Path) -> np.ndarray:
    return cache.load(path).pixels


def measure(read: Callable[[Path], np.ndarray], path: Path) -> tuple[float, np.ndarray]:
    start = time.perf_counter()
    result = read(path)
    return time.perf_counter() - start, result


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.loading", description=__doc__)
    parser.add_argument("dir", type=Path, help="the folder with Kaggle's train.csv")
    parser.add_argument(
        "--repeat", type=positive, default=3, help="number of repetitions, of which the best counts (default 3)"
    )
    arguments = parser.parse_args()
    source = arguments.dir / "train.csv"
    if not source.is_file():
        parser.error(f"{source} does not exist")
    readers: dict[str, Callable[[Path], np.ndarray]] = {
        "fer_lightning, cold": ours,
        "fer_lightning, warm": ours,
        "pandas + numpy.fromstring": pandas_fromstring,
        "torchvision.datasets.FER2013": torchvision_dataset,
        "the notebook's loop": notebook_loop,
    }
    seconds: dict[str, list[float]] = {name: [] for name in readers}
    expected = None
    for _ in range(arguments.repeat):
        with tempfile.TemporaryDirectory() as folder:
            path = Path(shutil.copy(source, folder))
            for name, read in readers.items():
                taken, pixels = measure(read, path)
                seconds[name].append(taken)
                pixels = np.asarray(pixels).reshape(len(pixels), -1)
                expected = pixels.copy() if expected is None else expected
                np.testing.assert_array_equal(pixels, expected)
    best = {name: min(values) for name, values in seconds.items()}
    table = make_table(
        f"Reading {source.stat().st_size / 1e6:.0f} MB, best of {arguments.repeat}",
        ("reader", "seconds", "of our cold load"),
        caption=describe("numpy", "pandas", "torchvision"),
    )
    for name, value in best.items():
        table.add_row(name, f"{value:.2f}", f"{value / best['fer_lightning, cold']:.2f} x")
    Console().print(table)


if __name__ == "__main__":
    main()
