"""Figures are drawn from unusual input too; whether they look right is for people to judge."""

import numpy as np
import pytest
from PIL import Image

from fer_lightning.constants import LABELS
from fer_lightning.data.synthetic import draw_sample
from fer_lightning.reporting import face_sheets, plots


def drawn(path):
    """The figure is a picture with more than one colour."""
    picture = np.asarray(Image.open(path).convert("L"))
    return picture.size > 10_000 and len(np.unique(picture)) > 10


def test_figures_of_the_data_with_a_missing_class(tmp_path):
    faces = draw_sample(train=5, val=0, test=0, seed=0)  # two classes have no face
    plots.class_counts(np.bincount(faces.labels, minlength=7), LABELS, faces.name, tmp_path / "counts.png")
    face_sheets.by_class(faces.pixels, faces.labels, LABELS, faces.name, tmp_path / "faces.png")
    assert drawn(tmp_path / "counts.png")
    assert drawn(tmp_path / "faces.png")


def test_history_with_a_skipped_phase_and_missing_scores(tmp_path):
    epoch = {"train_loss": 1.0, "train_accuracy": 0.4, "images_per_second": 1.0}
    phases = [
        ("baseline", [{**epoch, "val_loss": 1.1, "val_accuracy": 0.3}, epoch]),
        ("hard_examples", []),
        ("balance", [epoch]),
    ]
    plots.history(phases, "some faces", tmp_path / "history.png")
    assert drawn(tmp_path / "history.png")


def test_names_that_look_like_formulas(tmp_path):
    name = "$x_$ faces"
    faces = draw_sample(train=14, val=0, test=0, seed=0)
    plots.class_counts(np.bincount(faces.labels, minlength=7), LABELS, name, tmp_path / "counts.png")
    plots.history([("fit", [])], name, tmp_path / "history.png")
    scores = {"confusion": np.eye(7, dtype=int).tolist(), "accuracy": 1.0, "macro_f1": 1.0, "n": 7}
    one = {"precision": 1.0, "recall": 1.0, "f1": 1.0, "support": 1}
    plots.confusion({**scores, "per_class": dict.fromkeys(LABELS, one)}, name, tmp_path / "confusion.png")
    plots.per_class({**scores, "per_class": dict.fromkeys(LABELS, one)}, name, tmp_path / "per_class.png")
    plots.sweep([{"data.dir": name}, {"data.dir": "b"}], [0.5, 0.6], tmp_path / "sweep.png")
    face_sheets.by_class(faces.pixels, faces.labels, LABELS, name, tmp_path / "faces.png")
    face_sheets.captioned(faces.pixels[:2], ["a", "b"], name, tmp_path / "captioned.png")
    face_sheets.heat(faces.pixels[:1], np.zeros((1, 48, 48)), ["a"], name, tmp_path / "heat.png")
    assert all(drawn(path) for path in tmp_path.iterdir())


@pytest.mark.parametrize("count", [0, 12_345])
def test_confusion_with_empty_rows_and_large_counts(tmp_path, count):
    matrix = np.zeros((7, 7), int)
    matrix[3, 3] = count
    scores = {"confusion": matrix.tolist(), "accuracy": 0.5, "n": count, "per_class": dict.fromkeys(LABELS)}
    plots.confusion(scores, "some faces", tmp_path / "confusion.png")
    assert drawn(tmp_path / "confusion.png")
