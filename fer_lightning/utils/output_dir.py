"""Whether a command can write its output directory, asked before Hydra makes it."""

import tempfile
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from fer_lightning.errors import exit_on_user_error


class WritableOutputDir(Callback):
    """Ends a command in one sentence where Hydra would end in a traceback.

    Raises:
        SystemExit: 1; the directory cannot be made or written.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        _try(Path(config.hydra.run.dir))

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        _try(Path(config.hydra.sweep.dir))


def _try(folder: Path) -> None:
    with exit_on_user_error():
        folder.mkdir(parents=True, exist_ok=True)
        try:
            tempfile.TemporaryFile(dir=folder).close()
        except OSError as error:
            error.filename = str(folder)  # and not the file's chance name
            raise
