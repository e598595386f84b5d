"""The contents of a run directory can set values, but not choose what is called."""

import hydra
import pytest
import yaml

from fer_lightning.errors import FerError
from fer_lightning.training import run_config
from tests.helpers import SHRUNK


@pytest.fixture
def saved(compose, tmp_path):
    cfg = compose("train", *SHRUNK, "optimizer.lr=0.5")
    groups = {"data": "sample", "model": "cnn8", "optimizer": "adam", "phases": "baseline"}
    run_config.save(cfg, groups, [], tmp_path)
    return tmp_path / run_config.SETTINGS_FILE


def load(path):
    with hydra.initialize_config_module("fer_lightning.conf", version_base="1.3"):
        return run_config.load(path.parent)


def test_values_come_back(saved):
    cfg = load(saved)
    assert cfg.optimizer.lr == 0.5
    assert cfg.data.train == 140


def test_entries_that_were_left_out_stay_out(compose, tmp_path):
    cfg = compose("train", *SHRUNK, "phases=hard_mining", "~phases.hard_examples", "~logger.tensorboard")
    run_config.save(cfg, {"data": "sample", "phases": "hard_mining"}, [], tmp_path)
    cfg = load(tmp_path / run_config.SETTINGS_FILE)
    assert list(cfg.phases) == ["baseline", "balance"]
    assert list(cfg.logger) == ["csv"]


def test_arguments_that_were_left_out_stay_out(compose, tmp_path):
    cfg = compose("train", *SHRUNK, "augment=strong", "~augment.random_erasing", "~callbacks.checkpoint.mode")
    run_config.save(cfg, {"data": "sample", "augment": "strong"}, [], tmp_path)
    loaded = load(tmp_path / run_config.SETTINGS_FILE)
    assert loaded.augment == cfg.augment
    assert loaded.callbacks == cfg.callbacks


def test_a_run_can_be_resumed_from_another_folder(compose, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    words = ("data.dir=faces", "data.exclude=rows.csv", "init_from=a.ckpt", "teacher=[pretrained,b.ckpt]")
    run_config.save(compose("train", *words), {"data": "fer2013"}, [], tmp_path)
    cfg = load(tmp_path / run_config.SETTINGS_FILE)
    assert (cfg.data.dir, cfg.data.exclude) == (str(tmp_path / "faces"), str(tmp_path / "rows.csv"))
    assert (cfg.init_from, cfg.teacher) == (str(tmp_path / "a.ckpt"), ["pretrained", str(tmp_path / "b.ckpt")])


def test_rows_that_another_run_mined_are_forgotten(compose, tmp_path):
    rows = tmp_path / "phases" / "1-hard_examples" / run_config.ROWS_FILE
    rows.parent.mkdir(parents=True)
    rows.touch()
    run_config.save(compose("train", *SHRUNK), {"data": "sample"}, [], tmp_path)
    assert not rows.exists()


@pytest.mark.parametrize("result", ["phases/1-fit/done.json", "members/2/phases/1-fit/checkpoints/last.ckpt"])
def test_a_run_or_an_ensemble_is_not_overwritten(compose, tmp_path, result):
    (tmp_path / result).parent.mkdir(parents=True)
    (tmp_path / result).touch()
    with pytest.raises(FerError, match="already contains a run"):
        run_config.save(compose("train", *SHRUNK), {}, [], tmp_path)


@pytest.mark.parametrize(
    ("group", "entry"), [("phases", "extra"), ("model", "channels"), ("callbacks", "early_stopping")]
)
def test_targets_do_not(saved, group, entry):
    content = yaml.safe_load(saved.read_text())
    content["values"][group][entry] = {"_target_": "os.system", "command": "true"}
    saved.write_text(yaml.safe_dump(content))
    with pytest.raises(FerError, match="which differs from the packaged config"):
        load(saved)


def test_another_target_is_refused_and_not_forgotten(compose, tmp_path):
    cfg = compose("train", *SHRUNK, "optimizer._target_=torch.optim.RMSprop")
    run_config.save(cfg, {"data": "sample", "optimizer": "adam"}, [], tmp_path)
    with pytest.raises(FerError, match=r"torch\.optim\.RMSprop"):
        load(tmp_path / run_config.SETTINGS_FILE)


def test_order_of_phases_comes_back(compose, tmp_path):
    cfg = compose("train", *SHRUNK)
    cfg.phases = {"first": {"epochs": 1}, "baseline": {"epochs": 2}}
    run_config.save(cfg, {"data": "sample", "phases": "baseline"}, [], tmp_path)
    assert list(load(tmp_path / run_config.SETTINGS_FILE).phases) == ["first", "baseline"]


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[: len(text) // 2] + "\n: : :",
        lambda _: "",
        lambda _: "- a list",
        lambda text: text.replace("lr: 0.5", "lr: ${oc.env:HOME}"),
        lambda text: text.replace("lr: 0.5", "lr: [[{_target_: os.system, command: 'true'}]]"),
        lambda text: text.replace("  model: cnn8", "  model: ../model/cnn8"),
        lambda text: text.replace("  model: cnn8", "  optimizer._target_: system"),
        lambda text: text.replace("model: cnn8", "model: none_such"),
    ],
)
def test_damage_is_a_sentence(saved, damage):
    saved.write_text(damage(saved.read_text()))
    with pytest.raises(FerError, match=r"run\.yaml"):
        load(saved)
