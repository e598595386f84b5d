"""python -m benchmarks.framing DIR: measure how FER2013 crops its faces, relative to the detector's boxes.

FER2013's images are enlarged six times and padded by repeating their border, to show the detector the whole head. The
largest face found in each is compared with the image. ``inference.face_crop.crop_face`` uses the printed values
to crop faces in photos like the training faces.
"""

import argparse
from pathlib import Path

import numpy as np
from PIL import Image
from rich.console import Console
from rich.progress import track

from benchmarks.arguments import positive
from fer_lightning.constants import IMAGE_SIZE
from fer_lightning.data import cache, kaggle_csv
from fer_lightning.errors import exit_on_user_error
from fer_lightning.inference.face_detection import FaceDetector
from fer_lightning.utils.terminal import make_table

ENLARGED = 6
BORDER = 12  # pixels on each side


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
    parser.add_argument("--faces", type=positive, default=3000, help="training faces, drawn with seed 0 (%(default)s)")
    arguments = parser.parse_args()
    with exit_on_user_error():
        faces = cache.load(kaggle_csv.find_training_file(arguments.data))
    training = faces.rows_of("Training")
    rows = np.random.default_rng(0).choice(training, min(arguments.faces, len(training)), replace=False)
    detector = FaceDetector()
    measured = [measure(faces.pixels[row], detector) for row in track(rows, "measuring")]
    found = np.array([each for each in measured if each is not None])
    title = f"a face was found in {len(found):,} of {len(rows):,} ({len(found) / len(rows):.1%})"
    table = make_table(title, ("", "median", "10%", "90%"))
    names = ("crop side, in boxes", "shift right, in crop sides", "shift down", "eye distance", "tilt, degrees")
    for name, values in zip(names, found.T, strict=True):
        table.add_row(name, *(f"{value:.3f}" for value in np.quantile(values, [0.5, 0.1, 0.9])))
    Console().print(table)


if __name__ == "__main__":
    main()
