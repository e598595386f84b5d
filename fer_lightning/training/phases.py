"""Run the phases in order.

Each phase is one fit with a fresh Trainer and fresh callbacks: early stopping, the plateau schedule and the epoch
count start anew, and only the weights carry over to the next phase.
"""

import logging
from collections.abc import Callable, Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from fer_lightning.data.datamodule import FaceDataModule
from fer_lightning.errors import FerError
from fer_lightning.models import checkpoint
from fer_lightning.training.classifier import ExpressionClassifier
from fer_lightning.training.distributed import is_first
from fer_lightning.training.phase import (
    Phase,
    PhaseResult,
    carried_checkpoint,
    checkpoint_path,
    parse_phases,
    phase_folder,
)
from fer_lightning.training.phase_fit import fit_phase, require_same_split
from fer_lightning.training.trainers import keeps_weights
from fer_lightning.utils import files

log = logging.getLogger(__name__)


def run_phases(
    cfg: DictConfig,
    module: ExpressionClassifier,
    datamodule: FaceDataModule,
    run_dir: Path,
    evaluate: Callable[[], dict[str, Any]],
) -> Iterator[PhaseResult]:
    """Run the phases of ``cfg.phases`` that are not done yet and yield the result of every phase.

    After each phase, ``module`` has the weights that the next phase starts from. A finished phase keeps its result
    in ``done.json``; an interrupted phase resumes from its last checkpoint. Without checkpoints, all are trained again.

    Args:
        evaluate: returns the scores of ``module`` on the val split; only the first process calls it.

    Raises:
        FerError: a finished phase has lost its weights, or the data have changed since it was trained.
        KeyboardInterrupt: on Ctrl-C, with the command that resumes the run.
    """
    phases = parse_phases(cfg.phases)
    for index, (name, phase) in enumerate(phases.items()):
        folder = phase_folder(run_dir, index, name)
        done = folder / "done.json"
        finished = _finished(done) if keeps_weights(cfg.trainer) else None
        if finished is not None:
            result = finished
            _require_weights(folder, result)
            log.info("phase %s is already done", name)
        else:
            log.info("phase %d of %d, %s: %s", index + 1, len(phases), name, phase.in_words(cfg.trainer.max_epochs))
            result = fit_phase(cfg, index, name, phase, module, datamodule, folder)
            if is_first():
                files.write_json(done, asdict(result))
        _carry(module, datamodule, folder, result)
        if is_first() and not result.scores:
            result.scores = evaluate()
            files.write_json(done, asdict(result))
        yield result


def _finished(path: Path) -> PhaseResult | None:
    """The content of a phase's done.json; None if it does not exist or, with a warning, if it is damaged."""
    saved = files.read_json(path)
    if saved is None:
        return None
    try:
        return PhaseResult(**{**saved, "phase": Phase(**saved["phase"])})
    except (TypeError, KeyError):
        log.warning("ignoring %s: the file is damaged", path)
        return None


def _require_weights(folder: Path, result: PhaseResult) -> None:
    """Raise FerError if a finished phase has lost the weights that the next phase starts from."""
    best = result.phase.carry == "best" and result.best_val_accuracy is not None
    path = checkpoint_path(folder, "best" if best else "last")
    if not result.skipped and not path.is_file():
        raise FerError(
            f"no such file: {path}; phase {result.name} is done, but the next phase needs these weights: restore "
            f"the file, or delete {folder} to train the phase again"
        )


def _carry(module: ExpressionClassifier, datamodule: FaceDataModule, folder: Path, result: PhaseResult) -> None:
    path = carried_checkpoint(folder, result.phase)
    if path is not None:
        content = checkpoint.read(path)
        require_same_split(content, datamodule)
        module.load_state_dict(content["state_dict"])
