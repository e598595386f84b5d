"""Carry the hard examples of a phase."""

from typing import Any

import lightning as L
import numpy as np
import torch


class HardExampleMining(L.Callback):
    """Puts the rows that a phase is restricted to into its checkpoints, and their number into its log.

    The rows are mined before the fit (see ``training.mining``), because Lightning takes a training set that changes
    within a fit into account an epoch late.

    Args:
        rows: int64, the training rows that the network got wrong.
    """

    def __init__(self, rows: np.ndarray) -> None:
        self.rows = rows

    def on_train_start(self, trainer: L.Trainer, pl_module: L.LightningModule) -> None:
        for logger in trainer.loggers:
            logger.log_metrics({"hard_examples": len(self.rows)}, step=trainer.global_step)

    def state_dict(self) -> dict[str, Any]:
        return {"rows": torch.from_numpy(self.rows)}

    @staticmethod
    def rows_in(checkpoint: dict[str, Any]) -> np.ndarray | None:
        """The rows that a checkpoint of a hard phase holds; None in a checkpoint of another phase."""
        state = checkpoint["callbacks"].get(HardExampleMining.__qualname__)
        return None if state is None or state["rows"] is None else state["rows"].numpy()
