"""python -m fer_lightning.train: train the phases, evaluate before and after, draw."""

import contextlib
import copy
import json
import logging
import math
import statistics
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any

import hydra
import lightning as L
import torch
from filelock import Timeout
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from hydra.utils import instantiate
from omegaconf import DictConfig, ListConfig, OmegaConf

from fer_lightning import report, sweep
from fer_lightning.config_rules.check import check
from fer_lightning.constants import NUM_CLASSES
from fer_lightning.data.datamodule import FER2013DataModule
from fer_lightning.errors import FerError, exit_on_user_error
from fer_lightning.evaluate import Evaluator
from fer_lightning.models import checkpoint
from fer_lightning.reporting import plots
from fer_lightning.training import run_config
from fer_lightning.training.classifier import ExpressionClassifier
from fer_lightning.training.conclusion import log_conclusion
from fer_lightning.training.distillation import Distillation
from fer_lightning.training.distributed import is_first, is_launched_from_outside, is_requeued
from fer_lightning.training.phases import (
    PhaseResult,
    Weights,
    carried_checkpoint,
    checkpoint_path,
    make_logger,
    parse_phases,
    phase_folder,
    run_phases,
)
from fer_lightning.training.run_config import plain
from fer_lightning.training.trial import try_out
from fer_lightning.utils import files
from fer_lightning.utils.quiet import quiet_libraries

log = logging.getLogger("fer_lightning.train")  # __name__ is __main__ here


def _run_dir(resume: str | None) -> str:
    # Hydra writes into it before we can say that resume= names no run
    if resume and (Path(resume) / run_config.SETTINGS_FILE).is_file():
        return resume
    return f"outputs/train/{datetime.now():%Y-%m-%d_%H-%M-%S}"


# a resumed run writes where it began; use_cache, because each call would read the clock anew
OmegaConf.register_new_resolver("run_dir", _run_dir, use_cache=True)


def train(cfg: DictConfig, run_dir: Path) -> dict[str, Any]:
    """Run (or go on with) the phases of ``cfg`` and write everything about them into ``run_dir``.

    Returns:
        The content of metrics.json: ``phases``, a list with name, epochs, examples and scores, and the
        final scores (``metrics.score``). Of several processes the first has it, the others have nothing.

    Raises:
        FerError: what the user can mend.
    """
    # mistakes here should not wait for the data
    phases = parse_phases(cfg.phases)
    try_out(cfg)
    L.seed_everything(cfg.seed, verbose=False)
    datamodule: FER2013DataModule = instantiate(cfg.data, augment=instantiate(cfg.augment), votes=cfg.vote_weight > 0)
    datamodule.setup()
    if len(datamodule.class_names) != NUM_CLASSES:
        log.info("networks with %d classes cannot be exported", len(datamodule.class_names))
    network = instantiate(cfg.model, num_classes=len(datamodule.class_names))
    if cfg.init is not None:
        start = checkpoint.path_of(cfg.init, "init")
        checkpoint.load_weights(network, checkpoint.read(start), start)
    module = ExpressionClassifier(
        network,
        optimizer=instantiate(cfg.optimizer),
        scheduler=instantiate(cfg.scheduler),
        decay_vectors=cfg.decay_vectors,
        label_smoothing=cfg.label_smoothing,
        class_weights=_inverse_frequency(datamodule) if cfg.class_weights else None,
        compile=cfg.compile,
        vote_weight=cfg.vote_weight,
        distillation=_distillation(cfg, len(datamodule.class_names)),
        class_names=datamodule.class_names,
        settings=_provenance(cfg, datamodule),
    )
    evaluator = Evaluator(datamodule, "val", cfg.trainer.accelerator, progress=cfg.trainer.enable_progress_bar)
    results = []
    for result in run_phases(cfg, module, datamodule, run_dir, lambda: evaluator.score(module)):
        results.append(result)
        if is_first() and len(results) < len(phases):  # the last one's line comes with the final scores
            report.print_phases([report.phase_entry(r) for r in results], datamodule.faces.name)
    if not is_first():
        return {}
    return _conclude(cfg, module, datamodule, evaluator, results, run_dir)


def train_ensemble(cfg: DictConfig, run_dir: Path) -> dict[str, Any]:
    """Train ``cfg.members`` networks from as many seeds, each in a folder of its own, and score their average.

    A member that is done is not trained again; one that was interrupted goes on.

    Returns:
        The content of metrics.json: ``members``, the list of their accuracies, their mean and
        standard deviation, and the average's scores (``metrics.score``).

    Raises:
        FerError: see ``train``.
        KeyboardInterrupt: on Ctrl-C, with a text that says how to go on.
    """
    folders = [run_dir / "members" / str(index + 1) for index in range(cfg.members)]
    for index, folder in enumerate(folders):
        member = copy.deepcopy(cfg)
        member.seed = cfg.seed + index
        member.data.shuffle_seed = cfg.data.shuffle_seed + index
        if not (folder / "metrics.json").is_file():
            log.info("member %d of %d, seed %d", index + 1, cfg.members, member.seed)
            try:
                train(member, folder)
            except KeyboardInterrupt as interrupt:
                raise type(interrupt)(
                    f"stopped in member {index + 1}; go on with: python -m fer_lightning.train resume={run_dir}"
                ) from None
    if not is_first():
        return {}
    found = [json.loads((folder / "metrics.json").read_text()) for folder in folders]
    paths = [folder / str(metrics["checkpoint"]) for folder, metrics in zip(folders, found, strict=True)]
    datamodule: FER2013DataModule = instantiate(cfg.data)
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
    report.print_scores(scores, f"{evaluator.title}, average of {cfg.members}")
    log.info(
        "each alone: %s; mean %.2f %%, standard deviation %.2f",
        ", ".join(f"{a:.2%}" for a in accuracies),
        100 * mean,
        100 * spread,
    )
    log.info("the average is used by ckpt=[%s]", ",".join(map(str, paths)))
    return scores


def _distillation(cfg: DictConfig, classes: int) -> Distillation | None:
    if cfg.teacher is None:
        return None
    teacher = checkpoint.load(checkpoint.paths_of(cfg.teacher, "teacher")).network(classes)
    return Distillation(teacher, **plain(cfg.distillation))


def _provenance(cfg: DictConfig, datamodule: FER2013DataModule) -> dict[str, Any]:
    """What a checkpoint says of its making; not the folders, which are the user's own business."""
    values = plain(cfg)
    for key in ("logger", "resume"):
        values.pop(key)
    values["data"].pop("dir", None)
    for key in ("init", "teacher"):
        if values[key] is not None:
            values[key] = [path.name for path in checkpoint.paths_of(values[key], key)]
    values["model"]["num_classes"] = len(datamodule.class_names)
    return values | {"data_name": datamodule.faces.name}


def _inverse_frequency(datamodule: FER2013DataModule) -> torch.Tensor:
    """float32 [classes] with a mean of 1 over the training rows; a class without rows weighs nothing."""
    counts = torch.from_numpy(datamodule.class_counts()).float()
    weights = counts.sum() / ((counts > 0).sum() * counts)
    return torch.where(counts > 0, weights, 0.0)


def _conclude(
    cfg: DictConfig,
    module: ExpressionClassifier,
    datamodule: FER2013DataModule,
    evaluator: Evaluator,
    results: list[PhaseResult],
    run_dir: Path,
) -> dict[str, Any]:
    """Hand over the chosen weights, score them and draw."""
    trained = [(phase_folder(run_dir, index, r.name), r) for index, r in enumerate(results) if not r.skipped]
    # a phase with a holdout of its own is scored on other faces, so its accuracy does not compare
    eligible = [(folder, r) for folder, r in trained if r.best_val_accuracy is not None and not r.phase.holdout]
    chosen: dict[Weights, Path | None] = {}
    if eligible:
        folder, _ = max(eligible, key=lambda pair: pair[1].best_val_accuracy or 0.0)
        best = checkpoint_path(folder, "best")
        chosen["best"] = best if best.is_file() else None
    if trained:
        folder, last = trained[-1]
        chosen["last"] = carried_checkpoint(folder, last.phase)
    final = None  # trainer.enable_checkpointing=false and fast_dev_run leave none: the weights in hand are scored
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
        "phases": [report.phase_entry(result) for result in results],
        "subset": "val",
        "data": datamodule.faces.name,
        "checkpoint": None if final is None else str(final.relative_to(run_dir)),
        **scores,
    }
    files.write_json(run_dir / "metrics.json", metrics)
    figures = run_dir / "figures"
    plots.class_counts(datamodule, figures / "class_counts.png")
    plots.face_sheet(datamodule, figures / "faces.png")
    plots.history(results, f"Training on {datamodule.faces.name}", figures / "history.png")
    plots.confusion(scores, evaluator.title, figures / "confusion.png")
    loggers = (make_logger(logger, run_dir) for logger in cfg.logger.values() if logger is not None)
    log_conclusion(loggers, scores, figures.glob("*.png"))
    report.print_phases(metrics["phases"], datamodule.faces.name, final=scores)
    log.info("the run is in %s%s", run_dir, "" if final is None else f", its weights in {final}")
    return metrics


def _refuse_other_overrides() -> None:
    allowed = ("resume=", "data.dir=")
    others = [word for word in HydraConfig.get().overrides.task if not word.startswith(allowed)]
    if others:
        raise FerError(
            f"resume goes on with the run's own settings; leave out {' '.join(others)} (data.dir may be given)"
        )


def _check_processes(cfg: DictConfig, hydra_config: HydraConf) -> None:
    """Raises FerError where several processes of this command would not work on one run."""
    if hydra_config.mode == RunMode.MULTIRUN and not is_launched_from_outside() and _wants_several(cfg.trainer):
        raise FerError(
            "a sweep cannot start several processes for each run, which would repeat the whole sweep: take "
            "trainer.devices=1 and a launcher (hydra/launcher=joblib), or start the sweep with torchrun"
        )
    if is_launched_from_outside() and cfg.resume is None:
        if hydra_config.runtime.choices["hydra/sweeper"] != "basic" and hydra_config.mode == RunMode.MULTIRUN:
            raise FerError(
                "a search cannot be started in several processes, each of which would draw other values: take "
                "hydra/sweeper=basic and the values to try, or one process"
            )
        key = "hydra.sweep.dir" if hydra_config.mode == RunMode.MULTIRUN else "hydra.run.dir"
        if not any(word.startswith(f"{key}=") for word in hydra_config.overrides.hydra):
            raise FerError(f"name {key}=DIR, so that all processes work on the same files")


def _wants_several(trainer: DictConfig) -> bool:
    devices = trainer.devices
    if devices in ("auto", -1, "-1"):
        return trainer.accelerator in ("auto", "gpu", "cuda") and torch.cuda.device_count() > 1
    return (len(devices) if isinstance(devices, ListConfig) else int(devices)) > 1


@contextlib.contextmanager
def _alone_in(run_dir: Path) -> Iterator[None]:
    """Keep a second command out of a run's directory.

    Raises:
        FerError: another one works there.
    """
    if not is_first():  # the first process of this command has locked it for all
        yield
        return
    try:
        with files.locked(run_dir / "run", wait=0):
            yield
    except Timeout:
        raise FerError(f"another process trains in {run_dir}; wait for its end, or stop it") from None


def _main(cfg: DictConfig) -> float:
    check("train", cfg)
    hydra_config = HydraConfig.get()
    _check_processes(cfg, hydra_config)
    run_dir = Path(hydra_config.runtime.output_dir if cfg.resume is None else cfg.resume).absolute()
    if not is_first():
        logging.disable(logging.WARNING)  # the first process says it
    if cfg.resume is not None:
        run_config.check_run(run_dir)  # before the lock makes the directory
    with _alone_in(run_dir):
        requeued = cfg.resume is None and is_requeued() and (run_dir / run_config.SETTINGS_FILE).is_file()
        if requeued:
            log.info("SLURM runs this job again: going on with %s", run_dir)
        elif cfg.resume is not None:
            _refuse_other_overrides()
        if requeued or cfg.resume is not None:
            moved_to = cfg.data.get("dir")
            given = any(word.startswith("data.dir=") for word in hydra_config.overrides.task)
            cfg = run_config.load(run_dir)
            if given:
                cfg.data.dir = moved_to
            check("train", cfg)
        elif is_first():
            run_config.save(cfg, hydra_config.runtime.choices, run_dir)
        run = train if cfg.members == 1 else train_ensemble
        try:
            return run(cfg, run_dir).get("accuracy", math.nan)
        except KeyboardInterrupt as interrupt:
            raise type(interrupt)(
                str(interrupt) or f"stopped; go on with: python -m fer_lightning.train resume={run_dir}"
            ) from None


@hydra.main(version_base="1.3", config_path="pkg://fer_lightning.conf", config_name="train")
def main(cfg: DictConfig) -> float | None:
    quiet_libraries()
    with exit_on_user_error():
        if HydraConfig.get().mode == RunMode.MULTIRUN:
            return sweep.attempt(lambda: _main(cfg), Path(HydraConfig.get().runtime.output_dir))
        return _main(cfg)


if __name__ == "__main__":
    main()
