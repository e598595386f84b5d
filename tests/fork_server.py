"""Commands in processes that are forked after the imports that all of them share, which take four seconds."""

import atexit
import multiprocessing
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

# packages of others only: the project's own modules are imported anew by each command, as when a user starts it
_CONTEXT = multiprocessing.get_context("forkserver")
_CONTEXT.set_forkserver_preload(["lightning.pytorch", "matplotlib.figure", "hydra"])


def save_a_dot(figure: Any, path: Path, **_: Any) -> None:
    """In place of Figure.savefig: the figure has been composed, but is not rendered, which takes most of the time."""
    from PIL import Image

    Image.new("RGB", (8, 8)).save(path, "PNG")


def _run(
    module: str, words: Sequence[str], cwd: Path, env: Mapping[str, str], outputs: Sequence[Path], pictures: bool
) -> None:
    for number, path in enumerate(outputs, start=1):
        output = os.open(path, os.O_WRONLY)
        os.dup2(output, number)
        os.close(output)
    os.environ.clear()
    os.environ.update(env)
    os.chdir(cwd)
    sys.path.insert(0, str(cwd))
    sys.argv = [module, *words]
    if not pictures:
        from matplotlib.figure import Figure

        Figure.savefig = save_a_dot
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        atexit._run_exitfuncs()  # multiprocessing leaves them out, and temporary folders are removed there


class ForkedCommand:
    """``python -m MODULE WORDS`` in a process of the fork server.

    Args:
        env: environment variables, for what reads them after the imports; this process's if None.
        pictures: whether figures are rendered.
    """

    def __init__(
        self, module: str, *words: str, cwd: Path, env: Mapping[str, str] | None = None, pictures: bool = True
    ) -> None:
        self._words = [module, *words]
        self._folder = tempfile.TemporaryDirectory()
        self._outputs = [Path(self._folder.name, name) for name in ("stdout", "stderr")]
        for output in self._outputs:
            output.touch()
        env = dict(os.environ if env is None else env)
        self._process = _CONTEXT.Process(target=_run, args=(module, words, cwd, env, self._outputs, pictures))
        self._process.start()

    def poll(self) -> int | None:
        """The exit code; None while the process runs."""
        return self._process.exitcode

    def send_signal(self, number: signal.Signals) -> None:
        """Send a signal to the process, which is still running."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

    def wait(self, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """What subprocess.run would return.

        Raises:
            subprocess.TimeoutExpired: the process still runs after ``timeout`` seconds.
        """
        self._process.join(timeout)
        code = self._process.exitcode
        if code is None:
            raise subprocess.TimeoutExpired(self._words, timeout)
        return subprocess.CompletedProcess(self._words, code, *(output.read_text() for output in self._outputs))

    def kill(self) -> None:
        """End the process if it still runs."""
        self._process.kill()
        self._process.join()
