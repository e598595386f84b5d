"""Read lists of row numbers, as written by the audit."""

import csv
from pathlib import Path

import numpy as np

from fer_lightning.errors import FerError

_MOST_DIGITS = 20


def read_row_numbers(path: Path, count: int) -> np.ndarray:
    """Read the column ``row`` of a CSV file.

    Args:
        path: the CSV file.
        count: number of rows in the data; every row number must be below it.

    Returns:
        int64 row indices, from 0.

    Raises:
        FerError: the file is missing or malformed, or a number is too large; the text names file and line.
    """
    if not path.is_file():
        raise FerError(f"no such file: data.exclude={path}")
    rows = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if "row" not in (reader.fieldnames or ()):
                raise FerError(f"{path} has no column named row")
            for line in reader:
                text = line["row"] or ""
                # Python refuses to convert thousands of digits
                if not (text.isascii() and text.isdigit()) or len(text) > _MOST_DIGITS or int(text) >= count:
                    raise FerError(
                        f"{path}, line {reader.line_num}: row must be an integer 0..{count - 1}, got {text[:30]!r}"
                    )
                rows.append(int(text))
    except (UnicodeDecodeError, csv.Error) as error:
        raise FerError(f"{path} is not a CSV file: {error}") from error
    return np.array(rows, np.int64)
