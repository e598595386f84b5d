"""python -m fer_lightning.explain ckpt=PATH: where the network looks, as heat on faces of each class."""

import logging
from collections.abc import Sequence
from pathlib import Path

import hydra
import numpy as np
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import Tensor, nn

from fer_lightning.config_rules.check import check
from fer_lightning.data.datamodule import FER2013DataModule
from fer_lightning.errors import FerError, exit_on_user_error
from fer_lightning.evaluate import adopt_split
from fer_lightning.models import checkpoint
from fer_lightning.models.networks import Scale
from fer_lightning.reporting import plots
from fer_lightning.utils.quiet import quiet_libraries

log = logging.getLogger("fer_lightning.explain")  # __name__ is __main__ here


def heat(network: nn.Sequential, images: Tensor, classes: Tensor) -> Tensor:
    """Where each face speaks for a class: Grad-CAM (Selvaraju and others, 2017), by Captum.

    It is taken behind the last convolution whose map is at least 10 pixels wide: what comes later is too
    coarse to point at anything in a face.

    Args:
        network: in eval mode.
        images: uint8 [N, 1, 48, 48].
        classes: int64 [N].

    Returns:
        float32 [N, 48, 48], 0..1, 1 being each face's strongest place; zeros where nothing speaks for it.

    Raises:
        FerError: Captum is not installed.
    """
    try:
        from captum.attr import LayerAttribution, LayerGradCam
    except ImportError:
        raise FerError("explaining needs Captum: pip install 'fer_lightning[explain]'") from None
    inputs = Scale()(images)
    layer = _last_wide_layer(network, inputs[:1])
    with torch.enable_grad():
        found = LayerGradCam(network, layer).attribute(inputs, target=classes, relu_attributions=True)
    wide = LayerAttribution.interpolate(found.detach(), images.shape[-2:], "bilinear")[:, 0]
    return wide / wide.amax(dim=(1, 2), keepdim=True).clamp(min=1e-12)


def _last_wide_layer(network: nn.Sequential, example: Tensor, least: int = 10) -> nn.Module:
    wide: nn.Module | None = None
    values = example
    with torch.no_grad():
        for layer in network:
            values = layer(values.clone())  # ReLU may work in place
            if isinstance(layer, nn.BatchNorm2d) and values.shape[-1] >= least:
                wide = layer
    assert wide is not None  # both of our networks have one
    return wide


def choose(labels: np.ndarray, rows: np.ndarray, count: int, classes: int) -> np.ndarray:
    """The first ``count`` of ``rows`` of each class, int64, class after class."""
    return np.concatenate([rows[labels[rows] == code][:count] for code in range(classes)])


def explain(cfg: DictConfig, path: Path) -> None:
    """Draw the chosen faces of ``cfg.subset``, what was read, and where from.

    Raises:
        FerError: what the user can mend.
    """
    trained = checkpoint.load([checkpoint.path_of(cfg.ckpt)])
    adopt_split(cfg, trained.settings[0], list(HydraConfig.get().overrides.task))
    check("explain", cfg)  # again, since the checkpoint may say anything
    datamodule: FER2013DataModule = instantiate(cfg.data)
    datamodule.setup()
    faces, names = datamodule.faces, datamodule.class_names
    network = trained.network(len(names))
    rows = choose(faces.labels, datamodule.rows(cfg.subset), cfg.faces, len(names))
    if cfg.rows is not None:
        rows = _given(cfg.rows, len(faces))
    assert isinstance(network, nn.Sequential)
    images = torch.from_numpy(faces.pixels[rows]).unsqueeze(1)
    with torch.inference_mode():
        probabilities = network(Scale()(images)).softmax(dim=1)
    answers = probabilities.argmax(dim=1)
    captions = [
        f"{names[answer]} {probabilities[index, answer]:.0%}\n({names[faces.labels[row]]}, row {row})"
        for index, (answer, row) in enumerate(zip(answers.tolist(), rows.tolist(), strict=True))
    ]
    plots.heat(
        faces.pixels[rows],
        heat(network, images, answers).numpy(),
        captions,
        f"{faces.name}: what speaks for the answer",
        path,
    )


def _given(rows: Sequence[int], count: int) -> np.ndarray:
    if max(rows) >= count:
        raise FerError(f"rows must be row numbers from 0 to {count - 1}, got {max(rows)}")
    return np.array(rows, np.int64)


@hydra.main(version_base="1.3", config_path="pkg://fer_lightning.conf", config_name="explain")
def main(cfg: DictConfig) -> None:
    quiet_libraries()
    with exit_on_user_error():
        check("explain", cfg)
        path = Path(HydraConfig.get().runtime.output_dir) / "explain.png"
        explain(cfg, path)
        log.info("picture: %s", path)


if __name__ == "__main__":
    main()
