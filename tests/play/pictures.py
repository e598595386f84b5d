"""Pictures for the fake camera, 640x480. The face is of scikit-image's astronaut."""

from PIL import Image, ImageOps

from tests.helpers import SKIMAGE

SIZE = (640, 480)


def smiling() -> Image.Image:
    """One smiling face."""
    return Image.open(SKIMAGE / "astronaut.png").convert("RGB").crop((60, 0, 420, 270)).resize(SIZE)


def two_faces() -> Image.Image:
    """The same face twice, the larger one on the left."""
    scene = Image.new("RGB", SIZE, (70, 70, 70))
    portrait = Image.open(SKIMAGE / "astronaut.png").convert("RGB").crop((80, 0, 400, 320))
    scene.paste(portrait.resize((360, 360)), (0, 60))
    scene.paste(ImageOps.mirror(portrait).resize((270, 270)), (365, 100))
    return scene


def wall() -> Image.Image:
    """No face."""
    return Image.new("RGB", SIZE, (128, 128, 128))


def dim() -> Image.Image:
    """The smiling face with hardly any contrast."""
    return Image.eval(smiling(), lambda value: 60 + value // 16)
