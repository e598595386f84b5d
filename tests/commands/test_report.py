import json

import pytest

from fer_lightning.errors import FerError
from fer_lightning.report import print_run


def entry(name, **changes):
    scores = {"val_loss": 1.5, "val_accuracy": 0.625, "val_accuracy_fresh": None, "val_macro_f1": 0.5}
    return {
        "name": name,
        "skipped": False,
        "epochs": 3,
        "examples": 1234,
        "images_per_second": 99.6,
        **scores,
        **changes,
    }


def test_table_of_a_run(tmp_path, capsys):
    final = {"loss": 1.25, "accuracy": 0.7, "accuracy_fresh": 0.69, "macro_f1": 0.55}
    phases = [entry("baseline"), entry("hard_examples", skipped=True, examples=0, epochs=0, images_per_second=None)]
    (tmp_path / "metrics.json").write_text(json.dumps({"phases": phases, "data": "some faces", **final}))
    print_run(tmp_path)
    lines = capsys.readouterr().out.splitlines()
    assert "some faces" in lines[0]
    baseline, hard, last = (
        next(line.split() for line in lines if line.strip().startswith(word))
        for word in ("baseline", "hard_examples", "final")
    )
    assert baseline == ["baseline", "1,234", "3", "1.500", "62.5%", "-", "0.500", "100"]
    assert hard[1] == "skipped"
    assert last[1:] == ["1.250", "70.0%", "69.0%", "0.550"]
    assert max(map(len, lines)) <= 80  # fits a terminal


def test_scores_of_a_soup(tmp_path, capsys):
    scores = {"n": 10, "n_fresh": 9, "accuracy": 0.7, "accuracy_fresh": 0.6, "macro_f1": 0.5, "per_class": {}}
    (tmp_path / "metrics.json").write_text(json.dumps({"members": [{}, {}, {}], "chosen": ["a", "b"], **scores}))
    print_run(tmp_path)
    assert "soup of 2 on the val split, 10 faces" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no finished run"),
        ("{", "damaged"),
        ("{}", "has no phases"),
        ('{"chosen": ["a"], "n": 1, "n_fresh": 1, "per_class": []}', "damaged"),
    ],
)
def test_no_run(tmp_path, content, reason):
    if content is not None:
        (tmp_path / "metrics.json").write_text(content)
    with pytest.raises(FerError, match=reason):
        print_run(tmp_path)
