"""Build the parts of a run before its data are read, to report values that a library rejects early."""

import contextlib
import os
from collections.abc import Iterator

import torch
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import DictConfig

from fer_lightning.constants import IMAGE_SIZE
from fer_lightning.errors import FerError
from fer_lightning.training.classifier import ExpressionClassifier
from fer_lightning.training.trainers import check_callbacks, make_trainer


def try_out(cfg: DictConfig) -> None:
    """Build the trainer, network, optimizer and scheduler of a run without allocating weights.

    Args:
        cfg: the config of the command ``train``, its keys already checked.

    Raises:
        FerError: Lightning, torch or a logger's service rejects a value; the text names the config group.
    """
    # auto is measured later, once everything else is valid
    precision = "32-true" if cfg.trainer.precision == "auto" else cfg.trainer.precision
    make_trainer(cfg.trainer, precision=precision, logger=False)
    check_callbacks(cfg.callbacks)
    with _refusing("model"):
        with torch.device("meta"):
            network = instantiate(cfg.model)
        for size in {IMAGE_SIZE, cfg.augment.get("size", IMAGE_SIZE)}:
            network.eval()(torch.empty(1, 1, size, size, device="meta"))
    with _refusing("optimizer or scheduler"):
        ExpressionClassifier(
            network, optimizer=instantiate(cfg.optimizer), scheduler=instantiate(cfg.scheduler)
        ).configure_optimizers()
    for name, logger in cfg.logger.items():
        if logger is not None and logger._target_.endswith("WandbLogger") and not logger.offline:
            _log_in_to_wandb(str(name))


@contextlib.contextmanager
def _refusing(group: str) -> Iterator[None]:
    try:
        yield
    except FerError:
        raise
    except Exception as error:  # libraries raise many kinds of errors for their arguments
        cause = error.__cause__ if isinstance(error, InstantiationException) and error.__cause__ else error
        if isinstance(cause, FerError):
            raise cause from error
        reason = " ".join(str(cause).split()) or type(cause).__name__
        raise FerError(f"the {group} group has a value that cannot be used: {reason}") from error


def _log_in_to_wandb(name: str) -> None:
    if os.environ.get("WANDB_MODE", "online") != "online":
        return
    try:
        import wandb
    except ImportError:
        return  # the logger's own error names the missing package
    try:
        wandb.login()
    except wandb.errors.Error as error:
        reason = str(error).rstrip(".")
        raise FerError(
            f"logger.{name} cannot log in to Weights & Biases: {reason}; run wandb login, set WANDB_API_KEY, "
            f"or set logger.{name}.offline=true"
        ) from error
