import json

import pytest
import torch
from torch import nn

from fer_lightning.commands.soup import make_soup
from fer_lightning.config_rules.check import check
from fer_lightning.errors import FerError
from fer_lightning.models import checkpoint
from fer_lightning.models.networks import ExpressionCNN
from fer_lightning.training.weight_soup import average, estimate_batch_norm, greedy
from tests.helpers import assert_one_sentence, run_command

SIZES = {"channels": [4, 4, 4, 4], "dense": [8]}
DATA = ("data=sample", "data.train=70", "data.val=35", "data.test=7", "accelerator=cpu", "faces=64")


def save(path, seed, raw_seed=None, sizes=SIZES, **callbacks):
    """An untrained network in the form of a run's checkpoint, with raw weights beside it if ``raw_seed`` is given."""

    def weights(seed):
        torch.manual_seed(seed)
        return {f"network.{name}": value for name, value in ExpressionCNN(**sizes).state_dict().items()}

    content = {
        "state_dict": weights(seed),
        "hyper_parameters": {"model": {"_target_": "fer_lightning.models.networks.ExpressionCNN", **sizes}, "data": {}},
    }
    content["hyper_parameters"]["callbacks"] = callbacks
    if raw_seed is not None:
        content["current_model_state"] = weights(raw_seed)
    torch.save(content, path)
    return path


@pytest.fixture
def members(tmp_path):
    return [save(tmp_path / f"{seed}.ckpt", seed, raw_seed=10 + seed) for seed in range(3)]


def soup(compose, tmp_path, members, *words):
    ckpt = f"ckpt=[{','.join(map(str, members))}]"
    return make_soup(compose("soup", *DATA, ckpt, f"out={tmp_path}/soup.ckpt", *words), tmp_path / "run")


@pytest.mark.parametrize("kind", ["raw", "averaged"])
def test_averages_the_weights(compose, tmp_path, members, kind, caplog):
    caplog.set_level("INFO")
    metrics = soup(compose, tmp_path, members, f"weights={kind}")
    networks = [checkpoint.load_network(path, raw=kind == "raw")[0] for path in members]
    made, settings = checkpoint.load_network(tmp_path / "soup.ckpt")  # with weights_only=True
    for index in (0, -1):
        expected = sum(network[index].weight for network in networks) / 3
        torch.testing.assert_close(made[index].weight, expected)
    assert json.loads(json.dumps(settings)) == settings
    assert [member["file"] for member in settings["soup"]["members"]] == ["0.ckpt", "1.ckpt", "2.ckpt"]
    assert settings["soup"]["weights"] == kind
    assert metrics == json.loads((tmp_path / "run" / "metrics.json").read_text())
    assert len(metrics["members"]) == len(metrics["chosen"]) == 3
    assert caplog.text.count("%, loss ") == 4  # each member and the soup


def test_batch_norm_is_estimated_on_faces_that_the_seed_chooses(compose, tmp_path, members):
    def statistics(*words):
        soup(compose, tmp_path, members, *words)
        content = torch.load(tmp_path / "soup.ckpt", weights_only=True)["state_dict"]
        return torch.cat([value for name, value in content.items() if name.endswith("running_mean")])

    first = statistics()
    assert (first != 0).any()  # untrained members have zeros
    assert torch.equal(statistics(), first)
    assert not torch.equal(statistics("seed=1"), first)


def test_batch_norm_is_estimated_on_the_batches_without_dropout():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Dropout(0.9), nn.BatchNorm2d(1, momentum=0.1))
    batches = [torch.rand(8, 1, 4, 4), 3 + torch.rand(8, 1, 4, 4)]
    estimate_batch_norm(network, batches)
    norm = network[1]
    torch.testing.assert_close(norm.running_mean, torch.stack([batch.mean() for batch in batches]).mean().view(1))
    torch.testing.assert_close(norm.running_var, torch.stack([batch.var() for batch in batches]).mean().view(1))
    assert norm.momentum == 0.1
    assert not any(module.training for module in network.modules())


def test_counters_are_not_averaged():
    counter = torch.tensor(5)
    found = average([{"a": torch.tensor([1.0]), "n": counter}, {"a": torch.tensor([2.0]), "n": counter + 1}])
    assert (found["a"].item(), found["n"].item(), found["n"].dtype) == (1.5, 5, torch.int64)


def test_greedy_keeps_what_does_not_lower_accuracy():
    """Alone, 1 is the best, then 2, 0 and 3. In the soup, 2 lowers the score, 0 does not change it, and 3 raises it."""
    gains = {0: 0.0, 1: 0.5, 2: -0.1, 3: 0.1}
    members = greedy([0.3, 0.5, 0.4, 0.2], lambda places: sum(gains[place] for place in places))
    assert members == [1, 0, 3]


def test_greedy_soup_is_not_worse_than_its_best_member(compose, tmp_path, trained_network):
    """Of a good network and untrained ones, it keeps only the good one."""
    sizes = {"channels": [16, 16, 32, 32], "dense": [32, 16]}
    path = save(tmp_path / "good.ckpt", 0, sizes=sizes)
    content = torch.load(path, weights_only=True)
    content["state_dict"] = {f"network.{name}": value for name, value in trained_network.state_dict().items()}
    torch.save(content, path)
    others = [save(tmp_path / f"{seed}.ckpt", seed, sizes=sizes) for seed in (1, 2)]
    metrics = soup(compose, tmp_path, [others[0], path, others[1]], "method=greedy")
    assert metrics["chosen"] == [str(path)]
    assert metrics["accuracy"] > 0.5


def test_does_not_change_its_members(compose, tmp_path, members):
    before = [path.read_bytes() for path in members]
    soup(compose, tmp_path, members)
    assert [path.read_bytes() for path in members] == before


def test_no_member_is_replaced(compose, members):
    before = members[0].read_bytes()
    words = (f"ckpt=[{members[0]},{members[1]}]", f"out={members[0]}")
    with pytest.raises(FerError, match=r"out=.*0\.ckpt is one of the checkpoints that are averaged"):
        make_soup(compose("soup", *DATA, *words), members[0].parent / "run")
    assert members[0].read_bytes() == before


def test_refuses_other_architectures_and_says_which(compose, tmp_path, members):
    other = save(tmp_path / "other.ckpt", 0, sizes={"channels": [4, 4, 4, 8], "dense": [8]})
    with pytest.raises(FerError, match=r"other\.ckpt and .*0\.ckpt have different architectures"):
        soup(compose, tmp_path, [members[0], other])
    assert not (tmp_path / "soup.ckpt").exists()


def test_refuses_averages_in_the_place_of_raw_weights(compose, tmp_path):
    members = [save(tmp_path / f"{seed}.ckpt", seed, weight_averaging={"decay": 0.998}) for seed in (0, 1)]
    with pytest.raises(FerError, match=r"0\.ckpt contains only averaged weights"):
        soup(compose, tmp_path, members)
    soup(compose, tmp_path, members, "weights=averaged")


@pytest.mark.parametrize(
    ("word", "part"),
    [
        ("method=best", "method must be uniform or greedy, got 'best'"),
        ("weights=ema", "weights must be averaged or raw, got 'ema'"),
        ("faces=1", "faces must be an integer >= 2, got 1"),
        ("seed=x", "seed must be an integer >= 0, got 'x'"),
        ("out=soup.pt", r"out must be a path that ends in \.ckpt, got 'soup\.pt'"),
    ],
)
def test_refuses(compose, word, part):
    with pytest.raises(FerError, match=part):
        check("soup", compose("soup", "ckpt=[a,b]", "out=c.ckpt", word))


def test_one_checkpoint_is_no_soup(tmp_path, members):
    process = run_command("fer_lightning.soup", f"ckpt={members[0]}", "out=c.ckpt", cwd=tmp_path)
    assert_one_sentence(process, "ckpt must be a list of at least two checkpoints")
