"""python -m fer_lightning.evaluate ckpt=PATH: score a checkpoint on one split."""

import logging
import shlex
import sys
from functools import cached_property
from pathlib import Path
from typing import Any

import hydra
import lightning as L
import numpy as np
import yaml
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from lightning.fabric.plugins.environments.lightning import LightningEnvironment
from omegaconf import DictConfig, OmegaConf
from torch import Tensor

from fer_lightning import report
from fer_lightning.config_rules.check import check
from fer_lightning.data.datamodule import FER2013DataModule, Subset
from fer_lightning.errors import exit_on_user_error
from fer_lightning.models import checkpoint
from fer_lightning.models.ensemble import AverageOverViews
from fer_lightning.reporting import html, plots
from fer_lightning.reporting.html import Evaluation
from fer_lightning.training import metrics
from fer_lightning.training.classifier import ExpressionClassifier
from fer_lightning.training.run_config import plain
from fer_lightning.utils import files
from fer_lightning.utils.environment import describe
from fer_lightning.utils.quiet import quiet_libraries

log = logging.getLogger("fer_lightning.evaluate")  # __name__ is __main__ here

# what decides which rows are in which split, so a checkpoint is by default scored on its own; the last
# four say which faces are drawn for data=sample
SPLIT_KEYS = ("split", "split_seed", "val_fraction", "drop_overlap", "train", "val", "test", "seed")


class Evaluator:
    """Scores networks on one split, in float32, so that a figure does not hang on the processor.

    Args:
        datamodule: after ``setup``.
        accelerator: Lightning's name of one.
        progress: whether to show a progress bar.

    Raises:
        FerError: the split is empty.
    """

    def __init__(
        self, datamodule: FER2013DataModule, subset: Subset, accelerator: str, *, progress: bool = True
    ) -> None:
        self.datamodule = datamodule
        self.subset = subset
        self.rows = datamodule.rows(subset)
        self._accelerator = accelerator
        self._progress = progress

    @property
    def labels(self) -> np.ndarray:
        return self.datamodule.faces.labels[self.rows]

    @cached_property
    def fresh(self) -> np.ndarray:
        return self.datamodule.is_fresh(self.subset)

    @property
    def title(self) -> str:
        return f"{self.subset} split of {self.datamodule.faces.name}"

    def predict(self, module: ExpressionClassifier) -> Tensor:
        """float32 logits [N, classes] of the split's rows."""
        trainer = L.Trainer(
            accelerator=self._accelerator,
            devices=1,
            plugins=[LightningEnvironment()],  # one process, also where SLURM or torchrun started several
            logger=False,
            enable_checkpointing=False,
            enable_progress_bar=self._progress,
            enable_model_summary=False,
        )
        return metrics.predict_logits(module, self.datamodule.loader(self.rows), trainer)

    def score(self, module: ExpressionClassifier) -> dict[str, Any]:
        """See ``metrics.score``."""
        return metrics.score(self.predict(module), self.labels, self.fresh, self.datamodule.class_names)


def evaluate(cfg: DictConfig, trained: checkpoint.Trained, out: Path) -> dict[str, Any]:
    """Score ``trained``, of ``cfg.ckpt``, on ``cfg.subset``; write a report, metrics.json and figures into ``out``.

    Raises:
        FerError: what the user can mend.
    """
    datamodule: FER2013DataModule = instantiate(cfg.data)
    network = trained.network(len(datamodule.class_names))
    if cfg.tta != "none":
        network = AverageOverViews(network, cfg.tta)
    datamodule.setup()
    evaluator = Evaluator(datamodule, cfg.subset, cfg.accelerator)
    logits = evaluator.predict(ExpressionClassifier(network, class_names=datamodule.class_names))
    scores = metrics.score(logits, evaluator.labels, evaluator.fresh, datamodule.class_names)
    files.write_json(
        out / "metrics.json",
        {
            "checkpoint": plain(cfg)["ckpt"],
            "tta": cfg.tta,
            "subset": cfg.subset,
            "data": datamodule.faces.name,
            **scores,
        },
    )
    plots.confusion(scores, evaluator.title, out / "figures" / "confusion.png")
    plots.per_class(scores, evaluator.title, out / "figures" / "per_class.png")
    html.write(
        Evaluation(
            evaluator.title,
            scores,
            logits,
            datamodule.faces,
            evaluator.rows,
            datamodule.class_names,
            datamodule.read_votes(),
        ),
        out / "report.html",
        command=shlex.join(["python", "-m", "fer_lightning.evaluate", *sys.argv[1:]]),
        config=OmegaConf.to_yaml(cfg, resolve=True),
        training=yaml.safe_dump_all(trained.settings, sort_keys=False),
        machine=describe("torch", "lightning"),
        hashes={path.name: html.digest_of(path) for path in trained.paths}
        | {f"the {cfg.subset} faces": html.digest_of_rows(datamodule.faces, evaluator.rows)},
    )
    report.print_scores(scores, evaluator.title)
    log.info("report.html, metrics.json and figures are in %s", out)
    return scores


def adopt_split(cfg: DictConfig, settings: dict[str, Any], overrides: list[str]) -> None:
    """Take the split that the checkpoint was trained with, where the command line does not name one."""
    given = {word.partition("=")[0].lstrip("+~") for word in overrides}
    trained = settings.get("data")
    if not isinstance(trained, dict):
        return
    for key in SPLIT_KEYS:
        value = trained.get(key)
        is_plain = isinstance(value, str | int | float) and "$" not in str(value)
        if is_plain and key in cfg.data and f"data.{key}" not in given:
            cfg.data[key] = value


@hydra.main(version_base="1.3", config_path="pkg://fer_lightning.conf", config_name="evaluate")
def main(cfg: DictConfig) -> None:
    quiet_libraries()
    with exit_on_user_error():
        hydra_config = HydraConfig.get()
        check("evaluate", cfg)
        trained = checkpoint.load(checkpoint.paths_of(cfg.ckpt))
        adopt_split(cfg, trained.settings[0], list(hydra_config.overrides.task))
        check("evaluate", cfg)  # again, since the checkpoint may say anything
        evaluate(cfg, trained, Path(hydra_config.runtime.output_dir))


if __name__ == "__main__":
    main()
