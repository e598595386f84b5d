import dataclasses

import numpy as np
import pytest
from PIL import Image

from fer_lightning.errors import FerError
from fer_lightning.inference import face_detection
from fer_lightning.inference.blazeface import FULL_RANGE, Detection
from fer_lightning.inference.boxes import overlap, overlaps, overlaps_of_smaller
from fer_lightning.inference.face_crop import crop_face
from fer_lightning.inference.face_detection import FaceDetector
from fer_lightning.inference.squares import square
from tests.helpers import SKIMAGE


@pytest.fixture(scope="module")
def detector():
    return FaceDetector(threads=1)


@pytest.fixture(scope="module")
def astronaut():
    """NASA's portrait of Eileen Collins, 512x512; her face is 95 pixels wide."""
    return Image.open(SKIMAGE / "astronaut.png").convert("RGB")


def centre(face):
    return (face.left + face.right) / 2, (face.top + face.bottom) / 2


def test_one_face(detector, astronaut):
    (face,) = detector.detect(astronaut)
    assert centre(face) == pytest.approx((226, 129), abs=8)
    assert face.right - face.left == pytest.approx(95, abs=15)
    assert face.score > 0.8
    (left_x, left_y), (right_x, right_y) = face.eyes
    assert (left_x, left_y) == pytest.approx((204, 107), abs=8)
    assert (right_x, right_y) == pytest.approx((247, 110), abs=8)


@pytest.mark.parametrize("name", ["rocket.jpg", "coffee.png", "brick.png", "text.png", "hubble_deep_field.jpg"])
def test_no_face_where_there_is_none(detector, name):
    assert detector.detect(Image.open(SKIMAGE / name).convert("RGB")) == []


@pytest.mark.parametrize("size", [(1, 1), (3, 700), (2000, 10), (12_000, 3)])
def test_shapes_that_hold_no_face(detector, size):
    assert detector.detect(Image.new("RGB", size, "grey")) == []


def test_all_faces_of_a_group_small_and_large(detector, astronaut):
    group = Image.new("RGB", (1500, 900), (120, 140, 110))
    portrait = astronaut.crop((100, 0, 360, 300))
    expected = []
    for index, width in enumerate((90, 110, 130, 160, 200, 280)):
        copy = portrait.resize((width, round(width * 300 / 260)))
        if index % 2:
            copy = copy.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        x, y = 30 + 240 * index, 60 + 90 * (index % 3)
        group.paste(copy, (x, y))
        middle = 126 / 260 * width
        expected.append((x + (width - middle if index % 2 else middle), y + 129 / 260 * width))
    found = detector.detect(group)
    assert len(found) == 6
    widths = [face.right - face.left for face in found]
    assert widths == sorted(widths, reverse=True)
    for place in expected:
        assert min(np.hypot(*np.subtract(centre(face), place)) for face in found) < 12


def test_a_crowd_of_very_small_faces(detector, astronaut):
    """Faces of 28 pixels lead to a search for those of 16 pixels, which larger tiles miss."""
    crowd = Image.new("RGB", (800, 600), (120, 140, 110))
    small, smaller = (
        astronaut.crop((100, 0, 360, 300)).resize(size, Image.Resampling.LANCZOS) for size in ((78, 90), (44, 51))
    )
    crowd.paste(small, (20, 20))
    assert len(detector.detect(crowd)) == 1
    for column in range(10):
        for row in range(4):
            crowd.paste(smaller, (20 + 74 * column, 140 + 110 * row))
    assert 37 <= len(detector.detect(crowd)) <= 41


@pytest.mark.parametrize("turn", [90, 180, 270])
def test_a_turned_picture(detector, astronaut, turn):
    (straight,) = detector.detect(astronaut)
    turned = astronaut.rotate(turn)
    (face,) = detector.detect(turned, turned=True)
    x, y = (value - 256 for value in centre(straight))
    places = {90: (y, -x), 180: (-x, -y), 270: (-y, x)}
    assert np.subtract(centre(face), 256) == pytest.approx(places[turn], abs=8)
    assert (face.tilt - straight.tilt + turn + 180) % 360 - 180 == pytest.approx(0, abs=8)
    upright, again = (crop_face(*each).astype(float) for each in ((astronaut, straight), (turned, face)))
    assert np.corrcoef(upright.ravel(), again.ravel())[0, 1] > 0.9


@pytest.mark.parametrize("name", ["rocket.jpg", "coffee.png", "brick.png"])
def test_no_face_whichever_way_up(detector, name):
    assert detector.detect(Image.open(SKIMAGE / name).convert("RGB"), turned=True) == []


def test_no_tiles_where_one_large_face_is_all_there_is(detector, astronaut, monkeypatch):
    looks = []
    look = detector._full.look
    monkeypatch.setattr(detector._full, "look", lambda *words: looks.append(words) or look(*words))
    assert len(detector.detect(astronaut)) == 1
    assert len(looks) == 1
    small = Image.new("RGB", (1500, 1500), (120, 140, 110))
    small.paste(astronaut, (20, 20))
    assert len(detector.detect(small)) == 1
    assert len(looks) > 9


def test_a_face_that_the_edge_cuts(detector, astronaut):
    """A third of the face lies beyond the picture."""
    (whole,) = detector.detect(astronaut)
    left = round(whole.left + (whole.right - whole.left) / 3)
    (face,) = detector.detect(astronaut.crop((left, 0, 512, 512)))
    assert overlap(whole.box, (face.left + left, face.top, face.right + left, face.bottom)) > 0.4


def test_a_square_beyond_the_picture():
    picture = Image.fromarray(np.arange(4, dtype=np.uint8).repeat(3).reshape(1, 4, 3).repeat(4, axis=0))
    black, mirrored = (
        np.asarray(square(picture, -2, 0, 8, 8, mirrored=each))[:, :, 0].tolist() for each in (False, True)
    )
    assert black == [[0, 0, 0, 1, 2, 3, 0, 0]] * 4 + [[0] * 8] * 4
    assert mirrored == [[1, 0, 0, 1, 2, 3, 3, 2]] * 8


def test_overlaps_of_many_boxes():
    boxes = [(0.0, 0.0, 4.0, 4.0), (2.0, 2.0, 4.0, 4.0), (5.0, 5.0, 6.0, 6.0)]
    box = (2.0, 0.0, 6.0, 4.0)
    assert overlaps(np.array(boxes), box).tolist() == pytest.approx([overlap(each, box) for each in boxes])
    assert overlaps_of_smaller(np.array(boxes), box).tolist() == [0.5, 1.0, 0.0]


def test_a_face_that_fills_the_picture(detector, astronaut):
    assert len(detector.detect(astronaut.crop((170, 60, 285, 185)))) == 1


def test_a_large_picture_is_read_as_a_small_one_is(detector, astronaut):
    large = astronaut.resize((4096, 4096), Image.Resampling.BICUBIC)
    (small_face,), (face,) = detector.detect(astronaut, small_faces=False), detector.detect(large, small_faces=False)
    assert np.array(face.box) == pytest.approx(8 * np.array(small_face.box), abs=8)
    small_crop, crop = crop_face(astronaut, small_face).astype(float), crop_face(large, face).astype(float)
    assert np.corrcoef(small_crop.ravel(), crop.ravel())[0, 1] > 0.98


def test_a_tilted_face_is_turned_upright(detector, astronaut):
    (straight,) = detector.detect(astronaut)
    upright = crop_face(astronaut, straight).astype(float)
    for angle in (-25, 25):
        turned = astronaut.rotate(angle, Image.Resampling.BICUBIC)
        (face,) = detector.detect(turned)
        assert face.tilt == pytest.approx(straight.tilt - angle, abs=8)
        again = crop_face(turned, face).astype(float)
        assert np.corrcoef(upright.ravel(), again.ravel())[0, 1] > 0.7


def test_framing():
    """The crop is 1.19 boxes wide, and its centre lies 0.07 crops above the box's."""
    picture = np.zeros((200, 200), np.uint8)
    face = Detection(50, 70, 110, 130, 0.9, ((70, 90), (90, 90)))
    side = 1.19 * 60
    left, top = 80 - side / 2, 100 - 0.07 * side - side / 2
    picture[round(top) : round(top + side), round(left) : round(left + side)] = 255
    crop = crop_face(Image.fromarray(picture).convert("RGB"), face)
    assert (crop.shape, crop.dtype) == ((48, 48), np.uint8)
    assert crop[2:-2, 2:-2].min() > 250
    wider = Detection(44, 64, 116, 136, 0.9, ((70, 90), (90, 90)))
    assert crop_face(Image.fromarray(picture).convert("RGB"), wider)[:3].max() < 10


def test_beyond_the_picture_its_border_is_repeated():
    picture = Image.new("RGB", (40, 40), "white")
    face = Detection(-20, -20, 40, 40, 0.9, ((0, 0), (20, 0)))
    assert (crop_face(picture, face) == 255).all()


def test_a_large_face_that_rounding_keeps_above_the_limit():
    """Shrunk to 400 pixels, this box still has 400.00000000000006."""
    box = (1286.6414794921875, 130.76026916503906, 1857.10107421875, 701.2197875976562)
    face = Detection(*box, 0.9, ((1450, 350), (1700, 350)))
    assert (crop_face(Image.new("RGB", (1900, 800), "white"), face) == 255).all()


def test_says_that_the_detector_is_missing(monkeypatch, tmp_path):
    missing = dataclasses.replace(FULL_RANGE, file=tmp_path / "missing.tflite")
    monkeypatch.setattr(face_detection, "FULL_RANGE", missing)
    with pytest.raises(FerError, match=r"missing.tflite is missing: reinstall .*, or turn face detection off"):
        FaceDetector()
