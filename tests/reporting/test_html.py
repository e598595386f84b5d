import re

import numpy as np
import pytest
import torch

from fer_lightning.constants import LABELS
from fer_lightning.data.faces import digest_of_rows
from fer_lightning.reporting import html
from fer_lightning.reporting.html import Evaluation
from fer_lightning.training import metrics


@pytest.fixture(scope="module")
def page(faces, tmp_path_factory):
    rows = np.arange(len(faces))
    logits = torch.nn.functional.one_hot(torch.from_numpy(faces.labels).long().roll(1), 7).float() * 3
    votes = np.zeros((len(faces), 10), np.uint8)
    votes[rows, logits.argmax(dim=1).numpy()] = 10
    scores = metrics.score(logits, faces.labels, np.ones(len(faces), bool))
    path = tmp_path_factory.mktemp("report") / "report.html"
    html.write(
        Evaluation("a <b>title</b>", scores, logits, faces, rows, LABELS, votes),
        path,
        command="python -m x 'ckpt=<script>alert(1)</script>'",
        config="a: 1",
        training="b: 2",
        machine="a machine",
        hashes=[("best.ckpt", "0" * 64), ("best.ckpt", "1" * 64)],
    )
    return path.read_text()


def test_opens_without_a_network(page):
    assert not re.findall(r"(?:src|href)\s*=\s*[\"'](?!data:)", page)
    assert "http" not in page
    assert page.count("data:image/png;base64,") >= 5


def test_files_of_one_name_have_a_hash_each(page):
    assert page.count("<td>best.ckpt</td>") == 2
    assert "0" * 64 in page
    assert "1" * 64 in page


def test_says_what_and_how(page, faces):
    for part in (
        "leak-free",
        "Calibration",
        "Most confident mistakes",
        "Accuracy by annotator agreement",
        "0" * 64,
        "a machine",
    ):
        assert part in page
    assert "(100%), most of FER+" in page.replace("&#39;", "'")


def test_what_users_name_is_text(page):
    assert "<script>" not in page
    assert "&lt;script&gt;" in page
    assert "<b>title" not in page


def test_wilson():
    # Newcombe 1998, table I
    assert html.wilson(81 / 263, 263) == pytest.approx((0.2553, 0.3662), abs=1e-4)
    assert html.wilson(0.0, 20) == pytest.approx((0.0, 0.1611), abs=1e-4)


def test_digest_tells_other_faces(faces):
    rows = np.arange(5)
    digest = digest_of_rows(faces, rows)
    assert digest == digest_of_rows(faces, rows)
    assert digest != digest_of_rows(faces, rows + 1)
