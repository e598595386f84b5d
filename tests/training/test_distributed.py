"""Two processes with gloo stand for two GPUs."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import torch

from fer_lightning.data import factories
from fer_lightning.errors import FerError
from fer_lightning.models.checkpoint import load_network, read
from tests.helpers import SHRUNK, assert_one_sentence, run_command

pytestmark = pytest.mark.slow

PHASES = ("+experiment=hard_mining", "phases.baseline.epochs=1", "phases.hard_examples.epochs=1")
TWO = ("trainer=ddp", "trainer.accelerator=cpu", "trainer.devices=2")


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """The same training by one process, and by two with batches of half the size."""
    folder = tmp_path_factory.mktemp("ddp")
    words = {
        "one": ("trainer=cpu", "data.batch_size=14"),
        "two": (*TWO, "data.batch_size=7"),
    }
    for name, extra in words.items():
        process = run_command(
            "fer_lightning.train",
            *SHRUNK,
            *PHASES,
            "phases.balance=null",
            *extra,
            f"hydra.run.dir={folder / name}",
            cwd=folder,
            pictures=False,
        )
        assert process.returncode == 0, process.stderr
        assert process.stdout.count("Scores by phase") == 2  # after the first phase, and at the end
        assert process.stdout.count("the run is in") == 1
    return folder


def test_the_same_steps_and_one_of_each_file(runs):
    metrics = {name: json.loads((runs / name / "metrics.json").read_text()) for name in ("one", "two")}
    last = [read(runs / name / "phases" / "1-baseline" / "checkpoints" / "last.ckpt") for name in metrics]
    assert last[0]["global_step"] == last[1]["global_step"] == 10
    assert metrics["one"]["n"] == metrics["two"]["n"]
    names = [sorted(path.name for path in (runs / name).glob("*.log")) for name in metrics]
    assert names == [["train.log"], ["train.log"]]
    assert sorted(path.name for path in (runs / "two").iterdir()) == sorted(
        path.name for path in (runs / "one").iterdir()
    )


def test_what_two_trained_loads_anywhere(runs):
    network, settings = load_network(runs / "two" / "checkpoints" / "best.ckpt")
    assert settings["trainer"]["strategy"] == "ddp"
    assert network(torch.zeros(1, 1, 48, 48)).shape == (1, 7)


def test_epoch_scores_are_those_of_all_faces(runs):
    """The sums over two processes equal those of one process with the same weights."""
    content = read(runs / "two" / "phases" / "1-baseline" / "checkpoints" / "last.ckpt")
    (epoch,) = content["callbacks"]["History"]["epochs"]
    (phase, _) = json.loads((runs / "two" / "metrics.json").read_text())["phases"]
    assert epoch["val_accuracy"] == pytest.approx(phase["val_accuracy"])
    assert epoch["val_loss"] == pytest.approx(phase["val_loss"], rel=0.02)


@pytest.mark.parametrize("processes", [2, 3])
@pytest.mark.parametrize("count", [7, 8, 9])
def test_validation_rows_are_dealt_out_once(processes, count):
    shares, batches = [], []
    for rank in range(processes):
        datamodule = factories.synthetic(train=7, val=count, test=7, seed=0, eval_batch_size=2)
        datamodule.trainer = SimpleNamespace(world_size=processes, global_rank=rank)
        datamodule.setup()
        loader = datamodule.val_dataloader()
        shares.append([image for batch in loader for image in batch.images.numpy()])
        batches.append(len(loader))
    assert len(set(batches)) == 1  # a process with more would wait for the others for ever
    found = np.array([image for share in shares for image in share])
    expected = datamodule.faces.pixels[datamodule.rows("val")]
    assert sorted(image.tobytes() for image in found) == sorted(image.tobytes() for image in expected)


def test_fewer_faces_than_processes():
    datamodule = factories.synthetic(train=7, val=2, test=7, seed=0)
    datamodule.trainer = SimpleNamespace(world_size=3, global_rank=0)
    datamodule.setup()
    with pytest.raises(FerError, match="2 validation faces are too few for 3 processes; use at most 2"):
        datamodule.val_dataloader()


def test_training_rows_are_the_same_batches_as_of_one_process():
    def batches(processes, size):
        dealt = []
        for rank in range(processes):
            datamodule = factories.synthetic(train=24, val=7, test=7, seed=0, batch_size=size)
            datamodule.setup()
            datamodule.trainer = SimpleNamespace(world_size=processes, global_rank=rank, current_epoch=1)
            loader = datamodule.train_dataloader()
            dealt.append([{image.tobytes() for image in batch.images.numpy()} for batch in loader])
        return [set.union(*parts) for parts in zip(*dealt, strict=True)]

    assert batches(2, 4) == batches(1, 8)


def test_a_sweep_does_not_start_processes(tmp_path):
    process = run_command(
        "fer_lightning.train", "-m", *SHRUNK, *TWO, "seed=0,1", f"hydra.sweep.dir={tmp_path}/sweep", cwd=tmp_path
    )
    assert "a sweep cannot start several processes for each run" in process.stdout


def test_a_search_in_several_processes(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    words = ("-m", "hparams=lr_dropout", "data=sample", f"hydra.sweep.dir={tmp_path}/out", "hydra.sweeper.n_trials=1")
    process = run_command("fer_lightning.train", *words, cwd=tmp_path)
    assert "a search cannot run in several processes" in process.stderr + process.stdout


def test_processes_from_outside_need_one_run_directory(tmp_path, monkeypatch):
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    assert_one_sentence(run_command("fer_lightning.train", *SHRUNK, cwd=tmp_path), "set hydra.run.dir=DIR")
