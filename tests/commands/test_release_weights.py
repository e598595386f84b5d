import sys

import pytest
import torch

from fer_lightning import release_weights
from fer_lightning.constants import PRETRAINED, PRETRAINED_PHONE
from fer_lightning.models import checkpoint
from fer_lightning.models.networks import ExpressionCNN, PhoneCNN

SIZES = {ExpressionCNN: {"channels": [4, 4, 4, 4], "dense": [4]}, PhoneCNN: {"channels": [4, 4, 4, 4]}}


@pytest.fixture
def release(tmp_path, monkeypatch):
    """release(network class, words) releases a new network of this class into an empty folder of shipped weights."""
    monkeypatch.setattr(checkpoint, "SHIPPED", tmp_path / "shipped")
    (tmp_path / "shipped").mkdir()

    def released(kind, *words):
        network = kind(**SIZES[kind])
        model = {"_target_": f"fer_lightning.models.networks.{kind.__name__}", **SIZES[kind]}
        checkpoint.write(network, {"model": model, "data": {}}, tmp_path / "new.ckpt")
        monkeypatch.setattr(sys, "argv", ["fer-release-weights", str(tmp_path / "new.ckpt"), *words])
        release_weights.main()
        return network

    return released


@pytest.mark.parametrize(("kind", "name"), [(ExpressionCNN, PRETRAINED), (PhoneCNN, PRETRAINED_PHONE)])
def test_weights_are_released_under_a_name(release, kind, name, capsys):
    network = release(kind, "--name", name)
    network = release(kind, "--name", name)  # replaces them
    shipped, _ = checkpoint.load_network(checkpoint.path_of(name))
    torch.testing.assert_close(shipped[0].weight, network[0].weight, rtol=1e-3, atol=1e-6)
    assert f"now export its bundle: fer-export ckpt={name} out=" in capsys.readouterr().out


def test_another_network_is_refused(release, capsys):
    release(ExpressionCNN)
    before = checkpoint.path_of(PRETRAINED).read_bytes()
    with pytest.raises(SystemExit, match="1"):
        release(PhoneCNN)
    assert "has the network PhoneCNN, but pretrained has the network ExpressionCNN; set" in capsys.readouterr().err
    assert checkpoint.path_of(PRETRAINED).read_bytes() == before
