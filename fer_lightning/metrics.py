"""The scores of a set of predictions: one definition for training, evaluation and export."""

from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_confusion_matrix,
    multiclass_f1_score,
    multiclass_precision,
    multiclass_recall,
)

from fer_lightning.interrupts import raising_keyboard_interrupt
from fer_lightning.labels import LABELS, NUM_CLASSES


def predict_logits(module: L.LightningModule, loader: DataLoader[Any], trainer: L.Trainer) -> Tensor:
    """float32 logits [N, 7] on the CPU, in the loader's order."""
    with raising_keyboard_interrupt(trainer):
        batches = trainer.predict(module, loader)
    assert batches is not None  # return_predictions is on
    return torch.cat([batch.cpu() for batch in batches])  # type: ignore[union-attr]


def score(logits: Tensor, labels: np.ndarray, fresh: np.ndarray) -> dict[str, Any]:
    """Plain numbers, ready for JSON.

    Args:
        logits: float32 [N, 7].
        labels: uint8 [N], the right classes.
        fresh: bool [N], rows whose pixels do not occur in training.

    Returns:
        n, n_fresh, loss, accuracy, accuracy_fresh (None where no row is fresh), macro_f1, per_class
        (label -> precision, recall, f1, n) and confusion (rows are the right class, columns the
        predicted one, counts). Averages over classes leave classes out that occur on neither side.
    """
    target = torch.from_numpy(labels.astype(np.int64))
    fresh_rows = torch.from_numpy(fresh)
    options: dict[str, Any] = {"num_classes": NUM_CLASSES, "average": None}
    precision = multiclass_precision(logits, target, **options).tolist()
    recall = multiclass_recall(logits, target, **options).tolist()
    f1 = multiclass_f1_score(logits, target, **options).tolist()
    counts = torch.bincount(target, minlength=NUM_CLASSES).tolist()

    def accuracy(rows: Tensor) -> float | None:
        if not rows.any():
            return None
        return float(multiclass_accuracy(logits[rows], target[rows], NUM_CLASSES, average="micro"))

    return {
        "n": len(target),
        "n_fresh": int(fresh_rows.sum()),
        "loss": float(F.cross_entropy(logits, target)),
        "accuracy": accuracy(torch.ones_like(fresh_rows)),
        "accuracy_fresh": accuracy(fresh_rows),
        "macro_f1": float(multiclass_f1_score(logits, target, NUM_CLASSES, average="macro")),
        "per_class": {
            label: {"precision": precision[i], "recall": recall[i], "f1": f1[i], "n": counts[i]}
            for i, label in enumerate(LABELS)
        },
        "confusion": multiclass_confusion_matrix(logits, target, NUM_CLASSES).tolist(),
    }
