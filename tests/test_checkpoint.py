import pickle
from pathlib import Path

import pytest
import torch

from fer_lightning import checkpoint
from fer_lightning.errors import FerError
from fer_lightning.network import ExpressionCNN

MODEL = {"_target_": "fer_lightning.network.ExpressionCNN", "channels": [4, 4, 4, 4], "dense": [4]}


@pytest.fixture
def content():
    network = ExpressionCNN(channels=[4, 4, 4, 4], dense=[4])
    return {
        "state_dict": {f"network.{name}": value for name, value in network.state_dict().items()},
        "hyper_parameters": {"model": dict(MODEL)},
    }


@pytest.fixture
def path(tmp_path, content):
    path = tmp_path / "best.ckpt"
    torch.save(content, path)
    return path


def test_loads_in_eval_mode(path, content):
    network, settings = checkpoint.load_network(path)
    assert not network.training
    assert settings["model"] == MODEL
    torch.testing.assert_close(network[0].weight, content["state_dict"]["network.0.weight"])


def test_missing(tmp_path):
    with pytest.raises(FerError, match=r"there is no checkpoint .*x\.ckpt"):
        checkpoint.read(tmp_path / "x.ckpt")


@pytest.mark.parametrize("keep", [0, 100, 2000])
def test_truncated(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FerError, match=r"best\.ckpt is no checkpoint, or it is cut off"):
        checkpoint.read(path)


@pytest.mark.parametrize("foreign", [{"state_dict": {}}, [1, 2], {"hyper_parameters": {"model": {}}}])
def test_foreign(path, foreign):
    torch.save(foreign, path)
    with pytest.raises(FerError, match=r"not written by fer_lightning\.train"):
        checkpoint.read(path)


def test_text_file(path):
    path.write_text("not a checkpoint at all")
    with pytest.raises(FerError, match="is no checkpoint"):
        checkpoint.read(path)


def test_weights_that_do_not_fit(path, content):
    content["hyper_parameters"]["model"]["channels"] = [4, 4, 4, 8]
    torch.save(content, path)
    with pytest.raises(FerError, match="do not fit"):
        checkpoint.load_network(path)


def test_pickled_code_is_not_run(path, tmp_path):
    class Payload:
        def __reduce__(self):
            return (Path.touch, (tmp_path / "owned",))

    with path.open("wb") as file:
        pickle.dump(Payload(), file)
    with pytest.raises(FerError):
        checkpoint.read(path)
    torch.save({"state_dict": {}, "hyper_parameters": {"model": Payload()}}, path)
    with pytest.raises(FerError):
        checkpoint.read(path)
    assert not (tmp_path / "owned").exists()


def test_a_checkpoint_cannot_name_what_is_called(path, content, tmp_path):
    content["hyper_parameters"]["model"] = {"_target_": "os.mkdir", "path": str(tmp_path / "owned")}
    torch.save(content, path)
    with pytest.raises(FerError, match=r"names the network 'os\.mkdir'"):
        checkpoint.load_network(path)
    nested = {**MODEL, "dropout": {"_target_": "os.mkdir", "path": str(tmp_path / "owned")}}
    content["hyper_parameters"]["model"] = nested
    torch.save(content, path)
    with pytest.raises(FerError, match="cannot be built"):
        checkpoint.load_network(path)
    assert not (tmp_path / "owned").exists()
