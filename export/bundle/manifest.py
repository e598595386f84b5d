"""model.json: the files of a bundle, their preprocessing, and the origin of the weights."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from torch import nn

from fer_lightning.constants import LABELS
from fer_lightning.utils.checksums import fingerprint, sha256

from ..convert.formats import Format
from ..graph.prepare import taking_rgb
from . import describe, inventory
from .report import Row

_ABOUT_THE_MACHINE = {"dir"}  # the path of the data is private


def manifest(
    folder: Path,
    formats: Mapping[str, Format],
    rows: Sequence[Row],
    model: nn.Sequential,
    verified: dict[str, Any],
    checkpoint: Path,
    settings: Mapping[str, Any],
) -> dict[str, Any]:
    """Return the manifest of the bundle in ``folder``, in which all other files exist already.

    Args:
        folder: the bundle.
        formats: its formats, by name.
        rows: the measurements of its files.
        model: the network as exported (see ``deployable``).
        verified: the faces, the machine and torch's accuracy of the comparison.
        checkpoint: the file that the weights come from.
        settings: the settings stored in the checkpoint.
    """
    by_file = {row.file: row for row in rows}
    multiply_adds = {"grey": describe.multiply_adds(model), "rgb": describe.multiply_adds(taking_rgb(model))}
    described = {}
    for name, each in formats.items():
        row = by_file[each.file]
        described[each.file] = {
            "format": name,
            "runtime": each.runtime,
            "use": each.use,
            "feed": each.feed,
            "averages_flip": each.averages_flip,
            **fingerprint(folder / each.file),
            **describe.describe(folder / each.file, each.runtime),
            "quantization": each.quantization,
            "multiply_adds": multiply_adds["rgb" if name == "mediapipe" else "grey"] * (1 + each.averages_flip),
            "compared_with_torch": asdict(row.agreement) if row.agreement else None,
            "milliseconds": row.milliseconds,
        }
    return {
        "made_by": f"fer_lightning {version('fer_lightning')}",
        "labels": list(LABELS),
        "preprocessing": describe.PREPROCESSING,
        "weights": {
            "checkpoint": checkpoint.name,
            "sha256": sha256(checkpoint),
            "trained_with": _without_places(settings),
        },
        "verified_on": verified,
        "files": described,
        "documents": {name: fingerprint(folder / name) for name in inventory.DOCUMENTS},
    }


def _without_places(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {
        key: _without_places(value) if isinstance(value, Mapping) else value
        for key, value in settings.items()
        if key not in _ABOUT_THE_MACHINE
    }
