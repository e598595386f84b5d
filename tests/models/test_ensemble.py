import pytest
import torch
from torch import nn

from fer_lightning.errors import FerError
from fer_lightning.models.ensemble import AverageOverNetworks, AverageOverViews
from fer_lightning.models.networks import ExpressionCNN


class Corner(nn.Module):
    """Logits that tell which pixels it was shown: brightness of the top left, and of the top right."""

    def forward(self, images):
        return torch.stack([images[:, 0, 0, 0], images[:, 0, 0, -1]], dim=1)


def test_networks_are_averaged_by_their_probabilities():
    networks = [nn.Sequential(nn.Flatten(), nn.Linear(48 * 48, 7)) for _ in range(3)]
    images = torch.rand(5, 1, 48, 48)
    expected = torch.stack([network(images).softmax(dim=1) for network in networks]).mean(dim=0)
    torch.testing.assert_close(AverageOverNetworks(networks)(images).softmax(dim=1), expected)


def test_flip_does_not_see_left_from_right():
    images = torch.rand(5, 1, 48, 48)
    average = AverageOverViews(Corner(), "flip")
    torch.testing.assert_close(average(images), average(images.flip(-1)))
    answers = Corner()(images).softmax(dim=1)
    torch.testing.assert_close(average(images).exp(), (answers + answers.flip(1)) / 2)


def test_ten_crops_are_the_corners_the_centre_and_their_mirrors():
    seen = []

    class Watcher(nn.Module):
        def forward(self, images):
            seen.append((int(images[0, 0, 0, 0]), int(images[0, 0, 0, -1])))
            assert images.shape[-2:] == (44, 44)
            return torch.zeros(len(images), 7)

    images = torch.arange(48 * 48.0).view(1, 1, 48, 48)
    AverageOverViews(Watcher(), "ten_crop")(images)
    corners = [48 * top + left for top, left in ((0, 0), (0, 4), (4, 0), (4, 4), (2, 2))]
    assert sorted(seen) == sorted([(c, c + 43) for c in corners] + [(c + 43, c) for c in corners])


def test_the_network_takes_the_crops():
    network = ExpressionCNN(channels=[4, 4, 4, 4], dense=[4]).eval()
    images = torch.rand(2, 1, 48, 48)
    probabilities = AverageOverViews(network, "ten_crop")(images).exp()
    torch.testing.assert_close(probabilities.sum(dim=1), torch.ones(2))


def test_unknown_kind():
    with pytest.raises(FerError, match="tta=twice is none of none, flip, ten_crop"):
        AverageOverViews(Corner(), "twice")
