"""Save the hard examples of a phase in its checkpoints."""

from typing import Any

import lightning as L
import numpy as np
import torch


class HardExampleMining(L.Callback):
    """Saves in a phase's checkpoints the rows that the phase is restricted to, and logs their number.

    The rows are mined before the fit (see ``training.mining``), because Lightning notices a training set that
    changes within a fit one epoch late.

    Args:
        rows: int64, training rows, sorted.
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
        """The int64 rows saved in the checkpoint of a phase on hard or random examples; None for other phases."""
        state = checkpoint["callbacks"].get(HardExampleMining.__qualname__)
        return None if state is None or state["rows"] is None else state["rows"].numpy()
