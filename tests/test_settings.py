"""What a run directory says can set values, never what is called."""

import hydra
import pytest
import yaml

from fer_lightning import settings
from fer_lightning.errors import FerError
from tests.conftest import SHRUNK


@pytest.fixture
def saved(compose, tmp_path):
    cfg = compose("train", *SHRUNK, "optimizer.lr=0.5")
    groups = {"data": "sample", "model": "cnn8", "optimizer": "adam", "phases": "baseline"}
    settings.save(cfg, groups, tmp_path)
    return tmp_path / settings.SETTINGS_FILE


def load(path):
    with hydra.initialize_config_module("fer_lightning.conf", version_base="1.3"):
        return settings.load(path.parent)


def test_values_come_back(saved):
    cfg = load(saved)
    assert cfg.optimizer.lr == 0.5
    assert cfg.data.train == 140


def test_entries_that_were_left_out_stay_out(compose, tmp_path):
    cfg = compose("train", *SHRUNK, "phases=hard_mining", "~phases.hard_examples", "~logger.tensorboard")
    settings.save(cfg, {"phases": "hard_mining"}, tmp_path)
    cfg = load(tmp_path / settings.SETTINGS_FILE)
    assert list(cfg.phases) == ["baseline", "balance"]
    assert list(cfg.logger) == ["csv"]


def test_targets_do_not(saved):
    content = yaml.safe_load(saved.read_text())
    content["values"]["optimizer"]["_target_"] = "os.system"
    content["values"]["phases"]["extra"] = {"_target_": "os.system", "command": "true"}
    saved.write_text(yaml.safe_dump(content))
    cfg = load(saved)
    assert cfg.optimizer._target_ == "torch.optim.Adam"
    assert "_target_" not in cfg.phases.extra


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
