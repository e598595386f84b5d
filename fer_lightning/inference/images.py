"""Image files -> upright RGB pictures or 48x48 grey faces. NumPy and Pillow; no torch."""

import os
import stat
import threading
import warnings
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from fer_lightning.constants import IMAGE_SIZE
from fer_lightning.errors import FerError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif", ".tif", ".tiff")
# Pillow would try all of its formats, whatever the suffix; for EPS it runs Ghostscript, which executes the file
FORMATS = ("JPEG", "PNG", "GIF", "BMP", "PPM", "WEBP", "TIFF")  # MPO is opened as a JPEG
MAX_BYTES = 500_000_000  # limit on the memory for one picture

_WIDE = ("I;16", "I;16B", "I;16L", "I;16N", "I", "F")  # more than eight bits, which Pillow would cut off at 255
_WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")
# peak memory per pixel until the picture is upright RGB, which Pillow stores in four bytes
_BYTES_PER_PIXEL = 8
_BYTES_PER_WIDE_PIXEL = 10
_BYTES_PER_PIXEL_WITH_ALPHA = 13
_BYTES_PER_COEFFICIENT = 2  # those of a progressive JPEG are all in memory, even if it is decoded at a smaller size
_STRIP_PIXELS = 1_000_000  # converted to eight bits at a time
_DEPTHS = (255, 1023, 4095, 16383, 65535)  # largest values of 8, 10, 12, 14 and 16 bits
_SIZE = "fer_lightning.size"  # key of a picture's info

_warning_filters = threading.Lock()  # they are the process's, and two threads would restore each other's


def open_picture(source: Path | IO[bytes]) -> Image.Image:
    """The first frame of an image in RGB, upright by its EXIF orientation, transparency over white.

    A JPEG that would need more than ``MAX_BYTES`` is decoded at a half, a quarter or an eighth of its size; see
    ``full_size``. The picture keeps the colour profile of the file if that is one for RGB.

    Args:
        source: a regular file, or a binary stream that can seek.

    Raises:
        FerError: it is missing, not a regular file, not one of ``FORMATS``, truncated, needs more than ``MAX_BYTES``
            of memory, or has more pixels than Pillow opens (178,956,970 by default).
    """
    if isinstance(source, Path):
        require_regular_file(source)
    try:
        with _warning_filters, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about large pictures, and about damaged EXIF data
            with Image.open(source, formats=FORMATS) as opened:
                full = opened.size
                _fit_into_memory(opened, source)
                is_landscape = opened.width > opened.height
                ImageOps.exif_transpose(opened, in_place=True)
                upright = full if (opened.width > opened.height) == is_landscape else full[::-1]
                opened.info[_SIZE] = (upright, opened.size)
                return _as_rgb(opened)
    except Image.DecompressionBombError:  # Pillow's own limit
        raise FerError(f"{_name(source)} has more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels") from None
    except UnidentifiedImageError:
        raise FerError(f"{_name(source)} cannot be read as an image; supported formats: {', '.join(FORMATS)}") from None
    except FerError:
        raise
    except Exception as error:  # on damaged files Pillow raises anything, such as a TypeError for a tag of a TIFF
        raise FerError(f"{_name(source)} cannot be read as an image: {_reason(error)}") from error


def full_size(picture: Image.Image) -> tuple[int, int]:
    """The width and height that an upright picture has in its file, from which it may have been decoded smaller."""
    full, decoded = picture.info.get(_SIZE, (None, None))
    return full if decoded == picture.size else picture.size  # copies that were cut or scaled inherit info


def _reason(error: Exception) -> str:
    return " ".join(str(error).split()) or type(error).__name__


def _name(source: Path | IO[bytes]) -> str:
    return str(source) if isinstance(source, Path) else str(getattr(source, "name", "the file"))


def require_regular_file(path: Path) -> None:
    """Raise FerError if ``path`` is missing, is not a regular file, or cannot be looked at."""
    try:
        mode = os.stat(path).st_mode  # noqa: PTH116, Path.stat() checks the name first, in other ways on 3.13
    except FileNotFoundError:
        raise FerError(f"no such file: {path}") from None
    except (OSError, ValueError) as error:  # a circle of links, a folder that cannot be entered, a name too long
        raise FerError(f"{path} cannot be read: {getattr(error, 'strerror', None) or error}") from None
    if not stat.S_ISREG(mode):
        raise FerError(f"{path} is not a regular file")


def _fit_into_memory(opened: Image.Image, source: Path | IO[bytes]) -> None:
    """Raise FerError if decoding takes more than ``MAX_BYTES``; a JPEG is first drafted at a smaller size."""
    width, height = opened.size
    divisors = (1, 2, 4, 8) if opened.format in ("JPEG", "MPO") else (1,)
    needed = [_bytes_needed(opened, divisor) for divisor in divisors]
    if needed[-1] > MAX_BYTES:
        raise FerError(
            f"{_name(source)} has {width} x {height} pixels, which need {needed[-1] / 1e6:,.1f} MB of memory; "
            f"the limit is {MAX_BYTES / 1e6:,.1f} MB"
        )
    divisor = next(divisor for divisor, each in zip(divisors, needed, strict=True) if each <= MAX_BYTES)
    if divisor > 1:
        opened.draft(None, (max(width // divisor, 1), max(height // divisor, 1)))


def _bytes_needed(opened: Image.Image, divisor: int) -> int:
    """Peak memory for an image that is decoded at ``1 / divisor`` of its sides."""
    each = _BYTES_PER_WIDE_PIXEL if opened.mode in _WIDE else _BYTES_PER_PIXEL
    if opened.mode in _WITH_ALPHA or "transparency" in opened.info:
        each = _BYTES_PER_PIXEL_WITH_ALPHA
    pixels = opened.width * opened.height
    needed = pixels // divisor**2 * each
    if opened.info.get("progressive"):
        needed += pixels * len(opened.getbands()) * _BYTES_PER_COEFFICIENT
    return needed


def upright_rgb(image: Image.Image) -> Image.Image:
    """Convert a Pillow image to upright RGB, as ``open_picture`` does; the original is not changed.

    Raises:
        FerError: the image cannot be decoded.
    """
    try:
        return _as_rgb(ImageOps.exif_transpose(image))
    except Exception as error:  # as in open_picture
        raise FerError(f"the image cannot be read: {_reason(error)}") from error


def _as_rgb(upright: Image.Image) -> Image.Image:
    picture = _composed(_as_eight_bits(upright) if upright.mode in _WIDE else upright)
    picture.info = {_SIZE: upright.info[_SIZE]} if _SIZE in upright.info else {}
    profile = upright.info.get("icc_profile")
    if upright.mode in ("RGB", "RGBA", "P") and isinstance(profile, bytes):  # a tag of a TIFF can have any type
        picture.info["icc_profile"] = profile
    return picture


def _composed(picture: Image.Image) -> Image.Image:
    """A picture in RGB, over white."""
    if picture.mode in _WITH_ALPHA or "transparency" in picture.info:
        picture = picture.convert("RGBA")
        canvas = Image.new("RGB", picture.size, "white")
        canvas.paste(picture, mask=picture.getchannel("A"))
        return canvas
    return picture.convert("RGB")


def _as_eight_bits(picture: Image.Image) -> Image.Image:
    """A wide picture in grey, its range taken from its mode and its largest value."""
    width, height = picture.size
    rows = max(_STRIP_PIXELS // width, 1)
    strips = [(0, top, width, min(top + rows, height)) for top in range(0, height, rows)]
    largest = max(float(_values(picture.crop(strip)).max()) for strip in strips)
    most = 1 if picture.mode == "F" and largest <= 1 else next((each for each in _DEPTHS if largest <= each), 65535)
    grey = Image.new("L", picture.size)
    for strip in strips:
        values = np.clip(_values(picture.crop(strip)) * (255 / most), 0, 255).round().astype(np.uint8)
        grey.paste(Image.fromarray(values), strip)
    return grey


def _values(picture: Image.Image) -> np.ndarray:
    return np.nan_to_num(np.asarray(picture, np.float64))


def as_face(picture: Image.Image) -> np.ndarray:
    """A picture that is a face already: its centre square, grey, uint8 [48, 48]; 48x48 pixels stay as they are."""
    grey = picture.convert("L")
    return np.asarray(ImageOps.fit(grey, (IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BILINEAR))
