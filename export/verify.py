"""python -m export.verify DIR: check a bundle from nothing but its files.

Checks each file's SHA-256, the golden answers with the installed runtimes, and the app's contract. Needs neither torch
nor data.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from fer_lightning.errors import FerError, exit_on_user_error
from fer_lightning.utils.command_line import argument_parser
from fer_lightning.utils.files import names_below
from fer_lightning.utils.terminal import make_table, print_table, printable

from .missing_packages import explaining_missing_packages

with explaining_missing_packages():
    from fer_lightning.inference.bundle_files import (
        GOLDEN_FILE,
        LABELS_FILE,
        LABELS_TEXT,
        MANIFEST_FILE,
        MODEL_FILE,
        read_manifest,
    )
    from fer_lightning.inference.tflite_model import TFLiteModel, require_loadable
    from fer_lightning.utils.checksums import fingerprint

    from .bundle import inventory
    from .check.golden import read_golden
    from .check.runtimes import LITERT, MODULES, TENSORFLOW, is_installed, load


@dataclass(frozen=True)
class Verdict:
    """The result of checking a bundle.

    Attributes:
        wrong: one clause for each problem.
        not_run: the files whose golden answers were not checked.
    """

    wrong: list[str]
    not_run: list[str]


def verify(folder: Path, *, with_tensorflow: bool = False) -> Verdict:
    """Check a bundle and print a line for each of its models.

    Args:
        folder: the bundle.
        with_tensorflow: also run the SavedModel. It is a program with the caller's permissions, so use this only for
            trusted bundles.

    Raises:
        FerError: the folder is not a bundle, or its manifest or golden answers are damaged.
    """
    manifest = read_manifest(folder)
    wrong, not_run = _contract(folder, manifest), []
    found = names_below(folder)
    wrong += [f"{name} is not in {MANIFEST_FILE}" for name in sorted(found - inventory.contents(folder))]
    golden = read_golden(folder)
    for name, entry in manifest["documents"].items():
        wrong += _damage(folder / name, name, entry)
    table = make_table(None, ("file", "SHA-256", "golden answers"), texts=3)
    for name, entry in manifest["files"].items():
        runtime = entry.get("runtime")
        damage = _damage(folder / name, name, entry)
        wrong += damage
        if damage:
            answer = "not run"
        elif not isinstance(runtime, str) or runtime not in MODULES:
            answer = "unknown runtime"
            wrong.append(f"{name}: unknown runtime {runtime}")
        elif not is_installed(runtime):
            answer = f"not run: {runtime} is not installed"
            not_run.append(name)
        elif runtime == TENSORFLOW and not with_tensorflow:
            answer = "not run without --with-tensorflow"
            not_run.append(name)
        else:
            expected = golden.flip_averaged if entry.get("averages_flip") else golden.probabilities
            answer, agrees = _answer(folder / name, runtime, golden.pixels, expected, golden.tolerances.get(name, 0.0))
            if not agrees:
                wrong.append(f"{name}: wrong golden answers: {answer}")
        table.add_row(printable(name), "changed" if damage else "intact", printable(answer))
    print_table(table)
    return Verdict(wrong, not_run)


def _contract(folder: Path, manifest: dict[str, Any]) -> list[str]:
    """Return a clause for each breach of the app's contract; a changed file is not loaded."""
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
        wrong.append(f"{labels} must contain the seven labels, one per line")
    return wrong


def _damage(path: Path, name: str, entry: dict[str, Any]) -> list[str]:
    if not path.exists():
        return [f"{name} is missing"]
    found = fingerprint(path)
    if "parts" in entry and "parts" in found:
        return [
            f"{name}/{part} {'has changed' if part in found['parts'] else 'is missing'}"
            for part, sha256 in entry["parts"].items()
            if found["parts"].get(part) != sha256
        ]
    return (
        []
        if found.get("sha256") == entry.get("sha256")
        else [f"{name} has changed: its SHA-256 differs from {MANIFEST_FILE}"]
    )


def _answer(
    path: Path, runtime: str, pixels: np.ndarray, expected: np.ndarray | None, tolerance: float
) -> tuple[str, bool]:
    """Describe how far the golden answers are off, and whether that is within the tolerance."""
    if expected is None:
        return f"{GOLDEN_FILE} has none for a file that averages mirror images", False
    try:
        if runtime == LITERT:
            require_loadable(path)
        difference = float(np.abs(load(runtime, path).probabilities(pixels) - expected).max())
    except Exception as error:  # runtimes raise all kinds of errors for a file that they cannot load
        return f"{runtime} cannot run it: {' '.join(str(error).split())[:200]}", False
    return f"{difference:.1g} off, {tolerance:g} allowed", difference <= tolerance  # False for NaN


def main() -> None:
    parser = argument_parser(
        "fer-export-verify",
        "Check a bundle from nothing but its files: hashes, golden answers and the app's contract.",
        [
            "fer-export-verify bundles/mine",
            "fer-export-verify fer_lightning/pretrained/bundle",
            "fer-export-verify bundles/full --with-tensorflow",
        ],
    )
    parser.add_argument("dir", type=Path, metavar="DIR", help="the bundle's folder, as fer-export wrote it")
    parser.add_argument(
        "--with-tensorflow",
        action="store_true",
        help="also run the SavedModel; it is a program with your permissions, so do this only for a trusted bundle",
    )
    arguments = parser.parse_args()
    with exit_on_user_error():
        verdict = verify(arguments.dir, with_tensorflow=arguments.with_tensorflow)
        if verdict.wrong:
            raise FerError("; ".join(verdict.wrong))
    answered = f"not run here: {', '.join(verdict.not_run)}" if verdict.not_run else "all golden answers agree"
    print(printable(f"{arguments.dir} has not changed since the export; {answered}"))


if __name__ == "__main__":
    main()
