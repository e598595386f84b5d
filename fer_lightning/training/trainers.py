"""Lightning's Trainer and its loggers and callbacks, made from their config groups."""

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
    """A Trainer with the keys of the trainer group; ``given`` arguments take precedence.

    Raises:
        FerError: Lightning refuses a value.
    """
    options = {**plain(config), **given}
    try:
        return L.Trainer(**options)
    except Exception as error:  # whatever Lightning and the plugins that it loads raise for an argument
        raise FerError(
            f"the trainer group has a value that Lightning refuses: {' '.join(str(error).split())}"
        ) from error


def make_logger(config: DictConfig, folder: Path) -> Logger:
    """One of the logger group's, which writes below ``folder``.

    Raises:
        FerError: its package is not installed, or a value is of the wrong kind.
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
            raise FerError(f"{config._target_.rpartition('.')[2]} needs a package: {error.__cause__}") from error
        raise


def make_callbacks(cfg: DictConfig, filled_in: dict[str, dict[str, Any]]) -> list[L.Callback]:
    """The callbacks group of a training run.

    Args:
        cfg: the whole config; keys of its trainer group switch some callbacks off.
        filled_in: arguments by the callback's key.
    """
    # Lightning takes a callback together with the switch against it for a mistake
    switched_off = {
        "progress_bar": not cfg.trainer.enable_progress_bar,
        "checkpoint": not cfg.trainer.enable_checkpointing,
        "last_checkpoint": not cfg.trainer.enable_checkpointing,
    }
    return [
        instantiate(callback, **filled_in.get(key, {}))
        for key, callback in cfg.callbacks.items()
        if callback is not None and not switched_off.get(key)
    ]


def check_callbacks(config: DictConfig) -> None:
    """Raises FerError or InstantiationException if a value of the callbacks group does not suit its callback."""
    for callback in config.values():
        if callback is not None:
            instantiate(callback)
