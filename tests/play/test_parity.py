"""The page's JavaScript finds and reads faces as fer_lightning.inference does."""

import json
import math

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps

from fer_lightning.constants import SHIPPED_BUNDLES
from fer_lightning.data.synthetic import draw_sample
from fer_lightning.inference import blazeface, face_crop, squares
from fer_lightning.inference.blazeface import SHORT_RANGE, Detection
from fer_lightning.inference.bundle_files import shipped_bundle
from fer_lightning.inference.face_crop import crop_face
from fer_lightning.inference.reader import ExpressionReader, doubt_about
from tests.helpers import SKIMAGE
from tests.play.conftest import LITERT_WASM, raw, run_node

pytestmark = pytest.mark.slow

SIZES = [(640, 480), (480, 640), (48, 48), (1280, 720), (3001, 1999), (97, 31), (4000, 60)]
REPEATS = 40  # tensors that were not deleted would add 20 MB


def photo(name: str, size: tuple[int, int]) -> Image.Image:
    return ImageOps.fit(Image.open(SKIMAGE / name).convert("RGB"), size, Image.Resampling.LANCZOS)


# shrunk to 400 pixels, it still has 400.00000000000006
LARGE = Detection(
    1286.6414794921875, 130.76026916503906, 1857.10107421875, 701.2197875976562, 0.9, ((1450.0, 350.0), (1700.0, 350.0))
)


def random_detections(rng: np.random.Generator, size: tuple[int, int], count: int) -> list[Detection]:
    """Boxes of all sizes, some beyond the picture, upright and tilted."""
    found = []
    for index in range(count):
        side = float(np.float32(rng.uniform(10, 1.2 * max(size))))
        left, top = (float(np.float32(rng.uniform(0, length) - side / 2)) for length in size)
        tilt = 0.0 if index == 0 else math.radians(rng.uniform(-60, 60))
        x, y, half = left + side / 2, top + 0.4 * side, 0.2 * side
        eyes = (
            (x - half * math.cos(tilt), y - half * math.sin(tilt)),
            (x + half * math.cos(tilt), y + half * math.sin(tilt)),
        )
        found.append(Detection(left, top, left + side, top + side * rng.uniform(0.9, 1.1), 0.9, eyes))
    return found


@pytest.fixture(scope="module")
def ported(node, tmp_path_factory):
    """The values of Python and JavaScript for the same pictures, boxes and squares."""
    folder = tmp_path_factory.mktemp("pictures")
    rng = np.random.default_rng(0)
    pictures, crops, parts = [], [], []
    for index, size in enumerate(SIZES):
        picture = photo("astronaut.png" if index % 2 else "coffee.png", size)
        found = [*random_detections(rng, size, 6), LARGE]
        sides = [float(rng.uniform(5, 2 * max(size))) for _ in range(6)]
        places = [(float(rng.uniform(-side, size[0])), float(rng.uniform(-side, size[1])), side) for side in sides]
        crops.append([crop_face(picture, face) for face in found])
        parts.append([np.asarray(squares.square(picture, *place, SHORT_RANGE.size)) for place in places])
        described = [{"box": face.box, "score": face.score, "eyes": face.eyes} for face in found]
        pictures.append(raw(picture, folder / f"{index}.rgb") | {"faces": described, "squares": places})
    tilings = [(*size, finest) for size in SIZES for finest in (2, 8)]
    answer = run_node(node, "crops.mjs", given={"pictures": pictures, "sizes": tilings})
    return crops, parts, tilings, answer


def test_crops_are_equal_to_the_last_pixel(ported):
    crops, _, _, answer = ported
    for size, expected, result in zip(SIZES, crops, answer["results"], strict=True):
        for index, (one, other) in enumerate(zip(expected, result["crops"], strict=True)):
            np.testing.assert_array_equal(one.ravel(), other, err_msg=f"{size}, face {index}")


def test_the_detector_is_shown_equal_squares(ported):
    _, parts, _, answer = ported
    for size, expected, result in zip(SIZES, parts, answer["results"], strict=True):
        for one, other in zip(expected, result["squares"], strict=True):
            np.testing.assert_array_equal(one.ravel(), other, err_msg=str(size))


def test_anchors_and_regions(ported):
    _, _, tilings, answer = ported
    np.testing.assert_array_equal(
        np.reshape(answer["anchors"], (-1, 2)).astype(np.float32), blazeface._anchors(SHORT_RANGE.grids)
    )
    for tiling, tiles in zip(tilings, answer["tiles"], strict=True):
        assert [tuple(tile) for tile in tiles] == list(squares.regions(*tiling))


def scenes() -> list[Image.Image]:
    """A face in many sizes, tilts, places and lights, two faces, drawn faces, and pictures without one."""
    rng = np.random.default_rng(1)
    astronaut = Image.open(SKIMAGE / "astronaut.png").convert("RGB")
    found = []
    for index in range(30):
        turned = astronaut.rotate(float(rng.uniform(-35, 35)), Image.Resampling.BICUBIC, fillcolor=(90, 90, 100))
        side = int(rng.uniform(150, 600))
        portrait = turned.resize((side, side), Image.Resampling.LANCZOS)
        if index % 2:
            portrait = ImageOps.mirror(portrait)
        lit = ImageEnhance.Contrast(ImageEnhance.Brightness(portrait).enhance(rng.uniform(0.5, 1.4)))
        scene = Image.new("RGB", (int(side * rng.uniform(1, 1.6)), int(side * rng.uniform(1, 1.3))), (40, 60, 50))
        scene.paste(lit.enhance(rng.uniform(0.6, 1.3)), (int(rng.uniform(0, scene.width - side + 1)), 0))
        found.append(scene)
    two = Image.new("RGB", (1100, 600), (70, 70, 70))
    two.paste(astronaut, (0, 40))
    two.paste(ImageOps.mirror(astronaut).resize((400, 400)), (620, 100))
    drawn = draw_sample(train=12, val=0, test=0, seed=2).pixels
    padded = [Image.fromarray(np.pad(pixels, 12, mode="edge")).resize((432, 432)).convert("RGB") for pixels in drawn]
    return [*found, two, *padded, photo("coffee.png", (640, 480)), Image.new("RGB", (640, 480), (128, 128, 128))]


@pytest.mark.parametrize("name", SHIPPED_BUNDLES)
def test_readings_agree_from_end_to_end(node, tmp_path, name):
    if not LITERT_WASM.is_dir():
        pytest.skip("needs LiteRT.js: make setup")
    reader = ExpressionReader(name)
    pictures = scenes()
    expected = [reader.read(picture, small_faces=False) for picture in pictures]
    bundle = shipped_bundle(name)
    golden = json.loads((bundle / "golden.json").read_text())
    given = {
        "repeats": REPEATS,
        "pictures": [raw(picture, tmp_path / f"{index}.rgb") for index, picture in enumerate(pictures)],
        "golden": golden,
    }
    words = (LITERT_WASM, SHORT_RANGE.file, bundle / "FER2013.tflite")
    answer = run_node(node, "read.mjs", *words, given=given)
    assert answer["difference"] <= golden["tolerances"]["FER2013.tflite"]
    assert answer["growth"] == 0  # tensors lie outside the garbage collector's reach
    boxes, differences = [], []
    for one, other in zip(expected, answer["answers"], strict=True):
        assert len(one) == len(other)
        for face, ported in zip(one, other, strict=True):
            boxes.append(np.abs(np.subtract(face.box, ported["box"])).max())
            differences.append(np.abs(np.subtract(list(face.probabilities.values()), ported["probabilities"])).max())
            assert doubt_about(face.crop) == ported["doubt"]  # the game does not know the doubt "small"
    assert len(differences) >= 40
    assert max(boxes) <= 1
    assert np.median(differences) <= 0.005
    assert np.mean(np.array(differences) <= 0.02) >= 0.98


def test_the_bundle_says_how_faces_are_framed():
    framing = json.loads((shipped_bundle() / "model.json").read_text())["preprocessing"]["framing"]
    assert (framing["side_in_boxes"], framing["shift_down_in_sides"]) == (
        face_crop.CROP_SIDE,
        face_crop.CROP_DOWN,
    )
    assert framing["in_words"] in (shipped_bundle() / "README.md").read_text()
