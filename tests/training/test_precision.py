"""Which precision is chosen, by stubbed timers, and that a run keeps it."""

import json
import logging
import os
import shutil

import pytest
import torch
import yaml
from lightning.pytorch.plugins.precision import MixedPrecision
from omegaconf import OmegaConf

from fer_lightning.models.checkpoint import read
from fer_lightning.training import precision
from fer_lightning.training.precision import SharedPrecision, best_precision
from fer_lightning.training.trainers import make_trainer
from tests.helpers import SHRUNK, run_command

FEW = ("data.train=42", "data.val=14", "data.test=14")  # because CPUs without bfloat16 emulate it slowly
FLOAT32, BFLOAT16 = {"float32": 300.0, "bfloat16": 200.0}, {"float32": 100.0, "bfloat16": 200.0}


class Timer:
    """Stands for ``precision.measure``; counts its calls."""

    def __init__(self, speeds):
        self.speeds, self.calls = speeds, 0

    def __call__(self):
        self.calls += 1
        return dict(self.speeds)


@pytest.fixture
def timer(monkeypatch, tmp_path):
    """timer(speeds, capability=True): a CPU with these capabilities and speeds, and an empty cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)

    def stubbed(speeds, **capabilities):
        stub = Timer(speeds)
        monkeypatch.setattr(precision, "measure", stub)
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"cpu_name": "Some CPU", **capabilities})
        return stub

    return stubbed


@pytest.mark.parametrize(
    ("float32", "bfloat16", "expected"),
    [(100, 200, "bf16-mixed"), (300, 200, "32-true"), (100, 110, "32-true"), (100, 116, "bf16-mixed")],
)
def test_bfloat16_must_be_clearly_faster(timer, float32, bfloat16, expected):
    timer({"float32": float32, "bfloat16": bfloat16}, avx512_bf16=True)
    assert best_precision("cpu") == expected


def test_emulated_bfloat16_is_not_even_measured(timer):
    stub = timer(BFLOAT16, avx512_f=True, avx512_bf16=False)
    assert best_precision("cpu") == "32-true"
    assert stub.calls == 0


@pytest.mark.parametrize(("native", "expected"), [(True, "bf16-mixed"), (False, "32-true")])
def test_gpus_are_not_measured(timer, monkeypatch, native, expected):
    stub = timer(FLOAT32, amx_bf16=True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation: native)
    assert best_precision("auto") == best_precision("gpu") == expected
    assert stub.calls == 0
    assert best_precision("cpu") == "32-true"
    assert stub.calls == 1


def test_it_is_measured_once_on_a_machine(timer, monkeypatch, caplog):
    caplog.set_level(logging.INFO)
    timer(BFLOAT16, avx512_bf16=True)
    assert best_precision("cpu") == "bf16-mixed"
    assert "200 GFLOP/s in bfloat16, 100 in float32 (measured now)" in caplog.text
    again = timer(FLOAT32, avx512_bf16=True)
    assert best_precision("cpu") == "bf16-mixed"
    assert again.calls == 0
    assert "200 GFLOP/s in bfloat16, 100 in float32 (measured earlier)" in caplog.text
    assert len(caplog.records) == 2
    monkeypatch.setattr(torch, "__version__", "99.0")
    assert best_precision("cpu") == "32-true"
    assert again.calls == 1


@pytest.mark.parametrize("content", ["", "{", "[]", '"text"', '{"a": 3}', '{"a": {"float32": null}}', "\x00"])
def test_a_damaged_cache_is_made_anew(timer, tmp_path, content):
    stub = timer(BFLOAT16, bf16=True)
    cache = tmp_path / "cache" / "fer_lightning" / "precision.json"
    cache.parent.mkdir(parents=True)
    cache.write_text(content)
    assert best_precision("cpu") == best_precision("cpu") == "bf16-mixed"
    assert stub.calls == 1
    assert list(json.loads(cache.read_text()).values()) == [BFLOAT16]


def test_an_unwritable_cache_does_not_matter(timer, tmp_path):
    stub = timer(BFLOAT16, bf16=True)
    (tmp_path / "cache").write_text("a file where the folder should be")
    assert best_precision("cpu") == best_precision("cpu") == "bf16-mixed"
    assert stub.calls == 2


def test_no_home_directory(timer, monkeypatch):
    def no_home():
        raise RuntimeError("Could not determine home directory.")

    timer(BFLOAT16, bf16=True)
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setattr(precision.files.Path, "home", no_home)
    assert best_precision("cpu") == "bf16-mixed"


def test_what_is_measured(monkeypatch):
    """The real timer, on layers small enough for a processor without bfloat16."""
    monkeypatch.setattr(precision, "_LAYERS", ((2, 4),))
    state = torch.random.get_rng_state()
    speeds = precision.measure()
    assert all(0 < speeds[name] < float("inf") for name in ("float32", "bfloat16"))
    assert torch.equal(torch.random.get_rng_state(), state)


def test_a_precision_that_was_set_stays():
    config = OmegaConf.create({"precision": "16-mixed", "accelerator": "cpu"})
    precision.settle(config)
    assert config.precision == "16-mixed"


def test_the_first_process_decides(timer, monkeypatch):
    stub = timer(BFLOAT16, amx_bf16=True)
    monkeypatch.setattr(precision, "is_first", lambda: False)
    config = OmegaConf.create({"precision": "auto", "accelerator": "cpu"})
    precision.settle(config)
    assert stub.calls == 0

    trainer = make_trainer(config, devices=1, logger=False)
    monkeypatch.setattr(trainer.strategy, "broadcast", lambda own: "bf16-mixed")
    SharedPrecision().setup(trainer, None, "fit")
    assert trainer.precision == "bf16-mixed"
    assert isinstance(trainer.precision_plugin, MixedPrecision)

    trainer = make_trainer(config, precision="bf16-mixed", devices=1, logger=False)
    monkeypatch.setattr(trainer.strategy, "broadcast", lambda own: "32-true")
    SharedPrecision().setup(trainer, None, "fit")
    assert trainer.precision == "32-true"


# the command on a CPU with bfloat16 instructions, where convolutions run at the speeds of the first argument
COMMAND = """
import json, sys
import torch
from fer_lightning import train
from fer_lightning.training import precision
speeds = json.loads(sys.argv.pop(1))
torch.cuda.is_available = torch.backends.mps.is_available = lambda: False
torch.cpu.get_capabilities = lambda: {"avx512_bf16": True}
precision.measure = lambda: speeds
train.main()
"""


@pytest.mark.slow
def test_a_resumed_run_keeps_its_precision(tmp_path):
    """A run that began where bfloat16 is faster has the same weights if it is resumed where float32 is."""

    def run(speeds, *words):
        env = {**os.environ, "XDG_CACHE_HOME": str(tmp_path / str(speeds["float32"]))}
        process = run_command("stubbed_command", json.dumps(speeds), *words, cwd=tmp_path, env=env, pictures=False)
        assert process.returncode == 0, process.stderr

    (tmp_path / "stubbed_command.py").write_text(COMMAND)
    folder = tmp_path / "run"
    phases = (
        "+experiment=hard_mining",
        "phases.baseline.epochs=1",
        "phases.hard_examples=null",
        "phases.balance.epochs=1",
    )
    run(BFLOAT16, *SHRUNK, *phases, *FEW, "trainer.precision=auto", f"hydra.run.dir={folder}")
    assert yaml.safe_load((folder / "run.yaml").read_text())["values"]["trainer"]["precision"] == "bf16-mixed"
    unbroken = read(folder / "phases" / "2-balance" / "checkpoints" / "last.ckpt")
    assert unbroken["hyper_parameters"]["trainer"]["precision"] == "bf16-mixed"

    shutil.rmtree(folder / "phases" / "2-balance")
    run(FLOAT32, f"resume={folder}")
    resumed = read(folder / "phases" / "2-balance" / "checkpoints" / "last.ckpt")
    assert resumed["hyper_parameters"]["trainer"]["precision"] == "bf16-mixed"
    for name, value in unbroken["state_dict"].items():
        assert torch.equal(resumed["state_dict"][name], value), name
