"""Every command of README.md: run on synthetic data, or composed if another test runs it in full."""

import json
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from PIL import Image

from fer_lightning.config_rules.check import check
from fer_lightning.constants import LABELS
from fer_lightning.data.synthetic import draw_sample
from fer_lightning.inference import video
from fer_lightning.inference.bundle_files import shipped_bundle
from fer_lightning.play import __main__ as play
from tests.helpers import SHRUNK, SKIMAGE, csv_text

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
SCRIPTS = PROJECT["scripts"]
BLOCKS = re.findall(r"^```bash\n(.*?)^```$(?:\n\n^```text\n(.*?)^```$)?", README, flags=re.DOTALL | re.MULTILINE)
COMMANDS = [shlex.split(line, comments=True) for block, _ in BLOCKS for line in block.splitlines()]

# what a run on few faces needs besides what the README says
SMALL = [word for word in SHRUNK if not word.startswith("data")]
SHRINK = {
    "+experiment=best": [*SMALL, "phases.fit.epochs=1", "vote_weight=0", "data.batch_size=20"],
    "+experiment=hard_mining": [
        *SMALL,
        *(f"phases.{name}.epochs=1" for name in ("baseline", "hard_examples", "balance")),
    ],
    "data=folder": ["phases.baseline.epochs=1", "trainer.limit_train_batches=1", "trainer.enable_progress_bar=false"],
}
# runs entry points one after another in one process, which imports torch once, and prints what each of them did
RUN = """
import contextlib, importlib, io, json, sys
answers = []
for entry_point, words in json.loads(sys.argv[1]):
    out, err, code = io.StringIO(), io.StringIO(), 0
    sys.argv = words
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            module, _, main = entry_point.partition(":")
            getattr(importlib.import_module(module), main)()
        except SystemExit as end:
            code = end.code or 0
    answers.append({"code": code, "out": out.getvalue(), "err": err.getvalue()})
print(json.dumps(answers))
"""


def is_run(words):
    """Whether to run a command: the game needs a browser, a download Kaggle, and tests/export runs exports in full."""
    return words[0].startswith("fer-") and words[0] not in ("fer-play", "fer-download", "fer-export")


RUNS = [list(words) for words in dict.fromkeys(tuple(words) for words in COMMANDS if is_run(words))]


@pytest.fixture(scope="module")
def workplace(tmp_path_factory):
    """A folder with the files that the README's commands expect."""
    folder = tmp_path_factory.mktemp("readme")
    with Image.open(SKIMAGE / "astronaut.png") as picture:
        portrait = picture.convert("RGB")
    for name in ("photos", "more", "data", "faces"):
        (folder / name).mkdir()
    for name in ("photo.jpg", "photos/1.png", "more/2.png"):
        shutil.copy(SKIMAGE / "astronaut.png", folder / name)
    portrait.crop((160, 60, 290, 190)).save(folder / "crop.png")
    with video.writing(folder / "holiday.mp4", 10) as writer:
        for _ in range(3):
            writer.write(portrait.resize((256, 256)))
    faces = draw_sample(train=70, val=35, test=35, seed=3)
    (folder / "data" / "fer2013.csv").write_text(csv_text(faces))
    for index, label in enumerate(faces.labels[:35].tolist()):
        file = folder / "faces" / LABELS[label] / f"{index}.png"
        file.parent.mkdir(exist_ok=True)
        Image.fromarray(faces.pixels[index]).save(file)
    shutil.copytree(shipped_bundle(), folder / "bundles" / "mine")
    return folder


@pytest.fixture(scope="module")
def answers(workplace):
    """The output of each command in RUNS, by its words."""
    calls = []
    for words in RUNS:
        extra = next((more for word, more in SHRINK.items() if word in words), [])
        calls.append((SCRIPTS[words[0]], [*words, *extra]))
    process = subprocess.run(
        [sys.executable, "-c", RUN, json.dumps(calls)], cwd=workplace, capture_output=True, text=True, timeout=300
    )
    assert process.returncode == 0, process.stderr
    printed = process.stdout.splitlines()[-1]
    return {shlex.join(words): answer for words, answer in zip(RUNS, json.loads(printed), strict=True)}


def test_the_readme_has_commands_and_is_short():
    assert len(COMMANDS) > 15
    assert len(README.splitlines()) <= 200


@pytest.mark.slow
@pytest.mark.parametrize("command", [shlex.join(words) for words in RUNS])
def test_command_runs(answers, command):
    assert answers[command]["code"] == 0, answers[command]["err"]


@pytest.mark.slow
def test_the_first_output_is_what_the_command_prints(answers):
    block, output = BLOCKS[0]
    assert answers[block.splitlines()[-1]]["out"] == output


@pytest.mark.parametrize("words", [words for words in COMMANDS if not is_run(words)], ids=shlex.join)
def test_command_is_accepted(words, compose, monkeypatch):
    program, *rest = words
    if program == "pip":
        assert rest[0] == "install"
        (extras,) = re.fullmatch(r"\.(?:\[(.+)\])?", rest[1]).groups()
        assert not set((extras or "train").split(",")) - set(PROJECT["optional-dependencies"])
    elif program == "make":
        subprocess.run(["make", "--dry-run", *rest], cwd=ROOT, check=True, capture_output=True)
    elif program == "fer-play":
        served = []
        monkeypatch.setattr(sys, "argv", words)
        monkeypatch.setattr(play.site, "collect", lambda bundle: {})
        monkeypatch.setattr(play, "PlayServer", lambda pages, port: port)
        monkeypatch.setattr(play, "_serve", lambda server, *, open_browser: served.append(server))
        play.main()
        assert served
    else:
        assert program in SCRIPTS
        name = program.removeprefix("fer-")
        check(name, compose(name, *rest))


def test_every_extra_is_in_the_table():
    named = set(re.findall(r"^\| `(\w+)` \|", README, flags=re.MULTILINE))
    assert named == set(PROJECT["optional-dependencies"]) - {"docs"}  # which is part of dev


def test_python_example(workplace, monkeypatch, capsys):
    (code,) = re.findall(r"^```python\n(.*?)^```$", README, flags=re.DOTALL | re.MULTILINE)
    monkeypatch.chdir(workplace)
    exec(code, {})
    assert capsys.readouterr().out.startswith("1 happy (")


def test_every_link_leads_to_a_file():
    for link in re.findall(r"\]\((?!http)([^)#]+)|src=\"([^\"]+)\"", README):
        assert (ROOT / "".join(link)).exists(), link
