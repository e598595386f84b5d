"""Reading a checkpoint without running anything that it names."""

from importlib import resources
from pathlib import Path
from typing import Any

import torch
import yaml
from hydra.utils import get_class
from omegaconf import DictConfig
from torch import nn

from fer_lightning.errors import FerError

_NETWORK_PREFIX = "network."  # ExpressionClassifier's attribute


def path_of(cfg: DictConfig) -> Path:
    """What ``ckpt=`` names on a command line.

    Raises:
        FerError: it is no path.
    """
    if not isinstance(cfg.ckpt, str):
        raise FerError(f"ckpt={cfg.ckpt} is no path to a checkpoint")
    return Path(cfg.ckpt)


def read(path: Path) -> dict[str, Any]:
    """The content of one of our checkpoints.

    Raises:
        FerError: it is missing, truncated, or not ours.
    """
    if not path.is_file():
        raise FerError(f"there is no checkpoint {path}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # unpickling what is no checkpoint can raise nearly anything
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise FerError(f"{path} is no checkpoint, or it is cut off or holds more than weights: {reason}") from error
    settings = content.get("hyper_parameters") if isinstance(content, dict) else None
    parts = (settings.get("model"), content.get("state_dict")) if isinstance(settings, dict) else ()
    if not parts or not all(isinstance(part, dict) for part in parts):
        raise FerError(f"{path} was not written by fer_lightning.train: it does not say which model it holds")
    return content


def load_network(path: Path) -> tuple[nn.Module, dict[str, Any]]:
    """The trained network, in eval mode, and the settings it was trained with.

    Raises:
        FerError: see ``read``; or the checkpoint names a network that this version does not have, or
            its weights do not fit that network.
    """
    content = read(path)
    settings = content["hyper_parameters"]
    network = _build(settings["model"], path)
    weights = {
        name.removeprefix(_NETWORK_PREFIX): value
        for name, value in content["state_dict"].items()
        if name.startswith(_NETWORK_PREFIX)
    }
    try:
        network.load_state_dict(weights)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise FerError(f"{path}: the weights do not fit the network that the checkpoint names") from error
    return network.eval(), settings


def _build(model: dict[str, Any], path: Path) -> nn.Module:
    """Only classes that a packaged config of the model group names are ever called."""
    arguments = dict(model)
    target = arguments.pop("_target_", None)
    if not isinstance(target, str) or target not in _packaged_targets():
        raise FerError(f"{path} names the network {target!r}, which this version of fer_lightning does not have")
    try:
        return get_class(target)(**arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        raise FerError(f"{path}: the network cannot be built as the checkpoint says: {error}") from error


def _packaged_targets() -> set[str]:
    folder = resources.files("fer_lightning.conf") / "model"
    configs = (yaml.safe_load(file.read_text()) for file in folder.iterdir() if file.name.endswith(".yaml"))
    return {config["_target_"] for config in configs}
