"""The formats of a bundle: each one's file, its use, and how it is made."""

import importlib.util
import logging
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
from torch import nn

from fer_lightning.inference.bundle_files import MODEL_FILE
from fer_lightning.utils import files

from ..check.runtimes import CORE_ML, LITERT, ONNX_RUNTIME, TENSORFLOW
from ..graph.prepare import FlipAverage, taking_pixels, taking_rgb
from . import quantize
from .coreml import to_coreml
from .keras import to_saved_model
from .mediapipe import add_metadata
from .onnx import to_onnx
from .tflite import to_tflite

log = logging.getLogger(__name__)

DEFAULT = "dynamic_range"  # the app's file, part of every bundle
COREML = "coreml"


class Sources:
    """The inputs of the converters; intermediate files are made once, when a format needs them.

    Args:
        network: the trained network in eval mode.
        model: the same network, made ``deployable``.
        calibration: uint8 [N, 48, 48], faces for the ranges of int8.
        folder: a folder for intermediate files.
    """

    def __init__(self, network: nn.Sequential, model: nn.Sequential, calibration: np.ndarray, folder: Path) -> None:
        self.network = network
        self.model = model
        self.calibration = calibration
        self._folder = folder

    @cached_property
    def float32(self) -> Path:
        """The float32 TFLite file that the smaller ones are quantized from."""
        return self._converted(self.model, "grey.tflite")

    @cached_property
    def pixels(self) -> Path:
        """The float32 TFLite file that takes pixels 0..255."""
        return self._converted(taking_pixels(self.model), "pixels.tflite")

    @cached_property
    def rgb(self) -> Path:
        """The float32 TFLite file that takes RGB."""
        return self._converted(taking_rgb(self.model), "rgb.tflite")

    @cached_property
    def flip_average(self) -> Path:
        """The float32 TFLite file that averages a face and its mirror image."""
        return self._converted(FlipAverage(self.model), "flip.tflite")

    def _converted(self, model: nn.Module, name: str) -> Path:
        to_tflite(model, self._folder / name)
        return self._folder / name


@dataclass(frozen=True)
class Format:
    """A file format of the bundle.

    Attributes:
        file: its path in the bundle; a folder if its runtime needs one.
        runtime: the runtime that runs it.
        quantization: a description of its number formats.
        use: when to use it, a clause for the bundle's README.
        make: the function that writes it.
        feed: a description of its input.
        averages_flip: whether it averages the probabilities of a face and its mirror image.
    """

    file: str
    runtime: str
    quantization: str
    use: str
    make: Callable[[Sources, Path], None]
    feed: str = "grey / 255"
    averages_flip: bool = False


def _mediapipe(sources: Sources, path: Path) -> None:
    quantize.to_dynamic_range(sources.rgb, path)
    add_metadata(path)


_DYNAMIC_RANGE = "int8 weights (float32 in the first convolution), activations quantized at run time"
_INT8 = "int8 weights and activations"

FORMATS = {
    DEFAULT: Format(
        MODEL_FILE,
        LITERT,
        _DYNAMIC_RANGE,
        "the default, for phones; float32 in and out",
        lambda sources, path: quantize.to_dynamic_range(sources.float32, path),
    ),
    "flip_average": Format(
        "variants/FER2013_flip.tflite",
        LITERT,
        _DYNAMIC_RANGE,
        "averages a face and its mirror image, for a little more accuracy in twice the time; float32 in and out",
        lambda sources, path: quantize.to_dynamic_range(sources.flip_average, path),
        averages_flip=True,
    ),
    "float32": Format(
        "variants/FER2013_float32.tflite",
        LITERT,
        "none, float32",
        "the exact network, at four times the size",
        lambda sources, path: files.copy(sources.float32, path),
    ),
    "float16": Format(
        "variants/FER2013_float16.tflite",
        LITERT,
        "float16 weights",
        "for GPU delegates, which compute in float16; slow on CPUs before LiteRT 2.3",
        lambda sources, path: quantize.to_float16(sources.float32, path),
    ),
    "int8": Format(
        "variants/FER2013_int8.tflite",
        LITERT,
        _INT8,
        "for NPUs and DSPs that compute in int8 only; float32 in and out",
        lambda sources, path: quantize.to_int8(sources.float32, path, sources.calibration, float_ends=True),
    ),
    "int8_full": Format(
        "variants/FER2013_int8_full.tflite",
        LITERT,
        _INT8,
        "for accelerators and microcontrollers without float; int8 in and out",
        lambda sources, path: quantize.to_int8(sources.float32, path, sources.calibration, float_ends=False),
        "grey / 255, quantized with the input's scale and zero point",
    ),
    "uint8_image": Format(
        "variants/FER2013_uint8_image.tflite",
        LITERT,
        _DYNAMIC_RANGE,
        "takes grey pixels 0..255",
        lambda sources, path: quantize.to_dynamic_range(sources.pixels, path),
        "grey, 0..255",
    ),
    "mediapipe": Format(
        "mediapipe/FER2013_rgb.tflite",
        LITERT,
        _DYNAMIC_RANGE,
        "for MediaPipe's ImageClassifier; RGB in, labels inside",
        _mediapipe,
        "RGB / 255, three channels; MediaPipe does the division",
    ),
    "onnx": Format(
        "FER2013.onnx",
        ONNX_RUNTIME,
        "none, float32",
        "for servers and desktops; [N, 1, 48, 48] in, any number of faces at once",
        lambda sources, path: to_onnx(sources.model, path, any_batch=True),
    ),
    "saved_model": Format(
        "saved_model",
        TENSORFLOW,
        "none, float32",
        "for TensorFlow, any number of faces at once; takes the place of the notebook's .h5 file",
        lambda sources, path: to_saved_model(sources.network, path),
    ),
    COREML: Format(
        "FER2013.mlpackage",
        CORE_ML,
        "float16",
        "for Xcode; a grey image in, labels with probabilities out; runs only on Apple's systems",
        lambda sources, path: to_coreml(sources.model, path),
        "a grey image, 0..255",
    ),
}


def chosen(names: Iterable[str]) -> dict[str, Format]:
    """Return the default format and those in ``names``, in the order of ``FORMATS``."""
    return {name: FORMATS[name] for name in FORMATS if name == DEFAULT or name in names}


def has_coremltools() -> bool:
    """Return whether Core ML files can be written here."""
    return importlib.util.find_spec("coremltools") is not None


def make(
    formats: dict[str, Format],
    network: nn.Sequential,
    model: nn.Sequential,
    calibration: np.ndarray,
    folder: Path,
) -> None:
    """Write all formats into a folder.

    Args:
        formats: the formats to write, by name.
        network, model, calibration: see ``Sources``.
        folder: the bundle.

    Raises:
        FerError: a converter failed.
    """
    with tempfile.TemporaryDirectory() as temporary:
        sources = Sources(network, model, calibration, Path(temporary))
        for count, (name, each) in enumerate(formats.items(), start=1):
            log.info("converting %d/%d: %s", count, len(formats), name)
            path = folder / each.file
            path.parent.mkdir(parents=True, exist_ok=True)
            each.make(sources, path)
