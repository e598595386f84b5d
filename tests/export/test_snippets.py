"""The snippets of a bundle's README, run as a reader would run them."""

import functools
import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from fer_lightning.export.bundle.readme import SNIPPETS, snippet

REPOSITORY = Path(__file__).resolve().parents[2]
JAVASCRIPT = REPOSITORY / "tests" / "javascript"


@pytest.fixture
def copy(bundle, tmp_path):
    return shutil.copytree(bundle, tmp_path / "bundle")


def spoil(bundle):
    golden = json.loads((bundle / "golden.json").read_text())
    golden["faces"][3]["pixels"].reverse()
    (bundle / "golden.json").write_text(json.dumps(golden))


def from_readme(bundle, name, fence):
    """The code as it stands in the bundle's README."""
    section = (bundle / "README.md").read_text().split(f"`{name}`:")[1]
    return section.split(f"```{fence}\n")[1].split("\n```")[0] + "\n"


@pytest.mark.parametrize("language", SNIPPETS)
def test_readme_has_the_whole_snippet(bundle, language):
    name, _ = SNIPPETS[language]
    assert snippet(name).rstrip() in (bundle / "README.md").read_text()


def test_readme_names_the_version_that_is_tested():
    version = json.loads((JAVASCRIPT / "package.json").read_text())["dependencies"]["@litertjs/core"]
    assert f"npm install @litertjs/core@{version}`" in SNIPPETS["JavaScript"][1]


class TestPython:
    def run(self, bundle):
        (bundle / "read_expression.py").write_text(from_readme(bundle, "read_expression.py", "python"))
        words = [sys.executable, "read_expression.py"]
        return subprocess.run(words, cwd=bundle, capture_output=True, text=True, timeout=100)

    def test_golden_faces_agree(self, copy):
        process = self.run(copy)
        assert process.returncode == 0, process.stderr
        assert "all 7 golden faces agree" in process.stdout
        assert "surprise: surprise 0." in process.stdout or "surprise: surprise 1." in process.stdout

    def test_a_face_that_differs(self, copy):
        spoil(copy)
        process = self.run(copy)
        assert process.returncode == 1
        assert "differs from its expected answer" in process.stderr
        assert "Traceback" not in process.stderr


class TestJavaScript:
    @pytest.fixture
    def url(self, copy):
        handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=copy)
        server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        server.server_close()

    def run(self, bundle, url):
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
        node = shutil.which("node", path=path)
        assert node, "make setup installs Node"
        wasm = JAVASCRIPT / "node_modules" / "@litertjs" / "core" / "wasm"
        assert wasm.is_dir(), "make setup installs LiteRT.js"
        (bundle / "read_expression.mjs").write_text(from_readme(bundle, "read_expression.mjs", "js"))
        words = [node, JAVASCRIPT / "run_snippet.mjs", bundle / "read_expression.mjs", url, f"{wasm}/"]
        return subprocess.run(words, capture_output=True, text=True, timeout=100)

    def test_golden_faces_agree(self, copy, url):
        process = self.run(copy, url)
        assert process.returncode == 0, process.stderr
        result = json.loads(process.stdout)
        assert result["faces"] == 7
        assert result["largestDifference"] <= result["tolerance"] < 0.5

    def test_a_face_that_differs(self, copy, url):
        spoil(copy)
        process = self.run(copy, url)
        assert process.returncode == 1
        assert "The golden face" in process.stderr
