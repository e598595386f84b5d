import inspect
from dataclasses import fields

import lightning as L
import pytest
from omegaconf import OmegaConf

from fer_lightning.errors import FerError
from fer_lightning.training.phase import Phase, parse_phases


def test_packaged_hard_mining(compose):
    parsed = parse_phases(compose("train", "+experiment=hard_mining").phases)
    assert list(parsed) == ["baseline", "hard_examples", "balance"]
    assert [phase.source for phase in parsed.values()] == ["all", "hard", "all"]
    assert [phase.augment for phase in parsed.values()] == [False, False, True]


def test_packaged_notebook(compose):
    """The notebook's protocol, exactly."""
    cfg = compose("train", "+experiment=notebook")
    parsed = parse_phases(cfg.phases).values()
    assert [(p.epochs, p.patience, p.carry, p.lr_factor) for p in parsed] == [(100, 10, "last", 1.0)] * 3
    assert [p.holdout for p in parsed] == [0, 0.2, 0]
    assert (cfg.data.split, cfg.data.val_fraction, cfg.data.batch_size) == ("random", 0.2, 64)
    assert (cfg.optimizer.lr, cfg.scheduler.factor, cfg.class_weights, cfg.select) == (1e-3, 0.9, False, "last")


def test_one_learning_rate_moves_every_phase(compose):
    """Phases contain factors of the learning rate, so a sweep needs only optimizer.lr."""
    cfg = compose("train", "+experiment=hard_mining", "optimizer.lr=0.02")
    rates = [cfg.optimizer.lr * phase.lr_factor for phase in parse_phases(cfg.phases).values()]
    assert rates == pytest.approx([0.02, 0.002, 0.02])


def test_own_list():
    config = OmegaConf.create({"only": {"source": "all", "epochs": 3}, "then": {"source": "hard", "holdout": 0.1}})
    assert parse_phases(config) == {
        "only": Phase(source="all", epochs=3),
        "then": Phase(source="hard", holdout=0.1),
    }


def test_no_phase_is_a_mistake():
    with pytest.raises(FerError, match="phases is empty"):
        parse_phases(OmegaConf.create({"baseline": None}))


def test_every_key_of_a_phase_is_in_the_packaged_configs(compose):
    for choice in ("baseline", "hard_mining", "notebook", "long"):
        for name, phase in compose("train", f"phases={choice}").phases.items():
            assert set(phase) == {field.name for field in fields(Phase)}, name


def test_the_keys_of_the_trainer_are_lightnings(compose):
    assert set(compose("train").trainer) <= set(inspect.signature(L.Trainer).parameters)
