from fer_lightning.export.check.faces import choose
from PIL import Image

from fer_lightning.constants import LABELS
from tests.helpers import random_images


def test_faces_of_all_classes_are_compared(compose, tmp_path):
    """The rows of image folders are sorted by class."""
    for number, pixels in enumerate(random_images(42)):
        path = tmp_path / ("train", "val")[number % 2] / LABELS[number // 6] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels).save(path)
    compared, _ = choose(compose("evaluate", "ckpt=x", "data=folder", f"data.dir={tmp_path}").data, 7, seed=0)
    assert sorted(compared.labels.tolist()) == list(range(7))
