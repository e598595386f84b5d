"""What several keys of a config have to be together."""

from collections.abc import Mapping
from typing import Any

from fer_lightning.config_rules.groups import SEED
from fer_lightning.constants import IMAGE_SIZE
from fer_lightning.errors import FerError

# by class name: the smallest crop in pixels that its pooling leaves something of, and how many channels it takes
SMALLEST_CROP = {"ExpressionCNN": 33, "PhoneCNN": 8}
STACKS = 4  # of ExpressionCNN, which pool 48 pixels to one; PhoneCNN averages over what is left


def check_relations(values: Mapping[Any, Any]) -> None:
    """Check those keys of a config that limit one another; each on its own keeps its rule already.

    Args:
        values: plain, of any command.

    Raises:
        FerError: they do not go together.
    """
    _check_seeds(values)
    _check_model(values)
    _check_schedule(values)
    for name, phase in (values.get("phases") or {}).items():
        if phase and phase.get("holdout") and phase.get("source", "all") == "all":
            raise FerError(
                f"phases.{name}.holdout is for source=hard: with source=all the val split is used for validation"
            )


def _check_seeds(values: Mapping[Any, Any]) -> None:
    networks = values.get("ensemble_size", 1)
    if networks > 1 and not SEED.accepts(values.get("seed", 0) + networks - 1):
        raise FerError(f"seed must leave room for the seeds of {networks} networks, got {values['seed']}")


def _check_model(values: Mapping[Any, Any]) -> None:
    model = values.get("model") or {}
    kind = str(model.get("_target_", "")).rpartition(".")[2]
    if kind == "ExpressionCNN" and len(model.get("channels", range(STACKS))) != STACKS:
        raise FerError(
            f"model.channels must be a list of {STACKS} integers, which pool {IMAGE_SIZE} pixels to one, "
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
