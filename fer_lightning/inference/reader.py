"""Reads the expressions on the faces of pictures and videos, without torch.

from fer_lightning import ExpressionReader

for face in ExpressionReader().read("photo.jpg"):
    print(face.number, face.label, face.probabilities)
"""

import os
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
from PIL import Image

from fer_lightning.constants import LABELS, SHIPPED_BUNDLES
from fer_lightning.errors import FerError
from fer_lightning.inference.boxes import Box, rescaled
from fer_lightning.inference.bundle_files import MODEL_FILE, model_path, require_intact
from fer_lightning.inference.face_crop import crop_face
from fer_lightning.inference.face_detection import FaceDetector
from fer_lightning.inference.images import as_face, full_size
from fer_lightning.inference.pictures import as_picture
from fer_lightning.inference.tflite_model import TFLiteModel, require_loadable

Probabilities = Callable[[np.ndarray], np.ndarray]  # uint8 [N, 48, 48] -> float32 [N, 7]

# Limits on the standard deviation of a crop, and on that of its Laplacian relative to it. 99.9% of FER2013's training
# faces have at least 18 and 0.36; blurred by one pixel, their median is 0.26.
_FLAT = 12.0
_BLURRED = 0.2
# Side of a box in pixels. Of 53 unmistakable expressions, scaled down and saved as JPEG at quality 50, 40 are read
# correctly at 28 pixels and 34 at 24; at 40 pixels, 47 of 52 are.
_SMALL = 30.0


@dataclass(frozen=True)
class Face:
    """An expression that was read.

    Attributes:
        box: left, top, right, bottom in pixels of the upright picture, also if a huge JPEG was read at a smaller size.
        score: the detector's certainty that it is a face, 0..1; None if nothing was detected.
        probabilities: of each of ``constants.LABELS``; they sum to 1.
        doubt: why the answer should not be trusted: ``small``, ``flat`` or ``blurred``; None without a reason.
        crop: the network's input, uint8 [48, 48].
        number: in a picture from 1, the largest face first; in a video the number of its track.
    """

    box: Box
    score: float | None
    probabilities: dict[str, float]
    doubt: str | None
    crop: np.ndarray
    number: int = 1

    @property
    def label(self) -> str:
        """The most probable expression."""
        return max(self.probabilities, key=self.probabilities.__getitem__)

    @property
    def caption(self) -> str:
        """The label, with a question mark if there is a doubt."""
        return f"{self.label}{'?' if self.doubt else ''}"

    def as_json(self) -> dict[str, Any]:
        """Plain values, without number and crop."""
        return {
            "box": [round(value, 1) for value in self.box],
            "score": None if self.score is None else round(self.score, 4),
            "label": self.label,
            "probabilities": {label: round(value, 4) for label, value in self.probabilities.items()},
            "doubt": self.doubt,
        }

    def to_row(self) -> dict[str, Any]:
        """A flat row with the columns of the CSV table, for ``pandas.DataFrame(face.to_row() for face in faces)``."""
        left, top, right, bottom = self.box
        row = {"face": self.number, "left": left, "top": top, "right": right, "bottom": bottom, "score": self.score}
        return {**row, "label": self.label, "doubt": self.doubt, **self.probabilities}


class ExpressionReader:
    """Finds the faces of pictures and videos and reads their expressions.

    One reader may be used by several threads; they take turns. For more speed, give each thread or process its own.

    Args:
        model: ``pretrained`` or ``pretrained-phone``, which are shipped, an exported bundle, a .tflite file, or a
            checkpoint, for which torch is needed; None is ``pretrained``.
        detect: whether to look for faces; if not, each picture is treated as one face.

    Raises:
        FerError: the model cannot be read, or a face detection model is missing.
    """

    def __init__(self, model: str | os.PathLike[str] | None = None, *, detect: bool = True) -> None:
        self._probabilities = _load(model)
        self._detector = FaceDetector() if detect else None
        self._lock = threading.Lock()  # LiteRT's interpreters hold one input at a time

    @overload
    def read(
        self, image: list[Any] | tuple[Any, ...], *, small_faces: bool = True, turned: bool = True
    ) -> list[list[Face]]: ...

    @overload
    def read(
        self, image: Any, *, small_faces: bool = True, turned: bool = True, known: Iterable[Box] = ()
    ) -> list[Face]: ...

    def read(self, image: Any, *, small_faces: bool = True, turned: bool = True, known: Iterable[Box] = ()) -> Any:
        """The faces of one picture, the largest first; an empty list if there is none.

        Args:
            image: a path, a binary file, a PIL image, or an array or tensor: uint8 0..255 or float 0..1, [H, W] grey,
                [H, W, 3] RGB, or [3, H, W] and [1, H, W] as torch has them. A list or tuple of these gives a list of
                faces for each, whose expressions are read in one go.
            small_faces, turned, known: see ``FaceDetector.detect``. A list takes no ``known``.

        Raises:
            FerError: it cannot be read, or is none of these; or the model's answers are not finite.
        """
        if isinstance(image, list | tuple):
            if known:
                raise FerError("known boxes belong to one picture; read the pictures one by one")
            return self._read([self._found(each, small_faces, turned, ()) for each in image])
        return self._read([self._found(image, small_faces, turned, known)])[0]

    def read_video(self, source: str | os.PathLike[str] | int) -> "Iterator[Frame]":
        """The frames of a video file or of a camera, each with its time, its picture and its faces.

        Faces keep their ``number`` from frame to frame, and their probabilities are averaged over time.

        Args:
            source: a file, or a camera's number.

        Raises:
            FerError: the extra ``video`` is not installed, or the source cannot be read.
        """
        from fer_lightning.inference.tracking import Follower
        from fer_lightning.inference.video import VideoSource

        follower = Follower(self, live=isinstance(source, int))
        with VideoSource(source if isinstance(source, int) else Path(source)) as frames:
            for seconds, picture in frames:
                yield Frame(seconds, picture, follower.read(picture, seconds))

    def _found(self, image: Any, small_faces: bool, turned: bool, known: Iterable[Box]) -> list["_Found"]:
        picture = as_picture(image)
        size, full = picture.size, full_size(picture)
        if self._detector is None:
            crop = as_face(picture)
            return [_Found((0.0, 0.0, float(full[0]), float(full[1])), None, crop, doubt_about(crop))]
        with self._lock:
            faces = self._detector.detect(
                picture, small_faces=small_faces, turned=turned, known=[rescaled(box, full, size) for box in known]
            )
        found = []
        for face in faces:
            crop, (left, top, right, bottom) = crop_face(picture, face), face.box
            doubt = "small" if max(right - left, bottom - top) < _SMALL else doubt_about(crop)
            found.append(_Found(rescaled(face.box, size, full), face.score, crop, doubt))
        return found

    def _read(self, pictures: list[list["_Found"]]) -> list[list[Face]]:
        crops = [each.crop for found in pictures for each in found]
        if not crops:
            return [[] for _ in pictures]
        with self._lock:
            answers = self._probabilities(np.stack(crops))
        if not np.isfinite(answers).all():
            raise FerError("the model's answers are not finite numbers: its weights are damaged, or training diverged")
        rest = iter(answers)
        return [[each.read_as(next(rest), number) for number, each in enumerate(found, 1)] for found in pictures]


@dataclass(frozen=True)
class Frame:
    """One frame of a video.

    Attributes:
        seconds: since the video's start.
        picture: RGB.
        faces: the faces, each numbered by its track.
    """

    seconds: float
    picture: Image.Image
    faces: list[Face]


@dataclass(frozen=True)
class _Found:
    """A face before its expression is read; the attributes are those of ``Face``."""

    box: Box
    score: float | None
    crop: np.ndarray
    doubt: str | None

    def read_as(self, answer: np.ndarray, number: int) -> Face:
        probabilities = dict(zip(LABELS, (float(value) for value in answer), strict=True))
        return Face(self.box, self.score, probabilities, self.doubt, self.crop, number)


def doubt_about(crop: np.ndarray) -> str | None:
    """Why a crop, uint8 [48, 48], says little: it is ``flat`` or ``blurred``; None if it is neither."""
    pixels = crop.astype(np.float32)
    spread = float(pixels.std())
    if spread < _FLAT:
        return "flat"
    inner = pixels[1:-1, 1:-1]
    laplacian = 4 * inner - pixels[:-2, 1:-1] - pixels[2:, 1:-1] - pixels[1:-1, :-2] - pixels[1:-1, 2:]
    return "blurred" if float(laplacian.std()) < _BLURRED * spread else None


def _load(model: str | os.PathLike[str] | None) -> Probabilities:
    path = model_path(model)
    if path.is_dir():
        require_intact(path)
        return TFLiteModel(path / MODEL_FILE).probabilities
    if path.suffix.lower() == ".tflite":
        require_loadable(path)
        return TFLiteModel(path).probabilities
    return _load_checkpoint(path)


def _load_checkpoint(path: Path) -> Probabilities:
    if not path.is_file():
        raise FerError(
            f"no such model: {path}; expected a bundle's folder, a .tflite file, a checkpoint or one of "
            f"{', '.join(SHIPPED_BUNDLES)}"
        )
    # imported here: torch takes seconds to import, and a bundle does not need it
    try:
        import torch

        from fer_lightning.models import checkpoint
        from fer_lightning.models.networks import Scale
    except ModuleNotFoundError as error:
        raise FerError(f"a checkpoint needs {error.name}: pip install 'fer_lightning[train]'") from error

    network = checkpoint.load([path]).network()

    def probabilities(images: np.ndarray) -> np.ndarray:
        with torch.inference_mode():
            logits = network(Scale()(torch.from_numpy(images).unsqueeze(1)))
        return logits.softmax(dim=1).numpy()

    return probabilities
