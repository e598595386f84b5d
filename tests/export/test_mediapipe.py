import zipfile

import numpy as np
import pytest

from fer_lightning.constants import LABELS
from fer_lightning.inference.tflite_model import TFLiteModel

pytestmark = pytest.mark.slow


def test_mediapipe_reads_faces_by_the_metadata(bundle, faces):
    """The file tells MediaPipe how to scale the image, to divide by 255, and how the classes are called."""
    import mediapipe  # takes five seconds, and is imported by each worker if the module does it
    from mediapipe.tasks.python import BaseOptions, vision

    path = bundle / "mediapipe" / "FER2013_rgb.tflite"
    options = vision.ImageClassifierOptions(base_options=BaseOptions(model_asset_path=str(path)))
    expected = TFLiteModel(path).probabilities(faces.pixels[:7])
    with vision.ImageClassifier.create_from_options(options) as classifier:
        for face, probabilities in zip(faces.pixels[:7], expected, strict=True):
            picture = mediapipe.Image(
                image_format=mediapipe.ImageFormat.SRGB, data=np.repeat(face[..., None], 3, axis=2)
            )
            (head,) = classifier.classify(picture).classifications
            named = {category.category_name: category.score for category in head.categories}
            np.testing.assert_allclose([named[label] for label in LABELS], probabilities, atol=0.02)


def test_labels_are_in_the_file(bundle):
    with zipfile.ZipFile(bundle / "mediapipe" / "FER2013_rgb.tflite") as archive:
        assert archive.read("labels.txt").decode().split("\n") == [*LABELS, ""]
