"""The game in a wheel: without Node, torch, and the packages that read pictures in Python."""

import os
import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.play.conftest import ROOT

# what a light installation lacks; None makes an import fail
BLOCKED = ("torch", "lightning", "torchvision", "hydra", "ai_edge_litert", "PIL", "cv2")


@pytest.fixture(scope="module")
def unpacked(pages, tmp_path_factory):
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
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def test_the_whole_site_is_written_from_a_wheel(unpacked, pages, tmp_path):
    script = (
        f"import sys; sys.modules.update(dict.fromkeys({BLOCKED!r}));"
        "from fer_lightning.play.__main__ import main; main()"
    )
    process = subprocess.run(
        [sys.executable, "-c", script, "--out", "game"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(unpacked), "PATH": "/nowhere"},
        capture_output=True,
        text=True,
    )
    assert process.returncode == 0, process.stderr
    written = {path.relative_to(tmp_path / "game").as_posix() for path in (tmp_path / "game").rglob("*.*")}
    assert written == set(pages)


def test_licences_and_versions_travel_along(unpacked):
    vendor = unpacked / "fer_lightning" / "play" / "www" / "vendor"
    assert "@litertjs/core" in (vendor / "VENDOR.json").read_text()
    assert "Apache License" in (vendor / "LICENCES.txt").read_text()
