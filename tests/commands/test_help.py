"""Help texts and errors that commands print before they import anything heavy."""

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from omegaconf import DictConfig, OmegaConf

from fer_lightning.errors import FerError
from fer_lightning.utils import command_line
from fer_lightning.utils.command_help import configs_of, help_text, is_group

ROOT = Path(__file__).resolve().parents[2]
COMPOSING = ("audit", "download", "evaluate", "explain", "export", "soup", "train")
OTHERS = ("export-verify", "predict", "release-weights", "report", "sweep")
HEAVY = ("torch", "lightning", "hydra", "tensorflow", "matplotlib", "cv2")
# calls entry points one after another in one process, as their scripts do, and prints what each of them did
RUN = """
import contextlib, importlib, io, json, sys
answers = []
for name, *words in json.loads(sys.argv[1]):
    out, err, code = io.StringIO(), io.StringIO(), 0
    sys.argv = [name, *words]
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            module, _, main = ENTRY_POINTS[name].partition(":")
            getattr(importlib.import_module(module), main)()
        except SystemExit as end:
            code = end.code or 0
    heavy = [module for module in HEAVY if module in sys.modules]
    answers.append({"code": code, "out": out.getvalue(), "err": err.getvalue(), "heavy": heavy})
print(json.dumps(answers))
"""


def run(entry_points, folder, *command_lines):
    script = f"HEAVY = {HEAVY}\nENTRY_POINTS = {entry_points}\n{RUN}"
    process = subprocess.run(
        [sys.executable, "-c", script, json.dumps(command_lines)],
        cwd=folder,
        env={**os.environ, "COLUMNS": "100"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


@pytest.fixture(scope="module")
def helps(entry_points, tmp_path_factory):
    folder = tmp_path_factory.mktemp("help")
    names = [*COMPOSING, *OTHERS]
    answers = run(entry_points, folder, *([f"fer-{name}", "--help"] for name in names))
    assert not list(folder.iterdir())
    return dict(zip(names, answers, strict=True))


@pytest.fixture(scope="module")
def entry_points():
    """module:function by the name of the script."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]


def test_every_command_is_asked(entry_points):
    assert set(entry_points) - {"fer-play"} == {f"fer-{name}" for name in (*COMPOSING, *OTHERS)}


@pytest.mark.parametrize("name", [*COMPOSING, *OTHERS])
def test_help_has_three_examples_and_imports_nothing_heavy(helps, name):
    answer = helps[name]
    assert (answer["code"], answer["err"], answer["heavy"]) == (0, "", [])
    assert answer["out"].startswith(f"usage: fer-{name} ")
    examples = answer["out"].partition("examples:\n")[2].partition("\n\n")[0].splitlines()
    assert len(examples) == 3
    assert f"fer-{name} " in f"{examples[0]} "


def leaves(cfg, prefix=""):
    for key in cfg:
        name = f"{prefix}{key}"
        if not OmegaConf.is_missing(cfg, key) and isinstance(cfg[key], DictConfig) and name.count(".") < 1:
            yield from leaves(cfg[key], f"{name}.")
        elif not str(key).startswith("_") and name != "hparams":
            yield name


@pytest.mark.parametrize("name", COMPOSING)
def test_help_lists_every_key(helps, compose, name):
    listed = helps[name]["out"]
    for key in leaves(compose(name)):
        assert f"  {key}=" in listed or f"  {key}." in listed, key


def test_help_has_the_comments_of_the_configs(helps):
    text = " ".join(helps["train"]["out"].split())
    assert "label_smoothing=0.0 share of the training target that is spread over all classes" in text
    assert "optimizer=adam adam | adamw | sgd" in text
    assert "+experiment=NAME " in text
    words = " ".join(helps["evaluate"]["out"].split())
    assert "ckpt=... required: pretrained, pretrained-phone, or the path of a checkpoint" in words


def test_help_describes_the_group_that_is_chosen(entry_points, tmp_path):
    (answer,) = run(entry_points, tmp_path, ["fer-train", "model=phone", "--help"])
    assert "  model.channels=[24, 48, 88, 152]" in answer["out"]


@pytest.mark.parametrize(
    "words", [[], ["model=phone"], *([f"+experiment={name}"] for name in configs_of("experiment"))]
)
def test_help_has_the_values_that_the_command_line_chooses(compose, words):
    cfg = compose("train", *words)
    lines = re.findall(r"^  (\w[\w.]*)=(.+?)(?:  .*)?$", help_text("train", words), re.MULTILINE)
    shown = {key: value for key, value in lines if OmegaConf.select(cfg, key) is None or not is_group(key)}
    assert len(shown) > 60
    for key, value in shown.items():
        expected = OmegaConf.select(cfg, key)
        assert value.startswith("${") or OmegaConf.create(f"key: {value}").key == expected, key


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fer-explain", "ckpt=pretrained", "foo=1"], "there is no key foo; fer-explain --help lists the keys"),
        (["fer-train", "optimizer.lrr=1"], "there is no key optimizer.lrr; fer-train --help lists the keys"),
        (["fer-train", "optimizer=x"], "there is no optimizer=x; choose one of adam, adamw, sgd"),
        (["fer-train", "data=folder"], "data.dir is required: set data.dir= to the path of a folder"),
        (
            ["fer-evaluate"],
            "ckpt is required: set ckpt= to pretrained, the path of a checkpoint or a list of these",
        ),
        (
            ["fer-soup", "out=x.ckpt"],
            "ckpt is required: set ckpt= to a list of at least two checkpoints, such as [A.ckpt,B.ckpt]",
        ),
        (["fer-export", "out=x"], "ckpt is required: set ckpt= to pretrained or the path of a checkpoint"),
        (["fer-train", "hydra/launcher=x"], "there is no hydra/launcher=x; to install more of them: pip install"),
        (["fer-train", "logger=null"], "there is no logger=null; choose one of default, "),
        (["fer-train", "+experiment=1"], "there is no experiment=1; choose one of best, cycle, "),
        (["fer-train", "hydra/launcher=null"], "there is no hydra/launcher=null; to install more of them: pip install"),
        (
            ["fer-train", "data.dir=nowhere"],
            "no such folder: data.dir=nowhere; create it and put FER2013 there, or run:",
        ),
        (["fer-evaluate", "ckpt=pretrained"], "no such folder: data.dir=data; create it"),
        (["fer-train", "data=folder", "data.dir=nowhere"], "no such folder: data.dir=nowhere"),
        (["fer-train", "seed=["], "no viable alternative at input '['"),
    ],
)
def test_wrong_words_are_one_sentence_before_torch_is_imported(entry_points, tmp_path, words, says):
    (answer,) = run(entry_points, tmp_path, words)
    assert answer["code"] == 1
    (line,) = answer["err"].splitlines()
    assert line.startswith(f"error: {says}")
    assert not {"torch", "lightning"} & set(answer["heavy"])


def test_a_missing_extra_is_one_sentence(monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["fer-train"])
    main = command_line.hydra_command("train", "no.matter", extra="train", needs=("no_such_package",))
    with pytest.raises(SystemExit, match="1"):
        main()
    assert capsys.readouterr().err == "error: fer-train needs no_such_package: pip install 'fer_lightning[train]'\n"
    assert not list(tmp_path.iterdir())


def test_a_missing_package_is_told_from_a_mistake_of_ours(monkeypatch):
    with pytest.raises(FerError, match=r"fer-sweep needs no_such_package: pip install 'fer_lightning\[train\]'"):
        command_line.import_task("no_such_package.part", "sweep", "train")
    with pytest.raises(ModuleNotFoundError):
        command_line.import_task("fer_lightning.no_such_module", "sweep", "train")
