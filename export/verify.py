"""python -m export.verify DIR: check a bundle from nothing but its files.

Each file's SHA-256, the golden answers by the runtimes that are installed, and the app's contract. Needs
neither torch nor data.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.markup import escape

from fer_lightning.errors import FerError, exit_on_user_error
from fer_lightning.utils.command_line import argument_parser
from fer_lightning.utils.terminal import make_table

from .missing_packages import explaining_missing_packages

with explaining_missing_packages():
    from fer_lightning.inference.tflite_model import (
        LABELS_FILE,
        LABELS_TEXT,
        MANIFEST_FILE,
        MODEL_FILE,
        TFLiteModel,
        read_manifest,
        require_loadable,
    )
    from fer_lightning.utils.checksums import fingerprint

    from .bundle import atomic_dir
    from .check.golden import read_golden
    from .check.runtimes import LITERT, MODULES, TENSORFLOW, is_installed, load


@dataclass(frozen=True)
class Verdict:
    """What became of a bundle.

    Attributes:
        wrong: a clause for each thing that is wrong.
        not_run: the files that gave no golden answers here.
    """

    wrong: list[str]
    not_run: list[str]


def verify(folder: Path, *, with_tensorflow: bool = False) -> Verdict:
    """Check a bundle and print a line for each of its models.

    Args:
        with_tensorflow: run the SavedModel too. It is a program, which can do what its caller can, so this is
            for bundles that one trusts.

    Raises:
        FerError: the folder is no bundle, or its descriptions are damaged.
    """
    manifest = read_manifest(folder)
    wrong, not_run = _contract(folder, manifest), []
    on_disk = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if not path.is_dir()}
    wrong += [f"{name} is not in {MANIFEST_FILE}" for name in sorted(on_disk - atomic_dir.contents(folder))]
    pixels, expected, tolerances = read_golden(folder)
    for name, entry in manifest["documents"].items():
        wrong += _damage(folder / name, name, entry)
    table = make_table(None, ("file", "bytes", "golden faces"), texts=3)
    for name, entry in manifest["files"].items():
        runtime = entry.get("runtime")
        damage = _damage(folder / name, name, entry)
        wrong += damage
        if damage:
            answer = "not run"
        elif not isinstance(runtime, str) or runtime not in MODULES:
            answer = "no such runtime"
            wrong.append(f"{name} is for {runtime}, which no file of a bundle is for")
        elif not is_installed(runtime):
            answer = f"not run: {runtime} is not here"
            not_run.append(name)
        elif runtime == TENSORFLOW and not with_tensorflow:
            answer = "not run without --with-tensorflow"
            not_run.append(name)
        else:
            answer, agrees = _answer(folder / name, runtime, pixels, expected, tolerances.get(name, 0.0))
            if not agrees:
                wrong.append(f"{name}: golden faces are off: {answer}")
        table.add_row(escape(name), "changed" if damage else "intact", escape(answer))
    Console().print(table)
    return Verdict(wrong, not_run)


def _contract(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """What keeps the app from taking the bundle; a file that was changed is not loaded."""
    wrong = []
    entry = manifest["files"].get(MODEL_FILE)
    if entry is None:
        wrong.append(f"{MODEL_FILE} is not in {MANIFEST_FILE}")
    elif not _damage(folder / MODEL_FILE, MODEL_FILE, entry):
        try:
            require_loadable(folder / MODEL_FILE)
            TFLiteModel(folder / MODEL_FILE).require_app_contract()
        except FerError as error:
            wrong.append(str(error))
    labels = folder / LABELS_FILE
    if not labels.is_file() or labels.read_bytes() != LABELS_TEXT.encode():
        wrong.append(f"{labels} does not hold the seven labels, one a line")
    return wrong


def _damage(path: Path, name: str, entry: dict[str, Any]) -> list[str]:
    if not path.exists():
        return [f"{name} is missing"]
    found = fingerprint(path)
    if "parts" in entry and "parts" in found:
        return [
            f"{name}/{part} is {'changed' if part in found['parts'] else 'missing'}"
            for part, sha256 in entry["parts"].items()
            if found["parts"].get(part) != sha256
        ]
    return [] if found.get("sha256") == entry.get("sha256") else [f"{name} is changed: its SHA-256 is another"]


def _answer(path: Path, runtime: str, pixels: np.ndarray, expected: np.ndarray, tolerance: float) -> tuple[str, bool]:
    """How far the golden answers are, in words, and whether that is near enough."""
    try:
        if runtime == LITERT:
            require_loadable(path)
        difference = float(np.abs(load(runtime, path).probabilities(pixels) - expected).max())
    except Exception as error:  # whatever a runtime says of a file that it cannot load
        return f"{runtime} cannot run it: {' '.join(str(error).split())[:200]}", False
    return f"{difference:.1g} of {tolerance:g}", difference <= tolerance  # a NaN is not


def main() -> None:
    parser = argument_parser(
        "fer-export-verify",
        "Check a bundle from nothing but its files: hashes, golden answers, the app's contract.",
        [
            "fer-export-verify bundles/mine",
            "fer-export-verify fer_lightning/pretrained/bundle",
            "fer-export-verify bundles/full --with-tensorflow",
        ],
    )
    parser.add_argument("dir", type=Path, metavar="DIR", help="the bundle's folder, as python -m export wrote it")
    parser.add_argument(
        "--with-tensorflow",
        action="store_true",
        help="run the SavedModel too: it is a program and can do what you can, so only for a bundle that you trust",
    )
    arguments = parser.parse_args()
    with exit_on_user_error():
        verdict = verify(arguments.dir, with_tensorflow=arguments.with_tensorflow)
        if verdict.wrong:
            raise FerError("; ".join(verdict.wrong))
    answered = f"not run here: {', '.join(verdict.not_run)}" if verdict.not_run else "all keep their answers"
    print(f"{arguments.dir} is whole: every file is as it was exported; {answered}")


if __name__ == "__main__":
    main()
