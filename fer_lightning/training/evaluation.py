"""The evaluation of a checkpoint, with its report and figures."""

import logging
import shlex
import sys
from pathlib import Path
from typing import Any

import yaml
from hydra.utils import instantiate
from omegaconf import DictConfig, OmegaConf

from fer_lightning.data.datamodule import FaceDataModule
from fer_lightning.data.faces import digest_of_rows
from fer_lightning.errors import FerError
from fer_lightning.models import checkpoint
from fer_lightning.models.ensemble import AverageOverViews
from fer_lightning.reporting import html, plots, tables
from fer_lightning.reporting.html import Evaluation
from fer_lightning.training import metrics
from fer_lightning.training.classifier import ExpressionClassifier
from fer_lightning.training.evaluator import Evaluator, warn_of_other_splits
from fer_lightning.training.run_config import plain
from fer_lightning.utils import files
from fer_lightning.utils.checksums import sha256
from fer_lightning.utils.environment import describe

log = logging.getLogger(__name__)


def evaluate(cfg: DictConfig, trained: checkpoint.Trained, out: Path) -> dict[str, Any]:
    """Score ``trained`` on ``cfg.subset`` and write a report, metrics.json and figures to ``out``.

    Args:
        cfg: the config of the command ``evaluate``.
        trained: the networks loaded from ``cfg.ckpt``.
        out: the output folder.

    Returns:
        The scores (``metrics.score``).

    Raises:
        FerError: the data, the checkpoint or the config cannot be used.
    """
    datamodule: FaceDataModule = instantiate(cfg.data)
    network = trained.network(len(datamodule.class_names))
    tta = plain(cfg)["tta"]
    if tta != "none":
        network = AverageOverViews(network, tta)
    datamodule.setup()
    warn_of_other_splits(datamodule, cfg.subset, trained.settings)
    evaluator = Evaluator(datamodule, cfg.subset, cfg.accelerator)
    logits = evaluator.predict(ExpressionClassifier(network, class_names=datamodule.class_names))
    if not logits.isfinite().all():
        raise FerError("the network's outputs are not finite: its weights are damaged or training diverged")
    scores = metrics.score(logits, evaluator.labels, evaluator.fresh, datamodule.class_names)
    files.write_json(
        out / "metrics.json",
        {
            "checkpoint": plain(cfg)["ckpt"],
            "tta": tta,
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
        hashes=[
            *((path.name, sha256(path)) for path in trained.paths),
            (f"the {cfg.subset} faces", digest_of_rows(datamodule.faces, evaluator.rows)),
        ],
    )
    tables.print_scores(scores, evaluator.title)
    log.info("report.html, metrics.json and figures are in %s", out)
    return scores
