"""Scores of a set of predictions, defined once for training, evaluation and export."""

import math
from collections.abc import Sequence
from typing import Any

import lightning as L
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F
from torch.utils.data import DataLoader
from torchmetrics.functional.classification import (
    multiclass_accuracy,
    multiclass_calibration_error,
    multiclass_confusion_matrix,
    multiclass_f1_score,
    multiclass_precision,
    multiclass_recall,
)

from fer_lightning.constants import LABELS
from fer_lightning.training.signals import raising_keyboard_interrupt


def predict_logits(module: L.LightningModule, loader: DataLoader[Any], trainer: L.Trainer) -> Tensor:
    """The float32 logits [N, classes] on the CPU, in the loader's order."""
    with raising_keyboard_interrupt(trainer):
        batches = trainer.predict(module, loader)
    assert batches is not None  # return_predictions is on
    return torch.cat([batch.cpu() for batch in batches])  # type: ignore[union-attr]


def score(logits: Tensor, labels: np.ndarray, fresh: np.ndarray, class_names: Sequence[str] = LABELS) -> dict[str, Any]:
    """Compute scores as plain numbers that can be written as JSON.

    Args:
        logits: float32 [N, classes].
        labels: uint8 [N], the true classes.
        fresh: bool [N], True for leak-free rows (their pixels do not occur in training).
        class_names: names of the logits, in order.

    Returns:
        n, n_fresh, loss, accuracy, standard_error (of the accuracy, from n alone), accuracy_fresh (None if no row
        is leak-free), macro_f1, calibration_error (expected calibration error over 15 confidence bins), per_class
        (label -> precision, recall, f1, n) and confusion (counts; rows are true classes, columns predicted
        classes). Averages over classes exclude classes that are neither true nor predicted anywhere.
    """
    target = torch.from_numpy(labels.astype(np.int64))
    fresh_rows = torch.from_numpy(fresh)
    classes = len(class_names)
    options: dict[str, Any] = {"num_classes": classes, "average": None}
    precision = multiclass_precision(logits, target, **options).tolist()
    recall = multiclass_recall(logits, target, **options).tolist()
    f1 = multiclass_f1_score(logits, target, **options).tolist()
    counts = torch.bincount(target, minlength=classes).tolist()

    def accuracy(rows: Tensor) -> float | None:
        if not rows.any():
            return None
        return float(multiclass_accuracy(logits[rows], target[rows], classes, average="micro"))

    overall = accuracy(torch.ones_like(fresh_rows))
    assert overall is not None  # there is a row
    return {
        "n": len(target),
        "n_fresh": int(fresh_rows.sum()),
        "loss": float(F.cross_entropy(logits, target)),
        "accuracy": overall,
        "standard_error": math.sqrt(overall * (1 - overall) / len(target)),
        "accuracy_fresh": accuracy(fresh_rows),
        "macro_f1": float(multiclass_f1_score(logits, target, classes, average="macro")),
        "calibration_error": float(multiclass_calibration_error(logits.softmax(dim=1), target, classes)),
        "per_class": {
            label: {"precision": precision[i], "recall": recall[i], "f1": f1[i], "n": counts[i]}
            for i, label in enumerate(class_names)
        },
        "confusion": multiclass_confusion_matrix(logits, target, classes).tolist(),
    }
