"""Reading a checkpoint without running anything that it names."""

import pickle
import zipfile
from importlib import resources
from pathlib import Path
from typing import Any

import torch
import yaml
from hydra.utils import get_class
from torch import nn

from fer_lightning.errors import FerError

_NETWORK_PREFIX = "network."  # ExpressionClassifier's attribute


def read(path: Path) -> dict[str, Any]:
    """The content of one of our checkpoints.

    Raises:
        FerError: it is missing, truncated, or not ours.
    """
    if not path.is_file():
        raise FerError(f"there is no checkpoint {path}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, zipfile.BadZipFile, ValueError, KeyError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise FerError(f"{path} is no checkpoint, or it is cut off or holds more than weights: {reason}") from error
    settings = content.get("hyper_parameters") if isinstance(content, dict) else None
    if not isinstance(settings, dict) or "model" not in settings or "state_dict" not in content:
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
    except RuntimeError as error:
        raise FerError(f"{path}: the weights do not fit the network that the checkpoint names") from error
    return network.eval(), settings


def _build(model: dict[str, Any], path: Path) -> nn.Module:
    """Only classes that a packaged config of the model group names are ever called."""
    arguments = dict(model)
    target = arguments.pop("_target_", None)
    if target not in _packaged_targets():
        raise FerError(f"{path} names the network {target!r}, which this version of fer_lightning does not have")
    try:
        return get_class(target)(**arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        raise FerError(f"{path}: the network cannot be built as the checkpoint says: {error}") from error


def _packaged_targets() -> set[str]:
    folder = resources.files("fer_lightning.conf") / "model"
    configs = (yaml.safe_load(file.read_text()) for file in folder.iterdir() if file.name.endswith(".yaml"))
    return {config["_target_"] for config in configs}
