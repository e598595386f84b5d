"""python -m tests.fuzz TARGET [--seconds N]: a coverage-guided search for inputs that a reader stumbles over.

A reader either reads or raises FerError; anything else, a hang or memory without bound is a mistake of ours. The
targets are also what tests/test_properties.py tries, on fewer inputs and without Atheris (pip install atheris).
"""

import argparse
import contextlib
import io
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import hydra

from fer_lightning import checkpoint, fer2013, ferplus, settings
from fer_lightning.bundle import MANIFEST_FILE, read_manifest
from fer_lightning.errors import FerError
from fer_lightning.images import open_picture


def _read(name: str, data: bytes, read: Callable[[Path], object]) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(FerError):
        path = Path(folder) / name
        path.write_bytes(data)
        read(path)


def csv_file(data: bytes) -> None:
    _read("fer2013.csv", data, lambda path: list(fer2013.parse(path)))


def zip_file(data: bytes) -> None:
    _read("fer2013.csv.zip", data, lambda path: list(fer2013.parse(path)))


def tar_file(data: bytes) -> None:
    _read("fer2013.tar.gz", data, lambda path: list(fer2013.parse(path)))


def row_numbers(data: bytes) -> None:
    _read("exclude.csv", data, lambda path: fer2013.read_row_numbers(path, 100))


def votes(data: bytes) -> None:
    _read(ferplus.VOTES_FILE, data, ferplus.read_votes)


def picture(data: bytes) -> None:
    with contextlib.suppress(FerError):
        open_picture(io.BytesIO(data))


def manifest(data: bytes) -> None:
    _read(MANIFEST_FILE, data, lambda path: read_manifest(path.parent))


def run_settings(data: bytes) -> None:
    with hydra.initialize_config_module("fer_lightning.conf", version_base="1.3"):
        _read(settings.SETTINGS_FILE, data, lambda path: settings.load(path.parent))


def torch_checkpoint(data: bytes) -> None:
    _read("last.ckpt", data, checkpoint.read)


def safetensors_checkpoint(data: bytes) -> None:
    _read("last.safetensors", data, checkpoint.read)


TARGETS = {
    target.__name__: target
    for target in (
        csv_file,
        zip_file,
        tar_file,
        row_numbers,
        votes,
        picture,
        manifest,
        run_settings,
        torch_checkpoint,
        safetensors_checkpoint,
    )
}


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.fuzz", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("target", choices=TARGETS)
    parser.add_argument("--seconds", type=int, default=60, help="(default %(default)s)")
    parser.add_argument("--corpus", type=Path, help="a folder of inputs to begin with; what is found is added there")
    arguments = parser.parse_args()
    import atheris

    atheris.instrument_all()
    words = [sys.argv[0], f"-max_total_time={arguments.seconds}", "-timeout=20", "-rss_limit_mb=4096"]
    if arguments.corpus is not None:
        words.append(str(arguments.corpus))
    atheris.Setup(words, TARGETS[arguments.target])
    atheris.Fuzz()


if __name__ == "__main__":
    main()
