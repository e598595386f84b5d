import numpy as np
import pytest
import torch

from fer_lightning.training.metrics import score


def test_score_of_a_small_case_by_hand():
    predicted = [0, 0, 3, 3, 6]
    labels = np.array([0, 3, 3, 3, 1], np.uint8)
    logits = torch.nn.functional.one_hot(torch.tensor(predicted), 7).float() * 10
    scores = score(logits, labels, fresh=np.array([True, True, False, True, False]))
    assert (scores["n"], scores["n_fresh"]) == (5, 3)
    assert scores["accuracy"] == pytest.approx(3 / 5)
    assert scores["accuracy_fresh"] == pytest.approx(2 / 3)
    angry, happy = scores["per_class"]["angry"], scores["per_class"]["happy"]
    assert (angry["precision"], angry["recall"], angry["n"]) == (0.5, 1.0, 1)
    assert (happy["precision"], happy["recall"], happy["n"]) == (1.0, pytest.approx(2 / 3), 3)
    assert happy["f1"] == pytest.approx(0.8)
    # angry 2/3, disgust 0, happy 0.8, neutral 0; classes on neither side are left out
    assert scores["macro_f1"] == pytest.approx((2 / 3 + 0.8) / 4)
    assert scores["confusion"][3] == [1, 0, 0, 2, 0, 0, 0]
    assert np.sum(scores["confusion"]) == 5


def test_no_fresh_rows():
    scores = score(torch.zeros(2, 7), np.zeros(2, np.uint8), fresh=np.zeros(2, bool))
    assert scores["accuracy_fresh"] is None
    assert scores["accuracy"] == 1.0
