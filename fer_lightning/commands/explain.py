"""Draw Grad-CAM heat maps on faces of each class."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import nn

from fer_lightning.config_rules.check import check
from fer_lightning.data.datamodule import FaceDataModule
from fer_lightning.data.faces import UNKNOWN
from fer_lightning.errors import FerError
from fer_lightning.models import checkpoint
from fer_lightning.models.attribution import heat
from fer_lightning.models.networks import Scale
from fer_lightning.reporting import face_sheets
from fer_lightning.training.evaluator import adopt_split
from fer_lightning.utils.quiet import quiet_libraries

log = logging.getLogger(__name__)


def choose(labels: np.ndarray, rows: np.ndarray, count: int, classes: int) -> np.ndarray:
    """The first ``count`` of ``rows`` for each class, int64, in the order of the classes."""
    return np.concatenate([rows[labels[rows] == code][:count] for code in range(classes)])


def explain(cfg: DictConfig, path: Path) -> None:
    """Draw faces of ``cfg.subset`` with their predictions and heat maps into the image ``path``.

    Raises:
        FerError: the checkpoint, the data or the rows cannot be used.
    """
    trained = checkpoint.load([checkpoint.path_of(cfg.ckpt)])
    adopt_split(cfg, trained.settings[0], list(HydraConfig.get().overrides.task))
    check("explain", cfg)  # again, because the checkpoint's values are not trusted
    datamodule: FaceDataModule = instantiate(cfg.data)
    datamodule.setup()
    faces, names = datamodule.faces, datamodule.class_names
    network = trained.network(len(names))
    if cfg.rows is None:
        rows = choose(faces.labels, datamodule.rows(cfg.subset), cfg.faces, len(names))
    else:
        rows = _given(cfg.rows, len(faces))
    assert isinstance(network, nn.Sequential)
    images = torch.from_numpy(faces.pixels[rows]).unsqueeze(1)
    with torch.inference_mode():
        probabilities = network(Scale()(images)).softmax(dim=1)
    answers = probabilities.argmax(dim=1)
    captions = [
        f"{names[answer]} {probabilities[index, answer]:.0%}\n({_label(faces.labels[row], names)}, row {row})"
        for index, (answer, row) in enumerate(zip(answers.tolist(), rows.tolist(), strict=True))
    ]
    face_sheets.heat(
        faces.pixels[rows],
        heat(network, images, answers).numpy(),
        captions,
        f"{faces.name}: evidence for the predicted class",
        path,
    )


def _label(code: int, names: Sequence[str]) -> str:
    return "no label" if code == UNKNOWN else names[code]


def _given(rows: Sequence[int], count: int) -> np.ndarray:
    if max(rows) >= count:
        raise FerError(f"rows must be integers from 0 to {count - 1}, got {max(rows)}")
    return np.array(rows, np.int64)


def run(cfg: DictConfig) -> None:
    quiet_libraries()
    path = Path(HydraConfig.get().runtime.output_dir) / "explain.png"
    explain(cfg, path)
    log.info("the image is in %s", path)
