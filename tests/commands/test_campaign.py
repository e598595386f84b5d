import shlex
import subprocess
import sys

import pytest

from benchmarks import campaign
from fer_lightning.training import run_config


@pytest.fixture
def start(tmp_path, monkeypatch):
    """start(*words) runs the campaign in this process and returns the commands that it would have run."""
    ran = []

    def started(*words, code=0):
        def run(command, check):
            ran.append(command)
            return subprocess.CompletedProcess(command, code)

        monkeypatch.setattr(campaign.subprocess, "run", run)
        monkeypatch.setattr(sys, "argv", ["campaign", str(tmp_path / "data"), "--out", str(tmp_path / "out"), *words])
        campaign.main()
        return ran

    started.ran = ran
    return started


def test_every_command_composes_from_the_packaged_configs(start, compose, capsys):
    """Each step uses only the folders of earlier steps."""
    assert start("--dry-run") == []
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(campaign.STEPS)
    earlier = set()
    for step, line in zip(campaign.STEPS, lines, strict=True):
        _, _, module, *words = shlex.split(line)
        compose(module.removeprefix("fer_lightning."), *[word for word in words if not word.startswith("hydra.")])
        named = {other.name for other in campaign.STEPS if f"{{{other.name}}}" in " ".join(step.words)}
        assert named - {step.name} <= earlier
        earlier.add(step.name)


def test_skips_what_is_done_and_resumes_what_was_begun(start, tmp_path):
    done, begun = tmp_path / "out" / "best", tmp_path / "out" / "cycle_1"
    for folder, name in ((done, "metrics.json"), (begun, run_config.SETTINGS_FILE)):
        folder.mkdir(parents=True)
        (folder / name).write_text("{}")
    ran = start()
    assert len(ran) == len(campaign.STEPS) - 1
    assert ran[0][3:] == [f"resume={begun}", f"data.dir={tmp_path / 'data'}"]
    assert f"init_from={done}/checkpoints/best.ckpt" in ran[1]


def test_stops_with_the_step_that_fails(start):
    with pytest.raises(SystemExit, match="error: step best failed with exit code 1; fix the cause"):
        start(code=1)
    assert len(start.ran) == 1
