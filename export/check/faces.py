"""The faces that an export uses: some to compare on, some to calibrate on."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from hydra.utils import instantiate

from fer_lightning.constants import NUM_CLASSES
from fer_lightning.data import synthetic
from fer_lightning.data.datamodule import FaceDataModule
from fer_lightning.data.splits import spread
from fer_lightning.errors import FerError

CALIBRATION_FACES = 70  # per class


@dataclass(frozen=True)
class Chosen:
    """Faces, their labels and where they come from.

    Attributes:
        pixels: uint8 [N, 48, 48].
        labels: uint8 [N].
        source: a description for the bundle's documents.
    """

    pixels: np.ndarray
    labels: np.ndarray
    source: str


def choose(data: Any, count: int, seed: int) -> tuple[Chosen, Chosen]:
    """Return faces to compare on and faces to calibrate on.

    The first are ``count`` faces of the val split, completed with synthetic ones if it has fewer. The second are
    training faces, up to ``CALIBRATION_FACES`` per class. Without data, both are synthetic.

    Args:
        data: the config of a data module; its ``dir`` is None without data.
        count: how many faces to compare on.
        seed: selects the training faces.

    Raises:
        FerError: the data module cannot read the data, or has other classes than the network.
    """
    if data.get("dir") is None:
        return _drawn(val=count), _drawn(train=CALIBRATION_FACES * NUM_CLASSES)
    datamodule: FaceDataModule = instantiate(data)
    datamodule.setup()
    if len(datamodule.class_names) != NUM_CLASSES:
        raise FerError(
            f"the data has {len(datamodule.class_names)} classes, an exported network {NUM_CLASSES}; use data=fer2013"
        )
    faces = datamodule.faces
    val = datamodule.rows("val")
    val = spread(val, min(count, len(val)))
    compared = Chosen(faces.pixels[val], faces.labels[val], f"val split of {faces.name}")
    if len(val) < count:
        drawn = _drawn(val=count - len(val))
        compared = Chosen(
            np.concatenate([compared.pixels, drawn.pixels]),
            np.concatenate([compared.labels, drawn.labels]),
            f"{compared.source} and {len(drawn.labels):,} {drawn.source}",
        )
    rows = _balanced(datamodule.rows("train"), faces.labels, np.random.default_rng(seed))
    return compared, Chosen(faces.pixels[rows], faces.labels[rows], f"training faces of {faces.name}")


def _drawn(train: int = 0, val: int = 0) -> Chosen:
    faces = synthetic.draw_sample(train=train, val=val, test=0, seed=0)
    return Chosen(faces.pixels, faces.labels, faces.name)


def _balanced(rows: np.ndarray, labels: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Select up to ``CALIBRATION_FACES`` rows of each class."""
    by_class = (rng.permutation(rows[labels[rows] == code])[:CALIBRATION_FACES] for code in range(NUM_CLASSES))
    return np.concatenate(list(by_class))
