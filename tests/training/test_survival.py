"""Runs that are killed, damaged, or disturbed."""

import os
import resource
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.loggers import TensorBoardLogger

from fer_lightning import errors
from fer_lightning.training import checkpoint_io
from fer_lightning.utils import files
from tests import soak
from tests.fork_server import ForkedCommand
from tests.helpers import SHRUNK, assert_one_sentence, run_command

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory):
    """The directory of a run that was not ended, and the seconds that it took."""
    run_dir = tmp_path_factory.mktemp("soak") / "unbroken"
    return run_dir, soak.finish(run_dir)


def test_a_killed_run_ends_with_the_weights_of_an_unbroken_one(unbroken):
    assert len(soak.survive(*unbroken, kills=3, seed=1)) == 3


@pytest.fixture(scope="module")
def stopped(tmp_path_factory):
    """A run that was interrupted by SIGTERM after two epochs of many, and its output."""
    run_dir = tmp_path_factory.mktemp("stopped") / "run"
    words = (*SHRUNK, "phases.baseline.epochs=500", "phases.baseline.patience=500", f"hydra.run.dir={run_dir}")
    command = ForkedCommand("fer_lightning.train", *words, cwd=run_dir.parent)
    folder = run_dir / "phases" / "1-baseline" / "checkpoints"
    while not (folder / "before_last.ckpt").is_file():
        assert command.poll() is None
        time.sleep(0.05)
    command.send_signal(signal.SIGTERM)
    process = command.wait(timeout=60)
    return run_dir, process.returncode, process.stderr


def test_sigterm_says_how_to_go_on(stopped):
    run_dir, code, said = stopped
    assert code == 143
    (line,) = said.splitlines()
    assert line.startswith("stopped in phase baseline, complete epochs: ")
    assert line.endswith(f"resume with: python -m fer_lightning.train resume={run_dir}")


@pytest.mark.parametrize("damage", ["cut", "flipped", "empty"])
def test_a_damaged_checkpoint_is_noticed_and_the_one_before_taken(stopped, tmp_path, damage, caplog):
    source = stopped[0] / "phases" / "1-baseline" / "checkpoints"
    for name in ("last.ckpt", "before_last.ckpt"):
        (tmp_path / name).write_bytes((source / name).read_bytes())
    path = tmp_path / "last.ckpt"
    content = bytearray(path.read_bytes())
    if damage == "cut":
        content = content[: len(content) // 2]
    elif damage == "flipped":
        content[len(content) // 3] ^= 0xFF
    else:
        content = bytearray()
    path.write_bytes(content)
    found = checkpoint_io.newest(tmp_path)
    assert found is not None
    assert found[0] == tmp_path / "before_last.ckpt"
    assert "last.ckpt is not a checkpoint" in caplog.text
    assert "ignoring a checkpoint that cannot be read" in caplog.text


def test_without_any_checkpoint(tmp_path):
    assert checkpoint_io.newest(tmp_path) is None


def test_the_predecessor_is_kept(tmp_path):
    writer = checkpoint_io.KeepingCheckpointIO()
    for number in range(3):
        writer.save_checkpoint({"number": torch.tensor(number)}, tmp_path / "last.ckpt")
        writer.save_checkpoint({"number": torch.tensor(number)}, tmp_path / "best.ckpt")
    found = {path.name: int(torch.load(path, weights_only=True)["number"]) for path in tmp_path.iterdir()}
    assert found == {"last.ckpt": 2, "before_last.ckpt": 1, "best.ckpt": 2}


@pytest.mark.parametrize("run", ["moved", "link", "moved/../moved"])
def test_a_run_that_was_moved_knows_its_best_epoch(stopped, tmp_path, run):
    shutil.copytree(stopped[0], tmp_path / "moved")
    (tmp_path / "link").symlink_to(tmp_path / "moved")
    folder = tmp_path / run / "phases" / "1-baseline" / "checkpoints"
    saved = checkpoint_io.KeepingCheckpointIO().load_checkpoint(folder / "last.ckpt", weights_only=True)
    states = {name: state for name, state in saved["callbacks"].items() if name.startswith("ModelCheckpoint")}
    assert len(states) == 2
    assert str(stopped[0]) not in repr(states)
    (best,) = (state for name, state in states.items() if "'val_accuracy'" in name)
    callback = ModelCheckpoint(folder, monitor="val_accuracy", mode="max")
    callback.load_state_dict(best)
    assert float(callback.best_model_score) == float(best["best_model_score"]) > 0
    assert Path(callback.best_model_path).is_file()


def test_a_full_disk_leaves_the_earlier_checkpoint_whole(tmp_path):
    """A limit on file sizes stands in for a full disk, which a test cannot make everywhere."""
    writer, path = checkpoint_io.KeepingCheckpointIO(), tmp_path / "last.ckpt"
    writer.save_checkpoint({"number": torch.tensor(1)}, path)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, hard))
    try:
        with pytest.raises(OSError, match="too large") as caught:
            writer.save_checkpoint({"number": torch.zeros(1 << 20)}, path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert errors.sentence(caught.value) == f"a file would grow beyond the limit on file sizes: {path}"
    assert [each.name for each in tmp_path.iterdir()] == ["last.ckpt"]
    assert torch.load(path, weights_only=True)["number"] == 1


def test_an_error_of_a_library_keeps_its_text():
    assert errors.sentence(FileNotFoundError("no such model: x")) == "no such model: x"


def test_a_second_process_on_the_same_run(stopped):
    run_dir = stopped[0]
    before = {path: path.stat().st_mtime_ns for path in run_dir.rglob("*.ckpt")}
    with files.locked(run_dir / "run"):
        process = run_command("fer_lightning.train", f"resume={run_dir}", cwd=run_dir.parent)
    assert_one_sentence(process, f"another process is training in {run_dir}")
    assert {path: path.stat().st_mtime_ns for path in run_dir.rglob("*.ckpt")} == before


def test_slurm_takes_a_job_back_and_runs_it_again(tmp_path, unbroken):
    """With a stand-in for scontrol; the signal, the checkpoint and the command are Lightning's."""
    (tmp_path / "bin").mkdir()
    scontrol = tmp_path / "bin" / "scontrol"
    scontrol.write_text(f'#!/bin/sh\necho "$@" > {tmp_path}/called\n')
    scontrol.chmod(0o755)
    env = {
        **os.environ,
        "PATH": f"{scontrol.parent}:{os.environ['PATH']}",
        **{f"SLURM_{name}": "0" for name in ("PROCID", "LOCALID", "NODEID")},
        **{"SLURM_NTASKS": "1", "SLURM_JOB_ID": "77", "SLURM_JOB_NAME": "fer", "SLURM_NTASKS_PER_NODE": "1"},
    }
    words = ("fer_lightning.train", *soak.TRAINING, f"hydra.run.dir={tmp_path}/run")
    command = ForkedCommand(*words, cwd=tmp_path, env=env)
    while not (tmp_path / "run" / "phases" / "1-baseline" / "checkpoints" / "last.ckpt").is_file():
        assert command.poll() is None
        time.sleep(0.05)
    command.send_signal(signal.SIGUSR1)
    while not (tmp_path / "called").is_file():
        assert command.poll() is None
        time.sleep(0.05)
    command.kill()
    assert (tmp_path / "called").read_text() == "requeue 77\n"
    again = run_command(*words, cwd=tmp_path, env={**env, "SLURM_RESTART_COUNT": "1"}, pictures=False)
    assert again.returncode == 0, again.stderr
    assert f"SLURM restarted this job: resuming {tmp_path}/run" in again.stdout
    soak.compare(unbroken[0], tmp_path / "run")


def test_slurms_signal_waits_for_the_end_of_the_batch(train, tmp_path, monkeypatch):
    """TensorBoard's writer may hold its lock when the signal arrives."""
    said = []
    former = signal.signal(signal.SIGUSR1, lambda *_: said.append("handled"))
    log = TensorBoardLogger.log_metrics

    def logged(self, *args, **kwargs):
        signal.raise_signal(signal.SIGUSR1)
        log(self, *args, **kwargs)
        said.append("logged")

    monkeypatch.setattr(TensorBoardLogger, "log_metrics", logged)
    try:
        train(tmp_path, "data.train=70", "phases.baseline.epochs=2")
    finally:
        signal.signal(signal.SIGUSR1, former)
    assert "handled" in said
    assert said[0] == "logged"


def test_a_loss_that_is_no_number(tmp_path):
    words = (*SHRUNK, "optimizer.lr=1e30", "phases.baseline.epochs=2", f"hydra.run.dir={tmp_path}/run")
    process = run_command("fer_lightning.train", *words, cwd=tmp_path)
    assert_one_sentence(process, "the training loss became nan in epoch 1")
    assert not list(tmp_path.rglob("*.ckpt"))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_run_directory_that_cannot_be_written(tmp_path):
    (tmp_path / "run").mkdir(mode=0o555)
    process = run_command("fer_lightning.train", *SHRUNK, f"hydra.run.dir={tmp_path}/run", cwd=tmp_path)
    assert_one_sentence(process, f"Permission denied: {tmp_path}/run")


@pytest.mark.parametrize(
    ("command", "words", "complaint"),
    [
        ("train", ["hydra.run.dir=file/run"], "Not a directory: file/run"),
        ("train", ["-m", "seed=0,1", "hydra.sweep.dir=file/sweep"], "Not a directory: file/sweep"),
        ("evaluate", ["ckpt=none.ckpt", "hydra.run.dir=file/run"], "Not a directory: file/run"),
        ("explain", ["ckpt=none.ckpt", "hydra.run.dir=file/run"], "Not a directory: file/run"),
        ("audit", ["hydra.run.dir=file"], "File exists: file"),
    ],
)
def test_an_output_directory_that_cannot_be_made(tmp_path, command, words, complaint):
    (tmp_path / "file").write_text("kept")
    assert_one_sentence(run_command(f"fer_lightning.{command}", *words, cwd=tmp_path), complaint)
    assert (tmp_path / "file").read_text() == "kept"


def test_processes_that_build_one_cache(tmp_path, faces):
    from tests.helpers import csv_text

    (tmp_path / "fer2013.csv").write_text(csv_text(faces))
    script = f"""
import logging, pathlib
logging.basicConfig(level=logging.INFO)
from fer_lightning.data import cache
print(len(cache.load(pathlib.Path({str(tmp_path / "fer2013.csv")!r}))))
"""
    started = [
        subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for _ in range(3)
    ]
    answers = [process.communicate(timeout=120) for process in started]
    assert [out.strip() for out, _ in answers] == [str(len(faces))] * 3
    assert sum("parsing" in said for _, said in answers) == 1
