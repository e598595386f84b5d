"""Reads an exported model and runs it with LiteRT; no torch."""

from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from fer_lightning.errors import FerError
from fer_lightning.labels import LABELS, NUM_CLASSES
from fer_lightning.preprocessing import IMAGE_SIZE, MAX_PIXEL

MODEL_FILE = "FER2013.tflite"
LABELS_FILE = "labels.txt"
LABELS_TEXT = "".join(f"{label}\n" for label in LABELS)

INPUT_SHAPE = (1, IMAGE_SIZE, IMAGE_SIZE, 1)
OUTPUT_SHAPE = (1, NUM_CLASSES)


class TFLiteModel:
    """A ``.tflite`` file that keeps the app's contract: float32 grey / 255 in, probabilities out.

    Raises:
        FerError: the file is missing, is no TFLite model, or has other inputs or outputs.
    """

    def __init__(self, path: Path) -> None:
        if not path.is_file():
            raise FerError(f"there is no model {path}")
        try:
            self._interpreter = Interpreter(model_path=str(path))
            self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise FerError(f"{path} is no TFLite model that LiteRT loads: {error}") from error
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        shapes = [tuple(int(side) for side in tensor["shape"]) for tensor in (*inputs, *outputs)]
        types = {tensor["dtype"] for tensor in (*inputs, *outputs)}
        if shapes != [INPUT_SHAPE, OUTPUT_SHAPE] or types != {np.float32}:
            raise FerError(f"{path} does not keep the app's contract: float32 {INPUT_SHAPE} -> {OUTPUT_SHAPE}")
        self._input, self._output = inputs[0]["index"], outputs[0]["index"]

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """uint8 [N, 48, 48] -> float32 [N, 7], a face at a time, as the app calls it."""
        results = np.empty((len(images), NUM_CLASSES), np.float32)
        for index, image in enumerate(images):
            grey = image.astype(np.float32) / MAX_PIXEL
            self._interpreter.set_tensor(self._input, grey.reshape(INPUT_SHAPE))
            self._interpreter.invoke()
            results[index] = self._interpreter.get_tensor(self._output)[0]
        return results
