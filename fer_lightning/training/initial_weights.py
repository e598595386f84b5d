"""The weights that training starts from, with ``init_from=``."""

import logging
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from torch import nn

from fer_lightning.constants import NUM_CLASSES
from fer_lightning.models import checkpoint
from fer_lightning.models.checkpoint import NETWORK_PREFIX

log = logging.getLogger(__name__)


def read(cfg: DictConfig) -> tuple[dict[str, Any], Path] | None:
    """The content and path of the checkpoint that ``cfg.init_from`` names; None without it.

    Raises:
        FerError: see ``checkpoint.read`` and ``checkpoint.with_raw_weights``.
    """
    if cfg.init_from is None:
        return None
    path = checkpoint.path_of(cfg.init_from, "init_from")
    content = checkpoint.read(path)
    return (checkpoint.with_raw_weights(content, path) if cfg.init_weights == "raw" else content), path


def load(network: nn.Module, content: dict[str, Any], path: Path) -> None:
    """Load the weights in ``content``, which was read from ``path``, into ``network``.

    If the checkpoint has another number of classes, the output layer keeps its random weights.

    Raises:
        FerError: the weights do not fit the network.
    """
    own = network.state_dict()
    *_, bias = own
    classes, found = len(own[bias]), content["hyper_parameters"]["model"].get("num_classes", NUM_CLASSES)
    if found != classes:
        log.info("the output layer starts from random weights: %s has %d classes, the data %d", path, found, classes)
        layer = bias.removesuffix("bias")
        kept = {NETWORK_PREFIX + name: value for name, value in own.items() if name.startswith(layer)}
        content = content | {"state_dict": content["state_dict"] | kept}
    checkpoint.load_weights(network, content, path)
