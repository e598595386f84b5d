"""Runs that are resumed after something was lost, in folders with odd names, and starts that fail."""

import os
import shlex
import shutil
import subprocess
import sys

import pytest
import torch

from fer_lightning.errors import FerError
from fer_lightning.utils import shell_words
from tests.helpers import SHRUNK, assert_one_sentence, csv_text, run_command

pytestmark = pytest.mark.slow

PHASES = ("+experiment=hard_mining", "trainer.max_epochs=1")


def test_what_is_printed_can_be_pasted(tmp_path):
    run_dir = tmp_path / "it's (a) = [run], ü"
    words = shlex.split(shell_words.override("hydra.run.dir", run_dir))
    first = run_command("fer_lightning.train", *SHRUNK, "phases.baseline.epochs=1", *words, cwd=tmp_path)
    assert first.returncode == 0, first.stderr
    again = run_command("fer_lightning.train", *SHRUNK, *words, cwd=tmp_path)
    assert_one_sentence(again, "already contains a run: resume it with ")
    word = again.stderr.split("resume it with ")[1].removesuffix(", or choose another hydra.run.dir\n")
    shell = f"{shlex.quote(sys.executable)} -m fer_lightning.train {word}"
    resumed = subprocess.run(shell, shell=True, cwd=tmp_path, capture_output=True, text=True, timeout=300)
    assert resumed.returncode == 0, resumed.stderr
    assert "phase baseline is already done" in resumed.stdout


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    run_dir = tmp_path_factory.mktemp("finished") / "run"
    words = (*SHRUNK, *PHASES, f"hydra.run.dir={run_dir}")
    process = run_command("fer_lightning.train", *words, cwd=run_dir.parent)
    assert process.returncode == 0, process.stderr
    return run_dir


@pytest.mark.parametrize(("phase", "name"), [("1-baseline", "best"), ("2-hard_examples", "last")])
def test_lost_weights_are_not_replaced_by_random_ones(finished, tmp_path, train, phase, name):
    shutil.copytree(finished, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "phases" / phase / "checkpoints")
    with pytest.raises(FerError, match=f"no such file: .*/phases/{phase}/checkpoints/{name}.ckpt; phase"):
        train(tmp_path / "run", *PHASES)


def test_resume_refuses_in_a_sentence(finished, tmp_path):
    shutil.copytree(finished, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "phases" / "1-baseline" / "checkpoints")
    process = run_command("fer_lightning.train", f"resume={tmp_path}/run", cwd=tmp_path)
    assert_one_sentence(process, "no such file: ", "/phases/1-baseline/checkpoints/best.ckpt")


def test_a_run_whose_data_were_moved_once_finds_them_again(tmp_path, faces):
    (tmp_path / "old").mkdir()
    (tmp_path / "wrong").mkdir()
    (tmp_path / "old" / "fer2013.csv").write_text(csv_text(faces))
    small = [word for word in SHRUNK if not word.startswith("data")]
    words = (*small, "data.dir=old", "phases.baseline.epochs=1", "hydra.run.dir=run")
    assert run_command("fer_lightning.train", *words, cwd=tmp_path, pictures=False).returncode == 0
    (tmp_path / "old").rename(tmp_path / "new")
    assert_one_sentence(run_command("fer_lightning.train", "resume=run", cwd=tmp_path), "no such folder")
    wrong = run_command("fer_lightning.train", "resume=run", "data.dir=wrong", cwd=tmp_path)
    assert_one_sentence(wrong, "wrong contains none of")
    assert f"{tmp_path}/old" in (tmp_path / "run" / "run.yaml").read_text()
    for words in (["data.dir=new"], []):
        process = run_command("fer_lightning.train", "resume=run", *words, cwd=tmp_path, pictures=False)
        assert process.returncode == 0, process.stderr


@pytest.mark.parametrize("content", ["", '{"name": "baseline"}', "{"])
def test_a_damaged_mark_counts_as_not_done(finished, tmp_path, train, caplog, content):
    shutil.copytree(finished, tmp_path / "run")
    mark = tmp_path / "run" / "phases" / "3-balance" / "done.json"
    mark.write_text(content)
    (tmp_path / "run" / "metrics.json").write_text(content)
    metrics = train(tmp_path / "run", *PHASES)
    assert f"ignoring {mark}: the file is damaged" in caplog.text
    assert [phase["epochs"] for phase in metrics["phases"]] == [1, 1, 1]
    weights = [
        torch.load(run / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
        for run in (finished, tmp_path / "run")
    ]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[0])


@pytest.mark.parametrize(
    ("command", "words", "reason"),
    [
        ("train", ["data.dir=missing"], "data.dir=missing"),
        ("train", ["seed=-1"], "seed must be an integer"),
        ("evaluate", ["ckpt=missing.ckpt", "data=sample"], "missing.ckpt"),
        ("explain", ["ckpt=missing.ckpt", "data=sample"], "missing.ckpt"),
    ],
)
def test_a_failed_start_leaves_nothing_behind(tmp_path, command, words, reason):
    assert_one_sentence(run_command(f"fer_lightning.{command}", *words, cwd=tmp_path), reason)
    assert list(tmp_path.iterdir()) == []


def test_a_failed_start_keeps_what_was_there(tmp_path):
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "notes.txt").write_text("mine")
    words = ("data.dir=missing", "hydra.run.dir=run")
    assert_one_sentence(run_command("fer_lightning.train", *words, cwd=tmp_path))
    assert (tmp_path / "run" / "notes.txt").read_text() == "mine"


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_no_home_no_user_and_a_poor_terminal(tmp_path, encoding):
    (tmp_path / "sitecustomize.py").write_text(
        "import pwd\ndef missing(uid): raise KeyError(f'getpwuid(): uid not found: {uid}')\npwd.getpwuid = missing\n"
    )
    kept = {key: value for key, value in os.environ.items() if key in ("PATH", "OMP_NUM_THREADS", "TMPDIR")}
    poor = {"PYTHONPATH": str(tmp_path), "PYTHONIOENCODING": encoding, "COLUMNS": "20", "TERM": "dumb"}
    words = [word for word in SHRUNK if "progress_bar" not in word]  # which Latin-1 broke
    process = subprocess.run(
        [sys.executable, "-m", "fer_lightning.train", *words, "phases.baseline.epochs=1", "hydra.run.dir=run"],
        cwd=tmp_path,
        env=kept | poor,
        capture_output=True,
        timeout=300,
    )
    said = process.stdout.decode(encoding)
    assert process.returncode == 0, process.stderr
    assert "Traceback" not in process.stderr.decode(encoding)
    assert "img/s" in said  # the last column of the table
