"""Fixtures: the packaged configs, shrunk runs, a trained network, a bundle, and the real data if they are at hand.

Torch and Lightning are imported where they are used: the process that hands the tests to the workers needs neither.
"""

from __future__ import annotations

import os
import signal

# networks as small as these run faster on one thread, and what tests start inherits it
os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("TORCH_WARM_POOL", "0")  # a pool that compiles for GPUs

import copy
import functools
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import hydra
import pytest
from filelock import FileLock
from hydra.core.override_parser.overrides_parser import OverridesParser
from omegaconf import DictConfig, OmegaConf

from fer_lightning.config_rules.check import check
from fer_lightning.data import synthetic
from fer_lightning.data.faces import Faces
from fer_lightning.data.synthetic import draw_sample
from fer_lightning.utils.command_help import is_group
from fer_lightning.utils.quiet import quiet_libraries
from tests.fork_server import save_a_dot
from tests.helpers import SHARED, SHRUNK, run_command

if TYPE_CHECKING:
    from fer_lightning.models.networks import ExpressionCNN

# a shell's background job ignores Ctrl-C, and what the tests start and interrupt would inherit that
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


quiet_libraries()  # as each command does; it also keeps TensorBoard from importing TensorFlow


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave out slow modules without importing them, because they import TensorFlow and mediapipe."""
    if config.option.markexpr == "not slow" and collection_path.suffix == ".py":
        return "\npytestmark = pytest.mark.slow\n" in collection_path.read_text() or None
    return None


# test_export.py makes the full export, for which other files would wait; then the slowest files, because one that
# begins last keeps a worker waiting, and of these no file that needs the export
FIRST = (
    "test_export", "test_train", "test_survival", "test_troubles", "test_readme", "test_check", "test_best_actor",
    "test_real_data", "test_parity", "test_train_again", "test_evaluate", "test_sweep", "test_rounds", "test_access",
    "test_packaging", "test_distributed", "test_predict_batches",
)  # fmt: skip


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Order the files, and mark tests as slow that need a full export, and so TensorFlow, a trained network or the
    real data.
    """
    places = {name: place for place, name in enumerate(FIRST)}
    items.sort(key=lambda item: places.get(item.path.stem, len(FIRST)))
    for item in items:
        if {"bundle", "real_data", "trained_network"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.slow)


@functools.cache
def _composed(name: str, *words: str) -> DictConfig:
    with hydra.initialize_config_module("fer_lightning.conf", version_base="1.3"):
        return hydra.compose(name, overrides=list(words))


@pytest.fixture
def compose() -> Callable[..., DictConfig]:
    """compose("train", "optimizer.lr=1") composes a packaged config with overrides.

    Reading the files takes a hundred times as long as setting a key of theirs, so it is done once for the same groups.
    """

    def composed(name: str, *overrides: str) -> DictConfig:
        setting = [word for word in overrides if _sets_a_key(word)]
        cfg = copy.deepcopy(_composed(name, *(word for word in overrides if word not in setting)))
        for override in OverridesParser.create().parse_overrides(setting):
            if override.is_sweep_override() or not _has(cfg, override.key_or_group):
                return copy.deepcopy(_composed(name, *overrides))
            OmegaConf.update(cfg, override.key_or_group, override.value())
        return cfg

    return composed


def _sets_a_key(word: str) -> bool:
    """Whether the word sets a value, in place of choosing a config of a group."""
    found = re.match(r"(?!hydra\.)(\w[\w.]*)=", word)
    return found is not None and not is_group(found[1])


def _has(cfg: DictConfig, key: str) -> bool:
    """Whether the config has the key, also without a value."""
    parent, _, name = key.rpartition(".")
    node = OmegaConf.select(cfg, parent)
    return isinstance(node, DictConfig) and name in node.keys()  # noqa: SIM118, a missing value counts as well


@functools.cache
def _sample(**sizes: int) -> Faces:
    return draw_sample(**sizes)


@pytest.fixture
def unrendered() -> Iterator[None]:
    """Figures are composed, but not rendered, and the same drawn faces are drawn once: together most of the time."""
    from matplotlib.figure import Figure

    with pytest.MonkeyPatch.context() as patch:  # its own, because some tests undo theirs
        patch.setattr(Figure, "savefig", save_a_dot)
        patch.setattr(synthetic, "draw_sample", lambda **sizes: copy.deepcopy(_sample(**sizes)))
        yield


@pytest.fixture
def train(compose: Callable[..., DictConfig], unrendered: None) -> Callable[..., dict]:
    """train(run_dir, *overrides) runs a shrunk training as the command would and returns its metrics.json."""
    from fer_lightning.training.runner import train as run_training

    def trained(run_dir: Path, *overrides: str) -> dict:
        cfg = compose("train", *SHRUNK, *overrides)
        check("train", cfg)
        return run_training(cfg, run_dir)

    return trained


@pytest.fixture
def break_off(train: Any, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that starts a run as ``train`` does and ends it by Ctrl-C in an epoch, before its scores are noted."""
    from fer_lightning.training.callbacks.history import History

    def broken(run_dir: Path, *words: str, epoch: int) -> None:
        noted = History.on_train_epoch_end

        def interrupted(self: History, trainer: Any, pl_module: Any) -> None:
            if trainer.current_epoch == epoch:
                raise KeyboardInterrupt
            noted(self, trainer, pl_module)

        with monkeypatch.context() as patch:
            patch.setattr(History, "on_train_epoch_end", interrupted)
            with pytest.raises(KeyboardInterrupt, match=f"complete epochs: {epoch};"):
                train(run_dir, *words)

    return broken


@pytest.fixture(scope="session")
def faces() -> Faces:
    """Drawn faces with all three Usages."""
    return draw_sample(train=21, val=7, test=7, seed=3)


@pytest.fixture(scope="session")
def trained_network(tmp_path_factory: pytest.TempPathFactory) -> ExpressionCNN:
    """A small network that reads drawn faces well, half of its batch-norm scales negative, in eval mode."""
    import torch

    from fer_lightning.models.networks import ExpressionCNN

    network = ExpressionCNN(channels=(16, 16, 32, 32), dense=(32, 16), dropout=0.0, bn_momentum=0.1)

    def write(folder: Path) -> None:
        torch.manual_seed(0)
        trained = ExpressionCNN(channels=(16, 16, 32, 32), dense=(32, 16), dropout=0.0, bn_momentum=0.1)
        _train(trained)
        torch.save(trained.state_dict(), folder / "weights.pt")

    path = made_once(tmp_path_factory, "trained", write) / "weights.pt"
    network.load_state_dict(torch.load(path, weights_only=True))
    return network.eval()


def _train(network: ExpressionCNN) -> None:
    import torch

    network.to(memory_format=torch.channels_last)  # trains in half the time
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            module.weight.data[::2] *= -1
    faces = draw_sample(train=350, val=0, test=0, seed=5)
    images = torch.from_numpy(faces.pixels).unsqueeze(1) / 255
    labels = torch.from_numpy(faces.labels).long()
    optimizer = torch.optim.Adam(network.parameters(), lr=3e-3)
    for _ in range(12):
        for rows in torch.randperm(len(labels)).split(50):
            loss = torch.nn.functional.cross_entropy(network(images[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()


@pytest.fixture(scope="session")
def checkpoint(trained_network: ExpressionCNN, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """``trained_network`` as a run would have saved it."""
    import torch

    path = tmp_path_factory.mktemp("run") / "best.ckpt"
    sizes = {"channels": [16, 16, 32, 32], "dense": [32, 16]}
    settings = {
        "model": {"_target_": "fer_lightning.models.networks.ExpressionCNN", **sizes},
        "data": {"dir": "/home/someone/data", "split": "official"},
        "seed": 0,
    }
    weights = {f"network.{name}": value for name, value in trained_network.state_dict().items()}
    torch.save({"state_dict": weights, "hyper_parameters": settings}, path)
    return path


def made_once(tmp_path_factory: pytest.TempPathFactory, name: str, make: Callable[[Path], None]) -> Path:
    """A folder that the first pytest-xdist worker fills and all workers read."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    target = folder / name
    with FileLock(folder / f"{name}.lock"):
        if not target.is_dir():
            unfinished = folder / f"{name}.unfinished"
            unfinished.mkdir(exist_ok=True)
            make(unfinished)
            unfinished.rename(target)
    return target


@pytest.fixture(scope="session")
def bundle(checkpoint: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundle that ``python -m export export=full`` makes of ``checkpoint``; tests must not change it."""

    def export(folder: Path) -> None:
        words = (f"ckpt={checkpoint}", "out=bundle", "export=full", "verify.faces=256")
        process = run_command("fer_lightning.export", *words, cwd=folder)
        assert process.returncode == 0, process.stderr

    return made_once(tmp_path_factory, "export", export) / "bundle"


@pytest.fixture(scope="session")
def real_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with Kaggle's fer2013.csv and FER+'s votes; skips if the real data are not at hand."""
    maker = SHARED / "data" / "make_fer2013.py"
    if not maker.is_file():
        pytest.skip("needs the real FER2013")

    def write(folder: Path) -> None:
        for form in ("fer2013", "ferplus"):
            subprocess.run([sys.executable, maker, folder, "--form", form], check=True, capture_output=True)

    return made_once(tmp_path_factory, "fer2013", write)
