from dataclasses import replace

import numpy as np
import pytest
from PIL import Image

from fer_lightning.constants import LABELS
from fer_lightning.inference.annotate import annotate
from fer_lightning.inference.reader import Face

PROBABILITIES = dict(zip(LABELS, (0.1, 0.1, 0.1, 0.4, 0.1, 0.1, 0.1), strict=True))


def faces(count):
    """In a row of boxes of 60 pixels, 40 pixels apart."""
    boxes = [(20.0 + 100 * index, 100.0, 80.0 + 100 * index, 160.0) for index in range(count)]
    return [
        Face(box, 0.9, PROBABILITIES, None, np.zeros((48, 48), np.uint8), number) for number, box in enumerate(boxes, 1)
    ]


def drawn(count):
    """bool [H, W]: which pixels of a grey picture are drawn upon."""
    picture = Image.new("RGB", (100 * count + 20, 400), "grey")
    return (np.asarray(annotate(picture, faces(count))) != np.asarray(picture)).any(axis=2)


def test_bars_for_few_faces():
    assert drawn(8)[170:].mean() > 0.1


@pytest.mark.parametrize("count", [9, 30])
def test_a_line_for_each_of_many_faces(count):
    changed = drawn(count)
    assert not changed[170:].any()
    assert not changed[:80].any()
    assert not changed[110:150, 24:76].any()  # the face itself
    assert changed[91:99, 20:60].all()


def test_only_a_number_for_the_small_faces_of_a_crowd():
    picture = Image.new("RGB", (400, 400), "grey")
    crowd = [replace(face, box=(x, 100.0, x + 16, 116.0)) for face, x in zip(faces(9), range(10, 370, 40), strict=True)]
    changed = (np.asarray(annotate(picture, crowd)) != np.asarray(picture)).any(axis=2)
    assert changed[92:98, 12:18].all()
    assert not changed[:, 44:48].any()


def test_the_number_is_drawn():
    picture = Image.new("RGB", (400, 400), "grey")
    (face,) = faces(1)
    one, two = (np.asarray(annotate(picture, [replace(face, number=number)])) for number in (1, 2))
    assert (one != two).any()
