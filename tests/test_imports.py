"""The import rules of CONTRIBUTING.md."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import fer_lightning

PACKAGE = Path(fer_lightning.__file__).parent
EXPORT = PACKAGE.parent / "export"
FOUNDATION = {"constants", "errors", "utils"}
STATIONS = {"data", "models", "inference"}
COMMANDS = {path.stem for path in PACKAGE.glob("*.py")} - {"__init__", *FOUNDATION} | {"commands"}
# of each package, the others whose modules it may import when it is imported itself
ALLOWED = {
    "constants": set(),
    "errors": {"utils"},
    "utils": {"errors"},
    "config_rules": FOUNDATION,
    "inference": FOUNDATION,
    "models": FOUNDATION,
    "data": FOUNDATION | {"inference"},
    "reporting": FOUNDATION | STATIONS,
    "training": FOUNDATION | STATIONS | {"reporting"},
    "export": FOUNDATION | STATIONS | {"config_rules", "reporting", "training"},
}


def modules():
    yield from PACKAGE.rglob("*.py")
    yield from EXPORT.rglob("*.py")


def package_of(path):
    """The package that a module belongs to, or a command's own name."""
    if path.is_relative_to(EXPORT):
        return "export"
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imported(path, *, at_import_only):
    """The packages that a module imports."""
    tree = ast.parse(path.read_text())
    nodes = tree.body if at_import_only else ast.walk(tree)
    for node in nodes:
        names = []
        if isinstance(node, ast.ImportFrom) and node.module == "fer_lightning":
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and (node.module or "").startswith("fer_lightning."):
            names = [str(node.module).split(".")[1]]
        elif isinstance(node, ast.Import):
            names = [alias.name.split(".")[1] for alias in node.names if alias.name.startswith("fer_lightning.")]
        yield from names


@pytest.mark.parametrize("station", ALLOWED)
def test_imports_point_one_way(station):
    for path in modules():
        if package_of(path) == station:
            found = set(imported(path, at_import_only=True)) - {station}
            assert found <= ALLOWED[station], path


def test_no_library_module_imports_a_command():
    for path in modules():
        if package_of(path) in ALLOWED:
            assert not COMMANDS & set(imported(path, at_import_only=False)), path


def test_export_imports_itself_by_relative_names_only():
    """In a clone it is also the top-level package ``export``, and no module may be loaded twice."""
    for path in EXPORT.rglob("*.py"):
        if path.name not in ("__main__.py", "verify.py"):
            assert "export" not in set(imported(path, at_import_only=False)), path


def test_inference_does_without_torch():
    heavy = {"torch", "lightning", "hydra", "torchvision", "torchmetrics", "tensorflow"}
    for path in (PACKAGE / "inference").glob("*.py"):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.Import):
                assert not heavy & {alias.name.split(".")[0] for alias in node.names}, path
            elif isinstance(node, ast.ImportFrom):
                assert (node.module or "").split(".")[0] not in heavy, path


def test_config_rules_import_nothing_heavy():
    """Mistakes on a command line are reported before slow libraries are imported."""
    heavy = {"torch", "lightning", "hydra", "numpy"}
    script = "import sys, fer_lightning.config_rules.check; print(*{name.partition('.')[0] for name in sys.modules})"
    loaded = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True).stdout.split()
    assert "omegaconf" in loaded
    assert not heavy & set(loaded)
