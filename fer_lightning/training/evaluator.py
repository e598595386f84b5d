"""The Evaluator scores networks on one split; every accuracy of this project comes from it."""

import logging
from collections.abc import Sequence
from functools import cached_property
from typing import Any

import lightning as L
import numpy as np
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from omegaconf import DictConfig
from torch import Tensor

from fer_lightning.data.datamodule import FaceDataModule
from fer_lightning.data.kaggle_csv import TRAINING_FILES
from fer_lightning.data.sources import Subset
from fer_lightning.training import data_kind, metrics
from fer_lightning.training.classifier import ExpressionClassifier

log = logging.getLogger(__name__)

# the keys that determine the splits; by default a checkpoint is scored on the splits it was trained with.
# target determines which training rows data=ferplus has, and the last four the synthetic faces of data=sample
SPLIT_KEYS = ("split", "split_seed", "val_fraction", "drop_leaks", "target", "train", "val", "test", "seed")


class Evaluator:
    """Scores networks on one split, in float32, which makes the scores independent of the processor.

    Args:
        datamodule: the data module, after ``setup``.
        subset: the split to score.
        accelerator: a Lightning accelerator name.
        progress: whether to show a progress bar.

    Raises:
        FerError: the split is empty.
    """

    def __init__(self, datamodule: FaceDataModule, subset: Subset, accelerator: str, *, progress: bool = True) -> None:
        self.datamodule = datamodule
        self.subset = subset
        self.rows = datamodule.rows(subset)
        self._accelerator = accelerator
        self._progress = progress

    @property
    def labels(self) -> np.ndarray:
        return self.datamodule.faces.labels[self.rows]

    @cached_property
    def fresh(self) -> np.ndarray:
        return self.datamodule.is_fresh(self.subset)

    @property
    def title(self) -> str:
        return f"{self.subset} split of {self.datamodule.faces.name}"

    def predict(self, module: ExpressionClassifier) -> Tensor:
        """The float32 logits [N, classes] of the split's rows."""
        trainer = L.Trainer(
            accelerator=self._accelerator,
            devices=1,
            plugins=[LightningEnvironment()],  # one process, even if SLURM or torchrun started several
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=self._progress,
            enable_model_summary=False,
        )
        return metrics.predict_logits(module, self.datamodule.loader(self.rows), trainer)

    def score(self, module: ExpressionClassifier) -> dict[str, Any]:
        """See ``metrics.score``."""
        return metrics.score(self.predict(module), self.labels, self.fresh, self.datamodule.class_names)


def warn_of_other_splits(datamodule: FaceDataModule, subset: Subset, settings: Sequence[dict[str, Any]]) -> None:
    """Warn if the random split that is scored contains faces on which a network was trained with another split.

    Args:
        datamodule: the data module, after ``setup``.
        subset: the split that is scored; only val is drawn at random.
        settings: what the checkpoint of each network records.
    """
    if datamodule.held_out is None or subset != "val":
        return
    for number, each in enumerate(settings, start=1):
        if _is_of_same_data(each, datamodule.faces.name) and _held_out_others(each, datamodule):
            log.warning(
                "network %d was trained on another split, so it has seen some of the faces that are scored", number
            )


def _is_of_same_data(settings: dict[str, Any], name: str) -> bool:
    both = {settings.get("data_name", name), name}
    plain = {each.removesuffix(" with FER+ labels").removesuffix(".zip") for each in both}
    return len(both) == 1 or plain <= set(TRAINING_FILES)  # of Kaggle's, which contain the same faces


def _held_out_others(settings: dict[str, Any], datamodule: FaceDataModule) -> bool:
    if "held_out" in settings:
        return settings["held_out"] != datamodule.held_out
    trained = settings.get("data")  # of an earlier version
    keys = ("split", "split_seed", "val_fraction")
    return isinstance(trained, dict) and any(trained[key] != getattr(datamodule, key) for key in keys if key in trained)


def adopt_split(cfg: DictConfig, settings: dict[str, Any], overrides: list[str]) -> None:
    """Use the kind of data and the splits that the checkpoint was trained with, unless the command line sets them."""
    given = {word.partition("=")[0].lstrip("+~") for word in overrides}
    trained = settings.get("data")
    if not isinstance(trained, dict):
        return
    if "data" not in given:
        data_kind.adopt(cfg, trained)
    for key in SPLIT_KEYS:
        value = trained.get(key)
        is_plain = isinstance(value, str | int | float) and "$" not in str(value)
        if is_plain and key in cfg.data and f"data.{key}" not in given:
            cfg.data[key] = value
