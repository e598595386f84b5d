"""Train the phases and evaluate the result, or resume a run."""

import contextlib
import logging
import math
from collections.abc import Iterator
from pathlib import Path

import torch
from filelock import Timeout
from hydra.conf import HydraConf
from hydra.core.hydra_config import HydraConfig
from hydra.types import RunMode
from omegaconf import DictConfig, ListConfig

from fer_lightning.commands import sweep
from fer_lightning.config_rules.check import check
from fer_lightning.errors import FerError
from fer_lightning.training import precision, run_config
from fer_lightning.training.distributed import is_first, is_launched_from_outside, is_requeued
from fer_lightning.training.ensemble_runner import train_ensemble
from fer_lightning.training.runner import train
from fer_lightning.utils import files, shell_words
from fer_lightning.utils.allocation import keep_freed_memory
from fer_lightning.utils.output_dir import SETTINGS_FILE
from fer_lightning.utils.quiet import quiet_libraries

log = logging.getLogger(__name__)


def _refuse_other_overrides() -> None:
    allowed = ("resume=", "data.dir=")
    others = [word for word in HydraConfig.get().overrides.task if not word.startswith(allowed)]
    if others:
        raise FerError(f"resume uses the settings of the run: remove {' '.join(others)} (only data.dir may be changed)")


def _check_processes(cfg: DictConfig, hydra_config: HydraConf) -> None:
    """Raise FerError if several processes of this command would not work on the same run."""
    if hydra_config.mode == RunMode.MULTIRUN and not is_launched_from_outside() and _wants_several(cfg.trainer):
        raise FerError(
            "a sweep cannot start several processes for each run, because each would repeat the whole sweep: set "
            "trainer.devices=1 and a launcher (hydra/launcher=joblib), or start the sweep with torchrun"
        )
    if is_launched_from_outside() and cfg.resume is None:
        if hydra_config.runtime.choices["hydra/sweeper"] != "basic" and hydra_config.mode == RunMode.MULTIRUN:
            raise FerError(
                "a search cannot run in several processes, because each would draw different values: set "
                "hydra/sweeper=basic and the values to try, or use one process"
            )
        key = "hydra.sweep.dir" if hydra_config.mode == RunMode.MULTIRUN else "hydra.run.dir"
        if not any(word.startswith(f"{key}=") for word in hydra_config.overrides.hydra):
            raise FerError(f"set {key}=DIR, because all processes must work on the same files")


def _wants_several(trainer: DictConfig) -> bool:
    devices = trainer.devices
    if devices in ("auto", -1, "-1"):
        return trainer.accelerator in ("auto", "gpu", "cuda") and torch.cuda.device_count() > 1
    return (len(devices) if isinstance(devices, ListConfig) else int(devices)) > 1


@contextlib.contextmanager
def _alone_in(run_dir: Path) -> Iterator[None]:
    """Prevent a second command from working in a run's directory.

    Raises:
        FerError: another command already works there.
    """
    if not is_first():  # the first process of this command holds the lock for all
        yield
        return
    try:
        with files.locked(run_dir / "run", wait=0):
            yield
    except Timeout:
        raise FerError(f"another process is training in {run_dir}; wait until it ends, or stop it") from None


def _main(cfg: DictConfig) -> float:
    check("train", cfg)
    hydra_config = HydraConfig.get()
    _check_processes(cfg, hydra_config)
    run_dir = Path(hydra_config.runtime.output_dir if cfg.resume is None else cfg.resume).absolute()
    if not is_first():
        logging.disable(logging.WARNING)  # the first process logs everything
    if cfg.resume is not None:
        run_config.check_run(run_dir)  # before the lock creates the directory
    with _alone_in(run_dir):
        requeued = cfg.resume is None and is_requeued() and (run_dir / SETTINGS_FILE).is_file()
        if requeued:
            log.info("SLURM restarted this job: resuming %s", run_dir)
        elif cfg.resume is not None:
            _refuse_other_overrides()
        if requeued or cfg.resume is not None:
            folder = cfg.data.get("dir")
            is_moved = any(word.startswith("data.dir=") for word in hydra_config.overrides.task)
            cfg = run_config.load(run_dir)
            if is_moved:
                cfg.data.dir = folder
            check("train", cfg)
        elif is_first():
            precision.settle(cfg.trainer)  # a resumed run keeps this choice instead of measuring again
            run_config.save(cfg, hydra_config.runtime.choices, hydra_config.overrides.task, run_dir)
        run = train if cfg.ensemble_size == 1 else train_ensemble
        try:
            accuracy = run(cfg, run_dir).get("accuracy", math.nan)
        except KeyboardInterrupt as interrupt:
            _remember_data_folder(cfg, run_dir)
            raise type(interrupt)(str(interrupt) or f"stopped; resume with: {shell_words.resume(run_dir)}") from None
        _remember_data_folder(cfg, run_dir)
        return accuracy


def _remember_data_folder(cfg: DictConfig, run_dir: Path) -> None:
    if is_first():
        run_config.save_data_folder(cfg, run_dir)


def run(cfg: DictConfig) -> float | None:
    quiet_libraries()
    keep_freed_memory()
    if HydraConfig.get().mode == RunMode.MULTIRUN:
        return sweep.attempt(lambda: _main(cfg), Path(HydraConfig.get().runtime.output_dir))
    return _main(cfg)
