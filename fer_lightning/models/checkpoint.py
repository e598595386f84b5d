"""Read and write checkpoints, without executing code from them."""

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

from fer_lightning.constants import NUM_CLASSES, SHIPPED_WEIGHTS
from fer_lightning.errors import FerError
from fer_lightning.models.ensemble import AverageOverNetworks
from fer_lightning.utils import files
from fer_lightning.utils.former_names import current_target, current_values

NETWORK_PREFIX = "network."  # ExpressionClassifier's attribute

SHIPPED = Path(__file__).parents[1] / "pretrained"
_RAW_KEY = "current_model_state"  # Lightning's WeightAveraging
SETTINGS_KEY = "settings"  # in a safetensors file's metadata


def path_of(value: Any, key: str = "ckpt") -> Path:
    """The path of the checkpoint that a command's key ``key`` names, by its path or by the name of shipped weights.

    Raises:
        FerError: ``value`` is not text.
    """
    if not isinstance(value, str):
        raise FerError(f"{key} must be the path of a checkpoint, got {value!r}")
    return SHIPPED / SHIPPED_WEIGHTS[value] if value in SHIPPED_WEIGHTS else Path(value)


def paths_of(value: Any, key: str = "ckpt") -> list[Path]:
    """The paths of one checkpoint or a list of checkpoints (see ``path_of``).

    Raises:
        FerError: see ``path_of``; or the list is empty.
    """
    values = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
    if not values:
        raise FerError(f"{key} is empty: give one checkpoint, or several to average")
    return [path_of(each, key) for each in values]


def read(path: Path) -> dict[str, Any]:
    """Read a checkpoint of this project.

    Returns:
        ``hyper_parameters``, ``state_dict`` and the entries that Lightning adds.

    Raises:
        FerError: the file is missing or truncated, or was not written by this project.
    """
    if path.is_dir():
        raise FerError(f"{path} is a folder, not a checkpoint; the weights of a run are in RUN/checkpoints/best.ckpt")
    if not path.is_file():
        raise FerError(f"no such file: {path}")
    try:
        content = _read_safetensors(path) if path.suffix == ".safetensors" else _read_torch(path)
    except Exception as error:  # reading an arbitrary file can raise nearly anything
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise FerError(f"{path} is not a checkpoint, is truncated, or contains more than weights: {reason}") from error
    settings = content.get("hyper_parameters") if isinstance(content, dict) else None
    parts = (settings.get("model"), content.get("state_dict")) if isinstance(settings, dict) else ()
    if not parts or not all(isinstance(part, dict) for part in parts):
        raise FerError(f"{path} was not written by fer_lightning.train: it does not name its model")
    return {**content, "hyper_parameters": current_values(content["hyper_parameters"])}


def _read_torch(path: Path) -> Any:
    with zipfile.ZipFile(path) as archive:  # torch does not verify the checksums
        damaged = archive.testzip()
    if damaged is not None:
        raise ValueError(f"its member {damaged} is damaged")
    return torch.load(path, map_location="cpu", weights_only=True)


def _read_safetensors(path: Path) -> dict[str, Any]:
    with safe_open(path, framework="pt") as file:
        settings = json.loads((file.metadata() or {}).get(SETTINGS_KEY, "null"))
        weights = {NETWORK_PREFIX + name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118, no mapping
    return {
        "hyper_parameters": settings,
        "state_dict": {name: value.float() if value.is_floating_point() else value for name, value in weights.items()},
    }


def write_safetensors(source: Path, path: Path) -> None:
    """Write the weights of a checkpoint for release: tensors with several dimensions in float16, all others unchanged.

    Args:
        source: the checkpoint.
        path: the safetensors file to write.

    Raises:
        FerError: see ``load_network``; or a weight is not finite, or too large for float16, or the network has other
            classes than the shipped weights.
    """
    network, settings = load_network(source)
    classes = settings["model"].get("num_classes", NUM_CLASSES)
    if classes != NUM_CLASSES:
        raise FerError(f"{source} has {classes} classes; the shipped weights have {NUM_CLASSES}")
    weights = {
        name: value.half().contiguous() if value.is_floating_point() and value.ndim > 1 else value.contiguous()
        for name, value in network.state_dict().items()
    }
    for name, value in weights.items():
        if not value.isfinite().all():
            raise FerError(f"{source}: {name} contains values that are not finite in float16")
    metadata = {SETTINGS_KEY: json.dumps(settings)}
    with files.replacing(path) as temporary:
        save_file(weights, temporary, metadata=metadata)


def load_network(path: Path, *, raw: bool = False) -> tuple[nn.Module, dict[str, Any]]:
    """Load the trained network, in eval mode, and the settings it was trained with.

    Args:
        path: the checkpoint.
        raw: whether to load the raw weights instead of their moving average (see ``with_raw_weights``).

    Raises:
        FerError: see ``read``; or this version does not have the checkpoint's network, or the weights do not fit it.
    """
    content = read(path)
    if raw:
        content = with_raw_weights(content, path)
    network = _build(content["hyper_parameters"]["model"], path)
    load_weights(network, content, path)
    return network.eval(), content["hyper_parameters"]


def kind_of(path: Path) -> str:
    """The class name of a checkpoint's network, such as ``PhoneCNN``.

    Raises:
        FerError: see ``read``.
    """
    return str(read(path)["hyper_parameters"]["model"]["_target_"]).rpartition(".")[2]


def write(network: nn.Module, settings: dict[str, Any], path: Path) -> None:
    """Write a network and its ``settings`` (plain values, with ``model``) to a checkpoint, atomically."""
    weights = {NETWORK_PREFIX + name: value for name, value in network.state_dict().items()}
    # pass a file object: torch would write a file name into the archive
    with files.replacing(path) as temporary, temporary.open("wb") as file:
        torch.save({"state_dict": weights, "hyper_parameters": settings}, file)


@dataclass(frozen=True)
class Trained:
    """The networks and settings of one or several checkpoints.

    Attributes:
        paths: paths of the checkpoints.
        networks: networks in eval mode, one per path.
        settings: training settings, one per path.
    """

    paths: Sequence[Path]
    networks: Sequence[nn.Module]
    settings: Sequence[dict[str, Any]]

    def network(self, classes: int = NUM_CLASSES) -> nn.Module:
        """The network, or the average of several.

        Raises:
            FerError: a network does not have ``classes`` classes.
        """
        for path, settings in zip(self.paths, self.settings, strict=True):
            found = settings["model"].get("num_classes", NUM_CLASSES)
            if found != classes:
                raise FerError(f"{path} has {found} classes, but {classes} are needed (FER+ labels have 8)")
        return self.networks[0] if len(self.networks) == 1 else AverageOverNetworks(self.networks).eval()


def load(paths: Sequence[Path], *, raw: bool = False) -> Trained:
    """Read one or several checkpoints; ``raw`` as for ``load_network``.

    Raises:
        FerError: see ``load_network``.
    """
    networks, settings = zip(*(load_network(path, raw=raw) for path in paths), strict=True)
    return Trained(paths, networks, settings)


def load_weights(network: nn.Module, content: dict[str, Any], path: Path) -> None:
    """Load the weights in ``content``, which was read from ``path``, into ``network``.

    Raises:
        FerError: the weights do not fit the network.
    """
    weights = {
        name.removeprefix(NETWORK_PREFIX): value
        for name, value in content["state_dict"].items()
        if name.startswith(NETWORK_PREFIX)
    }
    try:
        network.load_state_dict(weights)
    except (RuntimeError, TypeError, AttributeError) as error:
        raise FerError(f"{path}: the weights do not fit the network; they belong to {_model_of(content)}") from error


def with_raw_weights(content: dict[str, Any], path: Path) -> dict[str, Any]:
    """Replace the weights in ``content``, which was read from ``path``, with the optimizer's raw weights.

    Lightning validates a moving average of the weights and saves it as ``state_dict``; checkpoints also contain the
    raw weights, from which training resumes. Without a moving average the two are the same.

    Raises:
        FerError: the checkpoint contains only the average.
    """
    if _RAW_KEY in content:
        return content | {"state_dict": content[_RAW_KEY]}
    callbacks = content["hyper_parameters"].get("callbacks")
    if isinstance(callbacks, dict) and callbacks.get("weight_averaging") is not None:
        raise FerError(
            f"{path} contains only averaged weights, not the raw ones: set weights=averaged for fer-soup, "
            "init_weights=averaged for fer-train"
        )
    return content


def _model_of(content: dict[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in content["hyper_parameters"]["model"].items())


def _build(model: dict[str, Any], path: Path) -> nn.Module:
    """Build the network of a checkpoint; only classes named by a packaged model config are called."""
    arguments = dict(model)
    target = current_target(arguments.pop("_target_", None))
    if not isinstance(target, str) or target not in _packaged_targets():
        raise FerError(f"{path} uses the network {target!r}, which this version of fer_lightning does not have")
    try:
        return get_class(target)(**arguments)
    except (TypeError, ValueError, RuntimeError) as error:
        raise FerError(f"{path}: the network cannot be built from its settings: {error}") from error


def _packaged_targets() -> set[str]:
    folder = resources.files("fer_lightning.conf") / "model"
    configs = (yaml.safe_load(file.read_text()) for file in folder.iterdir() if file.name.endswith(".yaml"))
    return {config["_target_"] for config in configs}
