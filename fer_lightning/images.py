"""Picture files of every kind -> upright RGB or 48x48 grey faces. NumPy and Pillow; no torch."""

import warnings
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fer_lightning.errors import FerError
from fer_lightning.preprocessing import IMAGE_SIZE

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
MAX_PIXELS = 150_000_000  # a picture of that size takes 450 MB; larger ones are refused before they are read

_WIDE = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")  # more than eight bits, which Pillow would cut off at 255


def open_picture(source: Path | IO[bytes]) -> Image.Image:
    """The first frame of a picture in RGB, upright as its EXIF data say, with white behind what is transparent.

    Raises:
        FerError: it is missing, no picture, cut off, or larger than ``MAX_PIXELS``.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # the limit is our own
            with Image.open(source) as opened:
                if opened.width * opened.height > MAX_PIXELS:
                    size = f"{opened.width} x {opened.height}"
                    raise FerError(f"{source} has {size} pixels, more than the {MAX_PIXELS:,} that are read")
                return _as_rgb(ImageOps.exif_transpose(opened))
    except Image.DecompressionBombError:  # far larger: Pillow's own limit
        raise FerError(f"{source} has more than the {MAX_PIXELS:,} pixels that are read") from None
    except FileNotFoundError:
        raise FerError(f"there is no file {source}") from None
    except UnidentifiedImageError:
        raise FerError(f"{source} is no picture that can be read") from None
    except (OSError, ValueError, SyntaxError, EOFError, OverflowError) as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise FerError(f"{source} is no picture that can be read: {reason}") from error


def _as_rgb(picture: Image.Image) -> Image.Image:
    if picture.mode in _WIDE:
        values = np.nan_to_num(np.asarray(picture, np.float64))
        largest = values.max(initial=0)
        most = 1 if picture.mode == "F" and largest <= 1 else 255 if largest <= 255 else 65535
        picture = Image.fromarray(np.clip(values * (255 / most), 0, 255).round().astype(np.uint8))
    if picture.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        white = Image.new("RGBA", picture.size, "white")
        picture = Image.alpha_composite(white, picture)
    return picture.convert("RGB")


def as_face(picture: Image.Image) -> np.ndarray:
    """A picture that is a face already: its centre square, grey, uint8 [48, 48]; 48x48 pixels stay as they are."""
    grey = picture.convert("L")
    return np.asarray(ImageOps.fit(grey, (IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BILINEAR))
