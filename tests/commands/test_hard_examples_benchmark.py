import json
import subprocess
import sys

import pytest

from benchmarks import hard_examples, runs
from fer_lightning.utils.output_dir import SETTINGS_FILE

EPOCH = {"val_accuracy": 0.5}


def phase(name, examples, epochs):
    return {"name": name, "examples": examples, "epochs": epochs, "history": [EPOCH] * epochs}


@pytest.fixture
def started(tmp_path, monkeypatch):
    """The words of all trainings that the benchmark starts; each ends at once, with 450 of 1,000 rows as hard ones."""
    ran = []

    def run(command, check):
        words = dict(word.split("=", 1) for word in command[3:])
        ran.append(words)
        folder = tmp_path / "out" / words["hydra.run.dir"].rpartition("/")[2]
        folder.mkdir(parents=True)
        phases = [phase("baseline", 1000, 8)]
        if "phases.hard_examples" not in words:
            phases.append(phase("hard_examples", 450, 7))
        phases.append(phase("balance", 1000, int(words["phases.balance.epochs"])))
        scores = {"accuracy": 0.5, "accuracy_fresh": 0.4, "loss": 1.25, "macro_f1": 0.3}
        (folder / "metrics.json").write_text(json.dumps({"phases": phases, **scores}))
        (folder / "config.yaml").write_text("data: {batch_size: 50}\n")
        return subprocess.CompletedProcess(command, 0)

    monkeypatch.setattr(runs.subprocess, "run", run)
    monkeypatch.setattr(sys, "argv", ["x", "data", "model=phone", "--out", str(tmp_path / "out")])
    return ran


def test_all_kinds_take_the_same_steps(started, tmp_path, capsys):
    hard_examples.main()
    assert len(started) == 6
    assert [words["seed"] for words in started] == ["0", "0", "0", "1", "1", "1"]
    assert all(words["model"] == "phone" for words in started)
    sources = [words.get("phases.hard_examples.source") for words in started]
    assert sources == [None, None, "random"] * 2
    # 7 epochs of 9 steps are 3.15 epochs of 20
    assert [words["phases.balance.epochs"] for words in started] == ["9", "12", "9"] * 2
    lines = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert [line for line in lines if line and line[0] in hard_examples.COLOURS] == [
        ["hard", "0", "403", "63", "1.250", "50.0%", "40.0%", "0.300"],
        ["hard", "1", "403", "63", "1.250", "50.0%", "40.0%", "0.300"],
        ["random", "0", "403", "63", "1.250", "50.0%", "40.0%", "0.300"],
        ["random", "1", "403", "63", "1.250", "50.0%", "40.0%", "0.300"],
        ["none", "0", "400", "0", "1.250", "50.0%", "40.0%", "0.300"],
        ["none", "1", "400", "0", "1.250", "50.0%", "40.0%", "0.300"],
    ]
    assert (tmp_path / "out" / "hard_examples.png").stat().st_size > 1000
    hard_examples.main()
    assert len(started) == 6  # finished runs are not repeated


def test_the_words_are_keys(started, compose):
    hard_examples.main()
    for words in started:
        overrides = [f"{key}={value}" for key, value in words.items() if not key.startswith("hydra.")]
        cfg = compose("train", *overrides)
        assert cfg.phases.baseline.patience == 1000


def test_an_interrupted_run_is_resumed(tmp_path, monkeypatch):
    (tmp_path / SETTINGS_FILE).write_text("overrides: [seed=1, data.dir=a]\n")
    ran = []

    def run(command, check):
        ran.append(command[3:])
        return subprocess.CompletedProcess(command, 1)

    monkeypatch.setattr(runs.subprocess, "run", run)
    with pytest.raises(SystemExit, match=r"error: training resume=.* failed"):
        runs.trained(tmp_path, ["seed=1", "data.dir=b"])
    with pytest.raises(SystemExit, match=r"has a run of seed=1, not of seed=1 model=phone; choose another --out"):
        runs.trained(tmp_path, ["seed=1", "model=phone"])
    assert ran == [[f"resume={tmp_path}"]]
