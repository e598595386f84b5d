"""Does every exported file say what the network says?"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn

from export.to_onnx import INPUT
from fer_lightning.bundle import TFLiteModel
from fer_lightning.errors import FerError
from fer_lightning.preprocessing import MAX_PIXEL


@dataclass(frozen=True)
class Agreement:
    """How one file compares with torch over the same faces.

    Attributes:
        max_difference: the largest difference of any probability.
        mean_difference: the mean over all of them.
        top1: share of the faces with the same most probable class, 0..1.
    """

    file: str
    runtime: str
    max_difference: float
    mean_difference: float
    top1: float

    @classmethod
    def between(cls, file: str, runtime: str, expected: np.ndarray, got: np.ndarray) -> "Agreement":
        """Compare probabilities, float32 [N, 7]; a NaN counts as an infinite difference."""
        difference = np.nan_to_num(np.abs(got - expected), nan=np.inf)
        same = got.argmax(axis=1) == expected.argmax(axis=1)
        return cls(file, runtime, float(difference.max()), float(difference.mean()), float(same.mean()))

    def require(self, max_difference: float) -> None:
        """Raises FerError where the file differs by more, or names another class for any face."""
        if self.max_difference > max_difference or self.top1 < 1:
            raise FerError(
                f"{self.file} does not agree with the network: largest difference {self.max_difference:.2g} "
                f"(at most {max_difference:g} is allowed), same top class on {self.top1:.1%} of the faces; "
                "no bundle was written"
            )


@torch.inference_mode()
def torch_probabilities(model: nn.Module, images: np.ndarray) -> np.ndarray:
    """uint8 [N, 48, 48] -> float32 [N, 7]."""
    inputs = torch.from_numpy(images[:, None].astype(np.float32) / MAX_PIXEL)
    return torch.cat([model(batch) for batch in inputs.split(64)]).numpy()


def onnx_probabilities(path: Path, images: np.ndarray) -> np.ndarray:
    """uint8 [N, 48, 48] -> float32 [N, 7], a face at a time."""
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    inputs = images[:, None, None].astype(np.float32) / MAX_PIXEL
    return np.concatenate([session.run(None, {INPUT: image})[0] for image in inputs])


def compare(model: nn.Module, onnx_path: Path, tflite_path: Path, images: np.ndarray) -> list[Agreement]:
    """Run both files by their own runtimes over ``images``, uint8 [N, 48, 48].

    Raises:
        FerError: the TFLite file does not keep the app's contract.
    """
    expected = torch_probabilities(model, images)
    return [
        Agreement.between(onnx_path.name, "ONNX Runtime", expected, onnx_probabilities(onnx_path, images)),
        Agreement.between(tflite_path.name, "LiteRT", expected, TFLiteModel(tflite_path).probabilities(images)),
    ]
