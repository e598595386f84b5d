"""Reads the expressions on the faces of a picture: three lines of Python, without torch.

from fer_lightning.inference.reader import ExpressionReader

for face in ExpressionReader().read("photo.jpg"):
    print(face.label, face.probabilities)
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from fer_lightning.constants import LABELS
from fer_lightning.errors import FerError
from fer_lightning.inference.boxes import Box
from fer_lightning.inference.face_detection import Detection, FaceDetector, crop_face
from fer_lightning.inference.images import as_face, open_picture, upright_rgb
from fer_lightning.inference.tflite_model import (
    MODEL_FILE,
    TFLiteModel,
    require_intact,
    require_loadable,
    shipped_bundle,
)

Probabilities = Callable[[np.ndarray], np.ndarray]  # uint8 [N, 48, 48] -> float32 [N, 7]

# of FER2013's training faces, which have 18 and 0.36 at the least but for one in a thousand; blurred by
# one pixel they have 0.26 in the median
_FLAT = 12.0
_BLURRED = 0.2


@dataclass(frozen=True)
class Face:
    """An expression that was read.

    Attributes:
        box: left, top, right, bottom in pixels of the upright picture.
        score: the detector's certainty that it is a face, 0..1; None where nothing was detected.
        probabilities: of each of ``labels.LABELS``; they sum to 1.
        doubt: why the answer should not be trusted, ``flat`` or ``blurred``; None where nothing speaks against it.
        crop: what the network was shown, uint8 [48, 48].
    """

    box: Box
    score: float | None
    probabilities: dict[str, float]
    doubt: str | None
    crop: np.ndarray

    @property
    def label(self) -> str:
        """The most probable expression."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    def as_json(self) -> dict[str, Any]:
        """Plain values, without the crop."""
        return {
            "box": [round(value, 1) for value in self.box],
            "score": None if self.score is None else round(self.score, 4),
            "label": self.label,
            "probabilities": {label: round(value, 4) for label, value in self.probabilities.items()},
            "doubt": self.doubt,
        }


class ExpressionReader:
    """Finds the faces of a picture and reads their expressions.

    Args:
        model: an exported bundle, a .tflite file, or a checkpoint or the name of shipped weights (``pretrained``),
            for which torch is needed; None takes the bundle that the package ships.
        detect: whether to look for faces; without, each picture is taken for one face.

    Raises:
        FerError: the model cannot be read, or what finding faces needs is not installed.
    """

    def __init__(self, model: str | os.PathLike[str] | None = None, *, detect: bool = True) -> None:
        self._probabilities = _load(model)
        self._detector = FaceDetector() if detect else None

    def read(self, image: Any, *, small_faces: bool = True, known: Iterable[Box] = ()) -> list[Face]:
        """The faces of one picture, the largest first; an empty list where there is none.

        Args:
            image: a path, a PIL image, or an array or tensor: uint8 0..255 or float 0..1, [H, W] grey,
                [H, W, 3] RGB, or [3, H, W] and [1, H, W] as torch has them.
            small_faces, known: see ``FaceDetector.detect``.

        Raises:
            FerError: it cannot be read, or is none of these; or the model's answers are not finite.
        """
        picture = as_picture(image)
        if self._detector is None:
            found: list[Detection | None] = [None]
            crops = [as_face(picture)]
        else:
            found = list(self._detector.detect(picture, small_faces=small_faces, known=known))
            crops = [crop_face(picture, face) for face in found if face is not None]
        if not crops:
            return []
        answers = self._probabilities(np.stack(crops))
        if not np.isfinite(answers).all():
            raise FerError("the model's answers are not finite numbers: its weights are damaged, or training diverged")
        return [_face(picture, *each) for each in zip(found, crops, answers, strict=True)]


def _face(picture: Image.Image, found: Detection | None, crop: np.ndarray, answer: np.ndarray) -> Face:
    box = (0.0, 0.0, float(picture.width), float(picture.height))
    if found is not None:
        box = found.box
    probabilities = dict(zip(LABELS, (float(value) for value in answer), strict=True))
    return Face(box, None if found is None else found.score, probabilities, doubt_about(crop), crop)


def doubt_about(crop: np.ndarray) -> str | None:
    """Why a crop, uint8 [48, 48], tells little: it is ``flat`` or ``blurred``; None where it is neither."""
    pixels = crop.astype(np.float32)
    spread = float(pixels.std())
    if spread < _FLAT:
        return "flat"
    inner = pixels[1:-1, 1:-1]
    laplacian = 4 * inner - pixels[:-2, 1:-1] - pixels[2:, 1:-1] - pixels[1:-1, :-2] - pixels[1:-1, 2:]
    return "blurred" if float(laplacian.std()) < _BLURRED * spread else None


def as_picture(image: Any) -> Image.Image:
    """An RGB picture of whatever ``ExpressionReader.read`` takes.

    Raises:
        FerError: see there.
    """
    if isinstance(image, str | os.PathLike):
        return open_picture(Path(image))
    if isinstance(image, Image.Image):
        return upright_rgb(image)
    if hasattr(image, "detach"):  # a tensor, without importing torch to say so
        image = image.detach().cpu().numpy()
    if not isinstance(image, np.ndarray):
        raise FerError(f"a picture is a path, a PIL image, an array or a tensor, not {type(image).__name__}")
    return _from_array(image)


def _from_array(array: np.ndarray) -> Image.Image:
    if array.ndim == 3 and array.shape[0] in (1, 3) and array.shape[2] not in (1, 3):
        array = array.transpose(1, 2, 0)
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if not (array.ndim == 2 or (array.ndim == 3 and array.shape[2] == 3)) or 0 in array.shape:
        raise FerError(
            f"an array of the shape {list(array.shape)} is no picture: it takes [H, W], [H, W, 3] or [3, H, W]"
        )
    if np.issubdtype(array.dtype, np.floating):
        if not (np.isfinite(array).all() and array.min() >= 0 and array.max() <= 1):
            raise FerError("a float array is taken for a picture when its values are from 0 to 1")
        array = (array * 255).round().astype(np.uint8)
    if array.dtype != np.uint8:
        raise FerError(f"an array of {array.dtype} is no picture: it takes uint8 0..255 or float 0..1")
    return Image.fromarray(np.ascontiguousarray(array)).convert("RGB")


def _load(model: str | os.PathLike[str] | None) -> Probabilities:
    path = shipped_bundle() if model is None else Path(model)
    if path.is_dir():
        require_intact(path)
        return TFLiteModel(path / MODEL_FILE).probabilities
    if path.suffix == ".tflite":
        require_loadable(path)
        return TFLiteModel(path).probabilities
    return _load_checkpoint(str(model))


def _load_checkpoint(name: str) -> Probabilities:
    # seconds to import, and a bundle does without
    try:
        import torch

        from fer_lightning.models import checkpoint
        from fer_lightning.models.networks import Scale
    except ModuleNotFoundError as error:
        raise FerError(f"a checkpoint needs {error.name}: pip install 'fer_lightning[train]'") from error

    path = checkpoint.path_of(name)
    if not path.is_file():
        raise FerError(
            f"{name} is neither a bundle, nor a .tflite file, nor a checkpoint, nor one of the shipped weights "
            f"{', '.join(checkpoint.SHIPPED_WEIGHTS)}"
        )
    network = checkpoint.load([path]).network()

    def probabilities(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            logits = network(Scale()(torch.from_numpy(images).unsqueeze(1)))
        return logits.softmax(dim=1).numpy()

    return probabilities
