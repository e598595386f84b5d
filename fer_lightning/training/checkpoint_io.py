"""Checkpoints written so that a run can always go on: aside, then renamed, with the one before kept."""

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

RESUMED = "last.ckpt"  # what an interrupted phase goes on from, so that its predecessor is kept
_PREDECESSOR = "before_last.ckpt"


class KeepingCheckpointIO(TorchCheckpointIO):
    """Lightning's, but safe against a machine that goes down, and for runs whose directory is moved.

    A checkpoint is on the disk before it is renamed, and what ``last.ckpt`` was is kept.
    """

    def load_checkpoint(self, path: str | os.PathLike[str], *args: Any, **kwargs: Any) -> dict[str, Any]:
        """What was saved, with the other checkpoints of the phase where this one is now.

        Else ``ModelCheckpoint`` forgets the best score of a run that was moved, and may delete what lies where it was.
        """
        content = super().load_checkpoint(Path(path), *args, **kwargs)
        folder = Path(path).resolve().parent  # as ModelCheckpoint has it
        for name, state in content["callbacks"].items():
            # not one that users added with a folder of its own
            if name.startswith("ModelCheckpoint") and Path(state["dirpath"]).parts[-2:] == folder.parts[-2:]:
                state["dirpath"] = str(folder)
                for key in ("best_model_path", "kth_best_model_path", "last_model_path"):
                    state[key] = _moved(state[key], folder)
                state["best_k_models"] = {_moved(each, folder): score for each, score in state["best_k_models"].items()}
        return content

    def save_checkpoint(
        self, checkpoint: dict[str, Any], path: str | os.PathLike[str], storage_options: Any = None
    ) -> None:
        target = Path(path)
        with files.replacing(target) as temporary:
            with temporary.open("wb") as file:
                try:
                    torch.save(checkpoint, file)
                except RuntimeError as error:
                    # when a write fails torch still ends its archive, and complains of that instead
                    raise error.__context__ if isinstance(error.__context__, OSError) else error from None
            if target.name == RESUMED and target.is_file():
                target.replace(target.with_name(_PREDECESSOR))


def _moved(path: str, folder: Path) -> str:
    return str(folder / Path(path).name) if path else path


def newest(folder: Path) -> tuple[Path, dict[str, Any]] | None:
    """The last checkpoint in ``folder`` that can be read, and its content; None where there is none.

    A damaged one is named in a warning, and the one before is taken.
    """
    for name in (RESUMED, _PREDECESSOR):
        path = folder / name
        if not path.is_file():
            continue
        try:
            return path, checkpoint.read(path)
        except FerError as error:
            log.warning("%s; going on from what was saved before it", error)
    return None
