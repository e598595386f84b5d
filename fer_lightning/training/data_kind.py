"""The kind of data that a checkpoint was trained on: Kaggle's file, with FER+'s labels, or folders of pictures."""

import logging
from collections.abc import Mapping
from importlib import resources
from typing import Any

from omegaconf import DictConfig, OmegaConf

from fer_lightning.utils.former_names import current_target

log = logging.getLogger(__name__)


def adopt(cfg: DictConfig, trained: Mapping[str, Any]) -> None:
    """Replace ``cfg.data`` by the packaged config of the data that a checkpoint was trained on.

    Values that both have are kept, so those of the command line are. Drawn faces are not adopted: they have no
    ``dir``, and would be taken for the data that the command line names.

    Args:
        trained: the checkpoint's data settings.
    """
    target = current_target(trained.get("_target_"))
    if target is None or target == cfg.data.get("_target_"):
        return
    for file in sorted((resources.files("fer_lightning.conf") / "data").iterdir(), key=lambda each: each.name):
        packaged = OmegaConf.create(file.read_text())
        assert isinstance(packaged, DictConfig)
        keys = list(packaged.keys())  # unlike "in", with those whose value is ???
        if packaged._target_ == target and "dir" in keys:
            kept = {key: cfg.data[key] for key in cfg.data if key in keys and key != "_target_"}
            cfg.data = OmegaConf.merge(packaged, kept)
            name = file.name.removesuffix(".yaml")
            log.info("data=%s, as the checkpoint was trained; choose otherwise with data=", name)
            return
