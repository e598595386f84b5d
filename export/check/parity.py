"""Does an exported file say what the network says?"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from fer_lightning.constants import MAX_PIXEL
from fer_lightning.errors import FerError

LIMITS = ("max_difference", "agreement", "accuracy_loss")


@dataclass(frozen=True)
class Agreement:
    """How one file compares with torch over the same faces.

    Attributes:
        max_difference: the largest difference of any probability.
        mean_difference: the mean over all of them.
        agreement: share of the faces with the same most probable class, 0..1.
        accuracy: share of the faces whose label is the file's most probable class, 0..1.
        reference_accuracy: the same of the network.
    """

    max_difference: float
    mean_difference: float
    agreement: float
    accuracy: float
    reference_accuracy: float

    @classmethod
    def between(cls, expected: np.ndarray, got: np.ndarray, labels: np.ndarray) -> "Agreement":
        """Compare probabilities, float32 [N, 7]; a NaN counts as an infinite difference.

        Args:
            labels: the faces' classes, integers [N].
        """
        difference = np.nan_to_num(np.abs(got - expected), nan=np.inf)
        reference, named = expected.argmax(axis=1), got.argmax(axis=1)
        shares = ((named == reference).mean(), (named == labels).mean(), (reference == labels).mean())
        return cls(float(difference.max()), float(difference.mean()), *map(float, shares))

    def require(self, name: str, limits: Mapping[str, float]) -> None:
        """Raise where the file ``name`` does not keep within ``limits``.

        Args:
            limits: any of ``max_difference`` (at most), ``agreement`` (at least, 0..1) and
                ``accuracy_loss`` (at most, in points of a hundred).

        Raises:
            FerError: what was measured, and what was allowed.
        """
        broken = []
        if self.max_difference > limits.get("max_difference", np.inf):
            broken.append(
                f"largest difference {self.max_difference:.2g}, at most {limits['max_difference']:g} is allowed"
            )
        if self.agreement < limits.get("agreement", 0):
            broken.append(
                f"same top class on {self.agreement:.2%} of the faces, at least {limits['agreement']:.2%} is asked"
            )
        loss = 100 * (self.reference_accuracy - self.accuracy)
        if loss > limits.get("accuracy_loss", np.inf):
            broken.append(f"{loss:.2f} points of accuracy lost, at most {limits['accuracy_loss']:g} are allowed")
        if not np.isfinite(self.max_difference):
            broken.append("some of its probabilities are no numbers")
        if broken:
            raise FerError(f"{name} does not agree with the network: {'; '.join(broken)}; no bundle was written")


@torch.inference_mode()
def torch_probabilities(model: nn.Module, images: np.ndarray) -> np.ndarray:
    """uint8 [N, 48, 48] -> float32 [N, 7]."""
    return torch.cat([model(batch) for batch in as_inputs(images).split(64)]).numpy()


def as_inputs(images: np.ndarray) -> Tensor:
    """uint8 [N, 48, 48] -> float32 [N, 1, 48, 48], grey / 255."""
    return torch.from_numpy(images[:, None].astype(np.float32) / MAX_PIXEL)
