"""Names that earlier versions wrote to checkpoints and runs, with their current names."""

from collections.abc import Iterable, Mapping
from typing import Any

from fer_lightning.errors import FerError

_TARGETS = {
    "fer_lightning.augment.Augmentation": "fer_lightning.data.augmentation.Augmentation",
    "fer_lightning.datamodule.FER2013DataModule": "fer_lightning.data.factories.fer2013",
    "fer_lightning.data.datamodule.FER2013DataModule": "fer_lightning.data.factories.fer2013",
    "fer_lightning.datamodule.FERPlusDataModule": "fer_lightning.data.factories.ferplus",
    "fer_lightning.data.datamodule.FERPlusDataModule": "fer_lightning.data.factories.ferplus",
    "fer_lightning.datamodule.FolderDataModule": "fer_lightning.data.factories.image_folder",
    "fer_lightning.data.datamodule.FolderDataModule": "fer_lightning.data.factories.image_folder",
    "fer_lightning.datamodule.SampleDataModule": "fer_lightning.data.factories.synthetic",
    "fer_lightning.data.datamodule.SampleDataModule": "fer_lightning.data.factories.synthetic",
    "fer_lightning.network.ExpressionCNN": "fer_lightning.models.networks.ExpressionCNN",
    "fer_lightning.network.PhoneCNN": "fer_lightning.models.networks.PhoneCNN",
    "fer_lightning.schedules.cosine": "fer_lightning.training.schedules.cosine",
    "fer_lightning.schedules.trapezoid": "fer_lightning.training.schedules.trapezoid",
}

KEYS = {
    "augment.shift": "augment.translate",
    "augment.zoom": "augment.scale",
    "augment.erase": "augment.random_erasing",
    "augment.erase_size": "augment.erasing_size",
    "callbacks.resizing": "augment.size_schedule",
    "callbacks.resizing.schedule": "augment.size_schedule",
    "data.drop_repeats": "data.deduplicate",
    "data.drop_overlap": "data.drop_leaks",
    "data.resident": "data.preload_to_device",
    "members": "ensemble_size",
    "init": "init_from",
    "decay_vectors": "no_decay_on_norm_and_bias",
}
REVERSED = {"decay_vectors"}  # keys for which true and false have been exchanged


def current_target(target: Any) -> Any:
    """The current dotted path of a ``_target_``; anything that is not a former name is returned unchanged."""
    return _TARGETS.get(target, target) if isinstance(target, str) else target


def current_values(values: Mapping[Any, Any]) -> dict[Any, Any]:
    """The plain values of a run's or checkpoint's config, with former key names replaced by current ones."""
    renamed = _renamed(values, "")
    callbacks, augment = renamed.get("callbacks"), renamed.get("augment")
    if isinstance(callbacks, dict) and isinstance(augment, dict) and "resizing" in callbacks:
        augment["size_schedule"] = _size_schedule(callbacks.pop("resizing"))
    return renamed


def _renamed(values: Mapping[Any, Any], group: str) -> dict[Any, Any]:
    renamed: dict[Any, Any] = {}
    for name, value in values.items():
        key = f"{group}{name}"
        if isinstance(value, Mapping) and not group:  # no key below the second level was renamed
            renamed[name] = _renamed(value, f"{name}.")
        elif key in KEYS and KEYS[key].startswith(group):
            renamed[KEYS[key].removeprefix(group)] = not value if key in REVERSED and isinstance(value, bool) else value
        else:
            renamed[name] = value
    return renamed


def _size_schedule(resizing: Any) -> Any:
    """The ``augment.size_schedule`` that replaces a former callback for the size of crops."""
    if not isinstance(resizing, Mapping):
        return []
    return resizing["schedule"] if "schedule" in resizing else [[resizing["until"], resizing["size"]]]


def refuse_former_keys(keys: Iterable[str]) -> None:
    """Reject keys that have been renamed.

    Raises:
        FerError: one of ``keys`` is a former name; the text gives the current one.
    """
    for key in keys:
        if key in KEYS:
            reversed_ = ", with true and false exchanged" if key in REVERSED else ""
            raise FerError(f"{key} is now called {KEYS[key]}{reversed_}")
