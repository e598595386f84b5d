import os
import signal
import subprocess
import sys

import pytest
from omegaconf import OmegaConf
from torch.utils.data import DataLoader, Dataset

from fer_lightning.errors import FerError, exit_on_user_error


@pytest.mark.parametrize(
    ("error", "message", "code"),
    [
        (FerError("what, where, what to do"), "error: what, where, what to do", 1),
        (OSError(28, "No space left on device", "/x/y"), "error: the disk is full: No space left on device: /x/y", 1),
        (PermissionError(13, "Permission denied", "/x/y"), "error: Permission denied: /x/y", 1),
        (OSError(30, "Read-only file system", "/x/y"), "error: the file system is read-only: /x/y", 1),
        (KeyboardInterrupt("stopped; go on with this"), "stopped; go on with this", 130),
    ],
)
def test_one_line_and_an_exit_code(capsys, error, message, code):
    with pytest.raises(SystemExit) as caught, exit_on_user_error():
        raise error
    assert caught.value.code == code
    assert capsys.readouterr().err.splitlines() == [message]


def test_missing_key_is_one_line(capsys):
    with pytest.raises(SystemExit), exit_on_user_error():
        OmegaConf.create({"ckpt": "???"}).ckpt  # noqa: B018
    assert capsys.readouterr().err.splitlines() == ["error: the configuration is wrong: Missing mandatory value: ckpt"]


@pytest.mark.slow
def test_a_machine_without_a_compiler(tmp_path):
    script = """
import torch
from fer_lightning.errors import exit_on_user_error
with exit_on_user_error():
    torch.compile(torch.sin)(torch.ones(2))
"""
    env = {**os.environ, "CXX": str(tmp_path / "none"), "TORCHINDUCTOR_CACHE_DIR": str(tmp_path)}
    process = subprocess.run([sys.executable, "-c", script], env=env, capture_output=True, text=True, timeout=300)
    assert process.returncode == 1
    assert process.stderr.splitlines()[-1].startswith("error: torch cannot compile here, so leave compile= out: ")
    assert "Traceback" not in process.stderr


class Deadly(Dataset):
    """Ends the process that reads it."""

    def __len__(self):
        return 1

    def __getitem__(self, index):
        os.kill(os.getpid(), signal.SIGKILL)


def test_a_process_that_loads_data_dies(capsys):
    with pytest.raises(SystemExit), exit_on_user_error():
        list(DataLoader(Deadly(), num_workers=1))
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("error: a data-loader worker died: DataLoader worker (pid")


def test_our_own_mistakes_keep_their_traceback():
    with pytest.raises(ZeroDivisionError), exit_on_user_error():
        1 / 0  # noqa: B018
