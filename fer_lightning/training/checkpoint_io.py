"""Crash-safe checkpoints: written to a temporary file, then renamed, with the previous checkpoint kept."""

import logging
import os
from pathlib import Path
from typing import Any

import torch
from lightning.fabric.plugins.io.torch_io import TorchCheckpointIO

from fer_lightning.errors import FerError
from fer_lightning.models import checkpoint
from fer_lightning.utils import files

log = logging.getLogger(__name__)

RESUMED = "last.ckpt"  # an interrupted phase resumes from this file, so its predecessor is kept as well
_PREDECESSOR = "before_last.ckpt"
_KEPT = 2  # parts of a folder that are saved: the phase's folder and checkpoints


class KeepingCheckpointIO(TorchCheckpointIO):
    """Checkpoint files that survive a crash of the machine and a move of the run directory.

    A checkpoint is flushed to disk before it is renamed, and the previous ``last.ckpt`` is kept.
    """

    def load_checkpoint(self, path: str | os.PathLike[str], *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Load a checkpoint and update the checkpoint paths in it to its current folder.

        Without this, ``ModelCheckpoint`` forgets the best score of a run that was moved and may delete files in the
        old location.
        """
        content = super().load_checkpoint(Path(path), *args, **kwargs)
        folder = Path(path).resolve().parent  # as ModelCheckpoint has it
        return content | {"callbacks": _with_paths_in(folder, content["callbacks"])}

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        target = Path(path)
        if "callbacks" in checkpoint:  # without the user's folders, because people share checkpoints
            folder = Path(*target.resolve().parent.parts[-_KEPT:])
            checkpoint = checkpoint | {"callbacks": _with_paths_in(folder, checkpoint["callbacks"])}
        with files.replacing(target) as temporary:
            with temporary.open("wb") as file:
                try:
                    torch.save(checkpoint, file)
                except RuntimeError as error:
                    # after a failed write, torch still tries to close the archive and reports only that error
                    raise error.__context__ if isinstance(error.__context__, OSError) else error from None
            if target.name == RESUMED and target.is_file():
                target.replace(target.with_name(_PREDECESSOR))


def _with_paths_in(folder: Path, callbacks: dict[str, Any]) -> dict[str, Any]:
    """The states of callbacks, with the paths of each ModelCheckpoint that writes to this phase in ``folder``.

    One that the user added may write to another folder; its paths are left alone.
    """
    return {
        name: _moved(state, folder)
        if name.startswith("ModelCheckpoint") and Path(state["dirpath"]).parts[-_KEPT:] == folder.parts[-_KEPT:]
        else state
        for name, state in callbacks.items()
    }


def _moved(state: dict[str, Any], folder: Path) -> dict[str, Any]:
    """The state of a ModelCheckpoint with all its paths in ``folder``."""

    def moved(path: str) -> str:
        return str(folder / Path(path).name) if path else path

    paths = {key: moved(state[key]) for key in ("best_model_path", "kth_best_model_path", "last_model_path")}
    models = {moved(each): score for each, score in state["best_k_models"].items()}
    return state | paths | {"dirpath": str(folder), "best_k_models": models}


def newest(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The newest readable checkpoint in ``folder`` and its content; None if there is none.

    If the last checkpoint is damaged, a warning names it and the previous one is used.
    """
    for name in (RESUMED, _PREDECESSOR):
        path = folder / name
        if not path.is_file():
            continue
        try:
            return path, checkpoint.read(path)
        except FerError as error:
            log.warning("ignoring a checkpoint that cannot be read: %s", error)
    return None
