"""Helpers for several tests: settings for tiny runs, files in Kaggle's format, commands as a user runs them."""

import importlib.util
import io
import subprocess
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np

from fer_lightning.data.faces import USAGES, Faces
from tests.fork_server import ForkedCommand

# pictures that scikit-image ships; importing it would take a second
SKIMAGE = Path(str(importlib.util.find_spec("skimage").origin)).parent / "data"  # type: ignore[union-attr]
SHARED = Path(__file__).resolve().parents[2] / "shared"

# a network of the same shape with a hundredth of the work, on few faces
SHRUNK = (
    "data=sample",
    "data.train=140",
    "data.val=70",
    "data.test=70",
    "model.channels=[8,8,16,16]",
    "model.dense=[16,16,16]",
    "model.bn_momentum=0.1",
    "trainer.accelerator=cpu",
    "trainer.precision=32-true",  # auto would time the machine
    "trainer.enable_progress_bar=false",
)


def csv_text(faces: Faces, columns: Iterable[str] = ("emotion", "pixels", "Usage"), quote: str = "") -> str:
    """``faces`` in Kaggle's CSV format."""
    header = list(columns)
    lines = [",".join(header)]
    for pixels, label, usage in zip(faces.pixels, faces.labels, faces.usage, strict=True):
        values = {
            "emotion": str(label),
            "pixels": quote + " ".join(map(str, pixels.ravel().tolist())) + quote,
            "Usage": USAGES[usage],
        }
        lines.append(",".join(values[column.strip()] for column in header))
    return "\n".join(lines) + "\n"


def tar_gz(files: Mapping[str, bytes]) -> bytes:
    """A gzipped tar archive of files by name."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return packed.getvalue()


def run_command(
    *words: str, cwd: Path, env: Mapping[str, str] | None = None, pictures: bool = True
) -> subprocess.CompletedProcess[str]:
    """``python -m WORDS``, as a user runs it; see ``ForkedCommand``."""
    command = ForkedCommand(*words, cwd=cwd, env=env, pictures=pictures)
    try:
        return command.wait()
    finally:
        command.kill()


def assert_one_sentence(process: subprocess.CompletedProcess[str], *parts: str) -> None:
    """The command failed with one line on standard error that says ``parts``, and no traceback."""
    assert process.returncode == 1, process.stderr
    # LiteRT itself, in C++, notes each interpreter it makes
    lines = [line for line in process.stderr.splitlines() if line.strip() and not line.startswith("INFO: ")]
    assert len(lines) == 1, process.stderr
    assert lines[0].startswith("error: ")
    for part in parts:
        assert part in lines[0]


def random_images(count: int, seed: int = 0) -> np.ndarray:
    """uint8 [count, 48, 48]."""
    return np.random.default_rng(seed).integers(0, 256, (count, 48, 48), dtype=np.uint8)
