"""Average the weights of several networks."""

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig
from torch import Tensor, nn

from fer_lightning.config_rules.check import check
from fer_lightning.data.datamodule import FaceDataModule
from fer_lightning.errors import FerError
from fer_lightning.models import checkpoint
from fer_lightning.models.networks import Scale
from fer_lightning.training import weight_soup
from fer_lightning.training.classifier import ExpressionClassifier
from fer_lightning.training.evaluator import Evaluator, adopt_split, warn_of_other_splits
from fer_lightning.utils import files
from fer_lightning.utils.checksums import sha256
from fer_lightning.utils.quiet import quiet_libraries

log = logging.getLogger(__name__)

_BATCH = 256  # faces per batch


class SoupEvaluator:
    """Makes weight soups of networks and scores them on the val split.

    Args:
        datamodule: the data module, after ``setup``.
        networks: networks of the same architecture, in eval mode.
        faces: maximum number of training faces to estimate batch-norm statistics on.
        seed: seed for the choice of these faces.
        accelerator: a Lightning accelerator name.
    """

    def __init__(
        self, datamodule: FaceDataModule, networks: Sequence[nn.Module], faces: int, seed: int, accelerator: str
    ) -> None:
        self.evaluator = Evaluator(datamodule, "val", accelerator, progress=False)
        self._datamodule = datamodule
        self._networks = networks
        rows = np.random.default_rng(seed).permutation(datamodule.rows("train"))[:faces]
        # batches of equal size, because a cumulative mean weights all batches equally
        self._batches = (
            np.split(rows[: len(rows) // _BATCH * _BATCH], len(rows) // _BATCH) if len(rows) > _BATCH else [rows]
        )

    def soup_of(self, places: Sequence[int]) -> nn.Module:
        """The soup of the networks with these indices, in eval mode."""
        return weight_soup.soup_of([self._networks[place] for place in places], self._images())

    def score(self, network: nn.Module) -> dict[str, Any]:
        """See ``metrics.score``."""
        return self.evaluator.score(ExpressionClassifier(network, class_names=self._datamodule.class_names))

    def _images(self) -> Iterator[Tensor]:
        """Batches of faces without augmentation, float32 [B, 1, 48, 48] in 0..1."""
        for rows in self._batches:
            yield Scale()(torch.from_numpy(self._datamodule.faces.pixels[rows]).unsqueeze(1))


def make_soup(cfg: DictConfig, out: Path, overrides: Sequence[str] = ()) -> dict[str, Any]:
    """Average the weights of ``cfg.ckpt``, write the result to ``cfg.out`` and metrics.json to the folder ``out``.

    Args:
        overrides: the words of the command line; they take precedence over the first checkpoint's data settings.

    Returns:
        The content of metrics.json: ``members``, ``chosen`` and the scores of the soup (``metrics.score``).

    Raises:
        FerError: the checkpoints or the data cannot be used.
    """
    paths = checkpoint.paths_of(cfg.ckpt)
    if len(paths) < 2:
        raise FerError("ckpt must be a list of at least two checkpoints: ckpt=[A.ckpt,B.ckpt]")
    if Path(cfg.out).resolve() in [path.resolve() for path in paths]:
        raise FerError(f"out={cfg.out} is one of the checkpoints that are averaged; choose another file")
    trained = checkpoint.load(paths, raw=cfg.weights == "raw")
    weight_soup.check_same_architecture(paths, trained.networks)
    adopt_split(cfg, trained.settings[0], list(overrides))
    check("soup", cfg)  # again, because the checkpoint's values are not trusted
    datamodule: FaceDataModule = instantiate(cfg.data)
    trained.network(len(datamodule.class_names))  # raises if the number of classes differs
    datamodule.setup()
    warn_of_other_splits(datamodule, "val", trained.settings)
    judge = SoupEvaluator(datamodule, trained.networks, cfg.faces, cfg.seed, cfg.accelerator)
    alone = [judge.score(network) for network in trained.networks]
    for path, scores in zip(paths, alone, strict=True):
        log.info("%s: %.2f%%, loss %.4f", path, 100 * scores["accuracy"], scores["loss"])
    accuracies = [scores["accuracy"] for scores in alone]
    chosen = list(range(len(paths)))
    if cfg.method == "greedy":
        chosen = weight_soup.greedy(accuracies, lambda places: judge.score(judge.soup_of(places))["accuracy"])
    soup = judge.soup_of(chosen)
    scores = judge.score(soup)
    members = [paths[place] for place in chosen]
    settings = [trained.settings[place] for place in chosen]
    checkpoint.write(soup, _provenance(cfg, members, settings), Path(cfg.out))
    metrics = {
        "members": [{"checkpoint": str(path), "accuracy": each} for path, each in zip(paths, accuracies, strict=True)],
        "chosen": [str(path) for path in members],
        "subset": "val",
        "data": datamodule.faces.name,
        "checkpoint": str(cfg.out),
        **scores,
    }
    files.write_json(out / "metrics.json", metrics)
    title = f"soup of {len(chosen)}, {judge.evaluator.title}"
    log.info("%s: %.2f%%, loss %.4f", title, 100 * scores["accuracy"], scores["loss"])
    log.info("the weights are in %s", cfg.out)
    return metrics


def _provenance(cfg: DictConfig, members: Sequence[Path], settings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The settings that the soup's checkpoint records; network and data are those of its first member."""
    kept = {key: settings[0][key] for key in ("model", "data", "data_name", "held_out") if key in settings[0]}
    if len({each.get("held_out") for each in settings}) > 1:
        kept["held_out"] = None  # whatever is held out now, a member has trained on it
    soup = {key: cfg[key] for key in ("method", "weights", "faces", "seed")}
    return kept | {
        "soup": soup | {"members": [{"file": path.name, "sha256": sha256(path)} for path in members]},
    }


def run(cfg: DictConfig) -> None:
    quiet_libraries()
    hydra_config = HydraConfig.get()
    make_soup(cfg, Path(hydra_config.runtime.output_dir), hydra_config.overrides.task)
