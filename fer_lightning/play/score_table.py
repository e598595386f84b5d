"""python -m fer_lightning.play.score_table DATA: let the game compare a score with real faces.

Reads the faces of PublicTest with a bundle's model and adds score_table.json to the bundle: for each label, the
quantiles of its probability on the faces of that label. The file contains numbers only. Run it again after each export.
"""

import argparse
from pathlib import Path
from typing import Any

import numpy as np

from fer_lightning.constants import LABELS, PRETRAINED, PRETRAINED_PHONE
from fer_lightning.data import cache, kaggle_csv
from fer_lightning.errors import FerError, exit_on_user_error
from fer_lightning.inference.bundle_files import MANIFEST_FILE, MODEL_FILE, model_path, read_manifest, require_intact
from fer_lightning.inference.tflite_model import TFLiteModel
from fer_lightning.play.site import SCORE_TABLE_FILE
from fer_lightning.utils import files
from fer_lightning.utils.checksums import fingerprint

USAGE = "PublicTest"
_STEPS = 100
_DIGITS = 5


def score_table(probabilities: np.ndarray, labels: np.ndarray) -> dict[str, Any]:
    """The quantiles of each label's probability on the faces of that label.

    Args:
        probabilities: float [N, 7].
        labels: integers [N], each label at least once.
    """
    described = {}
    for index, label in enumerate(LABELS):
        own = probabilities[labels == index, index]
        quantiles = np.quantile(own.astype(np.float64), np.linspace(0, 1, _STEPS + 1))
        described[label] = {"faces": len(own), "quantiles": quantiles.round(_DIGITS).tolist()}
    return {
        "in_words": (
            "The probability that the model gives to a label, on the faces that people gave that label: its quantiles "
            "from the lowest to the highest, in steps of one per cent."
        ),
        "made_of": f"FER2013's {USAGE}, {len(labels):,} faces",
        "labels": described,
    }


def add_score_table(bundle: Path, data: Path) -> Path:
    """Write a bundle's score table and list it in the bundle's manifest.

    Args:
        bundle: an exported bundle.
        data: the folder with FER2013.

    Returns:
        The table's path.

    Raises:
        FerError: the bundle or the data cannot be read, or a label has no face.
    """
    require_intact(bundle)
    manifest = read_manifest(bundle)
    faces = cache.load(kaggle_csv.find_training_file(data))
    rows = faces.rows_of(USAGE)
    labels = faces.labels[rows]
    missing = [label for index, label in enumerate(LABELS) if not (labels == index).any()]
    if missing:
        raise FerError(f"{data}: {USAGE} has no face labelled {', '.join(missing)}")
    probabilities = TFLiteModel(bundle / MODEL_FILE).probabilities(faces.pixels[rows])
    path = bundle / SCORE_TABLE_FILE
    files.write_json(path, score_table(probabilities, labels))
    manifest["documents"][SCORE_TABLE_FILE] = fingerprint(path)
    files.write_json(bundle / MANIFEST_FILE, manifest)
    return path


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m fer_lightning.play.score_table", description=__doc__)
    parser.add_argument("data", type=Path, metavar="DATA", help="the folder with FER2013")
    parser.add_argument(
        "--bundle",
        default=PRETRAINED,
        help=f"{PRETRAINED}, {PRETRAINED_PHONE} or a bundle's folder (default: %(default)s)",
    )
    arguments = parser.parse_args()
    with exit_on_user_error():
        print(f"score table: {add_score_table(model_path(arguments.bundle), arguments.data)}")


if __name__ == "__main__":
    main()
