import pickle
from pathlib import Path

import pytest
import torch
from hydra.utils import get_object
from safetensors.torch import save_file

from fer_lightning.errors import FerError
from fer_lightning.models import checkpoint
from fer_lightning.models.checkpoint import load_network
from fer_lightning.models.networks import ExpressionCNN
from fer_lightning.utils import former_names

MODEL = {"_target_": "fer_lightning.models.networks.ExpressionCNN", "channels": [4, 4, 4, 4], "dense": [4]}


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
    with pytest.raises(FerError, match=r"no such file: .*x\.ckpt"):
        checkpoint.read(tmp_path / "x.ckpt")
    with pytest.raises(FerError, match="is a folder, not a checkpoint"):
        checkpoint.read(tmp_path)


@pytest.mark.parametrize("keep", [0, 100, 2000])
def test_truncated(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(FerError, match=r"best\.ckpt is not a checkpoint, is truncated"):
        checkpoint.read(path)


@pytest.mark.parametrize("foreign", [{"state_dict": {}}, [1, 2], {"hyper_parameters": {"model": {}}}])
def test_foreign(path, foreign):
    torch.save(foreign, path)
    with pytest.raises(FerError, match=r"not written by fer_lightning\.train"):
        checkpoint.read(path)


def test_text_file(path):
    path.write_text("not a checkpoint at all")
    with pytest.raises(FerError, match="is not a checkpoint"):
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
    with pytest.raises(FerError, match=r"uses the network 'os\.mkdir'"):
        checkpoint.load_network(path)
    nested = {**MODEL, "dropout": {"_target_": "os.mkdir", "path": str(tmp_path / "owned")}}
    content["hyper_parameters"]["model"] = nested
    torch.save(content, path)
    with pytest.raises(FerError, match="cannot be built"):
        checkpoint.load_network(path)
    assert not (tmp_path / "owned").exists()


@pytest.fixture
def shipped(path, tmp_path):
    checkpoint.write_safetensors(path, tmp_path / "shipped.safetensors")
    return tmp_path / "shipped.safetensors"


def test_shipped_weights_are_half_as_large_and_nearly_the_same(path, shipped):
    network, settings = checkpoint.load_network(path)
    again, settings_again = checkpoint.load_network(shipped)
    assert settings_again == settings
    assert shipped.stat().st_size < 0.6 * path.stat().st_size
    for name, value in network.state_dict().items():
        read = again.state_dict()[name]
        assert read.dtype == value.dtype
        torch.testing.assert_close(read, value, rtol=1e-3, atol=1e-6)


@pytest.mark.parametrize("keep", [0, 7, 100, -10])
def test_truncated_safetensors(shipped, keep):
    shipped.write_bytes(shipped.read_bytes()[:keep])
    with pytest.raises(FerError, match=r"shipped\.safetensors is not a checkpoint, is truncated"):
        checkpoint.read(shipped)


def test_foreign_safetensors(tmp_path):
    path = tmp_path / "foreign.safetensors"
    save_file({"weight": torch.zeros(3)}, path)
    with pytest.raises(FerError, match=r"not written by fer_lightning\.train"):
        checkpoint.read(path)
    save_file({"weight": torch.zeros(3)}, path, metadata={"settings": "{broken"})
    with pytest.raises(FerError, match="is not a checkpoint"):
        checkpoint.read(path)


def test_raw_weights(path, content):
    """Raw weights exist beside a moving average; without one, the two are the same."""
    name = "network.0.weight"
    assert checkpoint.with_raw_weights(content, path) is content
    content["hyper_parameters"]["callbacks"] = {"weight_averaging": {"decay": 0.998}}
    with pytest.raises(FerError, match=r"best\.ckpt contains only averaged weights"):
        checkpoint.with_raw_weights(content, path)
    content["current_model_state"] = {each: value + 1 for each, value in content["state_dict"].items()}
    raw = checkpoint.with_raw_weights(content, path)
    assert torch.equal(raw["state_dict"][name], content["state_dict"][name] + 1)
    with pytest.raises(FerError, match="only averaged weights"):
        checkpoint.with_raw_weights(checkpoint.read(checkpoint.path_of("pretrained-phone")), Path("shipped"))


def test_names_in_a_paths_place(tmp_path):
    assert checkpoint.path_of("some/best.ckpt") == Path("some/best.ckpt")
    assert checkpoint.path_of("pretrained").name == "FER2013.safetensors"
    assert checkpoint.paths_of(["a.ckpt", "pretrained"])[0] == Path("a.ckpt")
    assert checkpoint.paths_of("a.ckpt") == [Path("a.ckpt")]
    with pytest.raises(FerError, match="init_from must be the path of a checkpoint, got 5"):
        checkpoint.path_of(5, "init_from")
    with pytest.raises(FerError, match="teacher is empty"):
        checkpoint.paths_of([], "teacher")


def test_several_are_averaged(path, content, tmp_path):
    other = ExpressionCNN(channels=[4, 4, 4, 4], dense=[4])
    content["state_dict"] = {f"network.{name}": value for name, value in other.state_dict().items()}
    torch.save(content, tmp_path / "other.ckpt")
    networks = [checkpoint.load_network(each)[0] for each in (path, tmp_path / "other.ckpt")]
    images = torch.rand(3, 1, 48, 48)
    average = checkpoint.load([path, tmp_path / "other.ckpt"]).network()
    expected = sum(network(images).softmax(dim=1) for network in networks) / 2
    torch.testing.assert_close(average(images).softmax(dim=1), expected)
    assert not average.training


def test_a_checkpoint_of_an_earlier_layout_loads(tmp_path):
    network = ExpressionCNN(channels=[4, 4, 4, 4], dense=[4])
    weights = {f"network.{name}": value for name, value in network.state_dict().items()}
    former = {**MODEL, "_target_": "fer_lightning.network.ExpressionCNN"}
    torch.save({"state_dict": weights, "hyper_parameters": {"model": former}}, tmp_path / "old.ckpt")
    loaded, _ = load_network(tmp_path / "old.ckpt")
    assert type(loaded) is ExpressionCNN


def test_former_names_lead_to_what_exists():
    for target in former_names._TARGETS.values():
        assert get_object(target)
