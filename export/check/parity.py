"""Compare the probabilities of an exported file with the network's."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from fer_lightning.constants import MAX_PIXEL
from fer_lightning.errors import FerError

_ERRORS = 2  # standard errors by which a share may miss its limit


@dataclass(frozen=True)
class Agreement:
    """How one file compares with torch on the same faces.

    Attributes:
        max_difference: the largest difference of any probability.
        mean_difference: the mean difference of all probabilities.
        agreement: the share of the faces with the same top class, 0..1.
        accuracy: the file's accuracy, 0..1.
        reference_accuracy: the network's accuracy, 0..1.
        faces: their number.
    """

    max_difference: float
    mean_difference: float
    agreement: float
    accuracy: float
    reference_accuracy: float
    faces: int

    @property
    def accuracy_gain(self) -> float:
        """The file's accuracy minus the network's, in percentage points."""
        return 100 * (self.accuracy - self.reference_accuracy)

    @classmethod
    def between(cls, expected: np.ndarray, got: np.ndarray, labels: np.ndarray) -> "Agreement":
        """Compare probabilities; a NaN counts as an infinite difference.

        Args:
            expected: the network's, float32 [N, 7].
            got: the file's, float32 [N, 7].
            labels: the faces' classes, integers [N].
        """
        difference = np.nan_to_num(np.abs(got - expected), nan=np.inf)
        reference, named = expected.argmax(axis=1), got.argmax(axis=1)
        return cls(
            max_difference=float(difference.max()),
            mean_difference=float(difference.mean()),
            agreement=float((named == reference).mean()),
            accuracy=float((named == labels).mean()),
            reference_accuracy=float((reference == labels).mean()),
            faces=len(labels),
        )

    def require(self, name: str, limits: Mapping[str, float]) -> None:
        """Check that a file keeps within its limits.

        A share of the faces may miss its limit by two standard errors, because other faces would have given another:
        of 1,000 faces, a file that changes 2% of the answers loses more than 0.5 points one time in ten by chance.

        Args:
            name: the file, for the error.
            limits: any of ``max_difference`` (at most), ``agreement`` (at least, 0..1) and ``accuracy_loss`` (at most,
                in percentage points).

        Raises:
            FerError: a limit is broken; the text says what was measured and what is allowed.
        """
        broken = []
        if self.max_difference > limits.get("max_difference", np.inf):
            broken.append(
                f"the largest difference is {self.max_difference:.2g}, the limit is {limits['max_difference']:g}"
            )
        # only faces whose top class differs change the accuracy, each by at most one face
        chance = 100 * _ERRORS * ((1 - self.agreement) / self.faces) ** 0.5
        agreement, loss = 100 * self.agreement, -self.accuracy_gain
        if agreement + chance < 100 * limits.get("agreement", 0):
            broken.append(
                f"the top class agrees on {agreement:.2f}% of the faces, the limit is {100 * limits['agreement']:.2f}% "
                f"and chance explains {chance:.2f} points"
            )
        if loss - chance > limits.get("accuracy_loss", np.inf):
            broken.append(
                f"it loses {loss:.2f} points of accuracy, the limit is {limits['accuracy_loss']:g} and chance explains "
                f"{chance:.2f}"
            )
        if not np.isfinite(self.max_difference):
            broken.append("some of its probabilities are NaN or infinite")
        if broken:
            raise FerError(f"{name} does not agree with the network: {'; '.join(broken)}; no bundle was written")


@torch.inference_mode()
def torch_probabilities(model: nn.Module, images: np.ndarray) -> np.ndarray:
    """Run a model in batches: uint8 [N, 48, 48] -> float32 [N, 7]."""
    return torch.cat([model(batch) for batch in as_inputs(images).split(64)]).numpy()


def as_inputs(images: np.ndarray) -> Tensor:
    """Scale faces for the exported model: uint8 [N, 48, 48] -> float32 [N, 1, 48, 48], grey / 255."""
    return torch.from_numpy(images[:, None].astype(np.float32) / MAX_PIXEL)
