"""Find the training examples that a network gets wrong, before a phase that trains on some of them."""

import logging
from pathlib import Path
from typing import Literal

import lightning as L
import numpy as np
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig

from fer_lightning.data.datamodule import FaceDataModule
from fer_lightning.data.row_numbers import read_row_numbers
from fer_lightning.data.splits import spread
from fer_lightning.training.classifier import ExpressionClassifier
from fer_lightning.training.distributed import is_first
from fer_lightning.training.metrics import predict_logits
from fer_lightning.training.precision import SharedPrecision
from fer_lightning.training.run_config import ROWS_FILE
from fer_lightning.training.trainers import make_trainer
from fer_lightning.utils import files

log = logging.getLogger(__name__)


def mined_rows(
    cfg: DictConfig,
    source: Literal["hard", "random"],
    module: ExpressionClassifier,
    datamodule: FaceDataModule,
    folder: Path,
) -> np.ndarray:
    """The rows that a phase trains on; a resumed phase reads them from ``ROWS_FILE`` in its ``folder``.

    Args:
        source: ``hard`` for the rows that ``mine`` finds, ``random`` for as many, drawn with the run's seed.

    Returns:
        int64 row numbers, sorted.

    Raises:
        FerError: ``ROWS_FILE`` is damaged.
    """
    path = folder / ROWS_FILE
    if path.is_file():
        return read_row_numbers(path, len(datamodule.faces))
    progress_bar = cfg.callbacks.get("progress_bar") if cfg.trainer.enable_progress_bar else None
    trainer = make_trainer(
        cfg.trainer,
        callbacks=[SharedPrecision(), *([] if progress_bar is None else [instantiate(progress_bar)])],
        logger=False,
        enable_checkpointing=False,
        profiler=None,
        fast_dev_run=False,
        limit_train_batches=int(cfg.trainer.fast_dev_run) or cfg.trainer.limit_train_batches,
        use_distributed_sampler=False,  # ``mine`` distributes the rows
    )
    candidates = candidate_rows(trainer, datamodule)
    rows = mine(trainer, module, datamodule, candidates)
    log.info("hard examples: %d of %d training rows", len(rows), len(candidates))
    if source == "random":
        rows = np.sort(np.random.default_rng(cfg.seed).choice(candidates, len(rows), replace=False))
        log.info("training on as many random rows instead")
    if is_first():
        files.write_text(path, "\n".join(["row", *map(str, rows)]) + "\n")
    return rows


def candidate_rows(trainer: L.Trainer, datamodule: FaceDataModule) -> np.ndarray:
    """The training rows to mine, int64: all, or with trainer.limit_train_batches as many as one epoch trains on.

    The rows are spread evenly over the training split.
    """
    rows, limit = datamodule.rows("train"), trainer.limit_train_batches
    if isinstance(limit, float):
        count = int(len(rows) * limit)
    else:
        count = min(len(rows), limit * datamodule.batch_size * trainer.world_size)
    return spread(rows, count)


def mine(trainer: L.Trainer, module: ExpressionClassifier, datamodule: FaceDataModule, rows: np.ndarray) -> np.ndarray:
    """Find the rows that ``module`` misclassifies without augmentation, in eval mode.

    Each process of a distributed run predicts its share; all processes return the same rows.

    Args:
        rows: int64, the candidates.

    Returns:
        int64, a sorted subset of ``rows``.
    """
    share = np.arange(len(rows))[trainer.global_rank :: trainer.world_size]
    wrong = torch.zeros(len(rows))
    if len(share):
        answers = predict_logits(module, datamodule.loader(rows[share]), trainer).argmax(dim=1).numpy()
        wrong[share] = torch.from_numpy(answers != datamodule.faces.labels[rows[share]]).float()
    wrong = trainer.strategy.reduce(wrong.to(trainer.strategy.root_device), reduce_op="sum")
    return np.sort(rows[wrong.cpu().numpy() > 0])
