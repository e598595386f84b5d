"""golden.json: synthetic faces with their expected answers, with which an app checks its preprocessing."""

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fer_lightning.constants import IMAGE_SIZE, LABELS, NUM_CLASSES
from fer_lightning.data import synthetic
from fer_lightning.errors import FerError
from fer_lightning.inference.bundle_files import GOLDEN_FILE, read_json

from .runtimes import Runner

_SEED = 0
# other processors round differently, so a file may differ from the network by this multiple of what was measured here
_SLACK = 3
_LEAST_TOLERANCE = 0.001
_PLAIN, _FLIP_AVERAGED = "probabilities", "flip_averaged"


@dataclass(frozen=True)
class Golden:
    """The content of golden.json.

    Attributes:
        pixels: uint8 [N, 48, 48], the faces.
        probabilities: float32 [N, 7], the network's.
        flip_averaged: float32 [N, 7], averaged over the faces and their mirror images; None if no file averages them.
        tolerances: the largest difference allowed for each file.
    """

    pixels: np.ndarray
    probabilities: np.ndarray
    flip_averaged: np.ndarray | None
    tolerances: Mapping[str, float]


def flip_averaged(probabilities: Callable[[np.ndarray], np.ndarray], images: np.ndarray) -> np.ndarray:
    """Average the probabilities of faces and their mirror images.

    Args:
        probabilities: uint8 [N, 48, 48] -> float32 [N, 7].
        images: uint8 [N, 48, 48].
    """
    return (probabilities(images) + probabilities(images[..., ::-1])) / 2


def golden(
    reference: Callable[[np.ndarray], np.ndarray], runners: Mapping[str, Runner], averaging: Collection[str]
) -> dict[str, Any]:
    """Return one synthetic face per class, the network's probabilities, and the tolerance of each file.

    Args:
        reference: the network, uint8 [N, 48, 48] -> float32 [N, 7].
        runners: the loaded files, by their path in the bundle.
        averaging: the files that average a face and its mirror image.
    """
    faces = synthetic.draw_sample(train=0, val=NUM_CLASSES, test=0, seed=_SEED)
    expected = {_PLAIN: reference(faces.pixels)}
    if averaging:
        expected[_FLIP_AVERAGED] = flip_averaged(reference, faces.pixels)
    tolerances = {}
    for file, runner in runners.items():
        answers = expected[_FLIP_AVERAGED if file in averaging else _PLAIN]
        measured = float(np.abs(runner.probabilities(faces.pixels) - answers).max())
        tolerances[file] = max(_LEAST_TOLERANCE, math.ceil(1000 * _SLACK * measured) / 1000)
    return {
        "faces": [
            {"label": LABELS[label], "pixels": pixels.ravel().tolist()}
            | {name: answers[index].astype(float).round(6).tolist() for name, answers in expected.items()}
            for index, (pixels, label) in enumerate(zip(faces.pixels, faces.labels, strict=True))
        ],
        "tolerances": tolerances,
    }


def read_golden(folder: Path) -> Golden:
    """Read a bundle's golden answers.

    Raises:
        FerError: the file is missing or damaged.
    """
    content = read_json(folder / GOLDEN_FILE)
    try:
        faces = content["faces"]
        pixels = np.array([face["pixels"] for face in faces], np.uint8).reshape(-1, IMAGE_SIZE, IMAGE_SIZE)
        answers = {
            name: np.array([face[name] for face in faces], np.float32).reshape(len(pixels), NUM_CLASSES)
            for name in (_PLAIN, _FLIP_AVERAGED)
            if name == _PLAIN or any(name in face for face in faces)
        }
        tolerances = {str(file): float(value) for file, value in content["tolerances"].items()}
        return Golden(pixels, answers[_PLAIN], answers.get(_FLIP_AVERAGED), tolerances)
    except (KeyError, TypeError, ValueError, AttributeError, OverflowError) as error:
        raise FerError(f"{folder / GOLDEN_FILE} is damaged: {error}") from error
