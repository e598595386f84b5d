"""The project works from a wheel, installed without extras into an environment that has nothing else."""

import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement

from fer_lightning.constants import SHIPPED_BUNDLES
from fer_lightning.inference.bundle_files import shipped_bundle
from fer_lightning.play import site
from tests.helpers import SKIMAGE

ROOT = Path(__file__).resolve().parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="session")
def wheel(tmp_path_factory):
    source = tmp_path_factory.mktemp("source")
    for name in ("conf", "fer_lightning", "export", "tools"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "setup.py", "MANIFEST.in", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    built = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", built, source]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = built.glob("*.whl")
    return wheel


@pytest.fixture(scope="session")
def environment(wheel, tmp_path_factory):
    """A virtual environment with the wheel and links to what it depends on without extras."""
    folder = tmp_path_factory.mktemp("environment")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    python = folder / "bin" / "python"
    options = ["--no-deps", "--no-index", "--quiet", "--disable-pip-version-check"]
    subprocess.run([sys.executable, "-m", "pip", "--python", python, "install", *options, wheel], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    (info,) = site.glob("fer_lightning-*.dist-info")
    linked = set()
    wanted = base_requirements(importlib.metadata.PathDistribution(info))
    while wanted:
        distribution = importlib.metadata.distribution(wanted.pop())
        if distribution.name not in linked:
            linked.add(distribution.name)
            wanted += base_requirements(distribution)
            for name in {file.parts[0] for file in distribution.files or []} - {"..", "__pycache__"}:
                if not (site / name).exists():
                    (site / name).symlink_to(Path(str(distribution.locate_file(name))))
    return folder


def base_requirements(distribution):
    requirements = [Requirement(line) for line in distribution.requires or []]
    return [each.name for each in requirements if each.marker is None or each.marker.evaluate({"extra": ""})]


def run(environment, cwd, name, *words):
    command = [environment / "bin" / name, *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=300)


def test_the_wheel_holds_one_package(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"fer_lightning"}
    assert not [name for name in names if name.startswith("fer_lightning/tests/")]
    packaged = {name.removeprefix("fer_lightning/conf/") for name in names if name.endswith(".yaml")}
    assert packaged == {path.relative_to(ROOT / "conf").as_posix() for path in (ROOT / "conf").rglob("*.yaml")}
    assert {
        "fer_lightning/py.typed",
        "fer_lightning/export/snippets/ReadExpression.kt",
        "fer_lightning/inference/face_models/NOTICE.txt",
        "fer_lightning/inference/face_models/face_detection_short_range.tflite",
        "fer_lightning/play/www/vendor/LICENCES.txt",
        "fer_lightning/play/www/vendor/VENDOR.json",
        "fer_lightning/pretrained/bundle/FER2013.tflite",
        "fer_lightning/pretrained/phone_bundle/FER2013.tflite",
        "fer_lightning/reporting/templates/report.html",
    } <= set(names)


def test_every_command_has_a_script_that_answers_help(environment, tmp_path):
    scripts = sorted((environment / "bin").glob("fer-*"))
    assert len(scripts) >= 11
    for script in scripts:
        process = run(environment, tmp_path, script.name, "--help")
        assert (process.returncode, process.stderr) == (0, ""), script.name
        assert process.stdout.startswith(f"usage: {script.name} ")


@pytest.mark.parametrize("name", SHIPPED_BUNDLES)
def test_a_photo_is_read_without_extras(environment, tmp_path, name):
    words = [SKIMAGE / "astronaut.png", "--json", "--out", "copies", "--model", name]
    process = run(environment, tmp_path, "fer-predict", *words)
    assert process.returncode == 0, process.stderr
    (face,) = json.loads(process.stdout)["faces"]
    assert max(face["probabilities"], key=face["probabilities"].get) == "happy"
    assert len(list((tmp_path / "copies").iterdir())) == 2  # the annotated copy and a chart


def test_the_game_is_written_without_node_and_torch(environment, tmp_path):
    """Equal to the clone's files, which the browser tests serve from a sub-path."""
    command = [environment / "bin" / "fer-play", "--out", "game"]
    process = subprocess.run(
        command, cwd=tmp_path, env={"PATH": "/nowhere"}, capture_output=True, text=True, timeout=60
    )
    assert (process.returncode, process.stderr) == (0, "")
    assert process.stdout == "game: game; serve it over https to play on a phone\n"
    pages = site.collect(shipped_bundle())
    written = {path.relative_to(tmp_path / "game").as_posix() for path in (tmp_path / "game").rglob("*.*")}
    assert written == {*pages, "best_actor.json"}
    for name, resource in pages.items():
        assert (tmp_path / "game" / name).read_bytes() == resource.content(), name


@pytest.mark.parametrize("name", SHIPPED_BUNDLES)
def test_a_bundle_is_verified_without_extras(environment, tmp_path, name):
    bundle = shutil.copytree(shipped_bundle(name), tmp_path / "bundle")
    process = run(environment, tmp_path, "fer-export-verify", bundle)
    assert process.returncode == 0, process.stderr


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["fer-train"], "fer-train needs torch: pip install 'fer_lightning[train]'"),
        (["fer-evaluate", "ckpt=pretrained"], "fer-evaluate needs torch: pip install 'fer_lightning[train]'"),
        (["fer-explain", "ckpt=pretrained"], "fer-explain needs torch: pip install 'fer_lightning[explain]'"),
        (["fer-export", "ckpt=pretrained"], "fer-export needs torch: pip install 'fer_lightning[export]'"),
        (["fer-audit"], "fer-audit needs networkx: pip install 'fer_lightning[train]'"),
        (["fer-download"], "fer-download needs kaggle: pip install 'fer_lightning[train]'"),
        (["fer-release-weights", "a.ckpt"], "fer-release-weights needs torch: pip install 'fer_lightning[train]'"),
        (["fer-predict", "a.mp4"], "videos need PyAV: pip install 'fer_lightning[video]'"),
        (
            ["fer-predict", "a.png", "--model", "nowhere"],
            "no such model: nowhere; expected a bundle's folder, a .tflite file, a checkpoint or one of "
            "pretrained, pretrained-phone",
        ),
        (["fer-predict", "a.png", "--model", "a.ckpt"], "a checkpoint needs torch: pip install 'fer_lightning[train]'"),
    ],
)
def test_a_missing_extra_is_named(environment, tmp_path, words, says):
    for name in ("a.mp4", "a.ckpt", "a.png"):
        (tmp_path / name).write_bytes(b"x")
    process = run(environment, tmp_path, *words)
    assert process.returncode == 1
    assert process.stderr.splitlines() == [f"error: {says}"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.ckpt", "a.mp4", "a.png"]


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("fer_lightning.train", ["+experiment=hard_mining", "optimizer=sgd", "--cfg", "job"]),
        ("fer_lightning.export", ["ckpt=x", "--cfg", "job"]),
    ],
)
def test_configs_are_composed_elsewhere(environment, tmp_path, module, words):
    """With this interpreter, which has the extras, and the wheel before the clone on its path."""
    (site,) = environment.glob("lib/python*/site-packages")
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "fer_lightning").symlink_to(site / "fer_lightning")
    env = {**os.environ, "PYTHONPATH": str(tmp_path / "site")}
    process = subprocess.run(
        [sys.executable, "-m", module, *words], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=300
    )
    assert process.returncode == 0, process.stderr
    assert "data:" in process.stdout


def test_importing_needs_no_credentials(tmp_path):
    command = [sys.executable, "-c", "import fer_lightning.commands.download"]
    process = subprocess.run(command, env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, text=True)
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    assert not (tmp_path / ".kaggle").exists()
