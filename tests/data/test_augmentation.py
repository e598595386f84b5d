import io

import numpy as np
import pytest
import torch
from PIL import Image

from fer_lightning.data.augmentation import Augmentation, RandomAffine
from fer_lightning.data.degrade import _enlarging, _quantised, _shrinking
from fer_lightning.data.loaders import Batch

OFF = {"degrees": 0.0, "translate": 0.0, "scale": 0.0, "flip": 0.0}


def assert_same_pixels(changed, images):
    """Equal up to the rounding of an interpolation."""
    assert changed.dtype == torch.float32
    torch.testing.assert_close(changed, images.float(), atol=0.01, rtol=0)


@pytest.fixture
def images():
    """A smooth image, so that a moved one can be compared: uint8 [64, 1, 48, 48], all equal."""
    y, x = torch.meshgrid(torch.linspace(0, 1, 48), torch.linspace(0, 1, 48), indexing="ij")
    return (255 * (0.3 * x + 0.6 * y**2)).to(torch.uint8).expand(64, 1, 48, 48).contiguous()


def test_off_changes_nothing(images):
    assert_same_pixels(RandomAffine(**OFF)(images.float()), images)


def test_flip(images):
    assert_same_pixels(RandomAffine(**{**OFF, "flip": 1.0})(images.float()), images.flip(-1))


def test_flip_probability(images):
    torch.manual_seed(0)
    moved = RandomAffine(**{**OFF, "flip": 0.25})(images.repeat(16, 1, 1, 1).float())
    flipped = ((moved - images[0]).abs() > 1).flatten(1).any(1)
    assert 0.2 < flipped.float().mean() < 0.3


@pytest.mark.parametrize("key", ["degrees", "translate", "scale"])
def test_each_image_has_its_own_draw(images, key):
    value = {"degrees": 10.0, "translate": 0.1, "scale": 0.1}[key]
    moved = RandomAffine(**{**OFF, key: value})(images.float())
    assert moved.shape == images.shape
    assert len({bytes(image.numpy().tobytes()) for image in moved}) > 60


def test_shift_stays_within_its_range_and_repeats_the_border():
    """A vertical edge moves by up to a tenth of the side, and the border is repeated."""
    images = torch.zeros(200, 1, 48, 48)
    images[..., 24:] = 255
    torch.manual_seed(0)
    moved = RandomAffine(**{**OFF, "translate": 0.1})(images)
    edges = (moved[:, 0, 24] > 127).float().argmax(dim=1)
    assert edges.min() in (19, 20)
    assert edges.max() in (28, 29)
    assert (moved[:, 0, :, 0].round() == 0).all()
    assert (moved[:, 0, :, -1].round() == 255).all()


def test_zoom_scales_about_the_centre_by_its_range():
    images = torch.zeros(200, 1, 48, 48)
    images[..., 14:34] = 255  # 20 wide
    torch.manual_seed(0)
    widths = (RandomAffine(**{**OFF, "scale": 0.1})(images)[:, 0, 24] > 127).sum(dim=1)
    assert widths.min() == 18
    assert widths.max() == 22


def test_rotation_stays_within_its_range():
    """The end of a horizontal bar rises or falls by half its length times the sine."""
    images = torch.zeros(300, 1, 48, 48)
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
        return RandomAffine()(images.float())

    assert torch.equal(draw(), draw())


# ---------------------------------------------------------------------------- the whole of it


@pytest.fixture
def labels():
    return torch.arange(64) % 7


def test_the_defaults_are_the_notebooks_four(images, labels):
    torch.manual_seed(1)
    expected = RandomAffine()(images.float())
    torch.manual_seed(1)
    changed, same, _ = Augmentation()(Batch(images, labels))
    assert torch.equal(changed, expected)
    assert same is labels


def test_crops_are_central_and_to_the_same_scale(images, labels):
    augmentation = Augmentation(**OFF, size=40)
    assert_same_pixels(augmentation(Batch(images, labels))[0], images[..., 4:44, 4:44])
    assert_same_pixels(augmentation(Batch(images, labels), size=44)[0], images[..., 2:46, 2:46])


def test_contrast_keeps_the_mean(images, labels):
    images = images // 2 + 60  # away from black and white
    torch.manual_seed(0)
    changed = Augmentation(**OFF, contrast=0.3)(Batch(images, labels))[0]
    before = images.float()
    torch.testing.assert_close(changed.mean(dim=(1, 2, 3)), before.mean(dim=(1, 2, 3)), atol=0.5, rtol=0)
    ratio = changed.std(dim=(1, 2, 3)) / before.std(dim=(1, 2, 3))
    assert 0.69 < ratio.min() < 0.8
    assert 1.2 < ratio.max() < 1.31


def test_brightness_moves_the_mean_within_its_range(images, labels):
    torch.manual_seed(0)
    changed = Augmentation(**OFF, brightness=0.1)(Batch(images // 2 + 60, labels))[0]
    moved = changed.mean(dim=(1, 2, 3)) - (images // 2 + 60).float().mean()
    assert moved.abs().max() < 26
    assert moved.min() < -15
    assert moved.max() > 15


def test_light_stays_within_the_range_of_pixels(labels):
    images = torch.randint(0, 256, (64, 1, 48, 48), dtype=torch.uint8)
    changed = Augmentation(**OFF, contrast=1.0, brightness=1.0)(Batch(images, labels))[0]
    assert changed.min() == 0
    assert changed.max() == 255
    darkened = changed.mean(dim=(1, 2, 3))
    assert darkened.min() < 10


def test_erases_one_square_at_its_odds(labels):
    images = torch.full((640, 1, 48, 48), 7, dtype=torch.uint8)
    torch.manual_seed(0)
    painted = Augmentation(**OFF, random_erasing=0.5, erasing_size=12)(Batch(images, labels.repeat(10)))[0].round() != 7
    areas = painted.sum(dim=(1, 2, 3))
    assert 0.42 < (areas > 0).float().mean() < 0.58
    assert areas.max() == 12 * 12
    for mask in painted[areas > 0][:20, 0]:
        rows, columns = mask.any(dim=1).sum(), mask.any(dim=0).sum()
        assert mask.sum() == rows * columns  # a rectangle: a square, cut by the border
        assert max(rows, columns) <= 12


@pytest.mark.parametrize("kind", ["mixup", "cutmix"])
def test_mixing_mixes_labels_as_images(kind, labels):
    images = (labels * 30).to(torch.uint8).view(-1, 1, 1, 1).expand(64, 1, 48, 48).contiguous()
    torch.manual_seed(0)
    mixed, targets, _ = Augmentation(**OFF, **{kind: 1.0})(Batch(images, labels))
    assert (mixed.dtype, targets.dtype, targets.shape) == (torch.float32, torch.float32, (64, 7))
    torch.testing.assert_close(targets.sum(dim=1), torch.ones(64))
    # an image's brightness tells its label
    brightness = (targets * torch.arange(7) * 30).sum(dim=1)
    torch.testing.assert_close(mixed.mean(dim=(1, 2, 3)), brightness, atol=0.6, rtol=0)
    assert (targets.max(dim=1).values < 1).any()


def test_mixing_takes_eight_classes_and_votes(images):
    soft = torch.rand(64, 15)
    _, targets, _ = Augmentation(**OFF, mixup=1)(Batch(images, soft))  # an integer, as from augment.mixup=1
    assert targets.shape == (64, 15)
    _, targets, _ = Augmentation(**OFF, mixup=1.0)(Batch(images, torch.full((64,), 7)), classes=8)
    assert targets.shape == (64, 8)


def test_degrades_some_faces_each_by_its_own_draw(labels):
    torch.manual_seed(0)
    face = torch.randint(0, 256, (1, 1, 48, 48), dtype=torch.uint8)
    images = face.repeat(256, 1, 1, 1)
    changed, *_ = Augmentation(**OFF, degrade=0.25)(Batch(images, labels.repeat(4)))
    assert (changed.dtype, changed.shape) == (torch.float32, images.shape)
    touched = ((changed - face).abs() > 1).flatten(1).any(dim=1)
    assert 0.17 < touched.float().mean() < 0.33
    distinct = {each.numpy().tobytes() for each in changed[touched]}
    assert len(distinct) == touched.sum()


def test_degrading_keeps_what_is_smooth_and_loses_detail(images, labels):
    """A smooth picture stays itself up to the compression; a fine pattern becomes flat."""
    torch.manual_seed(0)
    smooth, *_ = Augmentation(**OFF, degrade=1.0)(Batch(images, labels))
    difference = smooth - images.float()
    assert difference.mean().abs() < 2
    assert difference.abs().mean() < 8
    fine = (torch.arange(48) % 2 * 255).to(torch.uint8).expand(64, 1, 48, 48).contiguous()
    assert Augmentation(**OFF, degrade=1.0)(Batch(fine, labels))[0].std() < 0.4 * fine.float().std()


def test_shrinks_to_12_to_32_pixels(images):
    sides = torch.tensor([12, 24, 32])
    shrunk = _shrinking(sides, 48) @ images[:3, 0].float()
    torch.testing.assert_close(_shrinking(sides, 48).sum(dim=2), torch.ones(3, 32))
    for index, side in enumerate(sides.tolist()):
        expected = images[0, 0].float().repeat_interleave(side, dim=0).view(side, 48, 48).mean(dim=1)
        torch.testing.assert_close(shrunk[index, :side], expected)
        assert (shrunk[index, side:] == shrunk[index, side - 1]).all()  # the border is repeated
    torch.testing.assert_close(_enlarging(sides, 48).sum(dim=2), torch.ones(3, 48))


def test_quantises_as_pillow_does():
    """Close to a JPEG of the same quality for an image of whole blocks."""
    torch.manual_seed(0)
    coarse = torch.randint(40, 216, (1, 1, 8, 8)).float()
    picture = torch.nn.functional.interpolate(coarse, size=(32, 32), mode="bilinear").round()[0]
    for quality in (20, 50, 80):
        file = io.BytesIO()
        Image.fromarray(picture[0].byte().numpy()).save(file, "jpeg", quality=quality)
        expected = torch.from_numpy(np.array(Image.open(file))).float()
        found = _quantised(picture, torch.tensor([float(quality)]))[0]
        assert (found - expected).abs().mean() < 0.8
        assert (found - picture[0]).abs().mean() > 1.5  # and something was lost


@pytest.mark.parametrize(
    "options",
    [
        {"contrast": 2},
        {"degrade": 1.5},
        {"random_erasing": -0.1},
        {"mixup": "yes"},
        {"size": 0},
        {"size": 49},
        {"erasing_size": 1.5},
    ],
)
def test_refuses(options):
    with pytest.raises(ValueError, match=next(iter(options))):
        Augmentation(**options)
