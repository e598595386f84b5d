import csv
import json
import signal
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hydra.utils import instantiate
from lightning.pytorch.callbacks import ModelCheckpoint
from PIL import Image

from fer_lightning.constants import LABELS
from fer_lightning.data.augmentation import RandomAffine
from fer_lightning.data.ferplus import COLUMNS, VOTES_FILE
from fer_lightning.errors import FerError, exit_on_user_error
from fer_lightning.models.checkpoint import load_network, read
from fer_lightning.models.networks import Scale
from fer_lightning.training.callbacks.history import History
from fer_lightning.training.ensemble_runner import train_ensemble
from fer_lightning.training.runner import _inverse_frequency
from fer_lightning.training.runner import train as run_training
from tests.fork_server import ForkedCommand
from tests.helpers import SHRUNK, assert_one_sentence, csv_text, run_command

pytestmark = pytest.mark.slow

FEW = ("phases.baseline.epochs=2", "phases.hard_examples.epochs=1", "phases.balance.epochs=2")
LONG = ("best", "cycle", "decay", "distill", "ensemble", "sam", "trunk")  # one long phase, with FER+'s votes
PACKAGED_EXPERIMENTS = {path.stem for path in (Path(__file__).parents[2] / "conf" / "experiment").glob("*.yaml")}


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory):
    """A finished three-phase run by the real command."""
    folder = tmp_path_factory.mktemp("run") / "out"
    process = run_command(
        "fer_lightning.train", "+experiment=hard_mining", *SHRUNK, *FEW, f"hydra.run.dir={folder}", cwd=folder.parent
    )
    assert process.returncode == 0, process.stderr
    assert "Scores by phase" in process.stdout
    assert "final " in process.stdout
    return folder


def test_run_directory(run_dir):
    files = {str(path.relative_to(run_dir)) for path in run_dir.rglob("*") if path.is_file()}
    assert {
        "run.yaml",
        "config.yaml",
        "metrics.json",
        "checkpoints/best.ckpt",
        "checkpoints/last.ckpt",
        "figures/class_counts.png",
        "figures/faces.png",
        "figures/history.png",
        "figures/confusion.png",
        "phases/1-baseline/checkpoints/best.ckpt",
        "phases/1-baseline/checkpoints/last.ckpt",
        "phases/1-baseline/csv/version_0/metrics.csv",
        "phases/3-balance/done.json",
    } <= files
    assert any("tfevents" in name for name in files)
    assert not any("=" in name for name in files)
    assert not any(Path(name).name.startswith(".best") for name in files)  # no half-written file


def test_metrics_json(run_dir):
    metrics = json.loads((run_dir / "metrics.json").read_text())
    assert [phase["name"] for phase in metrics["phases"]] == ["baseline", "hard_examples", "balance"]
    assert [phase["epochs"] for phase in metrics["phases"]] == [2, 1, 2]
    assert metrics["phases"][0]["examples"] == 140
    assert 0 < metrics["phases"][1]["examples"] < 140
    for phase in metrics["phases"]:
        assert 0 <= phase["val_accuracy"] <= 1
        assert phase["val_loss"] > 0
        assert len(phase["history"]) == phase["epochs"]
    assert metrics["n"] == 70
    assert {"accuracy", "accuracy_fresh", "macro_f1", "per_class", "confusion"} <= set(metrics)
    assert "not FER2013" in metrics["data"]


def test_best_checkpoint_is_the_best_phases_best(run_dir):
    scores = [
        (json.loads(done.read_text())["best_val_accuracy"], done.parent)
        for done in sorted(run_dir.glob("phases/*/done.json"))
    ]
    _, folder = max(scores, key=lambda pair: pair[0])
    best = (folder / "checkpoints" / "best.ckpt").read_bytes()
    assert (run_dir / "checkpoints" / "best.ckpt").read_bytes() == best
    load_network(run_dir / "checkpoints" / "best.ckpt")


def test_checkpoints_hold_plain_values(run_dir):
    settings = read(run_dir / "checkpoints" / "best.ckpt")["hyper_parameters"]
    assert settings["model"]["dropout"] == 0.3
    assert json.loads(json.dumps(settings)) == settings


def test_csv_log_has_the_learning_rate_and_recall_by_class(run_dir):
    with (run_dir / "phases" / "1-baseline" / "csv" / "version_0" / "metrics.csv").open() as file:
        columns = next(csv.reader(file))
    assert {"train_loss", "val_accuracy", "val_macro_f1", "val_recall_disgust", "lr-Adam"} <= set(columns)


def test_recall_by_class_agrees_with_the_accuracy_in_every_epoch(run_dir):
    """The drawn val faces are balanced, so the mean of the recalls is the accuracy."""
    epochs = 0
    for log in run_dir.glob("phases/*/csv/version_0/metrics.csv"):
        with log.open() as file:
            rows = [row for row in csv.DictReader(file) if row["val_accuracy"]]
        for row in rows:
            recalls = [float(value) for name, value in row.items() if name.startswith("val_recall_")]
            assert sum(recalls) / len(recalls) == pytest.approx(float(row["val_accuracy"]), abs=1e-5)
        epochs += len(rows)
    assert epochs == 5


def test_a_finished_run_is_not_overwritten(run_dir):
    process = run_command("fer_lightning.train", *SHRUNK, f"hydra.run.dir={run_dir}", cwd=run_dir.parent)
    assert_one_sentence(process, "already contains a run", f"resume={run_dir}")


def test_resuming_a_finished_run_trains_nothing(run_dir):
    before = (run_dir / "checkpoints" / "best.ckpt").read_bytes()
    process = run_command("fer_lightning.train", f"resume={run_dir}", cwd=run_dir.parent)
    assert process.returncode == 0, process.stderr
    assert process.stdout.count("is already done") == 3
    assert (run_dir / "checkpoints" / "best.ckpt").read_bytes() == before


def test_resume_refuses_other_settings(run_dir):
    process = run_command("fer_lightning.train", f"resume={run_dir}", "optimizer.lr=1", cwd=run_dir.parent)
    assert_one_sentence(process, "resume uses the settings of the run", "optimizer.lr=1")


def test_resume_of_no_run(tmp_path):
    process = run_command("fer_lightning.train", f"resume={tmp_path}/nothing", cwd=tmp_path)
    assert_one_sentence(process, "resume must be the directory of a run")
    assert not (tmp_path / "nothing").exists()


@pytest.mark.parametrize("experiment", sorted(PACKAGED_EXPERIMENTS - {"ferplus"}))
def test_every_experiment_passes_a_fast_run(train, tmp_path, run_dir, experiment):
    words = ["vote_weight=0"] if experiment in LONG else []
    key = {"distill": "teacher", "cycle": "init_from", "decay": "init_from", "sam": "init_from"}.get(experiment)
    if key is not None:
        words.append(f"{key}={run_dir}/checkpoints/best.ckpt")
    if experiment == "ensemble":
        words.append("ensemble_size=1")  # the average needs checkpoints
    metrics = train(tmp_path, f"+experiment={experiment}", "trainer.fast_dev_run=true", *words)
    assert len(metrics["phases"]) == (1 if experiment in LONG else 3)


def test_the_votes_of_ferplus_as_labels_and_beside_them(compose, tmp_path, faces, unrendered):
    (tmp_path / "fer2013.csv").write_text(csv_text(faces))
    votes = np.eye(10, dtype=int)[faces.labels] * 10
    lines = [",".join(map(str, row)) for row in votes]
    (tmp_path / VOTES_FILE).write_text("\n".join([",".join(COLUMNS), *lines]) + "\n")
    small = [word for word in SHRUNK if not word.startswith("data")]
    for experiment, classes in (("ferplus", 8), ("best", 7)):
        words = (f"+experiment={experiment}", f"data.dir={tmp_path}", "data.batch_size=8", "phases.fit.epochs=1")
        words += ("init_from=null",)
        run_dir = tmp_path / experiment
        metrics = run_training(compose("train", *small, *words), run_dir)
        assert len(metrics["per_class"]) == classes
        assert load_network(run_dir / "checkpoints" / "best.ckpt")[0][-1].out_features == classes
    start = tmp_path / "best" / "checkpoints" / "best.ckpt"
    words = ("+experiment=ferplus", f"data.dir={tmp_path}", "phases.fit.epochs=1", f"init_from={start}")
    still = ("optimizer.lr=1e-12", "model.bn_momentum=0", "callbacks.weight_averaging=null")
    run_training(compose("train", *small, *words, *still), tmp_path / "from best")
    before, after = (
        list(load_network(path)[0].parameters()) for path in (start, tmp_path / "from best/checkpoints/best.ckpt")
    )
    assert [len(each[-1]) for each in (before, after)] == [7, 8]
    torch.testing.assert_close(after[:-2], before[:-2])


def same_ends(folder):
    """The last checkpoint of the run ``whole``, whose raw and averaged weights are those of ``broken``, bit for bit."""
    whole, broken = (read(folder / name / "phases/1-fit/checkpoints/last.ckpt") for name in ("whole", "broken"))
    for part in ("state_dict", "current_model_state"):
        assert all(torch.equal(value, broken[part][name]) for name, value in whole[part].items()), part
    return whole


@pytest.mark.parametrize("limit", ["trainer.max_steps=-1", "trainer.max_steps=100"])
def test_a_broken_off_long_run_ends_as_an_unbroken_one(train, break_off, tmp_path, limit):
    """With moving average, per-batch schedule, progressive crops, mixing and erasing: bit for bit."""
    words = ("+experiment=best", "vote_weight=0", "phases.fit.epochs=3", "augment.mixup=0.2", "data.train=70", limit)
    whole = train(tmp_path / "whole", *words)
    break_off(tmp_path / "broken", *words, epoch=1)
    resumed = train(tmp_path / "broken", *words)
    assert resumed["loss"] == whole["loss"]
    end = same_ends(tmp_path)
    assert not torch.equal(end["state_dict"]["network.0.weight"], end["current_model_state"]["network.0.weight"])


def test_a_long_run_that_was_stopped_within_an_epoch_ends_as_an_unbroken_one(train, tmp_path, monkeypatch):
    """Also with sharpness-aware steps; a schedule by step makes Lightning set up the loader early."""
    words = ("+experiment=best", "vote_weight=0", "phases.fit.epochs=2", "data.train=70", "data.batch_size=10")
    words += ("sam.last_epochs=1",)
    whole = train(tmp_path / "whole", *words)
    counted = History.on_train_batch_end

    def interrupted(self, trainer, *rest):
        counted(self, trainer, *rest)
        if trainer.global_step == 10:
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(History, "on_train_batch_end", interrupted)
    with pytest.raises(KeyboardInterrupt, match="complete epochs: 1;"):
        train(tmp_path / "broken", *words)
    monkeypatch.undo()
    assert train(tmp_path / "broken", *words)["loss"] == whole["loss"]
    same_ends(tmp_path)


def test_epochs_without_validation_have_no_scores_of_it(train, tmp_path):
    metrics = train(tmp_path, "phases.baseline.epochs=3", "data.train=70", "+trainer.check_val_every_n_epoch=2")
    history = metrics["phases"][0]["history"]
    assert ["val_loss" in epoch for epoch in history] == [False, True, False]


def test_a_resumed_run_does_not_need_the_weights_that_it_started_from(train, break_off, tmp_path):
    train(tmp_path / "first", "phases.baseline.epochs=1", "data.train=70")
    start = (tmp_path / "first" / "checkpoints" / "last.ckpt").rename(tmp_path / "start.ckpt")
    words = (f"init_from={start}", "phases.baseline.epochs=2", "data.train=70")
    break_off(tmp_path / "run", *words, epoch=1)
    checkpoints = tmp_path / "run/phases/1-baseline/checkpoints"
    last = (checkpoints / "last.ckpt").rename(tmp_path / "last.ckpt")
    start.rename(tmp_path / "moved.ckpt")
    with pytest.raises(FerError, match=r"no such file: .*start\.ckpt"):  # best.ckpt is not what a phase resumes from
        train(tmp_path / "run", *words)
    last.rename(checkpoints / "last.ckpt")
    assert len(train(tmp_path / "run", *words)["phases"][0]["history"]) == 2


def test_a_stop_between_accumulated_batches_repeats_the_epoch(train, tmp_path, monkeypatch):
    words = ("phases.baseline.epochs=2", "data.train=70", "data.batch_size=10", "trainer.accumulate_grad_batches=2")
    whole = train(tmp_path / "whole", *words)
    monkeypatch.setattr(
        History,
        "on_train_batch_end",
        lambda self, trainer, module, outputs, batch, index: index == 2 and signal.raise_signal(signal.SIGTERM),
    )
    with pytest.raises(KeyboardInterrupt, match="complete epochs: 0;"):
        train(tmp_path / "broken", *words)
    monkeypatch.undo()
    assert train(tmp_path / "broken", *words)["loss"] == whole["loss"]


def test_the_best_of_all_phases_by_a_loss(train, tmp_path):
    words = ("callbacks.checkpoint.monitor=val_loss", "callbacks.checkpoint.mode=min", "data.train=70")
    train(tmp_path, "+experiment=hard_mining", *words, "trainer.max_epochs=1", "phases.hard_examples.lr_factor=100")
    done = {path.parent: json.loads(path.read_text()) for path in tmp_path.glob("phases/*/done.json")}
    best = min(done, key=lambda folder: done[folder]["best_val_accuracy"])
    assert best.name != max(done, key=lambda folder: done[folder]["best_val_accuracy"]).name
    assert (tmp_path / "checkpoints/best.ckpt").read_bytes() == (best / "checkpoints/best.ckpt").read_bytes()


def rates(run_dir, phase):
    """The learning rate in each epoch of a phase, as logged."""
    with (run_dir / "phases" / phase / "csv" / "version_0" / "metrics.csv").open() as file:
        return [float(row["lr-Adam"]) for row in csv.DictReader(file) if row["lr-Adam"]]


def test_the_learning_rate_falls_when_the_loss_does_not(train, tmp_path):
    still = ("optimizer.lr=1e-6", "model.bn_momentum=0", "data.train=28")  # torch ignores changes below 1e-8
    train(tmp_path, *still, "scheduler.patience=0", "phases.baseline.epochs=4", "phases.baseline.patience=9")
    assert rates(tmp_path, "1-baseline") == pytest.approx([1e-6, 1e-6, 9e-7, 8.1e-7])


@pytest.fixture
def best_first(monkeypatch):
    """Makes the first epoch of every phase its best."""
    monkeypatch.setattr(
        ModelCheckpoint, "check_monitor_top_k", lambda self, trainer, current=None: trainer.current_epoch == 0
    )


@pytest.mark.parametrize("carry", ["best", "last"])
def test_a_phase_starts_from_the_carried_weights_at_its_own_rate(train, tmp_path, best_first, carry):
    still = ("phases.hard_examples.source=all", "phases.balance=null", "phases.hard_examples.lr_factor=1e-9")
    words = ("+experiment=hard_mining", "trainer.max_epochs=3", "optimizer.lr=0.05", "model.bn_momentum=0", *still)
    train(tmp_path, *words, f"phases.baseline.carry={carry}", "data.train=70")
    first, second = (tmp_path / "phases" / name / "checkpoints" for name in ("1-baseline", "2-hard_examples"))
    best, last = (read(first / f"{name}.ckpt")["state_dict"]["network.0.weight"] for name in ("best", "last"))
    assert not torch.allclose(best, last, atol=1e-4)
    after = read(second / "last.ckpt")["state_dict"]["network.0.weight"]
    torch.testing.assert_close(after, best if carry == "best" else last)
    assert (rates(tmp_path, "1-baseline")[0], rates(tmp_path, "2-hard_examples")[0]) == pytest.approx((0.05, 5e-11))


@pytest.mark.parametrize("select", ["best", "last"])
def test_the_selected_weights_are_scored(train, tmp_path, best_first, select):
    words = ("phases.baseline.epochs=3", "phases.baseline.carry=last", "optimizer.lr=0.05", "data.train=70")
    metrics = train(tmp_path, *words, f"select={select}")
    assert metrics["checkpoint"] == f"checkpoints/{select}.ckpt"
    is_last = metrics["loss"] == pytest.approx(metrics["phases"][0]["val_loss"], abs=1e-6)  # of the carried weights
    assert is_last == (select == "last")


def test_a_run_without_checkpoints_is_trained_again(train, tmp_path):
    words = ("trainer.enable_checkpointing=false", "phases.baseline.epochs=1", "data.train=70")
    before = train(tmp_path, *words)
    assert train(tmp_path, *words)["loss"] == before["loss"]


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        (None, [40, 40, 40, 48, 48]),  # the packaged one
        ("[[0.5,40]]", [40, 40, 40, 48, 48]),
        ("[[0.2,36],[0.8,44]]", [36, 44, 44, 44, 48]),
        ("[[1.0,40]]", [40] * 5),
        ("[]", [48] * 5),
    ],
)
def test_progressive_crops(train, tmp_path, monkeypatch, schedule, expected):
    sides = []
    crop = RandomAffine.forward
    monkeypatch.setattr(
        RandomAffine, "forward", lambda self, images, size: sides.append(size) or crop(self, images, size)
    )
    words = ["vote_weight=0", "phases.fit.epochs=5", "data.train=21", "data.batch_size=21"]
    if schedule is not None:
        words.append(f"augment.size_schedule={schedule}")
    train(tmp_path, "+experiment=best", *words)
    assert sides == expected


@pytest.mark.parametrize(
    "schedule",
    [
        "0.5",
        "many",
        "[0.5,40]",
        "[[0.5]]",
        "[[0,40]]",
        "[[1.5,40]]",
        "[[0.5,32]]",
        "[[0.5,40.5]]",
        "[[0.6,36],[0.3,40]]",
    ],
)
def test_wrong_crops_are_refused_before_the_data_are_read(train, tmp_path, monkeypatch, schedule):
    monkeypatch.setattr("fer_lightning.data.synthetic.draw_sample", None)
    with pytest.raises(FerError, match=r"^augment\.size_schedule must be a list"):
        train(tmp_path, "+experiment=best", f"augment.size_schedule={schedule}")


def test_an_ensemble_is_its_members_average(train, compose, tmp_path, capsys):
    words = ("+experiment=ensemble", "ensemble_size=2", "vote_weight=0", "phases.fit.epochs=1", "data.train=21")
    metrics = train_ensemble(compose("train", *SHRUNK, *words), tmp_path)
    saved = json.loads((tmp_path / "metrics.json").read_text())
    weights = [tmp_path / "members" / name / "checkpoints" / "best.ckpt" for name in ("1", "2")]
    assert read(weights[0])["hyper_parameters"]["seed"] == 0
    assert read(weights[1])["hyper_parameters"]["seed"] == 1
    assert not torch.equal(*(load_network(path)[0][0].weight for path in weights))
    alone = [json.loads((tmp_path / "members" / name / "metrics.json").read_text())["accuracy"] for name in ("1", "2")]
    assert saved["members"] == alone
    assert saved["mean"] == pytest.approx(sum(alone) / 2)
    assert saved["accuracy"] == metrics["accuracy"]
    networks = [load_network(path)[0] for path in weights]
    datamodule = instantiate(compose("train", *SHRUNK, *words).data)
    datamodule.setup()
    images = Scale()(torch.from_numpy(datamodule.faces.pixels[datamodule.rows("val")]).unsqueeze(1))
    with torch.no_grad():
        shares = sum(network(images).softmax(dim=1) for network in networks) / 2
    labels = torch.from_numpy(datamodule.faces.labels[datamodule.rows("val")]).long()
    assert saved["loss"] == pytest.approx(float(torch.nn.functional.nll_loss(shares.log(), labels)), abs=1e-4)
    before = weights[0].stat().st_mtime_ns
    train_ensemble(compose("train", *SHRUNK, *words), tmp_path)
    assert weights[0].stat().st_mtime_ns == before  # what is done is not done again


def test_an_unfinished_picture_of_a_killed_process_is_left_alone(train, tmp_path):
    (tmp_path / "run" / "figures").mkdir(parents=True)
    (tmp_path / "run" / "figures" / ".0123456789abcdef.png").write_bytes(b"half a")
    train(tmp_path / "run", "phases.baseline.epochs=1", "data.train=21")


def test_starts_from_given_weights(train, tmp_path):
    few = ("phases.baseline.epochs=1", "data.train=21")
    train(tmp_path / "a", *few)
    start = tmp_path / "a" / "checkpoints" / "best.ckpt"
    train(tmp_path / "b", *few, f"init_from={start}", "optimizer.lr=1e-12", "model.bn_momentum=0")
    before, after = (load_network(tmp_path / name / "checkpoints" / "best.ckpt")[0] for name in ("a", "b"))
    torch.testing.assert_close(list(after.parameters()), list(before.parameters()))
    with pytest.raises(FerError, match=r"best\.ckpt: the weights do not fit the network; they belong to .*channels="):
        train(tmp_path / "c", *few, f"init_from={start}", "model.channels=[8,8,16,24]")


def test_checkpoints_do_not_record_the_users_folders(train, tmp_path):
    (tmp_path / "rows.csv").write_text("row\n3\n")
    train(tmp_path / "run", f"data.exclude={tmp_path}/rows.csv", "trainer.max_epochs=1", "data.train=28")
    data = read(tmp_path / "run" / "checkpoints" / "last.ckpt")["hyper_parameters"]["data"]
    assert data["exclude"] == "rows.csv"
    assert "dir" not in data
    for path in (tmp_path / "run").rglob("*.ckpt"):
        content = read(path)
        assert str(tmp_path) not in str({name: content[name] for name in content if "state" not in name})
        assert {Path(state["dirpath"]) for name, state in content["callbacks"].items() if "Checkpoint{" in name} == {
            Path("1-baseline/checkpoints")
        }


def test_starts_from_averaged_or_raw_weights(train, tmp_path):
    few = ("+experiment=best", "vote_weight=0", "phases.fit.epochs=1", "data.train=70", "data.batch_size=35")
    train(tmp_path / "a", *few)
    start = tmp_path / "a" / "phases" / "1-fit" / "checkpoints" / "last.ckpt"
    saved = read(start)
    still = (f"init_from={start}", "optimizer.lr=1e-12", "model.bn_momentum=0", "callbacks.weight_averaging=null")
    for kind, key in (("averaged", "state_dict"), ("raw", "current_model_state")):
        train(tmp_path / kind, *few, *still, f"init_weights={kind}")
        after = read(tmp_path / kind / "checkpoints" / "last.ckpt")
        torch.testing.assert_close(after["state_dict"]["network.0.weight"], saved[key]["network.0.weight"])
    assert after["hyper_parameters"]["init_weights"] == "raw"
    assert not torch.equal(saved["state_dict"]["network.0.weight"], saved["current_model_state"]["network.0.weight"])


def test_trains_on_folders_of_pictures(compose, tmp_path, faces, unrendered):
    for row in range(30):
        picture = tmp_path / "pictures" / LABELS[faces.labels[row]] / f"{row}.png"
        picture.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(faces.pixels[row]).save(picture)
    small = [word for word in SHRUNK if not word.startswith("data")]
    words = ("data=folder", f"data.dir={tmp_path}/pictures", "phases.baseline.epochs=1")
    metrics = run_training(compose("train", *small, *words), tmp_path / "run")
    assert metrics["n"] == 6  # a fifth, held out
    settings = read(tmp_path / "run" / "checkpoints" / "last.ckpt")["hyper_parameters"]
    assert settings["data_name"] == "pictures"
    assert str(tmp_path) not in str(settings)
    run_training(compose("train", *small, *words), tmp_path / "run")
    picture.unlink()  # so another split is drawn
    with pytest.raises(FerError, match="pictures has changed since this run was started, so its random split would"):
        run_training(compose("train", *small, *words), tmp_path / "run")


def test_trainer_max_epochs_caps_every_phase(train, tmp_path, caplog):
    caplog.set_level("INFO")
    metrics = train(tmp_path, "+experiment=hard_mining", "trainer.max_epochs=1", "trainer.limit_train_batches=1")
    assert [phase["epochs"] for phase in metrics["phases"]] == [1, 1, 1]
    assert caplog.text.count("at most 1 epoch,") == 3


@pytest.mark.parametrize(
    "words",
    [
        ["trainer.max_steps=1"],
        ["trainer.num_sanity_val_steps=2", "+trainer.check_val_every_n_epoch=2", "trainer.max_epochs=3"],
        ["+trainer.check_val_every_n_epoch=2", "trainer.max_epochs=3"],
        ["trainer.enable_checkpointing=false", "trainer.max_epochs=1"],
        ["callbacks.checkpoint=null", "trainer.max_epochs=1"],
        ["logger.csv=null", "logger.tensorboard=null", "trainer.max_epochs=1"],
        ["~callbacks.early_stopping", "trainer.max_epochs=1"],
    ],
)
def test_trainer_keys_that_take_something_away(train, tmp_path, words):
    metrics = train(tmp_path, *words, "data.train=70")
    checkpoint = metrics["checkpoint"]
    assert (checkpoint is None) == (words[0] == "trainer.enable_checkpointing=false")
    assert checkpoint is None or (tmp_path / checkpoint).is_file()


def test_resuming_a_phase_that_early_stopping_ended_trains_no_further(train, tmp_path):
    """The state after a kill between the phase's last epoch and the writing of done.json."""
    words = ("phases.baseline.patience=1", "phases.baseline.epochs=30", "data.train=28", "optimizer.lr=0.1")
    before = train(tmp_path, *words)["phases"][0]
    assert before["epochs"] < 30
    (tmp_path / "phases" / "1-baseline" / "done.json").unlink()
    after = train(tmp_path, *words)["phases"][0]
    assert (after["epochs"], after["history"]) == (before["epochs"], before["history"])
    assert after["val_loss"] == before["val_loss"]


def test_same_seed_same_run(train, tmp_path):
    one = ("phases.baseline.epochs=1", "phases.baseline.augment=true")
    first, second = (train(tmp_path / name, *one) for name in ("a", "b"))
    other = train(tmp_path / "c", *one, "seed=1")
    weights = [load_network(tmp_path / name / "checkpoints" / "last.ckpt")[0].state_dict() for name in ("a", "b", "c")]
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
    assert not torch.equal(weights[0]["0.weight"], weights[2]["0.weight"])
    assert first["loss"] == second["loss"] != other["loss"]


def test_class_weights_are_the_inverse_of_frequency():
    """On average over the rows they are 1, so that they do not change the learning rate."""
    counts = np.array([1, 3, 0])
    weights = _inverse_frequency(SimpleNamespace(class_counts=lambda: counts)).numpy()
    assert weights == pytest.approx([2.0, 2 / 3, 0.0])
    assert (weights * counts).sum() / counts.sum() == pytest.approx(1.0)


def test_class_weights(train, tmp_path):
    plain = train(tmp_path / "a", "phases.baseline.epochs=1", "data.train=50")
    weighted = train(tmp_path / "b", "phases.baseline.epochs=1", "data.train=50", "class_weights=true")
    assert plain["loss"] != weighted["loss"]


def test_phase_without_hard_examples_is_skipped(train, tmp_path, monkeypatch, caplog):
    monkeypatch.setattr("fer_lightning.training.mining.mine", lambda *_: torch.empty(0).long().numpy())
    metrics = train(tmp_path, "+experiment=hard_mining", *FEW)
    assert [phase["skipped"] for phase in metrics["phases"]] == [False, True, False]
    assert metrics["phases"][1]["examples"] == 0
    assert "skipping phase hard_examples" in caplog.text


def test_three_phases_beat_chance_clearly(train, tmp_path):
    """Guessing at random scores 14%."""
    metrics = train(
        tmp_path,
        "+experiment=hard_mining",
        "data.train=700",
        "data.val=140",
        "model.channels=[16,16,32,32]",
        "model.dense=[32,32,32]",
        "model.dropout=0.1",
        "optimizer.lr=3e-3",
        "phases.baseline.epochs=6",
        "phases.hard_examples.epochs=2",
        "phases.balance.epochs=6",
    )
    assert metrics["accuracy"] > 0.5


@pytest.mark.parametrize(
    ("word", "part"),
    [
        ("seed=random", "seed must be an integer >= 0, got 'random'"),
        ("trainer.strategy=none_such", "none_such"),
        ("+data.none_such=1", "none_such"),
        ("+augment.none_such=1", "none_such"),
    ],
)
def test_mistakes_in_the_config_are_one_sentence(train, tmp_path, word, part, capsys):
    """Ends as the command does, but in this process, because starting one takes seconds."""
    with pytest.raises(SystemExit) as exit_code, exit_on_user_error():
        train(tmp_path, word)
    assert exit_code.value.code == 1
    (line,) = [line for line in capsys.readouterr().err.splitlines() if line.strip()]
    assert line.startswith("error: ")
    assert part in line


def test_missing_data_is_one_sentence(tmp_path):
    process = run_command("fer_lightning.train", "data.dir=nowhere", f"hydra.run.dir={tmp_path}/run", cwd=tmp_path)
    assert_one_sentence(process, "no such folder: data.dir=nowhere", "fer_lightning.download")


class TestInterrupted:
    @pytest.fixture
    def start(self, tmp_path):
        """A run in its hard-example phase, interrupted by Ctrl-C as soon as that has a checkpoint."""
        folder = tmp_path / "run"
        words = ["+experiment=hard_mining", *SHRUNK, "phases.baseline.epochs=1", "phases.hard_examples.epochs=4"]
        words += ["phases.balance.epochs=1", "phases.hard_examples.patience=9", f"hydra.run.dir={folder}"]
        # slow enough to be caught in the middle
        words += ["data.batch_size=4", "model.channels=[32,32,32,32]"]
        command = ForkedCommand("fer_lightning.train", *words, cwd=tmp_path, pictures=False)
        last = folder / "phases" / "2-hard_examples" / "checkpoints" / "last.ckpt"
        deadline = time.monotonic() + 120
        while not last.exists():
            assert command.poll() is None, command.wait()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        time.sleep(0.1)
        command.send_signal(signal.SIGINT)
        process = command.wait(timeout=60)
        assert process.returncode == 130, process.stderr
        assert "Traceback" not in process.stderr
        assert f"resume={folder}" in process.stderr
        return folder, words

    def test_resume_ends_with_the_weights_of_an_unbroken_run(self, start, tmp_path):
        folder, words = start
        mined = read(folder / "phases" / "2-hard_examples" / "checkpoints" / "last.ckpt")["callbacks"]
        rows = mined["HardExampleMining"]["rows"]
        process = run_command("fer_lightning.train", f"resume={folder}", cwd=tmp_path, pictures=False)
        assert process.returncode == 0, process.stderr
        whole = tmp_path / "whole"
        words = [*words[:-3], *words[-2:], f"hydra.run.dir={whole}"]
        process = run_command("fer_lightning.train", *words, cwd=tmp_path, pictures=False)
        assert process.returncode == 0, process.stderr
        for name in ("2-hard_examples", "3-balance"):
            resumed, unbroken = (read(run / "phases" / name / "checkpoints" / "last.ckpt") for run in (folder, whole))
            for key, value in unbroken["state_dict"].items():
                assert torch.equal(resumed["state_dict"][key], value), (name, key)
        again = read(folder / "phases" / "2-hard_examples" / "checkpoints" / "last.ckpt")["callbacks"]
        assert torch.equal(again["HardExampleMining"]["rows"], rows)
        histories = [json.loads((run / "metrics.json").read_text())["phases"] for run in (folder, whole)]
        assert [phase["epochs"] for phase in histories[0]] == [phase["epochs"] for phase in histories[1]] == [1, 4, 1]
