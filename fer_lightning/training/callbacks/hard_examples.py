"""Train a phase on the examples that the network gets wrong."""

import logging
from typing import Any

import lightning as L
import numpy as np
import torch

from fer_lightning.data.datamodule import FER2013DataModule
from fer_lightning.errors import FerError

log = logging.getLogger(__name__)


class NoHardExamples(Exception):  # noqa: N818, an outcome and no error
    """The network gets every training example right, or all but too few to train and validate on."""


class HardExampleMining(L.Callback):
    """Restrict the phase to the training examples that the network gets wrong at its start.

    They are mined once, unaugmented and in eval mode, from the training split alone; validation and
    test rows are never looked at. The indices are part of the checkpoint, so a resumed phase goes on
    with the same ones.

    Args:
        holdout: fraction of the mined examples to validate on, as the notebook did; 0 validates on
            the val split.

    Raises:
        NoHardExamples: from ``on_fit_start``.
    """

    def __init__(self, holdout: float = 0.0) -> None:
        if not 0 <= holdout < 1:
            raise FerError(f"holdout={holdout} is not at least 0 and below 1")
        self.holdout = holdout
        self.rows: np.ndarray | None = None

    def on_fit_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        datamodule = trainer.datamodule  # type: ignore[attr-defined]
        if self.rows is None:
            self.rows = mine(trainer, pl_module, datamodule)
            log.info("hard examples: %d of %d training rows", len(self.rows), looked_at(trainer, datamodule))
        if len(self.rows) < (2 if self.holdout else 1):
            raise NoHardExamples
        datamodule.restrict(self.rows, self.holdout)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": None if self.rows is None else torch.from_numpy(self.rows)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        self.rows = None if state_dict["rows"] is None else state_dict["rows"].numpy()


@torch.inference_mode()
def mine(trainer: L.Trainer, pl_module: L.LightningModule, datamodule: FER2013DataModule) -> np.ndarray:
    """Row indices, int64 and sorted, of the training examples that ``pl_module`` gets wrong.

    Each process of a distributed run looks at its share; all get the same answer. Where not all rows are looked at
    (see ``looked_at``), they are evenly spread.
    """
    rows = datamodule.rows("train")
    most = looked_at(trainer, datamodule)
    rows = rows[np.arange(most) * len(rows) // max(most, 1)]
    share = np.arange(len(rows))[trainer.global_rank :: trainer.world_size]
    wrong = torch.zeros(len(rows), dtype=torch.float32, device=pl_module.device)
    was_training = pl_module.training
    pl_module.eval()
    start = 0
    for images, labels, _ in datamodule.loader(rows[share]):
        with trainer.precision_plugin.forward_context():
            logits = pl_module(images.to(pl_module.device))
        missed = logits.argmax(dim=1) != labels.to(pl_module.device)
        wrong[torch.from_numpy(share[start : start + len(labels)]).to(wrong.device)] = missed.float()
        start += len(labels)
    pl_module.train(was_training)
    wrong = trainer.strategy.reduce(wrong, reduce_op="sum")
    return np.sort(rows[wrong.cpu().numpy() > 0])


def looked_at(trainer: L.Trainer, datamodule: FER2013DataModule) -> int:
    """How many training rows are mined: all, or as many as an epoch trains on with trainer.limit_train_batches."""
    count, limit = len(datamodule.rows("train")), trainer.limit_train_batches
    if isinstance(limit, float):
        return int(count * limit)
    return min(count, limit * datamodule.batch_size * trainer.world_size)
