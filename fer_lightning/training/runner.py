"""One training run: its phases, its final weights, and their scores and figures."""

import logging
from pathlib import Path
from typing import Any

import lightning as L
import torch
from hydra.utils import instantiate
from omegaconf import DictConfig

from fer_lightning.constants import NUM_CLASSES
from fer_lightning.data.datamodule import FaceDataModule
from fer_lightning.errors import FerError
from fer_lightning.models import checkpoint
from fer_lightning.reporting import face_sheets, plots, tables
from fer_lightning.training import initial_weights, precision
from fer_lightning.training.checkpoint_io import newest
from fer_lightning.training.classifier import ExpressionClassifier
from fer_lightning.training.conclusion import log_conclusion
from fer_lightning.training.distillation import Distillation
from fer_lightning.training.distributed import is_first
from fer_lightning.training.evaluator import Evaluator
from fer_lightning.training.phase import (
    Phase,
    PhaseResult,
    Weights,
    carried_checkpoint,
    checkpoint_path,
    parse_phases,
    phase_folder,
)
from fer_lightning.training.phases import run_phases
from fer_lightning.training.run_config import plain
from fer_lightning.training.sharpness import SharpnessAware
from fer_lightning.training.trainers import make_logger
from fer_lightning.training.trial import try_out
from fer_lightning.utils import files

log = logging.getLogger(__name__)


def train(cfg: DictConfig, run_dir: Path) -> dict[str, Any]:
    """Run or resume the phases of ``cfg`` and write the results to ``run_dir``.

    Returns:
        The content of metrics.json: ``phases``, a list with name, epochs, examples and scores, and the final scores
        (``metrics.score``). Empty in all processes but the first.

    Raises:
        FerError: the config, the data or a checkpoint cannot be used.
        KeyboardInterrupt: on Ctrl-C, with the command that resumes the run.
    """
    # report mistakes in the config before the data are read
    phases = parse_phases(cfg.phases)
    try_out(cfg)
    start = None if _has_weights(run_dir, phases) else initial_weights.read(cfg)
    sam = _sam(cfg)
    precision.settle(cfg.trainer)
    L.seed_everything(cfg.seed, verbose=False)
    datamodule: FaceDataModule = instantiate(cfg.data, augment=instantiate(cfg.augment), votes=cfg.vote_weight > 0)
    datamodule.setup()
    if len(datamodule.class_names) != NUM_CLASSES:
        log.info("networks with %d classes cannot be exported", len(datamodule.class_names))
    network = instantiate(cfg.model, num_classes=len(datamodule.class_names))
    if start is not None:
        initial_weights.load(network, *start)
    module = ExpressionClassifier(
        network,
        optimizer=instantiate(cfg.optimizer),
        scheduler=instantiate(cfg.scheduler),
        no_decay_on_norm_and_bias=cfg.no_decay_on_norm_and_bias,
        label_smoothing=cfg.label_smoothing,
        class_weights=_inverse_frequency(datamodule) if cfg.class_weights else None,
        compile=cfg.compile,
        vote_weight=cfg.vote_weight,
        distillation=_distillation(cfg, len(datamodule.class_names)),
        sam=sam,
        class_names=datamodule.class_names,
        settings=_provenance(cfg, datamodule),
    )
    evaluator = Evaluator(datamodule, "val", cfg.trainer.accelerator, progress=cfg.trainer.enable_progress_bar)
    results = []
    for result in run_phases(cfg, module, datamodule, run_dir, lambda: evaluator.score(module)):
        results.append(result)
        if is_first() and len(results) < len(phases):  # the last phase is printed with the final scores
            tables.print_phases([phase_entry(r) for r in results], datamodule.faces.name)
    if not is_first():
        return {}
    return _conclude(cfg, module, datamodule, evaluator, results, run_dir)


def _has_weights(run_dir: Path, phases: dict[str, Phase]) -> bool:
    """Whether a run is resumed with weights of its first phase, instead of those that it started from."""
    name, phase = next(iter(phases.items()))
    folder = phase_folder(run_dir, 0, name)
    if (folder / "done.json").is_file() and carried_checkpoint(folder, phase) is not None:
        return True
    return newest(folder / "checkpoints") is not None


def phase_entry(result: PhaseResult) -> dict[str, Any]:
    """The entry of a phase in metrics.json, with the val scores of the weights that the next phase starts from."""
    rates = [epoch["images_per_second"] for epoch in result.history]
    return {
        "name": result.name,
        "skipped": result.skipped,
        "epochs": result.epochs,
        "examples": result.examples,
        "val_accuracy": result.scores["accuracy"],
        "val_accuracy_fresh": result.scores["accuracy_fresh"],
        "val_loss": result.scores["loss"],
        "val_macro_f1": result.scores["macro_f1"],
        "images_per_second": round(sum(rates) / len(rates), 1) if rates else None,
        "history": result.history,
    }


def _sam(cfg: DictConfig) -> SharpnessAware | None:
    if cfg.sam.last_epochs == 0:
        return None
    if cfg.trainer.accumulate_grad_batches != 1:
        raise FerError("sam needs trainer.accumulate_grad_batches=1, because each of its steps uses one batch")
    return SharpnessAware(**plain(cfg.sam))


def _distillation(cfg: DictConfig, classes: int) -> Distillation | None:
    if cfg.teacher is None:
        return None
    teacher = checkpoint.load(checkpoint.paths_of(cfg.teacher, "teacher")).network(classes)
    return Distillation(teacher, **plain(cfg.distillation))


def _provenance(cfg: DictConfig, datamodule: FaceDataModule) -> dict[str, Any]:
    """The settings that checkpoints record; without folders, which are private to the user."""
    values = plain(cfg)
    for key in ("logger", "resume"):
        values.pop(key)
    values["data"].pop("dir", None)
    if values["data"].get("exclude") is not None:
        values["data"]["exclude"] = Path(values["data"]["exclude"]).name
    for key in ("init_from", "teacher"):
        if values[key] is not None:
            values[key] = [path.name for path in checkpoint.paths_of(values[key], key)]
    values["model"]["num_classes"] = len(datamodule.class_names)
    return values | {"data_name": datamodule.faces.name, "held_out": datamodule.held_out}


def _inverse_frequency(datamodule: FaceDataModule) -> torch.Tensor:
    """Class weights, float32 [classes], with a mean of 1 over the training rows; 0 for classes without rows."""
    counts = torch.from_numpy(datamodule.class_counts()).float()
    weights = counts.sum() / ((counts > 0).sum() * counts)
    return torch.where(counts > 0, weights, 0.0)


def _conclude(
    cfg: DictConfig,
    module: ExpressionClassifier,
    datamodule: FaceDataModule,
    evaluator: Evaluator,
    results: list[PhaseResult],
    run_dir: Path,
) -> dict[str, Any]:
    """Copy the selected weights to the run's folder, score them and draw the figures."""
    trained = [(phase_folder(run_dir, index, r.name), r) for index, r in enumerate(results) if not r.skipped]
    # a phase with a holdout is validated on other faces, so its accuracy is not comparable
    eligible = [(folder, r) for folder, r in trained if r.best_val_accuracy is not None and not r.phase.holdout]
    chosen: dict[Weights, Path | None] = {}
    if eligible:
        better = min if cfg.callbacks.checkpoint.get("mode") == "min" else max
        folder, _ = better(eligible, key=lambda pair: pair[1].best_val_accuracy or 0.0)
        best = checkpoint_path(folder, "best")
        chosen["best"] = best if best.is_file() else None
    if trained:
        folder, last = trained[-1]
        chosen["last"] = carried_checkpoint(folder, last.phase)
    final = None  # stays None with trainer.enable_checkpointing=false or fast_dev_run
    for name, source in chosen.items():
        if source is not None:
            target = checkpoint_path(run_dir, name)
            files.copy(source, target)
            if name == cfg.select or final is None:
                final = target
    if final is not None:
        checkpoint.load_weights(module.network, checkpoint.read(final), final)
    scores = evaluator.score(module)
    metrics = {
        "phases": [phase_entry(result) for result in results],
        "subset": "val",
        "data": datamodule.faces.name,
        "checkpoint": None if final is None else str(final.relative_to(run_dir)),
        **scores,
    }
    files.write_json(run_dir / "metrics.json", metrics)
    figures = run_dir / "figures"
    faces, rows, names = datamodule.faces, datamodule.rows("train"), datamodule.class_names
    plots.class_counts(datamodule.class_counts(), names, faces.name, figures / "class_counts.png")
    face_sheets.by_class(faces.pixels[rows], faces.labels[rows], names, faces.name, figures / "faces.png")
    epochs = [(result.name, result.history) for result in results]
    plots.history(epochs, f"Training on {faces.name}", figures / "history.png")
    plots.confusion(scores, evaluator.title, figures / "confusion.png")
    loggers = (make_logger(logger, run_dir) for logger in cfg.logger.values() if logger is not None)
    # a killed process may have left an unfinished picture, whose name starts with a dot
    log_conclusion(loggers, scores, figures.glob("[!.]*.png"))
    tables.print_phases(metrics["phases"], datamodule.faces.name, final=scores)
    log.info("the run is in %s%s", run_dir, "" if final is None else f"; the weights are in {final}")
    return metrics
