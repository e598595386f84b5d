"""Run each exported file with its own runtime; no torch."""

import importlib.util
from pathlib import Path
from typing import Protocol

import numpy as np

from fer_lightning.constants import MAX_PIXEL
from fer_lightning.inference.tflite_model import INPUT_SHAPE, TFLiteModel

from ..captured_output import captured_output

LITERT, ONNX_RUNTIME, TENSORFLOW, CORE_ML = "LiteRT", "ONNX Runtime", "TensorFlow", "Core ML"
# the package of each; Core ML runs only on Apple's systems and is never run here
MODULES = {LITERT: "ai_edge_litert", ONNX_RUNTIME: "onnxruntime", TENSORFLOW: "tensorflow", CORE_ML: None}


class Runner(Protocol):
    """A loaded file."""

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """Read one face at a time: uint8 [N, 48, 48] -> float32 [N, 7]."""

    def invoke(self) -> None:
        """Run once on a black image, for timing."""


class OnnxModel:
    """An ``.onnx`` file in ONNX Runtime."""

    def __init__(self, path: Path, threads: int | None = None) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        if threads is not None:
            options.intra_op_num_threads = threads
        self._session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        (self._input,) = self._session.get_inputs()
        _, *shape = self._input.shape
        self._image = np.zeros((1, *shape), np.float32)

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        inputs = images[:, None, None].astype(np.float32) / MAX_PIXEL
        return np.concatenate([self._run(image) for image in inputs])

    def invoke(self) -> None:
        self._run(self._image)

    def _run(self, image: np.ndarray) -> np.ndarray:
        return self._session.run(None, {self._input.name: image})[0]


class SavedModel:
    """A SavedModel in TensorFlow."""

    def __init__(self, path: Path) -> None:
        with captured_output():
            import tensorflow as tf

            self._constant = tf.constant
            self._module = tf.saved_model.load(str(path))  # kept, because a signature does not keep its module alive
        self._signature = self._module.signatures["serving_default"]
        (self._input,) = self._signature.structured_input_signature[1]

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        inputs = images[:, None, :, :, None].astype(np.float32) / MAX_PIXEL
        return np.concatenate([self._run(image) for image in inputs])

    def invoke(self) -> None:
        self._run(np.zeros(INPUT_SHAPE, np.float32))

    def _run(self, image: np.ndarray) -> np.ndarray:
        (output,) = self._signature(**{self._input: self._constant(image)}).values()
        return output.numpy()


def is_installed(runtime: str) -> bool:
    """Return whether files for ``runtime`` can be run here."""
    module = MODULES[runtime]
    return module is not None and importlib.util.find_spec(module) is not None


def load(runtime: str, path: Path, threads: int | None = None) -> Runner:
    """Load a file into its runtime.

    Args:
        runtime: one of ``MODULES``.
        path: the file, or the folder of a SavedModel.
        threads: the number of threads; None leaves it to the runtime. TensorFlow always uses the process's threads.

    Raises:
        FerError: LiteRT cannot load the file; other runtimes raise their own errors.
    """
    if runtime == LITERT:
        return TFLiteModel(path, threads)
    return OnnxModel(path, threads) if runtime == ONNX_RUNTIME else SavedModel(path)
