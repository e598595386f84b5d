import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from fer_lightning.data.datamodule import FaceDataModule
from fer_lightning.data.faces import UNKNOWN, Faces
from fer_lightning.data.ferplus import VOTES_FILE
from fer_lightning.data.sources import FaceSource, SyntheticSource
from fer_lightning.models.networks import ExpressionCNN
from fer_lightning.training.evaluator import warn_of_other_splits
from tests.helpers import assert_one_sentence, csv_text, run_command

pytestmark = pytest.mark.slow

MODEL = {"channels": [4, 4, 4, 4], "dense": [4]}


def save_checkpoint(path: Path, **data: object) -> Path:
    """An untrained network in the form of a run's checkpoint, ``data`` being how its data were split."""
    torch.manual_seed(0)
    network = ExpressionCNN(**MODEL)
    settings = {"model": {"_target_": "fer_lightning.models.networks.ExpressionCNN", **MODEL}, "data": data}
    weights = {f"network.{name}": value for name, value in network.state_dict().items()}
    torch.save({"state_dict": weights, "hyper_parameters": settings}, path)
    return path


@pytest.fixture
def folder(tmp_path, faces):
    (tmp_path / "fer2013.csv").write_text(csv_text(faces))
    return tmp_path


def evaluate(folder, *words, pictures=False):
    return run_command("fer_lightning.evaluate", *words, f"hydra.run.dir={folder}/out", cwd=folder, pictures=pictures)


@pytest.mark.parametrize("subset", ["val", "test"])
def test_scores_a_split(folder, subset):
    checkpoint = save_checkpoint(folder / "best.ckpt")
    process = evaluate(folder, f"ckpt={checkpoint}", f"data.dir={folder}", f"subset={subset}", pictures=True)
    assert process.returncode == 0, process.stderr
    metrics = json.loads((folder / "out" / "metrics.json").read_text())
    assert metrics["n"] == 7
    assert {"accuracy", "accuracy_fresh", "macro_f1", "per_class", "confusion"} <= set(metrics)
    assert "disgust" in process.stdout
    assert (folder / "out" / "figures" / "confusion.png").is_file()
    assert (folder / "out" / "figures" / "per_class.png").is_file()


def test_takes_the_checkpoints_split_unless_told_otherwise(folder):
    checkpoint = save_checkpoint(folder / "best.ckpt", split="random", split_seed=3, val_fraction=0.4)
    process = evaluate(folder, f"ckpt={checkpoint}", f"data.dir={folder}")
    assert json.loads((folder / "out" / "metrics.json").read_text())["n"] == 8, process.stderr  # of 21 Training rows
    process = evaluate(folder, f"ckpt={checkpoint}", f"data.dir={folder}", "data.split=official")
    assert json.loads((folder / "out" / "metrics.json").read_text())["n"] == 7, process.stderr


def test_sample_data_say_what_they_are(tmp_path):
    checkpoint = save_checkpoint(tmp_path / "best.ckpt")
    process = evaluate(tmp_path, f"ckpt={checkpoint}", "data=sample", "data.val=14", "data.train=7", "data.test=7")
    assert "not FER2013" in process.stdout, process.stderr


def test_missing_checkpoint(folder):
    assert_one_sentence(evaluate(folder, "ckpt=none.ckpt", f"data.dir={folder}"), "no such file: none.ckpt")


def test_weights_that_are_not_numbers(folder):
    checkpoint = save_checkpoint(folder / "best.ckpt")
    content = torch.load(checkpoint, weights_only=True)
    next(value for name, value in content["state_dict"].items() if name.endswith("weight")).fill_(torch.nan)
    torch.save(content, checkpoint)
    assert_one_sentence(evaluate(folder, f"ckpt={checkpoint}", f"data.dir={folder}"), "outputs are not finite")
    assert not (folder / "out").exists()


def test_a_training_run_is_not_written_into(folder):
    run = folder / "a run"
    (run / ".hydra").mkdir(parents=True)
    (run / "run.yaml").touch()
    process = run_command("fer_lightning.evaluate", "ckpt=pretrained", f"hydra.run.dir={run}", cwd=folder)
    assert_one_sentence(process, "contains a training run; choose another hydra.run.dir")
    assert sorted(path.name for path in run.rglob("*")) == [".hydra", "run.yaml"]


class Unsplit(FaceSource):
    """Rows of ``faces`` without a split, as images in folders are."""

    def __init__(self, faces, rows):
        usage = np.full(len(rows), UNKNOWN, np.uint8)
        self._faces = Faces(faces.pixels[rows], faces.labels[rows], usage, "faces")

    def load(self):
        return self._faces


def unsplit(faces, rows, seed=1):
    datamodule = FaceDataModule(Unsplit(faces, rows), split="auto", split_seed=seed)
    datamodule.setup()
    return datamodule


def test_faces_of_another_random_split_are_warned_about(faces, caplog):
    rows = np.arange(len(faces))
    datamodule, smaller = unsplit(faces, rows), unsplit(faces, rows[1:])
    own = {"held_out": datamodule.held_out, "data_name": "faces"}
    others = [
        {"held_out": unsplit(faces, rows, seed=2).held_out, "data_name": "faces"},
        {"held_out": smaller.held_out, "data_name": "faces"},  # before a picture was added
        {"held_out": None, "data_name": "faces"},
        {"data": {"split_seed": 2, "val_fraction": 0.2}, "data_name": "faces"},  # of an earlier version
    ]
    earlier = {"data": {"split_seed": 1, "val_fraction": 0.2}, "data_name": "faces"}
    elsewhere = {"held_out": None, "data_name": "fer2013.csv"}
    warn_of_other_splits(datamodule, "val", [own, *others, earlier, elsewhere])
    assert caplog.messages == [
        f"network {number} was trained on another split, so it has seen some of the faces that are scored"
        for number in (2, 3, 4, 5)
    ]
    caplog.clear()
    warn_of_other_splits(datamodule, "test", others)
    datamodule._faces = replace(datamodule.faces, name="fer2013.csv.zip")
    warn_of_other_splits(datamodule, "val", [{"held_out": None, "data_name": "train.csv"}])
    assert len(caplog.messages) == 1
    caplog.clear()
    official = FaceDataModule(SyntheticSource(train=8, val=8, test=8, seed=0))
    official.setup()
    warn_of_other_splits(official, "val", others)
    assert not caplog.messages


@pytest.mark.parametrize("votes", ["one line\n", "Usage,Image name\n1,2\n"])
def test_votes_of_other_data_are_left_out(folder, votes):
    checkpoint = save_checkpoint(folder / "best.ckpt")
    (folder / VOTES_FILE).write_text(votes)
    process = evaluate(folder, f"ckpt={checkpoint}", f"data.dir={folder}", pictures=True)
    assert process.returncode == 0, process.stderr
    assert f"FER+'s votes are left out: {folder / VOTES_FILE}" in process.stdout + process.stderr
    assert (folder / "out" / "report.html").is_file()


def test_wrong_subset(folder):
    checkpoint = save_checkpoint(folder / "best.ckpt")
    process = evaluate(folder, f"ckpt={checkpoint}", f"data.dir={folder}", "subset=train")
    assert_one_sentence(process, "subset must be val or test, got 'train'")


def test_split_that_does_not_occur(folder):
    checkpoint = save_checkpoint(folder / "best.ckpt", split="random", split_seed=0, val_fraction=0.2)
    path = folder / "fer2013.csv"
    path.write_text("\n".join(line for line in path.read_text().splitlines() if "PrivateTest" not in line) + "\n")
    process = evaluate(folder, f"ckpt={checkpoint}", f"data.dir={folder}", "data.split=official", "subset=test")
    assert_one_sentence(process, "fer2013.csv has no PrivateTest rows")


def test_several_checkpoints_and_views_are_averaged(folder):
    one = save_checkpoint(folder / "one.ckpt")
    results = {}
    for name, words in {
        "one": [f"ckpt={one}"],
        "twice": [f"ckpt=[{one},{one}]"],
        "flip": [f"ckpt={one}", "tta=flip"],
        "crossed": [f"ckpt={one}", "tta=[flip,zoom]"],
    }.items():
        process = evaluate(folder, *words, f"data.dir={folder}")
        assert process.returncode == 0, process.stderr
        results[name] = json.loads((folder / "out" / "metrics.json").read_text())
    assert results["twice"]["loss"] == pytest.approx(results["one"]["loss"], abs=1e-5)
    assert abs(results["flip"]["loss"] - results["one"]["loss"]) > 1e-5
    assert results["flip"]["tta"] == "flip"
    assert abs(results["crossed"]["loss"] - results["flip"]["loss"]) > 1e-6
    assert results["crossed"]["tta"] == ["flip", "zoom"]


def test_unknown_views(folder):
    checkpoint = save_checkpoint(folder / "best.ckpt")
    process = evaluate(folder, f"ckpt={checkpoint}", f"data.dir={folder}", "tta=twenty")
    assert_one_sentence(process, "tta must be none, flip, ten_crop or a list", "got 'twenty'")


def test_other_classes(folder):
    checkpoint = save_checkpoint(folder / "best.ckpt")
    process = evaluate(folder, f"ckpt={checkpoint}", "data=ferplus", f"data.dir={folder}")
    assert_one_sentence(process, "best.ckpt has 7 classes, but 8 are needed")
