"""Train several networks from one configuration, one after another, and score their average."""

import copy
import json
import logging
import statistics
from pathlib import Path
from typing import Any

from hydra.utils import instantiate
from omegaconf import DictConfig

from fer_lightning.data.datamodule import FaceDataModule
from fer_lightning.models import checkpoint
from fer_lightning.reporting import plots, tables
from fer_lightning.training.classifier import ExpressionClassifier
from fer_lightning.training.distributed import is_first
from fer_lightning.training.evaluator import Evaluator
from fer_lightning.training.runner import train
from fer_lightning.utils import files, shell_words

log = logging.getLogger(__name__)


def train_ensemble(cfg: DictConfig, run_dir: Path) -> dict[str, Any]:
    """Train ``cfg.ensemble_size`` networks with different seeds, each in its folder, and score their average.

    Finished members are not trained again; an interrupted member is resumed.

    Returns:
        The scores of the average (``metrics.score``). metrics.json also has ``members``, the list of the members'
        accuracies, with their mean and standard deviation. Empty in all processes but the first.

    Raises:
        FerError: see ``train``.
        KeyboardInterrupt: on Ctrl-C, with the command that resumes the run.
    """
    folders = [run_dir / "members" / str(index + 1) for index in range(cfg.ensemble_size)]
    for index, folder in enumerate(folders):
        member = copy.deepcopy(cfg)
        member.seed = cfg.seed + index
        member.data.shuffle_seed = cfg.data.shuffle_seed + index
        if files.read_json(folder / "metrics.json") is None:
            log.info("member %d of %d, seed %d", index + 1, cfg.ensemble_size, member.seed)
            try:
                train(member, folder)
            except KeyboardInterrupt as interrupt:
                raise type(interrupt)(
                    f"stopped in member {index + 1}; resume with: {shell_words.resume(run_dir)}"
                ) from None
    if not is_first():
        return {}
    found = [json.loads((folder / "metrics.json").read_text()) for folder in folders]
    paths = [folder / str(metrics["checkpoint"]) for folder, metrics in zip(folders, found, strict=True)]
    datamodule: FaceDataModule = instantiate(cfg.data)
    datamodule.setup()
    evaluator = Evaluator(datamodule, "val", cfg.trainer.accelerator, progress=cfg.trainer.enable_progress_bar)
    average = checkpoint.load(paths).network(len(datamodule.class_names))
    scores = evaluator.score(ExpressionClassifier(average, class_names=datamodule.class_names))
    accuracies = [metrics["accuracy"] for metrics in found]
    mean, spread = statistics.mean(accuracies), statistics.stdev(accuracies)
    files.write_json(
        run_dir / "metrics.json",
        {"members": accuracies, "mean": mean, "standard_deviation": spread, "subset": "val", **scores},
    )
    plots.confusion(scores, evaluator.title, run_dir / "figures" / "confusion.png")
    tables.print_scores(scores, f"{evaluator.title}, average of {cfg.ensemble_size}")
    log.info(
        "accuracy of the members: %s; mean %.2f%%, standard deviation %.2f",
        ", ".join(f"{a:.2%}" for a in accuracies),
        100 * mean,
        100 * spread,
    )
    log.info("evaluate the ensemble with %s", shell_words.override("ckpt", paths))
    return scores
