"""Make Lightning's Trainer, loggers and callbacks from their config groups."""

from pathlib import Path
from typing import Any

import lightning as L
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from lightning.pytorch.loggers import Logger
from omegaconf import DictConfig

from fer_lightning.errors import FerError
from fer_lightning.training.run_config import plain


def make_trainer(config: DictConfig, **given: Any) -> L.Trainer:
    """Make a Trainer from the trainer group; ``given`` arguments take precedence.

    Raises:
        FerError: Lightning rejects a value.
    """
    options = {**plain(config), **given}
    try:
        return L.Trainer(**options)
    except Exception as error:  # Lightning and its plugins raise many kinds of errors for an argument
        raise FerError(
            f"the trainer group has a value that Lightning rejects: {' '.join(str(error).split())}"
        ) from error


def keeps_weights(config: DictConfig) -> bool:
    """Whether a run with this trainer group writes checkpoints."""
    return config.enable_checkpointing and not config.fast_dev_run


def make_logger(config: DictConfig, folder: Path) -> Logger:
    """Make a logger from an entry of the logger group; it writes below ``folder``.

    Raises:
        FerError: the logger's package is not installed.
    """
    options: dict[str, Any] = {"save_dir": str(folder)}
    if config._target_.endswith("MLFlowLogger") and config.tracking_uri is None:
        options["tracking_uri"] = f"sqlite:///{folder / 'mlflow.db'}"  # MLflow advises against plain files
        options["artifact_location"] = str(folder / "mlflow")  # its default is the working directory
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return instantiate(config, **options)
    except InstantiationException as error:
        if isinstance(error.__cause__, ModuleNotFoundError):
            raise FerError(
                f"{config._target_.rpartition('.')[2]} needs a missing package: {error.__cause__}"
            ) from error
        raise


def make_callbacks(cfg: DictConfig, filled_in: dict[str, dict[str, Any]]) -> list[L.Callback]:
    """Make the callbacks of a training run from the callbacks group.

    Args:
        cfg: the whole config; keys of its trainer and logger groups disable some callbacks.
        filled_in: extra arguments by callback key.
    """
    # Lightning rejects a callback that the trainer's switches disable, or that has no logger
    switched_off = {
        "progress_bar": not cfg.trainer.enable_progress_bar,
        "checkpoint": not cfg.trainer.enable_checkpointing,
        "last_checkpoint": not cfg.trainer.enable_checkpointing,
        "lr_monitor": all(logger is None for logger in cfg.logger.values()),
    }
    return [
        instantiate(callback, **filled_in.get(key, {}))
        for key, callback in cfg.callbacks.items()
        if callback is not None and not switched_off.get(key)
    ]


def check_callbacks(config: DictConfig) -> None:
    """Raise FerError or InstantiationException if a callback rejects a value of the callbacks group."""
    for callback in config.values():
        if callback is not None:
            instantiate(callback)
