"""golden.json: synthetic faces with their expected answers, with which an app checks its preprocessing."""

import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from fer_lightning.constants import IMAGE_SIZE, LABELS, NUM_CLASSES
from fer_lightning.data import synthetic
from fer_lightning.errors import FerError
from fer_lightning.inference.tflite_model import GOLDEN_FILE, read_json

from .runtimes import Runner

_SEED = 0
# other processors round differently, so a file may differ from the network by this multiple of what was measured here
_SLACK = 3
_LEAST_TOLERANCE = 0.001


def golden(reference: Callable[[np.ndarray], np.ndarray], runners: Mapping[str, Runner]) -> dict[str, Any]:
    """Return one synthetic face per class, the network's probabilities, and the tolerance of each file.

    Args:
        reference: the network, uint8 [N, 48, 48] -> float32 [N, 7].
        runners: the loaded files, by their path in the bundle.
    """
    faces = synthetic.draw_sample(train=0, val=NUM_CLASSES, test=0, seed=_SEED)
    expected = reference(faces.pixels)
    tolerances = {}
    for file, runner in runners.items():
        measured = float(np.abs(runner.probabilities(faces.pixels) - expected).max())
        tolerances[file] = max(_LEAST_TOLERANCE, math.ceil(1000 * _SLACK * measured) / 1000)
    return {
        "faces": [
            {"label": LABELS[label], "pixels": pixels.ravel().tolist(), "probabilities": answer.round(6).tolist()}
            for pixels, label, answer in zip(faces.pixels, faces.labels, expected.astype(float), strict=True)
        ],
        "tolerances": tolerances,
    }


def read_golden(folder: Path) -> tuple[np.ndarray, np.ndarray, dict[str, float]]:
    """Read a bundle's faces, uint8 [N, 48, 48], their probabilities, float32 [N, 7], and the files' tolerances.

    Raises:
        FerError: the file is missing or damaged.
    """
    content = read_json(folder / GOLDEN_FILE)
    try:
        pixels = np.array([face["pixels"] for face in content["faces"]], np.uint8)
        expected = np.array([face["probabilities"] for face in content["faces"]], np.float32)
        tolerances = {str(file): float(value) for file, value in content["tolerances"].items()}
        return pixels.reshape(-1, IMAGE_SIZE, IMAGE_SIZE), expected.reshape(len(pixels), NUM_CLASSES), tolerances
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FerError(f"{folder / GOLDEN_FILE} is damaged: {error}") from error
