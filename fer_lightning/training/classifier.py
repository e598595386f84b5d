"""ExpressionClassifier: loss, metrics, optimizer and learning-rate schedule around a network."""

import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import lightning as L
import torch
from lightning.pytorch.core.optimizer import LightningOptimizer
from lightning.pytorch.utilities.types import OptimizerLRScheduler
from torch import Tensor, nn
from torch.nn import functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler
from torchmetrics import ClasswiseWrapper, MeanMetric, MetricCollection
from torchmetrics.classification import MulticlassAccuracy, MulticlassF1Score

from fer_lightning.constants import LABELS
from fer_lightning.data.ferplus import EXPRESSIONS
from fer_lightning.data.loaders import Batch
from fer_lightning.errors import FerError
from fer_lightning.models.networks import FaceNetwork, Scale
from fer_lightning.training.distillation import Distillation
from fer_lightning.training.sharpness import SharpnessAware


class ExpressionClassifier(L.LightningModule):
    """Classifies grey faces into expressions.

    Args:
        network: float32 [B, 1, 48, 48] in 0..1 -> logits [B, classes], seven classes unless FER+ is used; training
            needs a network from ``models.networks`` (``forward_features``, ``forward_head``).
        optimizer: makes the optimizer from groups of parameters.
        scheduler: makes the schedule from the optimizer. It is stepped each epoch, with val_loss if it needs a
            metric, or each batch if it takes ``total_steps``. None keeps the learning rate constant.
        no_decay_on_norm_and_bias: whether biases and batch-norm are left out of weight decay.
        label_smoothing: share of the target spread over all classes during training, 0..1.
        class_weights: float32 [classes], class weights in the loss; None weights all classes equally.
        compile: mode of torch.compile for the training steps; None does not compile.
        vote_weight: weight of the FER+ votes in the loss, for batches that have them. A separate dense layer on the
            features learns them; it exists only in training.
        distillation: a teacher whose outputs are learnt in addition to the labels.
        sam: which steps are sharpness-aware; None for no step.
        class_names: names of the logits, in order.
        settings: plain values (no objects) that checkpoints keep as ``hyper_parameters``, which lets them load with
            ``weights_only=True``.

    Raises:
        FerError: torch.compile has no such mode.

    ``lr_factor`` multiplies the optimizer's learning rates; each phase sets it before its fit.
    """

    class_weights: Tensor | None

    def __init__(
        self,
        network: nn.Module,
        *,
        optimizer: Callable[[Iterable[dict[str, Any]]], Optimizer] = torch.optim.Adam,
        scheduler: Callable[..., LRScheduler] | None = None,
        no_decay_on_norm_and_bias: bool = False,
        label_smoothing: float = 0.0,
        class_weights: Tensor | None = None,
        compile: str | None = None,
        vote_weight: float = 0.0,
        distillation: Distillation | None = None,
        sam: SharpnessAware | None = None,
        class_names: Sequence[str] = LABELS,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.save_hyperparameters(dict(settings or {}))
        self.scale = Scale()
        # channels_last is twice as fast as the default layout on CPUs and on GPUs with tensor cores
        self.network = network.to(memory_format=torch.channels_last)
        self._run = self._features_and_logits
        if compile is not None:
            # the last batch of an epoch may be smaller; compiling for two sizes is faster than one dynamic size
            try:
                self._run = torch.compile(self._features_and_logits, mode=compile, dynamic=False)
            except RuntimeError as error:
                raise FerError(f"compile must be a mode of torch.compile, got {compile!r}: {error}") from error
        self.vote_weight = vote_weight
        self.vote_head = None
        if vote_weight:
            assert isinstance(network, FaceNetwork)
            self.vote_head = nn.Linear(network.num_features, len(EXPRESSIONS))
        self.lr_factor = 1.0
        self._sam = sam
        self._repeats_batch = False  # True in the second pass of a sharpness-aware step, which is not logged
        self._validated = False  # whether validation has run since the last epoch ended
        self._make_optimizer = optimizer
        self._make_scheduler = scheduler
        self._no_decay_on_norm_and_bias = no_decay_on_norm_and_bias
        self._label_smoothing = label_smoothing
        self.register_buffer("class_weights", class_weights, persistent=False)
        self._distillation = distillation  # not an nn.Module: the teacher must not be trained or saved
        self.class_names = class_names
        classes = len(class_names)
        accuracy = MulticlassAccuracy(classes, average="micro")
        scores = MetricCollection(
            {
                "accuracy": accuracy,
                "macro_f1": MulticlassF1Score(classes, average="macro"),
                "recall": ClasswiseWrapper(
                    MulticlassAccuracy(classes, average=None), labels=list(class_names), prefix="recall_"
                ),
            },
            compute_groups=False,  # torchmetrics 1.9 updates one metric of a group, and wrappers miss the shared state
        )
        self.train_accuracy = accuracy.clone()
        self.val_scores = scores.clone(prefix="val_")
        self.val_loss = MeanMetric()

    def forward(self, images: Tensor) -> Tensor:
        """Map uint8 [B, 1, 48, 48], or float32 in the same range, to float32 logits [B, classes]."""
        return self.network(self._inputs(images)).float()

    def _inputs(self, images: Tensor) -> Tensor:
        # one channel has the same strides in both layouts, so the layout has to be set explicitly
        return self.scale(images).contiguous(memory_format=torch.channels_last)

    def on_fit_start(self) -> None:
        if self._distillation is not None:
            self._distillation.start_phase(self.device)

    def training_step(self, batch: Batch, batch_idx: int) -> Tensor:
        loss, logits = self._loss(batch, batch_idx)
        if self._repeats_batch:
            return loss
        labels = batch.labels
        self.train_accuracy(logits, labels.argmax(dim=1) if labels.ndim == 2 else labels)
        count = len(labels)  # Lightning cannot infer it from a batch without votes
        self.log("train_loss", loss, on_step=False, on_epoch=True, prog_bar=True, sync_dist=True, batch_size=count)
        self.log("train_accuracy", self.train_accuracy, on_step=False, on_epoch=True, prog_bar=True, batch_size=count)
        return loss

    def optimizer_step(
        self,
        epoch: int,
        batch_idx: int,
        optimizer: Optimizer | LightningOptimizer,
        optimizer_closure: Callable[[], Any] | None = None,
    ) -> None:
        sam, first_pass = self._sam, optimizer_closure
        if sam is None or first_pass is None or not sam.is_due(epoch, self.trainer.max_epochs or 0):
            super().optimizer_step(epoch, batch_idx, optimizer, first_pass)
            return

        def both_passes() -> Any:
            first_pass()
            self._repeats_batch = True
            try:
                with sam.perturbed(self):
                    return first_pass()
            finally:
                self._repeats_batch = False

        super().optimizer_step(epoch, batch_idx, optimizer, both_passes)

    def _loss(self, batch: Batch, batch_idx: int = 0) -> tuple[Tensor, Tensor]:
        """The training loss of a batch, and its logits."""
        inputs = self._inputs(batch.images)
        features, logits = self._run(inputs)
        loss = F.cross_entropy(logits, batch.labels, weight=self.class_weights, label_smoothing=self._label_smoothing)
        if self._distillation is not None:
            loss = self._distillation.mixed(loss, logits, inputs, self.current_epoch, batch_idx)
        if self.vote_head is not None and features is not None and batch.votes is not None:
            loss = loss + self.vote_weight * F.cross_entropy(self.vote_head(features).float(), batch.votes)
        return loss, logits

    def _features_and_logits(self, inputs: Tensor) -> tuple[Tensor | None, Tensor]:
        """The features [B, features], None unless votes are learnt from them, and float32 logits [B, classes]."""
        if self.vote_head is None:
            return None, self.network(inputs).float()
        assert isinstance(self.network, FaceNetwork)
        features = self.network.forward_features(inputs)
        return features, self.network.forward_head(features).float()

    def validation_step(self, batch: Batch, batch_idx: int) -> None:
        logits = self(batch.images)
        self.val_scores.update(logits, batch.labels)
        loss = F.cross_entropy(logits, batch.labels)
        self.val_loss.update(loss, weight=len(batch.labels))  # processes may have different numbers of rows
        self.log("val_loss", self.val_loss, prog_bar=True, batch_size=len(batch.labels))

    def on_validation_epoch_end(self) -> None:
        for name, value in self.val_scores.compute().items():
            self.log(name, value, prog_bar=name.endswith("_accuracy"))
        self.val_scores.reset()
        self._validated = not self.trainer.sanity_checking

    def predict_step(self, batch: Batch, batch_idx: int) -> Tensor:
        """The float32 logits [B, classes] of a batch."""
        return self(batch.images)

    def on_train_epoch_end(self) -> None:
        # Lightning would step the plateau schedule after writing the checkpoint, and a resumed run would
        # miss that step
        for config in self.trainer.lr_scheduler_configs:
            if config.reduce_on_plateau and self._validated:
                config.scheduler.step(self.trainer.callback_metrics["val_loss"])  # type: ignore[arg-type]
        self._validated = False

    def lr_scheduler_step(self, scheduler: LRScheduler, metric: Any | None) -> None:
        if metric is None:  # plateau schedules are stepped in on_train_epoch_end
            scheduler.step()

    def configure_optimizers(self) -> OptimizerLRScheduler:
        optimizer = self._make_optimizer(self._parameter_groups())
        for group in optimizer.param_groups:
            group["lr"] *= self.lr_factor
        if self._make_scheduler is None:
            return optimizer
        if "total_steps" in inspect.signature(self._make_scheduler).parameters:
            steps = int(self.trainer.estimated_stepping_batches) if self._trainer is not None else 1
            by_step = self._make_scheduler(optimizer, total_steps=steps)
            return {"optimizer": optimizer, "lr_scheduler": {"scheduler": by_step, "interval": "step"}}
        scheduler = self._make_scheduler(optimizer)
        # not strict: an epoch without validation has no val_loss
        return {
            "optimizer": optimizer,
            "lr_scheduler": {"scheduler": scheduler, "monitor": "val_loss", "strict": False},
        }

    def _parameter_groups(self) -> list[dict[str, Any]]:
        parameters = list(self.parameters())
        if not self._no_decay_on_norm_and_bias:
            return [{"params": parameters}]
        return [
            {"params": [parameter for parameter in parameters if parameter.ndim > 1]},
            {"params": [parameter for parameter in parameters if parameter.ndim <= 1], "weight_decay": 0.0},
        ]
