"""Stream the CSV file in a zip or tar archive without extracting it."""

import contextlib
import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from fer_lightning.errors import FerError

ARCHIVED_CSV = "fer2013.csv"  # the file in fer2013.tar.gz
ARCHIVE_ERRORS = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)


@contextlib.contextmanager
def open_csv(path: Path) -> Iterator[tuple[IO[bytes], list[IO[bytes]]]]:
    """Open the CSV file in ``path``, which may be a zip or tar.gz archive.

    Yields:
        The CSV stream and the archive streams that it is read through, innermost first.

    Raises:
        FerError: the archive is broken or does not contain the file.
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
                # not tarfile's mode r|gz, which does not verify gzip's checksum
                unzipped = gzip.open(stream)  # noqa: SIM115, closed by the stack
                stack.enter_context(unzipped)
                archives.insert(0, cast(IO[bytes], unzipped))
                stream = _open_tar_member(path, archives[0], stack)
        except (*ARCHIVE_ERRORS, NotImplementedError, RuntimeError) as error:  # the last two: compression, passwords
            raise FerError(f"{path}: the archive is broken or unreadable: {error}") from error
        yield stream, archives


def _open_zip_member(path: Path, stream: IO[bytes], name: str, stack: contextlib.ExitStack) -> IO[bytes]:
    try:
        archive = stack.enter_context(zipfile.ZipFile(stream))
        members = [info for info in archive.infolist() if Path(info.filename).name == name and not info.is_dir()]
        if len(members) != 1:
            raise FerError(f"{path}: expected one {name} in the archive, found {len(members)}")
        return archive.open(members[0])
    except (OSError, ValueError) as error:  # the directory at the end has offsets outside the file
        raise FerError(f"{path}: the archive is broken: {error}") from error


def _open_tar_member(path: Path, stream: IO[bytes], stack: contextlib.ExitStack) -> IO[bytes]:
    archive = tarfile.open(fileobj=stream, mode="r|")  # noqa: SIM115, closed by the stack
    stack.enter_context(archive)
    for member in archive:
        if member.isfile() and Path(member.name).name == ARCHIVED_CSV:
            extracted = archive.extractfile(member)
            assert extracted is not None  # because isfile() is true
            return extracted
    raise FerError(f"{path}: the archive does not contain {ARCHIVED_CSV}")
