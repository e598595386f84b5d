"""ExpressionClassifier: the loss, the metrics, the optimizer and the schedule around a network."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

import lightning as L
import torch
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import ClasswiseWrapper, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from fer_lightning.datamodule import Batch
from fer_lightning.labels import LABELS, NUM_CLASSES
from fer_lightning.network import Scale


class ExpressionClassifier(L.LightningModule):
    """Classifies grey faces into the seven expressions.

    Args:
        network: float32 [B, 1, 48, 48] in 0..1 -> logits [B, 7].
        optimizer: makes the optimizer from the parameters.
        scheduler: makes the schedule from the optimizer, stepped each epoch, on val_loss where it asks
            for a metric; None keeps the learning rate.
        class_weights: float32 [7], weights of the classes in the loss; None weighs them alike.
        settings: plain values (no objects) to keep in checkpoints as ``hyper_parameters``, so that
            these load with ``weights_only=True``.

    ``lr_factor`` multiplies the optimizer's learning rates; a phase sets it before its fit.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        network: nn.Module,
        *,
        optimizer: Callable[[Iterable[nn.Parameter]], Optimizer] = torch.optim.Adam,
        scheduler: Callable[[Optimizer], LRScheduler] | None = None,
        class_weights: Tensor | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(dict(settings or {}))
        self.scale = Scale()
        # twice as fast as the default layout on CPUs and on GPUs with tensor cores
        self.network = network.to(memory_format=torch.channels_last)
        self.lr_factor = 1.0
        self._validated = False  # since the last epoch's end
        self._make_optimizer = optimizer
        self._make_scheduler = scheduler
        self.register_buffer("class_weights", class_weights, persistent=False)
        accuracy = MulticlassAccuracy(NUM_CLASSES, average="micro")
        scores = MetricCollection(
            {
                "accuracy": accuracy,
                "macro_f1": MulticlassF1Score(NUM_CLASSES, average="macro"),
                "recall": ClasswiseWrapper(
                    MulticlassAccuracy(NUM_CLASSES, average=None), labels=list(LABELS), prefix="recall_"
                ),
            },
            compute_groups=False,  # torchmetrics 1.9 shares states by updating one of a group, which a wrapper misses
        )
        self.train_accuracy = accuracy.clone()
        self.val_scores = scores.clone(prefix="val_")
        self.test_scores = scores.clone(prefix="test_")

    def forward(self, images: Tensor) -> Tensor:
        """uint8 [B, 1, 48, 48] -> float32 logits [B, 7]."""
        # one channel has the same strides in both layouts, so the first activation has to be told
        inputs = self.scale(images).contiguous(memory_format=torch.channels_last)
        return self.network(inputs).float()

    def _loss(self, logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits, labels, weight=self.class_weights)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        images, labels = batch
        logits = self(images)
        loss = self._loss(logits, labels)
        self.train_accuracy(logits, labels)
        self.log("train_loss", loss, on_step=False, on_epoch=True, prog_bar=True, sync_dist=True)
        self.log("train_accuracy", self.train_accuracy, on_step=False, on_epoch=True, prog_bar=True)
        return loss

    def _score(self, batch: Batch, stage: str, scores: MetricCollection) -> None:
        images, labels = batch
        logits = self(images)
        scores.update(logits, labels)
        loss = F.cross_entropy(logits, labels)
        self.log(f"{stage}_loss", loss, prog_bar=True, batch_size=len(labels), sync_dist=True)

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        self._score(batch, "val", self.val_scores)

    def on_validation_epoch_end(self) -> None:
        self._log_scores(self.val_scores)
        self._validated = True

    def test_step(self, batch: Batch, batch_idx: int) -> None:
        self._score(batch, "test", self.test_scores)

    def on_test_epoch_end(self) -> None:
        self._log_scores(self.test_scores)

    def _log_scores(self, scores: MetricCollection) -> None:
        for name, value in scores.compute().items():
            self.log(name, value, prog_bar=name.endswith("_accuracy"))
        scores.reset()

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """float32 logits [B, 7]."""
        images, _ = batch
        return self(images)

    def on_train_epoch_end(self) -> None:
        # before the checkpoint is written: Lightning would step the plateau schedule after it, and a
        # resumed run would miss that step
        for config in self.trainer.lr_scheduler_configs:
            if config.reduce_on_plateau and self._validated:
                config.scheduler.step(self.trainer.callback_metrics["val_loss"])  # type: ignore[arg-type]
        self._validated = False

    def lr_scheduler_step(self, scheduler: LRScheduler, metric: Any | None) -> None:
        if metric is None:  # a plateau schedule has had its step in on_train_epoch_end
            scheduler.step()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = self._make_optimizer(self.parameters())
        for group in optimizer.param_groups:
            group["lr"] *= self.lr_factor
        if self._make_scheduler is None:
            return optimizer
        scheduler = self._make_scheduler(optimizer)
        # not strict: an epoch without validation has no val_loss
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "monitor": "val_loss", "strict": False},
        }
