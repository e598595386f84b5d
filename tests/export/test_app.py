"""Stands for the app: it has the two files and the libraries of a phone, but none of this project's code."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter

pytestmark = pytest.mark.slow

FLOAT_INPUT = [
    "FER2013.tflite",
    "variants/FER2013_float32.tflite",
    "variants/FER2013_float16.tflite",
    "variants/FER2013_int8.tflite",
]


def read_expression(model, labels, photo):
    """The app's steps: uint8 [H, W, 3] -> label and probability."""
    height, width, _ = photo.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = photo[top : top + side, left : left + side].astype(np.float32)
    edges = np.linspace(0, side, 49).astype(int)
    rows = np.add.reduceat(square, edges[:-1], axis=0) / np.diff(edges)[:, None, None]
    small = np.add.reduceat(rows, edges[:-1], axis=1) / np.diff(edges)[None, :, None]
    grey = small @ np.array([0.299, 0.587, 0.114], np.float32) / 255
    interpreter = Interpreter(model_path=str(model))
    interpreter.allocate_tensors()
    taken, given = interpreter.get_input_details()[0], interpreter.get_output_details()[0]
    copied = np.frombuffer(grey.astype("<f4").tobytes(), np.float32)
    assert copied.nbytes == 48 * 48 * 4
    interpreter.tensor(taken["index"])()[...] = copied.reshape(taken["shape"])
    interpreter.invoke()
    probabilities = np.frombuffer(interpreter.get_tensor(given["index"]).tobytes(), np.float32)
    names = labels.read_text().splitlines()
    assert len(probabilities) == len(names) == 7
    return names[int(probabilities.argmax())], probabilities


def photo_of(face):
    """A face in the middle of a landscape picture."""
    middle = np.kron(face, np.ones((5, 5), np.uint8))
    sides = np.random.default_rng(0).integers(0, 256, (240, 60), np.uint8)
    return np.repeat(np.hstack([sides, middle, sides])[..., None], 3, axis=2)


@pytest.mark.parametrize("file", FLOAT_INPUT)
def test_reads_faces(bundle, faces, file):
    val = faces.usage == 1
    read = [read_expression(bundle / file, bundle / "labels.txt", photo_of(face)) for face in faces.pixels[val]]
    assert all(probabilities.sum() == pytest.approx(1, abs=0.02) for _, probabilities in read)
    expected = [
        ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"][label] for label in faces.labels[val]
    ]
    assert np.mean([name == label for (name, _), label in zip(read, expected, strict=True)]) >= 6 / 7
