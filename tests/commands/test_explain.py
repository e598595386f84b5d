import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

from fer_lightning.commands.explain import _label, choose
from fer_lightning.constants import LABELS
from fer_lightning.data.faces import UNKNOWN
from fer_lightning.models.attribution import heat
from fer_lightning.models.networks import PhoneCNN
from tests.helpers import assert_one_sentence, csv_text, run_command

pytestmark = pytest.mark.slow


def test_heat_lies_where_the_answer_comes_from():
    """A network whose class 0 is the brightness of the picture's left, and class 1 of its right."""
    convolution = nn.Conv2d(1, 2, 3, padding=1, bias=False)
    convolution.weight.data.zero_()
    convolution.weight.data[:, 0, 1, 1] = 1
    head = nn.Linear(2 * 48 * 48, 2, bias=False)
    weights = torch.zeros(2, 2, 48, 48)
    weights[0, 0, :, :24] = 1
    weights[1, 1, :, 24:] = 1
    head.weight.data = weights.flatten(1)
    network = nn.Sequential(convolution, nn.BatchNorm2d(2), nn.ReLU(inplace=True), nn.Flatten(), head).eval()
    image = torch.zeros(1, 1, 48, 48, dtype=torch.uint8)
    image[..., :10] = 255
    found = heat(network, image, torch.tensor([0]))[0]
    assert (found.min(), found.max()) == (0, 1)
    assert found[:, :8].mean() > 0.9
    assert found[:, 14:].mean() < 0.1


def test_both_networks(trained_network):
    images = torch.randint(0, 256, (3, 1, 48, 48), dtype=torch.uint8)
    for network in (trained_network, PhoneCNN().eval()):
        found = heat(network, images, torch.tensor([0, 1, 2]))
        assert found.shape == (3, 48, 48)
        assert found.min() >= 0
        assert found.max() <= 1
        assert not found.requires_grad


def test_chooses_some_of_each_class():
    labels = np.array([0, 1, 1, 0, 1, 0, 6])
    assert choose(labels, np.array([1, 2, 3, 4, 5, 6]), 2, 7).tolist() == [3, 5, 1, 2, 6]


def test_the_command(checkpoint, faces, tmp_path):
    lines = [line for line in csv_text(faces).splitlines() if not line.endswith("PrivateTest")]
    (tmp_path / "fer2013.csv").write_text("\n".join(lines) + "\n")
    words = (f"ckpt={checkpoint}", f"data.dir={tmp_path}", f"hydra.run.dir={tmp_path}/out")
    process = run_command("fer_lightning.explain", *words, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert Image.open(tmp_path / "out" / "explain.png").width > 500
    # the rows of the command line do not need a test split
    assert run_command("fer_lightning.explain", *words, "rows=[1,2]", "subset=test", cwd=tmp_path).returncode == 0
    for word, message in (
        ("rows=[1,99]", f"rows must be integers from 0 to {len(lines) - 2}, got 99"),
        ("faces=0", "faces must be an integer from 1 to 20, got 0"),
    ):
        assert_one_sentence(run_command("fer_lightning.explain", *words, word, cwd=tmp_path), message)


def test_a_row_without_a_label():
    assert [_label(code, LABELS) for code in (3, UNKNOWN)] == ["happy", "no label"]


def test_missing_checkpoint(tmp_path):
    words = ("ckpt=nothing.ckpt", "data=sample")
    assert_one_sentence(run_command("fer_lightning.explain", *words, cwd=tmp_path), "no such file")
