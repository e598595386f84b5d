"""The project works where there is no clone: from a wheel, in another directory."""

import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A wheel, built and unpacked as pip would."""
    source = tmp_path_factory.mktemp("source")
    for name in ("conf", "fer_lightning", "export"):
        shutil.copytree(ROOT / name, source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    built = tmp_path_factory.mktemp("built")
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", built, source]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = built.glob("*.whl")
    site = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    return site


def run(site: Path, cwd: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *words], cwd=cwd, env={**os.environ, "PYTHONPATH": str(site)}, capture_output=True, text=True
    )


def test_configs_travel_with_the_package(site, tmp_path):
    process = run(site, tmp_path, "-c", "import fer_lightning.conf as c, export as e; print(c.__file__, e.__file__)")
    assert process.stdout.split() == [str(site / "fer_lightning/conf/__init__.py"), str(site / "export/__init__.py")]
    packaged = {path.relative_to(site / "fer_lightning" / "conf") for path in site.rglob("*.yaml")}
    assert packaged == {path.relative_to(ROOT / "conf") for path in (ROOT / "conf").rglob("*.yaml")}


def test_type_checkers_find_the_annotations(site):
    assert (site / "fer_lightning" / "py.typed").is_file()


@pytest.mark.parametrize(
    ("module", "words"),
    [
        ("fer_lightning.train", ["+experiment=hard_mining", "optimizer=sgd", "--cfg", "job"]),
        ("fer_lightning.evaluate", ["ckpt=x", "--cfg", "job"]),
        ("fer_lightning.export", ["ckpt=x", "--cfg", "job"]),
        ("fer_lightning.download", ["--cfg", "job"]),
    ],
)
def test_entry_points_compose_their_configs_elsewhere(site, tmp_path, module, words):
    process = run(site, tmp_path, "-m", module, *words)
    assert process.returncode == 0, process.stderr
    assert "data:" in process.stdout


def test_importing_needs_no_credentials(site, tmp_path):
    home = tmp_path / "home"
    home.mkdir()
    env = {**os.environ, "PYTHONPATH": str(site), "HOME": str(home)}
    process = subprocess.run(
        [sys.executable, "-c", "import fer_lightning, fer_lightning.download"], env=env, capture_output=True, text=True
    )
    assert (process.returncode, process.stdout, process.stderr) == (0, "", "")
    assert not (home / ".kaggle").exists()
