import pytest
import torch
from torch import nn

from fer_lightning.errors import FerError
from fer_lightning.models.ensemble import CROSSED, AverageOverNetworks, AverageOverViews, views_of
from fer_lightning.models.networks import ExpressionCNN


class Corner(nn.Module):
    """A network whose logits are the brightness of the top left and of the top right."""

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


@pytest.mark.parametrize(("tta", "count"), [(["flip"], 2), (["shift"], 5), (["zoom", "flip"], 4), (list(CROSSED), 20)])
def test_a_list_crosses_its_transforms(tta, count):
    views = views_of(tta)(48)
    faces = torch.rand(1, 1, 48, 48)
    seen = torch.cat([view(faces) for view in views])
    assert seen.shape == (count, 1, 48, 48)
    assert torch.equal(seen[0], faces[0])  # the face itself is one of them
    assert len({each.numpy().tobytes() for each in seen}) == count


def test_shifts_move_by_two_pixels_and_repeat_the_border():
    faces = torch.rand(2, 1, 48, 48)
    left, right, up, down = (view(faces) for view in views_of(["shift"])(48)[1:])
    torch.testing.assert_close(left[..., :-2], faces[..., 2:], atol=1e-4, rtol=0)
    torch.testing.assert_close(right[..., 2:], faces[..., :-2], atol=1e-4, rtol=0)
    torch.testing.assert_close(up[..., :-2, :], faces[..., 2:, :], atol=1e-4, rtol=0)
    torch.testing.assert_close(down[..., 2:, :], faces[..., :-2, :], atol=1e-4, rtol=0)
    torch.testing.assert_close(down[..., 0, :], faces[..., 0, :], atol=1e-4, rtol=0)


def test_zoom_enlarges_about_the_centre():
    face = torch.zeros(1, 1, 48, 48)
    face[..., 10:38, 10:38] = 1
    zoomed = views_of(["zoom"])(48)[1](face)
    assert zoomed[0, 0, 24].sum().item() == pytest.approx(28 * 1.08, abs=0.1)
    torch.testing.assert_close(zoomed, zoomed.flip(-1), atol=1e-4, rtol=0)


@pytest.mark.parametrize("tta", ["twice", "shift", [], ["flip", "ten_crop"], ["flip", "flip"], 3])
def test_unknown_views(tta):
    with pytest.raises(FerError, match=r"tta must be none, flip, ten_crop or a list of flip, shift, zoom, got"):
        AverageOverViews(Corner(), tta)
