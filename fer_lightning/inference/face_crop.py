"""Crop faces from pictures with the framing of FER2013's images. NumPy and Pillow; no torch."""

import math

import numpy as np
from PIL import Image

from fer_lightning.constants import IMAGE_SIZE
from fer_lightning.inference.blazeface import Detection

# Medians over FER2013's images and the boxes that BlazeFace finds in them: the image's side divided by the box's, and
# how far the image's centre lies below the box's, as a fraction of the image's side (python -m benchmarks.framing DIR)
CROP_SIDE = 1.19
CROP_DOWN = -0.07

_LARGE_FACE = 400.0  # pixels a side


def crop_face(picture: Image.Image, face: Detection) -> np.ndarray:
    """The face, upright and framed as FER2013's are, grey, uint8 [48, 48].

    What lies beyond the picture repeats its border.
    """
    shrink = max(face.right - face.left, face.bottom - face.top) / _LARGE_FACE
    if shrink > 1:  # turning it in full size would take a multiple of the picture's memory, for 48 pixels
        size = (max(1, round(picture.width / shrink)), max(1, round(picture.height / shrink)))
        picture, face = picture.resize(size, Image.Resampling.BILINEAR, reducing_gap=3.0), face.scaled(1 / shrink)
    centre_x, centre_y = (face.left + face.right) / 2, (face.top + face.bottom) / 2
    side = CROP_SIDE * (face.right - face.left + face.bottom - face.top) / 2
    angle = math.radians(face.tilt)
    # along the face's own vertical axis, which differs from the picture's if the face is tilted
    centre_x -= math.sin(angle) * CROP_DOWN * side
    centre_y += math.cos(angle) * CROP_DOWN * side
    reach = math.ceil(side * 0.75) + 2  # half the side of a square that contains the crop at any angle
    square = _bordered_square(picture, round(centre_x), round(centre_y), reach)
    upright = square.rotate(face.tilt, Image.Resampling.BICUBIC)
    edge = reach - side / 2
    box = (edge, edge, edge + side, edge + side)
    return np.asarray(upright.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BILINEAR, box=box))


def _bordered_square(picture: Image.Image, x: int, y: int, reach: int) -> Image.Image:
    """The pixels around (x, y) in grey, ``reach`` to each side, the border repeated where the picture ends."""
    width, height = picture.size
    columns = np.clip(np.arange(x - reach, x + reach), 0, width - 1)
    rows = np.clip(np.arange(y - reach, y + reach), 0, height - 1)
    inner = np.asarray(picture.crop((columns[0], rows[0], columns[-1] + 1, rows[-1] + 1)).convert("L"))
    return Image.fromarray(inner[np.ix_(rows - rows[0], columns - columns[0])])
