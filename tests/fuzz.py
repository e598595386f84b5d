"""python -m tests.fuzz TARGET [--seconds N]: a coverage-guided search for inputs that a reader stumbles over.

A reader either reads or raises FerError; anything else, a hang or memory without bound is a mistake of ours. The
targets are also what tests/data/test_properties.py tries, on fewer inputs and without Atheris (pip install atheris).
Inputs that reach new code are kept in outputs/fuzz/TARGET, from which the next search begins; an input that a
reader stumbled over is in outputs/fuzz. Most targets write each input to a temporary folder: with TMPDIR=/dev/shm, a
search tries several times as many.
"""

import argparse
import contextlib
import gc
import io
import json
import random
import sys
import tempfile
import types
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import hydra
import safetensors.torch
import torch
import yaml
from PIL import Image

from fer_lightning.data import ferplus, kaggle_csv
from fer_lightning.data.row_numbers import read_row_numbers
from fer_lightning.data.synthetic import draw_sample
from fer_lightning.errors import FerError
from fer_lightning.inference.bundle_files import MANIFEST_FILE, MODEL_FILE, read_manifest, shipped_bundle
from fer_lightning.inference.images import as_face, open_picture
from fer_lightning.inference.tflite_model import require_loadable
from fer_lightning.models import checkpoint
from fer_lightning.training import run_config
from tests.helpers import csv_text, random_images, tar_gz

_FOLDER = Path("outputs/fuzz")
# whose branches guide the search; all of torch and NumPy would take minutes to instrument
_GUIDES = (
    "fer_lightning",
    "PIL",
    "csv",
    "json",
    "omegaconf",
    "safetensors",
    "tarfile",
    "torch.serialization",
    "zipfile",
)


def _read(name: str, data: bytes, read: Callable[[Path], object]) -> None:
    with tempfile.TemporaryDirectory() as folder, contextlib.suppress(FerError):
        path = Path(folder) / name
        path.write_bytes(data)
        read(path)


def csv_file(data: bytes) -> None:
    _read("fer2013.csv", data, lambda path: list(kaggle_csv.parse(path)))


def zip_file(data: bytes) -> None:
    _read("fer2013.csv.zip", data, lambda path: list(kaggle_csv.parse(path)))


def tar_file(data: bytes) -> None:
    _read("fer2013.tar.gz", data, lambda path: list(kaggle_csv.parse(path)))


def row_numbers(data: bytes) -> None:
    _read("exclude.csv", data, lambda path: read_row_numbers(path, 100))


def votes(data: bytes) -> None:
    _read(ferplus.VOTES_FILE, data, ferplus.read_votes)


def picture(data: bytes) -> None:
    with contextlib.suppress(FerError):
        as_face(open_picture(io.BytesIO(data)))


def tflite_file(data: bytes) -> None:
    _read("FER2013.tflite", data, require_loadable)


def manifest(data: bytes) -> None:
    _read(MANIFEST_FILE, data, lambda path: read_manifest(path.parent))


def run_settings(data: bytes) -> None:
    with hydra.initialize_config_module("fer_lightning.conf", version_base="1.3"):
        _read(run_config.SETTINGS_FILE, data, lambda path: run_config.load(path.parent))


def torch_checkpoint(data: bytes) -> None:
    _read("last.ckpt", data, checkpoint.read)


def safetensors_checkpoint(data: bytes) -> None:
    _read("last.safetensors", data, checkpoint.read)


def _picture(form: str, **options: Any) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(random_images(1)[0]).save(stream, format=form, **options)
    return stream.getvalue()


def _pictures() -> list[bytes]:
    forms = [
        form
        for form in ("PNG", "JPEG", "GIF", "TIFF", "WEBP", "BMP", "PPM", "MPO", "AVIF", "EPS")
        if form in Image.SAVE
    ]
    packed = [_picture("TIFF", compression=each) for each in ("tiff_lzw", "tiff_adobe_deflate", "packbits")]
    return [*map(_picture, forms), *packed]


def _zip(text: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("fer2013.csv", text)
    return stream.getvalue()


def _checkpoint() -> bytes:
    stream = io.BytesIO()
    torch.save({"state_dict": {"network.0.weight": torch.zeros(2)}, "hyper_parameters": {"model": {}}}, stream)
    return stream.getvalue()


def damaged(content: bytes, draw: random.Random) -> bytes:
    """``content`` with one to four changes: bytes overwritten, cut out, inserted or repeated."""
    changed = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        place = draw.randint(0, len(changed))
        kind = draw.choice(("flip", "cut", "insert", "repeat"))
        if kind == "flip" and place < len(changed):
            changed[place] = draw.randint(0, 255)
        elif kind == "cut":
            del changed[place : place + draw.choice((1, 4, 50, 200, 10_000))]
        elif kind == "insert":
            changed[place:place] = bytes(draw.randint(0, 255) for _ in range(draw.randint(1, 20)))
        elif kind == "repeat":
            changed[place:place] = changed[place : place + 50]
    return bytes(changed)


def good_inputs() -> dict[str, list[bytes]]:
    """Inputs of each target, to be damaged; it reads them, but for EPS, which no reader may open."""
    Image.init()
    text = csv_text(draw_sample(train=2, val=1, test=1, seed=3)).encode()
    return {
        "csv_file": [text],
        "zip_file": [_zip(text)],
        "tar_file": [tar_gz({"fer2013/fer2013.csv": text})],
        "row_numbers": [b"row,reason\n1,flat\n2,no_face\n"],
        "votes": [(",".join(ferplus.COLUMNS) + "\n" + ",".join("1" * 10) + "\n").encode()],
        "picture": _pictures(),
        "tflite_file": [(shipped_bundle() / MODEL_FILE).read_bytes()],
        "manifest": [json.dumps({"files": {"a": {"sha256": "0"}}, "documents": {}}).encode()],
        "run_settings": [yaml.safe_dump({"groups": {"data": "sample"}, "values": {"seed": 0}}).encode()],
        "torch_checkpoint": [_checkpoint()],
        "safetensors_checkpoint": [safetensors.torch.save({"a": torch.zeros(2)}, metadata={"settings": "{}"})],
    }


TARGETS = {
    target.__name__: target
    for target in (
        csv_file,
        zip_file,
        tar_file,
        row_numbers,
        votes,
        picture,
        tflite_file,
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
    arguments = parser.parse_args()
    import atheris

    Image.init()
    for function in gc.get_objects():
        if isinstance(function, types.FunctionType) and (function.__module__ or "").startswith(_GUIDES):
            atheris.instrument_func(function)
    corpus = _FOLDER / arguments.target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, content in enumerate(good_inputs()[arguments.target]):
        (corpus / f"good_{number}").write_bytes(content)
    words = (f"-max_total_time={arguments.seconds}", "-timeout=20", "-rss_limit_mb=4096", "-print_final_stats=1")
    atheris.Setup([sys.argv[0], *words, f"-artifact_prefix={_FOLDER}/", str(corpus)], TARGETS[arguments.target])
    atheris.Fuzz()  # which does not return


if __name__ == "__main__":
    main()
