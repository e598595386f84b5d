import pytest
import torch

from fer_lightning.augment import RandomAffine

OFF = {"degrees": 0.0, "shift": 0.0, "zoom": 0.0, "flip": 0.0}


@pytest.fixture
def images():
    """Smooth, so that a moved picture can be compared; uint8 [64, 1, 48, 48], all alike."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 48), torch.linspace(0, 1, 48), indexing="ij")
    return (255 * (0.3 * x + 0.6 * y**2)).to(torch.uint8).expand(64, 1, 48, 48).contiguous()


def test_off_changes_nothing(images):
    assert torch.equal(RandomAffine(**OFF)(images), images)


def test_flip(images):
    assert torch.equal(RandomAffine(**{**OFF, "flip": 1.0})(images), images.flip(-1))


def test_flip_probability(images):
    torch.manual_seed(0)
    flipped = (RandomAffine(**{**OFF, "flip": 0.25})(images.repeat(16, 1, 1, 1)) != images[0]).flatten(1).any(1)
    assert 0.2 < flipped.float().mean() < 0.3


@pytest.mark.parametrize("key", ["degrees", "shift", "zoom"])
def test_each_image_has_its_own_draw(images, key):
    value = {"degrees": 10.0, "shift": 0.1, "zoom": 0.1}[key]
    moved = RandomAffine(**{**OFF, key: value})(images)
    assert moved.dtype == torch.uint8
    assert moved.shape == images.shape
    assert len({bytes(image.numpy().tobytes()) for image in moved}) > 60


def test_shift_stays_within_its_range_and_repeats_the_border():
    """A vertical edge moves by up to a tenth of the side; what comes into view continues the border."""
    images = torch.zeros(200, 1, 48, 48, dtype=torch.uint8)
    images[..., 24:] = 255
    torch.manual_seed(0)
    moved = RandomAffine(**{**OFF, "shift": 0.1})(images)
    edges = (moved[:, 0, 24] > 127).float().argmax(dim=1)
    assert edges.min() in (19, 20)
    assert edges.max() in (28, 29)
    assert (moved[:, 0, :, 0] == 0).all()
    assert (moved[:, 0, :, -1] == 255).all()


def test_zoom_scales_about_the_centre_by_its_range():
    images = torch.zeros(200, 1, 48, 48, dtype=torch.uint8)
    images[..., 14:34] = 255  # 20 wide
    torch.manual_seed(0)
    widths = (RandomAffine(**{**OFF, "zoom": 0.1})(images)[:, 0, 24] > 127).sum(dim=1)
    assert widths.min() == 18
    assert widths.max() == 22


def test_rotation_stays_within_its_range():
    """The end of a horizontal bar rises or falls by half its length times the sine."""
    images = torch.zeros(300, 1, 48, 48, dtype=torch.uint8)
    images[..., 23:25, :] = 255
    torch.manual_seed(0)
    moved = RandomAffine(**{**OFF, "degrees": 10.0})(images)
    heights = moved[:, 0, :, 47].float().argmax(dim=1)
    rise = 23.5 * 0.1763  # tan(10 degrees)
    assert abs(heights.min() - (23.5 - rise)) < 1.5
    assert abs(heights.max() - (23.5 + rise)) < 1.5


def test_seeded(images):
    def draw():
        torch.manual_seed(5)
        return RandomAffine()(images)

    assert torch.equal(draw(), draw())
