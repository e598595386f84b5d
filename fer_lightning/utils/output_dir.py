"""A command's output directory: checked before Hydra creates it, removed if the command fails at the start."""

import contextlib
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from fer_lightning.errors import FerError, exit_on_user_error
from fer_lightning.utils.files import require_writable

SETTINGS_FILE = "run.yaml"  # of a training run; not .hydra, which Hydra rewrites when the run is resumed
# files that Hydra and the start of a run write before there is a result
_WRITTEN_AT_THE_START = (".hydra", SETTINGS_FILE, "config.yaml")

_made: list[Path] = []  # this command's output directory and the parent directories that were created with it


@contextlib.contextmanager
def removed_on_failure() -> Iterator[None]:
    """Remove the output directory that this command created if the block fails before it has written a result.

    The directory is kept after Ctrl-C, or if it already existed.
    """
    try:
        yield
    except Exception:
        if _made and all(_is_of_the_start(path) for path in _made[0].iterdir()):
            shutil.rmtree(_made[0], ignore_errors=True)
            with contextlib.suppress(OSError):  # stop at the first folder that is not empty
                for folder in _made[1:]:
                    folder.rmdir()
        raise


def _is_of_the_start(path: Path) -> bool:
    return path.name in _WRITTEN_AT_THE_START or path.suffix == ".log"


class WritableOutputDir(Callback):
    """Ends the command with one sentence, where Hydra would print a traceback, if the output directory is unusable.

    Raises:
        SystemExit: status 1; the directory cannot be created or written, or contains a training run, whose results
            another command would replace.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        folder = Path(config.hydra.run.dir)
        whole = folder.absolute()
        _made.extend(each for each in (whole, *whole.parents) if not each.exists())
        with exit_on_user_error():
            if config.hydra.job.config_name != "train" and (folder / SETTINGS_FILE).is_file():
                raise FerError(
                    f"{folder} contains a training run; choose another hydra.run.dir, such as {folder / 'evaluation'}"
                )
        _try(folder)

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        _try(Path(config.hydra.sweep.dir))


def _try(folder: Path) -> None:
    with exit_on_user_error():
        folder.mkdir(parents=True, exist_ok=True)
        require_writable(folder)
