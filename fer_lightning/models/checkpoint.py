"""Reading a checkpoint without running anything that it names."""

import json
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import torch
import yaml
from hydra.utils import get_class
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from fer_lightning.constants import NUM_CLASSES
from fer_lightning.errors import FerError
from fer_lightning.models.ensemble import AverageOverNetworks
from fer_lightning.utils import files
from fer_lightning.utils.former_names import current_target, current_values

_NETWORK_PREFIX = "network."  # ExpressionClassifier's attribute

PRETRAINED = "pretrained"
SHIPPED = Path(__file__).parents[1] / "pretrained"
# what ckpt= and init_from= take in a path's place
SHIPPED_WEIGHTS = {
    PRETRAINED: SHIPPED / "FER2013.safetensors",
    f"{PRETRAINED}-phone": SHIPPED / "phone.safetensors",
}
_RAW_KEY = "current_model_state"  # Lightning's WeightAveraging
SETTINGS_KEY = "settings"  # in a safetensors file's metadata


def path_of(value: Any, key: str = "ckpt") -> Path:
    """What ``key`` names on a command line: a path, or shipped weights.

    Raises:
        FerError: it is neither.
    """
    if not isinstance(value, str):
        raise FerError(f"{key}={value} is no path to a checkpoint")
    return SHIPPED_WEIGHTS.get(value, Path(value))


def paths_of(value: Any, key: str = "ckpt") -> list[Path]:
    """The same for one or a list of several.

    Raises:
        FerError: see ``path_of``; or the list is empty.
    """
    values = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if not values:
        raise FerError(f"{key} is empty: name one checkpoint, or several to average")
    return [path_of(each, key) for each in values]


def read(path: Path) -> dict[str, Any]:
    """The content of one of our checkpoints: ``hyper_parameters``, ``state_dict`` and what Lightning adds.

    Raises:
        FerError: it is missing, truncated, or not ours.
    """
    if not path.is_file():
        raise FerError(f"there is no checkpoint {path}")
    try:
        content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    except Exception as error:  # reading what is no checkpoint can raise nearly anything
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise FerError(f"{path} is no checkpoint, or it is cut off or holds more than weights: {reason}") from error
    settings = content.get("hyper_parameters") if isinstance(content, dict) else None
    parts = (settings.get("model"), content.get("state_dict")) if isinstance(settings, dict) else ()
    if not parts or not all(isinstance(part, dict) for part in parts):
        raise FerError(f"{path} was not written by fer_lightning.train: it does not say which model it holds")
    return {**content, "hyper_parameters": current_values(content["hyper_parameters"])}


def _read_torch(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:  # torch does not look at its files' check sums
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"{damaged} in it is damaged")
    return torch.load(path, map_location="cpu", weights_only=True)


def _read_safetensors(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="pt") as file:
        settings = json.loads((file.metadata() or {}).get(SETTINGS_KEY, "null"))
        weights = {_NETWORK_PREFIX + name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, no mapping
    return {
        "hyper_parameters": settings,
        "state_dict": {name: value.float() if value.is_floating_point() else value for name, value in weights.items()},
    }


def write_safetensors(source: Path, path: Path) -> None:
    """Write the weights of a checkpoint to ship: matrices in float16, the rest, which is small, as it is.

    Raises:
        FerError: see ``load_network``.
    """
    network, settings = load_network(source)
    weights = {
        name: value.half().contiguous() if value.is_floating_point() and value.ndim > 1 else value.contiguous()
        for name, value in network.state_dict().items()
    }
    metadata = {SETTINGS_KEY: json.dumps(settings)}
    with files.replacing(path) as temporary:
        save_file(weights, temporary, metadata=metadata)


def load_network(path: Path, *, raw: bool = False) -> tuple[nn.Module, dict[str, Any]]:
    """The trained network, in eval mode, and the settings it was trained with.

    Args:
        raw: whether to take the weights beside a moving average (see ``with_raw_weights``).

    Raises:
        FerError: see ``read``; or the checkpoint names a network that this version does not have, or
            its weights do not fit that network.
    """
    content = read(path)
    if raw:
        content = with_raw_weights(content, path)
    network = _build(content["hyper_parameters"]["model"], path)
    load_weights(network, content, path)
    return network.eval(), content["hyper_parameters"]


def write(network: nn.Module, settings: dict[str, Any], path: Path) -> None:
    """Write a network and ``settings``, plain values with its ``model``, as a checkpoint, whole or not at all."""
    weights = {_NETWORK_PREFIX + name: value for name, value in network.state_dict().items()}
    # a file rather than its name, which torch would write into the archive
    with files.replacing(path) as temporary, temporary.open("wb") as file:
        torch.save({"state_dict": weights, "hyper_parameters": settings}, file)


@dataclass(frozen=True)
class Trained:
    """What one or several checkpoints hold.

    Attributes:
        paths: where they were read.
        networks: in eval mode, one a path.
        settings: what each was trained with.
    """

    paths: Sequence[Path]
    networks: Sequence[nn.Module]
    settings: Sequence[dict[str, Any]]

    def network(self, classes: int = NUM_CLASSES) -> nn.Module:
        """The network, or the average of several.

        Raises:
            FerError: one of them does not tell ``classes`` apart.
        """
        for path, settings in zip(self.paths, self.settings, strict=True):
            found = settings["model"].get("num_classes", NUM_CLASSES)
            if found != classes:
                raise FerError(
                    f"{path} tells {found} classes apart, where {classes} are asked for (data=ferplus has 8)"
                )
        return self.networks[0] if len(self.networks) == 1 else AverageOverNetworks(self.networks).eval()


def load(paths: Sequence[Path], *, raw: bool = False) -> Trained:
    """Read one or several checkpoints; ``raw`` as for ``load_network``.

    Raises:
        FerError: see ``load_network``.
    """
    networks, settings = zip(*(load_network(path, raw=raw) for path in paths), strict=True)
    return Trained(paths, networks, settings)


def load_weights(network: nn.Module, content: dict[str, Any], path: Path) -> None:
    """Copy the weights of ``content``, which was read from ``path``, into ``network``.

    Raises:
        FerError: they do not fit.
    """
    weights = {
        name.removeprefix(_NETWORK_PREFIX): value
        for name, value in content["state_dict"].items()
        if name.startswith(_NETWORK_PREFIX)
    }
    try:
        network.load_state_dict(weights)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise FerError(f"{path}: the weights do not fit the network; it was trained as {_model_of(content)}") from error


def with_raw_weights(content: dict[str, Any], path: Path) -> dict[str, Any]:
    """``content``, which was read from ``path``, with the weights as the optimizer left them.

    Lightning's moving average is what is validated and saved as ``state_dict``; the weights that it averages, from
    which training goes on, are kept beside it. Without an average the two are the same.

    Raises:
        FerError: only the average was kept.
    """
    if _RAW_KEY in content:
        return content | {"state_dict": content[_RAW_KEY]}
    callbacks = content["hyper_parameters"].get("callbacks")
    if isinstance(callbacks, dict) and callbacks.get("weight_averaging") is not None:
        raise FerError(f"{path} holds averaged weights only, without the raw ones")
    return content


def _model_of(content: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in content["hyper_parameters"]["model"].items())


def _build(model: dict[str, Any], path: Path) -> nn.Module:
    """Only classes that a packaged config of the model group names are ever called."""
    arguments = dict(model)
    target = current_target(arguments.pop("_target_", None))
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
