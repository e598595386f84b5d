"""Kaggle's FER2013 files -> arrays: strict parsing, splits and a cache. Knows nothing of Lightning.

The files are text: one face a row, 2,304 grey values separated by spaces. Parsing that text is the
slow part, so it is done once, a block of rows at a time with NumPy, into a uint8 record file that
later runs map into memory.
"""

import contextlib
import csv
import gzip
import hashlib
import io
import json
import logging
import os
import tarfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import IO, Any, cast

import numpy as np

from fer_lightning.constants import IMAGE_SIZE, MAX_PIXEL, NUM_CLASSES, PIXELS
from fer_lightning.errors import FerError
from fer_lightning.utils.files import locked, replacing, user_cache

log = logging.getLogger(__name__)

USAGES = ("Training", "PublicTest", "PrivateTest")
UNKNOWN = 255  # the code of a label or a usage that the file does not give

TRAINING_FILES = ("fer2013.csv", "icml_face_data.csv", "fer2013.tar.gz", "train.csv")
TEST_FILE = "test.csv"
ARCHIVED_CSV = "fer2013.csv"  # what fer2013.tar.gz holds

RECORD = np.dtype([("pixels", "u1", (IMAGE_SIZE, IMAGE_SIZE)), ("label", "u1"), ("usage", "u1")])

_READ_BYTES = 1 << 18  # small enough for the parser's arrays to stay in the processor's cache
_HEAP_BYTES = 1 << 24
_MAX_LINE_BYTES = 1 << 16  # a row of 2,304 three-digit values takes 9,300
_CACHE_VERSION = 1
_TRAILER_BYTES = 512
_MOST_DIGITS = 20  # of a row number
_ARCHIVE_ERRORS = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)
_COLUMNS = ("emotion", "pixels", "Usage")
_LABEL_CODES = {str(code).encode(): code for code in range(NUM_CLASSES)}
_USAGE_CODES = {name.encode(): code for code, name in enumerate(USAGES)}


@dataclass(frozen=True)
class Faces:
    """The rows of one file, in its order.

    Attributes:
        pixels: uint8 [N, 48, 48], 0 (black) to 255.
        labels: uint8 [N], a class of ``labels.LABELS``, or ``UNKNOWN`` in a file without labels.
        usage: uint8 [N], an index into ``USAGES``, or ``UNKNOWN`` in a file without that column.
        name: what the rows came from, for messages.
    """

    pixels: np.ndarray
    labels: np.ndarray
    usage: np.ndarray
    name: str

    def __len__(self) -> int:
        return len(self.labels)

    @property
    def has_usage(self) -> bool:
        return bool((self.usage != UNKNOWN).any())

    @property
    def has_labels(self) -> bool:
        return bool((self.labels != UNKNOWN).any())

    def rows_of(self, usage: str) -> np.ndarray:
        """Row indices, int64, whose Usage is ``usage``."""
        return np.flatnonzero(self.usage == USAGES.index(usage))


def find_training_file(folder: Path) -> Path:
    """The first of Kaggle's forms in ``folder``, plain before zipped.

    Raises:
        FerError: the folder does not exist or holds none of them.
    """
    if not folder.is_dir():
        raise FerError(
            f"data.dir={folder} is no folder; make it and put FER2013 there, or run: "
            f"python -m fer_lightning.download data.dir={folder}"
        )
    for name in TRAINING_FILES:
        if path := find_file(folder, name):
            return path
    raise FerError(
        f"{folder} holds none of {', '.join(TRAINING_FILES)} (plain or zipped); get them with: "
        f"python -m fer_lightning.download data.dir={folder}"
    )


def find_file(folder: Path, name: str) -> Path | None:
    """``name`` in ``folder``, plain before zipped, or None."""
    candidates = (folder / name, folder / f"{name}.zip")
    return next((candidate for candidate in candidates if candidate.is_file()), None)


def load(path: Path) -> Faces:
    """Read one of Kaggle's files, from its cache where that is fresh and whole.

    The cache is keyed by the file's size and modification time, lies beside the file (or in the
    user's cache folder where that is read-only) and appears there by a rename. Of processes that need
    it at once, one builds it and the others wait.

    Raises:
        FerError: the file is malformed; the text names file, row and reason. Nothing is cached then.
    """
    key = _source_key(path)
    places = _cache_places(path)
    for place in places:
        records = _read_cache(place, key)
        if records is not None:
            return _faces(records, path)
    for place in places:
        try:
            with locked(place):
                records = _read_cache(place, key)  # of another process, which began to build it before
                if records is None:
                    _build_cache(path, place, key)
                    records = _read_cache(place, key)
        except OSError as error:
            log.info("cannot write the cache %s: %s", place, error.strerror)
            continue
        if records is not None:
            return _faces(records, path)
    log.warning("no place for a cache of %s: it is parsed anew, in memory, by every run", path)
    with _watched(path, key):
        return _faces(np.concatenate(list(parse(path))), path)


def _faces(records: np.ndarray, path: Path) -> Faces:
    return Faces(records["pixels"], np.array(records["label"]), np.array(records["usage"]), path.name)


# ------------------------------------------------------------------------------------- parsing


def parse(path: Path) -> Iterator[np.ndarray]:
    """Yield ``path``'s rows as arrays of ``RECORD``, a few dozen rows each, in bounded memory.

    Raises:
        FerError: see ``load``.
    """
    rows = 0
    # Having freed one large block, glibc keeps the smaller ones that follow for reuse, instead of
    # handing each back and taking page faults to get it again: that halves the time.
    np.empty(_HEAP_BYTES, np.uint8)
    with _open_csv(path) as (stream, archives):
        try:
            for block in _parse_csv(stream, str(path)):
                rows += len(block)
                yield block
            for archive in archives:  # their checksums stand at the end
                while archive.read(_READ_BYTES):
                    pass
        except _ARCHIVE_ERRORS as error:
            raise FerError(f"{path}: the archive is broken, found after row {rows}: {error}") from error
    if not rows:
        raise FerError(f"{path}: the file has a header but no rows")


@contextlib.contextmanager
def _open_csv(path: Path) -> Iterator[tuple[IO[bytes], list[IO[bytes]]]]:
    """The CSV in ``path`` and the archive streams that it comes through, innermost first.

    Archives are streamed, nothing is extracted.
    """
    with contextlib.ExitStack() as stack:
        name = path.name
        archives: list[IO[bytes]] = []
        try:
            stream: IO[bytes] = stack.enter_context(path.open("rb"))
            if name.endswith(".zip"):
                name = name.removesuffix(".zip")
                stream = stack.enter_context(_open_zip_member(path, stream, name, stack))
                archives.insert(0, stream)
            if name.endswith(".tar.gz"):
                # not tarfile's own r|gz, which never looks at gzip's checksum
                unzipped = gzip.open(stream)  # noqa: SIM115, the stack closes it
                stack.enter_context(unzipped)
                archives.insert(0, cast(IO[bytes], unzipped))
                stream = _open_tar_member(path, archives[0], stack)
        except (*_ARCHIVE_ERRORS, NotImplementedError, RuntimeError) as error:  # the last two: compression, passwords
            raise FerError(f"{path}: the archive is broken or not readable: {error}") from error
        yield stream, archives


def _open_zip_member(path: Path, stream: IO[bytes], name: str, stack: contextlib.ExitStack) -> IO[bytes]:
    try:
        archive = stack.enter_context(zipfile.ZipFile(stream))
        members = [info for info in archive.infolist() if Path(info.filename).name == name and not info.is_dir()]
        if len(members) != 1:
            raise FerError(f"{path}: the archive should hold one {name}, it holds {len(members)}")
        return archive.open(members[0])
    except (OSError, ValueError) as error:  # places, by the directory at the end, that the file does not have
        raise FerError(f"{path}: the archive is broken: {error}") from error


def _open_tar_member(path: Path, stream: IO[bytes], stack: contextlib.ExitStack) -> IO[bytes]:
    archive = tarfile.open(fileobj=stream, mode="r|")  # noqa: SIM115, the stack closes it
    stack.enter_context(archive)
    for member in archive:
        if member.isfile() and Path(member.name).name == ARCHIVED_CSV:
            extracted = archive.extractfile(member)
            assert extracted is not None  # isfile() says so
            return extracted
    raise FerError(f"{path}: the archive holds no {ARCHIVED_CSV}")


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
    """Whole lines without their ends, about ``_READ_BYTES`` at a time; the first block is never empty."""
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
            # '12' may be all there is left of '123'; after a quote or a Usage a cut would show
            raise _row_error(
                name,
                line - 1,
                "the last line does not end: the file was cut off (if it is whole, end it with a newline)",
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
        raise FerError(f"{name}: {what}; expected a header with the columns pixels, emotion and, perhaps, Usage")
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
            raise _row_error(name, row, f"{len(fields)} columns where the header has {len(columns)}")
        for column, field in zip(columns, fields, strict=True):
            if column == "pixels":
                texts.append(_unquoted(field, name, row))
            elif column == "emotion":
                records[offset]["label"] = _code(
                    field, _LABEL_CODES, name, row, f"emotion {{}} is not 0..{NUM_CLASSES - 1}"
                )
            else:
                records[offset]["usage"] = _code(
                    field, _USAGE_CODES, name, row, f"Usage {{}} is none of {', '.join(USAGES)}"
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
        raise _row_error(name, row, "the pixels open a quote that does not close: the line was cut off")
    return field[1:-1]


def _code(field: bytes, codes: dict[bytes, int], name: str, row: int, reason: str) -> int:
    code = codes.get(field)
    if code is None:
        code = codes.get(field.strip().strip(b'"'))
    if code is None:
        raise _row_error(name, row, reason.format(repr(field[:30].decode("ascii", "replace"))))
    return code


def _parse_pixels_fast(texts: list[bytes]) -> np.ndarray | None:
    """uint8 [rows, 2304], or None where any row is not in Kaggle's exact form: the slow way then says why.

    Every byte becomes the value of the number that would end there; those that do end are kept.
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
    # the hundreds count only where the tens are a digit: otherwise they belong to the number before
    values[2:] += (digits[:-2] * is_digit[1:-1]) * np.uint16(100)
    values = values.take(np.flatnonzero(ends))  # twice as fast as values[:-1][ends]
    if values.max() > MAX_PIXEL:
        return None
    return values.astype(np.uint8).reshape(-1, PIXELS)


def _parse_pixels(text: bytes, name: str, row: int) -> np.ndarray:
    tokens = text.split()
    if len(tokens) != PIXELS:
        raise _row_error(name, row, f"{len(tokens)} pixels where {PIXELS} are needed")
    for position, token in enumerate(tokens, start=1):
        if not token.isdigit() or int(token[-10:]) > MAX_PIXEL or len(token.lstrip(b"0")) > 3:
            shown = token[:30].decode("ascii", "replace")
            raise _row_error(name, row, f"pixel {position} is {shown!r}, not a whole number from 0 to {MAX_PIXEL}")
    return np.array([int(token) for token in tokens], np.uint8)


# --------------------------------------------------------------------------------------- cache


def _source_key(path: Path) -> dict[str, Any]:
    stat = path.stat()
    return {"version": _CACHE_VERSION, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _cache_places(path: Path) -> tuple[Path, Path]:
    name = f"{path.name}.cache.npy"
    digest = hashlib.sha256(str(path.resolve()).encode()).hexdigest()[:16]
    return path.with_name(name), user_cache() / f"{digest}-{name}"


def _read_cache(place: Path, key: dict[str, Any]) -> np.ndarray | None:
    """The cached records, mapped read-only, or None where they are missing, stale or damaged."""
    try:
        with place.open("rb") as file:
            file.seek(-_TRAILER_BYTES, os.SEEK_END)
            trailer = json.loads(file.read())
        if {name: trailer.get(name) for name in key} != key:
            return None
        records = np.load(place, mmap_mode="r", allow_pickle=False)
        if records.dtype != RECORD or records.shape != (trailer["rows"],):
            return None
        if zlib.crc32(memoryview(records).cast("B")) != trailer["crc32"]:
            log.warning("the cache %s is damaged and is built anew", place)
            return None
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        log.warning("the cache %s is damaged and is built anew", place)
        return None
    return records


def _build_cache(path: Path, place: Path, key: dict[str, Any]) -> None:
    """Parse ``path`` into ``place``, beside it first and renamed when whole.

    Raises:
        OSError: ``place`` cannot be written.
        FerError: ``path`` is malformed.
    """
    log.info("parsing %s into the cache %s", path, place)
    with replacing(place) as temporary, temporary.open("wb") as file, _watched(path, key):
        _write_records(file, parse(path), key)


def _write_records(file: IO[bytes], blocks: Iterable[np.ndarray], key: dict[str, Any]) -> None:
    def write_header(rows: int) -> int:
        # NumPy pads the header for a growing first axis, so a rewritten one has the same length
        description = {"descr": RECORD.descr, "fortran_order": False, "shape": (rows,)}
        file.seek(0)
        np.lib.format.write_array_header_1_0(file, description)
        return file.tell()

    offset = write_header(0)
    rows = crc = 0
    for block in blocks:
        data = block.tobytes()
        crc = zlib.crc32(data, crc)
        rows += len(block)
        file.write(data)
    file.write(json.dumps({**key, "rows": rows, "crc32": crc}).encode().ljust(_TRAILER_BYTES))
    if write_header(rows) != offset:
        raise AssertionError("NumPy's header changed its length")


@contextlib.contextmanager
def _watched(path: Path, key: dict[str, Any]) -> Iterator[None]:
    """Raise FerError if ``path`` is no longer what ``key`` says once the block is done."""
    yield
    if _source_key(path) != key:
        raise FerError(f"{path} changed while it was read; start again when nothing writes to it")


# -------------------------------------------------------------------------------------- splits


@dataclass(frozen=True)
class Splits:
    """Row indices, int64, of each split; ``test`` may be empty."""

    train: np.ndarray
    val: np.ndarray
    test: np.ndarray


def official_splits(faces: Faces) -> Splits:
    """Kaggle's own: Training, PublicTest, PrivateTest.

    Raises:
        FerError: the file has no Usage column.
    """
    if not faces.has_usage:
        raise FerError(
            f"{faces.name} has no Usage column, so the official split is not known: take data.split=random, "
            "or put fer2013.csv or icml_face_data.csv into data.dir"
        )
    train, val, test = (faces.rows_of(usage) for usage in USAGES)
    return Splits(train, val, test)


def random_splits(faces: Faces, val_fraction: float, seed: int) -> Splits:
    """The notebook's: a seeded random part of the training rows is held out for validation.

    PublicTest rows take no part and PrivateTest stays the test split, so that both remain unseen.
    """
    rows = faces.rows_of("Training") if faces.has_usage else np.arange(len(faces))
    held_out, kept = hold_out(rows, val_fraction, seed)
    test = faces.rows_of("PrivateTest") if faces.has_usage else np.empty(0, np.int64)
    return Splits(kept, held_out, test)


def hold_out(rows: np.ndarray, fraction: float, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Part ``rows`` (at least two) at random into (held out, kept), each sorted and with at least one.

    Args:
        fraction: held out, rounded to whole rows.
    """
    shuffled = np.random.default_rng(seed).permutation(rows)
    count = min(max(round(fraction * len(rows)), 1), len(rows) - 1)
    return np.sort(shuffled[:count]), np.sort(shuffled[count:])


def occurs_in(pixels: np.ndarray, others: np.ndarray) -> np.ndarray:
    """bool [N]: whether each face of ``pixels`` (uint8 [N, 48, 48]) is, pixel for pixel, among ``others``."""
    known = set(digests(others))
    return np.array([digest in known for digest in digests(pixels)], bool)


def is_first_of_its_pixels(pixels: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """bool [N]: whether a face is the first with its pixels, and all others with them have its label.

    Args:
        pixels: uint8 [N, 48, 48].
        labels: uint8 [N].
    """
    kept = np.zeros(len(labels), bool)
    for rows in same_pixels(pixels):
        kept[rows[0]] = (labels[rows] == labels[rows[0]]).all()
    return kept


def same_pixels(pixels: np.ndarray) -> list[np.ndarray]:
    """Row indices of faces (uint8 [N, 48, 48]) that are alike pixel for pixel, in the order of their first.

    A face that is like no other is a group of its own.
    """
    groups: dict[bytes, list[int]] = {}
    for row, digest in enumerate(digests(pixels)):
        groups.setdefault(digest, []).append(row)
    return [np.array(rows) for rows in groups.values()]


def digests(faces: np.ndarray) -> list[bytes]:
    """A hash of each face's pixels, uint8 [N, 48, 48]."""
    return [hashlib.blake2b(face.tobytes(), digest_size=16).digest() for face in faces]


def read_row_numbers(path: Path, count: int) -> np.ndarray:
    """The column ``row`` of a CSV file: row indices from 0, int64.

    Args:
        count: rows that there are.

    Raises:
        FerError: the file is missing or malformed, or a number is too large; the text names file and line.
    """
    if not path.is_file():
        raise FerError(f"data.exclude={path} is no file")
    rows = []
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            if "row" not in (reader.fieldnames or ()):
                raise FerError(f"{path} has no column row")
            for line in reader:
                text = line["row"] or ""
                # Python refuses to convert thousands of digits
                if not (text.isascii() and text.isdigit()) or len(text) > _MOST_DIGITS or int(text) >= count:
                    raise FerError(
                        f"{path}, line {reader.line_num}: row must be a number from 0 to {count - 1}, got {text[:30]!r}"
                    )
                rows.append(int(text))
    except (UnicodeDecodeError, csv.Error) as error:
        raise FerError(f"{path} is no CSV file: {error}") from error
    return np.array(rows, np.int64)
