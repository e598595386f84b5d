"""The page's pure functions in Node, its types and its style."""

import subprocess

import pytest

from tests.play.conftest import ROOT, SCRIPTS, WWW

pytestmark = pytest.mark.slow

TOOLS = ROOT / "tests" / "javascript"
SOURCES = [WWW.parent / "worker.js", *WWW.glob("*.js"), *WWW.glob("views/*.js")]


def run(node, *words):
    process = subprocess.run([node, *map(str, words)], cwd=ROOT, capture_output=True, text=True, timeout=300)
    assert process.returncode == 0, process.stdout + process.stderr


@pytest.mark.parametrize("name", ["game", "scoring"])
def test_pure_modules(node, name):
    run(node, "--test", SCRIPTS / f"{name}.test.mjs")


def tool(path):
    script = TOOLS / "node_modules" / path
    if not script.is_file():
        pytest.skip("needs the JavaScript tools: make setup")
    return script


def test_types(node):
    run(node, tool("typescript/bin/tsc"), "--project", TOOLS)


def test_lint(node):
    words = ("--config", TOOLS / "eslint.config.js", "--max-warnings", "0")
    run(node, tool("eslint/bin/eslint.js"), *words, *SOURCES)
