"""The kind of data a checkpoint was trained on: the Kaggle file, FER+ labels, or folders of images."""

import logging
from collections.abc import Mapping
from importlib import resources
from typing import Any

from omegaconf import DictConfig, OmegaConf

from fer_lightning.utils.former_names import current_target

log = logging.getLogger(__name__)


def adopt(cfg: DictConfig, trained: Mapping[str, Any]) -> None:
    """Replace ``cfg.data`` with the packaged config for the data that a checkpoint was trained on.

    Values for keys that both configs have are kept, including those from the command line. Synthetic faces are not
    adopted: they have no ``dir`` and would silently replace the data named on the command line.

    Args:
        cfg: the config to change.
        trained: the checkpoint's data settings.
    """
    target = current_target(trained.get("_target_"))
    if target is None or target == cfg.data.get("_target_"):
        return
    for file in sorted((resources.files("fer_lightning.conf") / "data").iterdir(), key=lambda each: each.name):
        packaged = OmegaConf.create(file.read_text())
        assert isinstance(packaged, DictConfig)
        keys = list(packaged.keys())  # unlike "in", this includes keys whose value is ???
        if packaged._target_ == target and "dir" in keys:
            kept = {key: cfg.data[key] for key in cfg.data if key in keys and key != "_target_"}
            cfg.data = OmegaConf.merge(packaged, kept)
            name = file.name.removesuffix(".yaml")
            log.info("using data=%s, which the checkpoint was trained on; to use other data, set data=NAME", name)
            return
