"""Rules that relate several keys of a config."""

from collections.abc import Mapping
from typing import Any

from fer_lightning.config_rules.groups import SEED
from fer_lightning.constants import IMAGE_SIZE
from fer_lightning.errors import FerError

# by class name: the smallest crop in pixels that the network's pooling does not reduce to nothing or, in PhoneCNN, to a
# single pixel, for which batch-norm cannot compute a variance in a batch of one image
SMALLEST_CROP = {"ExpressionCNN": 33, "PhoneCNN": 16}
STACKS = 4  # ExpressionCNN needs four to pool 48 pixels to one; PhoneCNN averages over the remaining pixels


def check_relations(values: Mapping[Any, Any]) -> None:
    """Check the keys of a config that depend on each other, after each has passed its own rule.

    Args:
        values: the config of any command, as plain values.

    Raises:
        FerError: values contradict each other.
    """
    _check_seeds(values)
    _check_start(values)
    _check_model(values)
    _check_schedule(values)
    _check_distillation(values)
    _check_ensemble(values)
    for name, phase in (values.get("phases") or {}).items():
        if phase and phase.get("holdout") and phase.get("source", "all") == "all":
            raise FerError(
                f"phases.{name}.holdout needs source=hard or random: with source=all, the val split is used for "
                "validation"
            )


def _check_seeds(values: Mapping[Any, Any]) -> None:
    networks = values.get("ensemble_size", 1)
    if networks > 1 and not SEED.accepts(values.get("seed", 0) + networks - 1):
        raise FerError(f"seed must be at most {2**32 - networks} with ensemble_size={networks}, got {values['seed']}")


def _check_start(values: Mapping[Any, Any]) -> None:
    if values.get("init_weights") == "raw" and values.get("init_from") is None:
        raise FerError(
            "init_weights=raw needs init_from: set init_from= to the checkpoint whose raw weights training starts from"
        )


def _check_ensemble(values: Mapping[Any, Any]) -> None:
    trainer = values.get("trainer") or {}
    keeps_weights = trainer.get("enable_checkpointing", True) and not trainer.get("fast_dev_run")
    if values.get("ensemble_size", 1) > 1 and not keeps_weights:
        raise FerError(
            "ensemble_size above 1 needs trainer.enable_checkpointing=true and trainer.fast_dev_run=false, because the "
            "networks are averaged from their checkpoints"
        )


def _check_model(values: Mapping[Any, Any]) -> None:
    model = values.get("model") or {}
    kind = str(model.get("_target_", "")).rpartition(".")[2]
    if kind == "ExpressionCNN" and len(model.get("channels", range(STACKS))) != STACKS:
        raise FerError(
            f"model.channels must be a list of {STACKS} integers, one for each stack of convolutions, "
            f"got {model['channels']}"
        )
    smallest = SMALLEST_CROP.get(kind, 1)
    size = (values.get("augment") or {}).get("size", IMAGE_SIZE)
    if size < smallest:
        raise FerError(f"augment.size must be an integer from {smallest} to {IMAGE_SIZE} for {kind}, got {size}")


def _check_schedule(values: Mapping[Any, Any]) -> None:
    scheduler = values.get("scheduler") or {}
    warmup, decay = scheduler.get("warmup", 0), scheduler.get("decay", 0)
    if warmup + decay > 1:
        raise FerError(f"scheduler.warmup and scheduler.decay must add up to at most 1, got {warmup} and {decay}")


def _check_distillation(values: Mapping[Any, Any]) -> None:
    cached = (values.get("distillation") or {}).get("cached_epochs")
    sharpness_aware = (values.get("sam") or {}).get("last_epochs")
    if cached is not None and sharpness_aware:
        raise FerError(
            f"distillation.cached_epochs needs sam.last_epochs=0, got {sharpness_aware}: sharpness-aware epochs draw "
            "more random numbers, so they would not repeat the images of earlier epochs"
        )
