"""The CSV in a zip or tar file, streamed: nothing is extracted."""

import contextlib
import gzip
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import IO, cast

from fer_lightning.errors import FerError

ARCHIVED_CSV = "fer2013.csv"  # what fer2013.tar.gz holds
ARCHIVE_ERRORS = (zipfile.BadZipFile, tarfile.TarError, gzip.BadGzipFile, zlib.error, EOFError)


@contextlib.contextmanager
def open_csv(path: Path) -> Iterator[tuple[IO[bytes], list[IO[bytes]]]]:
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
        except (*ARCHIVE_ERRORS, NotImplementedError, RuntimeError) as error:  # the last two: compression, passwords
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
