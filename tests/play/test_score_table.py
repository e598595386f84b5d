"""The score table that a bundle ships."""

import json
import shutil

import numpy as np
import pytest
from fer_lightning.export.bundle import inventory
from fer_lightning.export.verify import verify

from fer_lightning.constants import LABELS, SHIPPED_BUNDLES
from fer_lightning.data.synthetic import draw_sample
from fer_lightning.errors import FerError
from fer_lightning.inference.bundle_files import MODEL_FILE, shipped_bundle
from fer_lightning.play.score_table import add_score_table, score_table
from fer_lightning.play.site import collect
from tests.helpers import csv_text


def test_quantiles_are_those_of_each_labels_own_faces():
    labels = np.arange(700) % 7
    probabilities = np.zeros((700, 7), np.float32)
    probabilities[np.arange(700), labels] = np.arange(700) / 700
    probabilities[:, 3] += 0.25 * (labels != 3)
    table = score_table(probabilities, labels)
    happy = table["labels"]["happy"]
    assert happy["faces"] == 100
    assert len(happy["quantiles"]) == 101
    assert happy["quantiles"][0] == pytest.approx(3 / 700, abs=1e-5)
    assert happy["quantiles"][-1] == pytest.approx(696 / 700, abs=1e-5)


@pytest.fixture
def copy(tmp_path):
    return shutil.copytree(shipped_bundle(), tmp_path / "bundle")


def data_folder(tmp_path, faces):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "fer2013.csv").write_text(csv_text(faces))
    return tmp_path / "data"


def test_a_bundle_with_a_new_table_is_whole(copy, tmp_path):
    data = data_folder(tmp_path, draw_sample(train=7, val=21, test=7, seed=0))
    path = add_score_table(copy, data)
    table = json.loads(path.read_text())
    assert set(table["labels"]) == set(LABELS)
    assert all(entry["quantiles"] == sorted(entry["quantiles"]) for entry in table["labels"].values())
    assert not verify(copy).wrong
    assert path.name in inventory.contents(copy)


@pytest.mark.parametrize("make", [add_score_table, lambda folder, _: collect(folder)])
def test_a_damaged_model_is_refused(copy, tmp_path, make):
    data = data_folder(tmp_path, draw_sample(train=7, val=21, test=7, seed=0))
    model = copy / MODEL_FILE
    model.write_bytes(model.read_bytes()[:100_000])
    with pytest.raises(FerError, match=r"FER2013.tflite is damaged"):
        make(copy, data)


def test_a_label_without_faces(copy, tmp_path):
    data = data_folder(tmp_path, draw_sample(train=7, val=3, test=7, seed=0))
    before = (copy / "model.json").read_bytes()
    with pytest.raises(FerError, match="PublicTest has no face labelled"):
        add_score_table(copy, data)
    assert (copy / "model.json").read_bytes() == before


@pytest.mark.parametrize("name", SHIPPED_BUNDLES)
def test_the_shipped_table_holds_numbers_only(name):
    table = json.loads((shipped_bundle(name) / "score_table.json").read_text())
    assert set(table) == {"in_words", "made_of", "labels"}
    for entry in table["labels"].values():
        assert set(entry) == {"faces", "quantiles"}
        assert len(entry["quantiles"]) == 101
        assert 0 <= entry["quantiles"][0] <= entry["quantiles"][-1] <= 1
