import numpy as np

from fer_lightning.constants import LABELS
from fer_lightning.data.synthetic import EXPRESSIONS, draw_face, draw_sample


def test_seeded():
    first, again, other = (draw_sample(14, 7, 7, seed).pixels for seed in (0, 0, 1))
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_form():
    faces = draw_sample(70, 14, 7, 0)
    assert faces.pixels.shape == (91, 48, 48)
    assert faces.pixels.dtype == np.uint8
    assert np.bincount(faces.usage).tolist() == [70, 14, 7]
    for code, count in enumerate((10, 2, 1)):
        assert np.bincount(faces.labels[faces.usage == code]).tolist() == [count] * 7


def test_every_label_has_its_expression():
    assert set(EXPRESSIONS) == set(LABELS)


def test_faces_vary():
    rng = np.random.default_rng(0)
    faces = np.stack([draw_face("happy", rng) for _ in range(20)])
    assert len(np.unique(faces.reshape(20, -1), axis=0)) == 20
    assert faces.mean(axis=(1, 2)).std() > 10  # light and skin
