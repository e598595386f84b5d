import csv
import math
import shlex
import signal
import time

import pytest
from PIL import Image

from fer_lightning.commands import sweep
from fer_lightning.errors import FerError
from fer_lightning.utils import files
from tests.fork_server import ForkedCommand
from tests.helpers import SHRUNK, assert_one_sentence, run_command

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Three runs by the real command, one of which cannot start and one of which diverges."""
    folder = tmp_path_factory.mktemp("sweep")
    process = run_command(
        "fer_lightning.train",
        "-m",
        *SHRUNK,
        "phases.baseline.epochs=1",
        "optimizer.lr=1e-3,-1,1e30",
        f"hydra.sweep.dir={folder}/out",
        cwd=folder,
    )
    assert process.returncode == 0, process.stderr
    return folder / "out", process.stdout


def test_a_failing_run_stops_neither_the_rest_nor_the_table(swept):
    folder, said = swept
    with (folder / sweep.TABLE_FILE).open() as file:
        rows = list(csv.DictReader(file))
    assert [row["optimizer.lr"] for row in rows] == ["0.001", "-1", "1e+30"]
    assert [bool(row["accuracy"]) for row in rows] == [True, False, False]
    assert "optimizer.lr must be a number >= 0, got -1" in rows[1]["error"]
    assert "the training loss" in rows[2]["error"]
    assert "this run failed; the sweep continues" in said
    assert "3 runs, by accuracy" in said
    assert Image.open(folder / sweep.PICTURE_FILE).width > 500


def test_the_winner_can_be_trained_again(swept):
    (line,) = (line for line in swept[1].splitlines() if line.startswith("train the best run again: "))
    words = shlex.split(line.partition(": ")[2])
    assert words[:3] == ["python", "-m", "fer_lightning.train"]
    assert "optimizer.lr=0.001" in words
    assert "data.train=140" in words


def test_a_search_goes_on_and_takes_a_failed_run(tmp_path):
    words = ("-m", "hparams=lr_dropout", *SHRUNK, "phases.baseline.epochs=1", "hydra.sweeper.n_trials=1")
    for lr in ("interval(1e-3,1e-2)", "-1"):
        here = (f"optimizer.lr={lr}", f"hydra.sweep.dir={tmp_path}/out")
        process = run_command("fer_lightning.train", *words, *here, cwd=tmp_path, pictures=False)
        assert process.returncode == 0, process.stderr
    import optuna  # takes two seconds, and is imported by each worker if the module does it

    trials = optuna.load_study(study_name="lr_dropout", storage=f"sqlite:///{tmp_path}/out/study.db").trials
    assert [trial.state.name for trial in trials] == ["COMPLETE", "FAIL"]
    assert trials[0].params["model.dropout"] != trials[1].params["model.dropout"]
    with (tmp_path / "out" / sweep.TABLE_FILE).open() as file:
        rows = list(csv.DictReader(file))
    assert float(rows[0]["accuracy"]) == pytest.approx(trials[0].value)
    assert "optimizer.lr must be a number >= 0, got -1" in rows[1]["error"]


def test_an_interrupted_sweep_shows_what_is_done(tmp_path):
    words = ("-m", *SHRUNK, "phases.baseline.epochs=1,500", "phases.baseline.patience=500", "hydra.sweep.dir=out")
    command = ForkedCommand("fer_lightning.train", *words, cwd=tmp_path, pictures=False)
    try:
        while not list((tmp_path / "out").glob("1/phases/*/checkpoints/last.ckpt")):
            assert command.poll() is None
            time.sleep(0.05)
        command.send_signal(signal.SIGINT)
        process = command.wait(timeout=180)
    finally:
        command.kill()
    assert process.returncode == 130
    assert "2 runs, by accuracy" in process.stdout
    assert "train the best run again: " in process.stdout


def made(folder, number, words, accuracy=None):
    files.write_text(folder / str(number) / ".hydra" / "overrides.yaml", "".join(f"- {word}\n" for word in words))
    if accuracy is not None:
        files.write_json(folder / str(number) / "metrics.json", {"accuracy": accuracy, "loss": 1.0})


def test_ranks_what_is_done_so_far(tmp_path):
    made(tmp_path, 0, ["seed=0", "optimizer=sgd"], 0.4)
    made(tmp_path, 1, ["seed=0", "optimizer=adam"], 0.6)
    made(tmp_path, 2, ["seed=0", "optimizer=adamw"])
    runs = sweep.read_runs(tmp_path)
    assert [run.folder.name for run in runs] == ["1", "0", "2"]
    assert math.isnan(runs[2].accuracy)
    assert sweep.swept(runs) == ["optimizer"]
    process = run_command("fer_lightning.sweep", str(tmp_path), cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert "train the best run again: python -m fer_lightning.train seed=0 optimizer=adam\n" in process.stdout


def test_values_in_brackets_are_printed_as_they_are(tmp_path, capsys):
    made(tmp_path, 0, ["teacher=[/data/a.ckpt]"], 0.4)
    made(tmp_path, 1, ["teacher=[/data/a.ckpt,/data/b.ckpt]"], 0.6)
    sweep.conclude(tmp_path)
    shown = capsys.readouterr().out
    assert "[/data/a.ckpt,/data/b.ckpt]" in shown
    assert "[/data/a.ckpt] " in shown


def test_a_run_that_was_resumed_keeps_its_values(tmp_path):
    made(tmp_path, 0, ["resume=out/0"], 0.4)
    files.write_text(tmp_path / "0" / "run.yaml", "overrides: [seed=0, optimizer=sgd]\n")
    files.write_text(tmp_path / "0" / sweep.ERROR_FILE, "the disk was full\n")
    (run,) = sweep.read_runs(tmp_path)
    assert (run.values, run.error) == ({"seed": "0", "optimizer": "sgd"}, None)


def test_evaluations_in_a_run_are_not_runs(tmp_path):
    made(tmp_path, 0, ["seed=0"], 0.4)
    made(tmp_path / "0", "test", ["subset=test"], 0.9)
    assert [run.folder.name for run in sweep.read_runs(tmp_path)] == ["0"]


def test_a_former_failure_is_forgotten(tmp_path):
    files.write_text(tmp_path / sweep.ERROR_FILE, "the disk was full\n")
    assert sweep.attempt(lambda: 0.5, tmp_path) == 0.5
    assert not (tmp_path / sweep.ERROR_FILE).exists()


def test_a_second_sweep_does_not_take_the_place_of_the_first(swept):
    folder, _ = swept
    before = (folder / sweep.TABLE_FILE).read_bytes()
    words = ("-m", *SHRUNK, "optimizer.lr=1e-4,1e-2", f"hydra.sweep.dir={folder}")
    assert_one_sentence(run_command("fer_lightning.train", *words, cwd=folder), "already contains a sweep")
    assert (folder / sweep.TABLE_FILE).read_bytes() == before


def test_no_sweep(tmp_path):
    with pytest.raises(FerError, match="contains no run of a sweep"):
        sweep.read_runs(tmp_path)
