"""python -m benchmarks.framing DIR: how FER2013 frames its faces, in terms of the detector's boxes.

FER2013's pictures are enlarged six times, with their border repeated around them so that the detector sees the
whole head, and the largest face found in each is measured against the picture. What it prints is what
``inference.face_crop.crop_face`` crops by, so that faces in photos are framed as the training faces are.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.progress import track
from rich.table import Table

from fer_lightning.constants import IMAGE_SIZE
from fer_lightning.data import cache, kaggle_csv
from fer_lightning.inference.face_detection import FaceDetector

ENLARGED = 6
BORDER = 12  # pixels to each side


def measure(pixels: np.ndarray, detector: FaceDetector) -> tuple[float, ...] | None:
    """Crop side in boxes, shift right and down in crop sides, eye distance in crop sides, tilt in degrees."""
    padded = np.pad(pixels, BORDER, mode="edge")
    side = padded.shape[0] * ENLARGED
    faces = detector.detect(Image.fromarray(padded).resize((side, side), Image.Resampling.BICUBIC).convert("RGB"))
    if not faces:
        return None
    face, unit = faces[0], IMAGE_SIZE * ENLARGED
    centre_x, centre_y = (face.left + face.right) / 2, (face.top + face.bottom) / 2
    eyes = float(np.hypot(*np.subtract(*face.eyes)))
    middle = side / 2
    return (
        unit / (face.right - face.left),
        (middle - centre_x) / unit,
        (middle - centre_y) / unit,
        eyes / unit,
        face.tilt,
    )


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.framing", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="DIR", help="the folder with FER2013")
    parser.add_argument("--faces", type=int, default=3000, help="training faces, drawn with seed 0 (%(default)s)")
    arguments = parser.parse_args()
    faces = cache.load(kaggle_csv.find_training_file(arguments.data))
    rows = np.random.default_rng(0).choice(faces.rows_of("Training"), arguments.faces, replace=False)
    detector = FaceDetector()
    measured = [measure(faces.pixels[row], detector) for row in track(rows, "measuring")]
    found = np.array([each for each in measured if each is not None])
    table = Table(
        title=f"a face was found in {len(found):,} of {len(rows):,} ({len(found) / len(rows):.1%})", box=SIMPLE_HEAD
    )
    for column in ("", "median", "10 %", "90 %"):
        table.add_column(column, justify="left" if column == "" else "right")
    names = ("crop side, in boxes", "shift right, in crop sides", "shift down", "eye distance", "tilt, degrees")
    for name, values in zip(names, found.T, strict=True):
        table.add_row(name, *(f"{value:.3f}" for value in np.quantile(values, [0.5, 0.1, 0.9])))
    Console().print(table)


if __name__ == "__main__":
    main()
