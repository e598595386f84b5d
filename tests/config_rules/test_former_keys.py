"""Keys that were renamed: refused on a command line, translated in runs and checkpoints of earlier versions."""

import hydra
import pytest
import yaml
from omegaconf import OmegaConf

from fer_lightning.config_rules.check import check
from fer_lightning.errors import FerError
from fer_lightning.models import checkpoint as checkpoint_module
from fer_lightning.training import run_config
from fer_lightning.utils.command_line import refuse_former_words
from fer_lightning.utils.former_names import KEYS, current_values, refuse_former_keys
from tests.commands.test_evaluate import save_checkpoint
from tests.helpers import SHRUNK, assert_one_sentence, run_command


@pytest.mark.parametrize(("former", "current"), KEYS.items())
def test_current_keys_exist_and_former_ones_do_not(compose, former, current):
    cfg = compose("train")
    assert OmegaConf.select(cfg, current, default="none") != "none"
    assert OmegaConf.select(cfg, former, default="none") == "none"
    with pytest.raises(FerError, match=rf"^{former} is now called {current}"):
        refuse_former_keys([former])


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("augment.shift=0.2", "augment.shift is now called augment.translate"),
        ("+augment.shift=0.2", "augment.shift is now called augment.translate"),
        ("~members", "members is now called ensemble_size"),
        ("hydra.sweeper.params.augment.zoom=0.1", "augment.zoom is now called augment.scale"),
        (
            "decay_vectors=false",
            "decay_vectors is now called no_decay_on_norm_and_bias, with true and false exchanged",
        ),
    ],
)
def test_a_former_key_is_found_in_every_kind_of_word(word, message):
    with pytest.raises(FerError) as caught:
        refuse_former_words(["seed=1", word])
    assert str(caught.value) == message


def test_the_command_itself(tmp_path):
    process = run_command("fer_lightning.train", "data.resident=true", cwd=tmp_path)
    assert_one_sentence(process, "data.resident is now called data.preload_to_device")
    assert not list(tmp_path.iterdir())


def test_a_former_key_in_a_config_of_the_user(compose):
    cfg = compose("train", "+data.drop_overlap=true")
    with pytest.raises(FerError, match=r"data\.drop_overlap is now called data\.drop_leaks"):
        check("train", cfg)


def test_a_run_of_an_earlier_version_is_resumed(compose, tmp_path):
    words = ["augment.translate=0.2", "augment.scale=0.3", "augment.random_erasing=0.4", "augment.erasing_size=9"]
    words += ["data.deduplicate=true", "data.drop_leaks=true", "data.preload_to_device=true", "ensemble_size=2"]
    words += [f"init_from={tmp_path}/start.ckpt", "augment.size_schedule=[[0.5,40]]", "no_decay_on_norm_and_bias=true"]
    cfg = compose("train", *SHRUNK, *words)
    run_config.save(cfg, {"data": "sample", "augment": "affine", "phases": "baseline"}, [], tmp_path)
    path = tmp_path / run_config.SETTINGS_FILE
    saved = yaml.safe_load(path.read_text())
    saved["values"]["callbacks"]["resizing"] = {"until": 0.5, "size": 40}
    saved["values"]["augment"].pop("size_schedule")
    for former, current in KEYS.items():
        if former.startswith("callbacks.resizing"):
            continue
        *group, name = current.split(".")
        values = saved["values"][group[0]] if group else saved["values"]
        value = values.pop(name)
        values[former.rpartition(".")[2]] = not value if former == "decay_vectors" else value
    saved["values"]["trainer"]["inference_mode"] = True  # one of the arguments that were all in the config
    assert saved["values"]["decay_vectors"] is False
    path.write_text(yaml.safe_dump(saved))
    with hydra.initialize_config_module("fer_lightning.conf", version_base="1.3"):
        loaded = run_config.load(tmp_path)
    check("train", loaded)
    values = run_config.plain(loaded)
    assert values["trainer"].pop("inference_mode") is True
    assert values == run_config.plain(cfg)


def test_a_checkpoint_of_an_earlier_version(tmp_path):
    path = save_checkpoint(tmp_path / "best.ckpt", drop_overlap=True, split="official")
    settings = checkpoint_module.read(path)["hyper_parameters"]
    assert settings["data"] == {"drop_leaks": True, "split": "official"}


def test_what_is_no_key_stays():
    values = {"phases": {"init": {"epochs": 1}}, "model": {"shift": 1}, "augment": None, "members": "x"}
    assert current_values(values) == {
        "phases": {"init": {"epochs": 1}},
        "model": {"shift": 1},
        "augment": None,
        "ensemble_size": "x",
    }
