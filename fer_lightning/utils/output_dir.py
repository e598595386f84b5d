"""A command's output directory: checked before Hydra makes it, removed if the command fails at the start."""

import contextlib
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from fer_lightning.errors import exit_on_user_error

# what Hydra and the start of a run write, before there is a result
_WRITTEN_AT_THE_START = (".hydra", "run.yaml", "config.yaml")

_made: list[Path] = []  # this command's output directory, and those above it that did not exist either


@contextlib.contextmanager
def removed_on_failure() -> Iterator[None]:
    """Remove the output directory that this command made, if the block fails before it has written a result.

    It stays after Ctrl-C, and if it is not new.
    """
    try:
        yield
    except Exception:
        if _made and all(_is_of_the_start(path) for path in _made[0].iterdir()):
            shutil.rmtree(_made[0], ignore_errors=True)
            with contextlib.suppress(OSError):  # the first that is not empty, such as of another run
                for folder in _made[1:]:
                    folder.rmdir()
        raise


def _is_of_the_start(path: Path) -> bool:
    return path.name in _WRITTEN_AT_THE_START or path.suffix == ".log"


class WritableOutputDir(Callback):
    """Ends a command in one sentence where Hydra would end in a traceback.

    Raises:
        SystemExit: 1; the directory cannot be made or written.
    """

    def on_run_start(self, config: DictConfig, **kwargs: Any) -> None:
        folder = Path(config.hydra.run.dir)
        whole = folder.absolute()
        _made.extend(each for each in (whole, *whole.parents) if not each.exists())
        _try(folder)

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
