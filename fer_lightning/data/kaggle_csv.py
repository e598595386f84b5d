"""Strict, streamed parsing of Kaggle's FER2013 files.

Each row of these text files has one face, as 2,304 grey values separated by spaces. NumPy parses blocks of rows in
bounded memory.
"""

import csv
import io
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import IO

import numpy as np

from fer_lightning.constants import IMAGE_SIZE, MAX_PIXEL, NUM_CLASSES, PIXELS
from fer_lightning.data.archives import ARCHIVE_ERRORS, open_csv
from fer_lightning.data.faces import UNKNOWN, USAGES
from fer_lightning.errors import FerError
from fer_lightning.utils.data_folder import require_data_folder

TRAINING_FILES = ("fer2013.csv", "icml_face_data.csv", "fer2013.tar.gz", "train.csv")
TEST_FILE = "test.csv"
RECORD = np.dtype([("pixels", "u1", (IMAGE_SIZE, IMAGE_SIZE)), ("label", "u1"), ("usage", "u1")])
_READ_BYTES = 1 << 18  # small enough that the parser's arrays stay in the processor's cache
_HEAP_BYTES = 1 << 24
_MAX_LINE_BYTES = 1 << 16  # a row of 2,304 three-digit values takes 9,300
_COLUMNS = ("emotion", "pixels", "Usage")
_LABEL_CODES = {str(code).encode(): code for code in range(NUM_CLASSES)}
_USAGE_CODES = {name.encode(): code for code, name in enumerate(USAGES)}


def find_training_file(folder: Path) -> Path:
    """Find the first of ``TRAINING_FILES`` in ``folder``, plain before zipped.

    Raises:
        FerError: the folder does not exist or contains none of the files.
    """
    require_data_folder(folder, kaggle=True)
    for name in TRAINING_FILES:
        if path := find_file(folder, name):
            return path
    raise FerError(
        f"{folder} contains none of {', '.join(TRAINING_FILES)} (plain or zipped); download them with: "
        f"python -m fer_lightning.download data.dir={folder}"
    )


def find_file(folder: Path, name: str) -> Path | None:
    """The path of ``name`` in ``folder``, plain before zipped; None if there is neither."""
    candidates = (folder / name, folder / f"{name}.zip")
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def parse(path: Path) -> Iterator[np.ndarray]:
    """Yield the rows of ``path`` as arrays of ``RECORD``, a few dozen rows each, in bounded memory.

    Raises:
        FerError: the file is malformed; the text names file, row and reason.
    """
    rows = 0
    # Once a large block has been freed, glibc keeps later smaller blocks for reuse instead of returning each to the
    # system and taking page faults to get it back. This halves the time.
    np.empty(_HEAP_BYTES, np.uint8)
    with open_csv(path) as (stream, archives):
        try:
            for block in _parse_csv(stream, str(path)):
                rows += len(block)
                yield block
            for archive in archives:  # read to the end to verify the checksums
                while archive.read(_READ_BYTES):
                    pass
        except ARCHIVE_ERRORS as error:
            raise FerError(f"{path}: the archive is broken, found after row {rows}: {error}") from error
    if not rows:
        raise FerError(f"{path}: the file has a header but no rows")


def _parse_csv(stream: IO[bytes], name: str) -> Iterator[np.ndarray]:
    lines = _blocks_of_lines(stream, name)
    first = next(lines, None)
    if first is None:
        raise FerError(f"{name}: the file is empty")
    columns = _parse_header(first[0], name)
    row = 1
    pending = first[1:]
    while pending or (pending := next(lines, [])):
        yield _parse_block(pending, columns, name, row)
        row += len(pending)
        pending = []


def _blocks_of_lines(stream: IO[bytes], name: str) -> Iterator[list[bytes]]:
    """Blocks of complete lines without newlines, about ``_READ_BYTES`` each; the first block is never empty."""
    rest = b""
    line = 1  # the number of the line that ``rest`` begins
    while chunk := stream.read(_READ_BYTES):
        head, newline, tail = chunk.rpartition(b"\n")
        if newline:
            lines = (rest + head).split(b"\n")
            rest = tail
            line += len(lines)
            yield lines
        else:
            rest += tail
        if len(rest) > _MAX_LINE_BYTES:
            raise _too_long(name, line - 1)
    if rest:
        if line > 1 and rest[-1:].isdigit():
            # '12' may be a truncated '123'; a cut elsewhere is detected by the quote or the Usage
            raise _row_error(
                name,
                line - 1,
                "the last line has no newline: the file may be truncated (if it is complete, add a newline)",
            )
        yield [rest]


def _parse_header(line: bytes, name: str) -> tuple[str, ...]:
    if len(line) > _MAX_LINE_BYTES:
        raise _too_long(name, 0)
    text = line.decode("utf-8-sig", "replace")
    shown = text[:60].strip()
    columns = tuple(next(csv.reader(io.StringIO(text, newline="")), ()))
    columns = tuple(column.strip() for column in columns)
    if (
        b"\0" in line
        or len(set(columns)) != len(columns)
        or "pixels" not in columns
        or not set(columns) <= set(_COLUMNS)
    ):
        what = "a binary file, not CSV" if b"\0" in line or "\ufffd" in shown else f"the header {shown!r}"
        raise FerError(f"{name}: {what}; expected a header with the columns pixels and, optionally, emotion and Usage")
    return columns


def _row_error(name: str, row: int, reason: str) -> FerError:
    place = f"row {row} (line {row + 1})" if row else "the header"
    return FerError(f"{name}, {place}: {reason}")


def _too_long(name: str, row: int) -> FerError:
    return _row_error(name, row, f"the line is longer than {_MAX_LINE_BYTES} bytes")


def _parse_block(lines: list[bytes], columns: tuple[str, ...], name: str, first_row: int) -> np.ndarray:
    records = np.empty(len(lines), RECORD)
    records["label"] = records["usage"] = UNKNOWN
    texts = []
    for offset, line in enumerate(lines):
        row = first_row + offset
        fields = line.rstrip(b"\r").split(b",")
        if len(fields) != len(columns):
            raise _row_error(name, row, f"expected {len(columns)} columns as in the header, found {len(fields)}")
        for column, field in zip(columns, fields, strict=True):
            if column == "pixels":
                texts.append(_unquoted(field, name, row))
            elif column == "emotion":
                records[offset]["label"] = _code(
                    field, _LABEL_CODES, name, row, f"emotion must be 0..{NUM_CLASSES - 1}, got {{}}"
                )
            else:
                records[offset]["usage"] = _code(
                    field, _USAGE_CODES, name, row, f"Usage must be one of {', '.join(USAGES)}, got {{}}"
                )
    values = _parse_pixels_fast(texts)
    if values is None:
        values = np.stack([_parse_pixels(text, name, first_row + offset) for offset, text in enumerate(texts)])
    records["pixels"] = values.reshape(-1, IMAGE_SIZE, IMAGE_SIZE)
    return records


def _unquoted(field: bytes, name: str, row: int) -> bytes:
    if not field.startswith(b'"'):
        return field
    if len(field) < 2 or not field.endswith(b'"'):
        raise _row_error(name, row, "the quote around the pixels is not closed: the line is truncated")
    return field[1:-1]


def _code(field: bytes, codes: dict[bytes, int], name: str, row: int, reason: str) -> int:
    code = codes.get(field)
    if code is None:
        code = codes.get(field.strip().strip(b'"'))
    if code is None:
        raise _row_error(name, row, reason.format(repr(field[:30].decode("ascii", "replace"))))
    return code


def _parse_pixels_fast(texts: list[bytes]) -> np.ndarray | None:
    """Parse rows in Kaggle's exact form.

    Computes for every byte the value of the number that would end there, and keeps the values of actual ends.

    Returns:
        uint8 [rows, 2304]; None if a row has another form, for which ``_parse_pixels`` reports the reason.
    """
    data = np.frombuffer(b" ".join([b"", *texts, b""]), np.uint8)
    space = data == ord(" ")
    starts = np.cumsum([1, *(len(text) + 1 for text in texts)])
    if any(np.count_nonzero(space[start:stop]) != PIXELS for start, stop in pairwise(starts)):
        return None
    digits = data - np.uint8(ord("0"))
    is_digit = digits < 10
    if np.count_nonzero(is_digit) + np.count_nonzero(space) != len(data):
        return None
    digits *= is_digit
    ends = space[1:] & is_digit[:-1]
    if np.count_nonzero(ends) != len(texts) * PIXELS:
        return None
    pairs = is_digit[1:] & is_digit[:-1]
    if (pairs[2:] & pairs[:-2]).any():  # four digits in a row
        return None
    values = digits.astype(np.uint16)
    values[1:] += digits[:-1] * np.uint8(10)
    # count the hundreds only if the tens are a digit; otherwise they belong to the previous number
    values[2:] += (digits[:-2] * is_digit[1:-1]) * np.uint16(100)
    values = values.take(np.flatnonzero(ends))  # twice as fast as values[:-1][ends]
    if values.max() > MAX_PIXEL:
        return None
    return values.astype(np.uint8).reshape(-1, PIXELS)


def _parse_pixels(text: bytes, name: str, row: int) -> np.ndarray:
    tokens = text.split()
    if len(tokens) != PIXELS:
        raise _row_error(name, row, f"expected {PIXELS} pixels, found {len(tokens)}")
    for position, token in enumerate(tokens, start=1):
        if not token.isdigit() or int(token[-10:]) > MAX_PIXEL or len(token.lstrip(b"0")) > 3:
            shown = token[:30].decode("ascii", "replace")
            raise _row_error(name, row, f"pixel {position} must be an integer from 0 to {MAX_PIXEL}, got {shown!r}")
    return np.array([int(token) for token in tokens], np.uint8)
