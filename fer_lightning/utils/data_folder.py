"""Check that the data folder exists, without importing the libraries that read it."""

from pathlib import Path

from fer_lightning.errors import FerError


def require_data_folder(folder: Path, *, kaggle: bool) -> None:
    """Raise FerError if ``folder`` does not exist; with ``kaggle``, the message says how to get FER2013."""
    if folder.is_dir():
        return
    download = f"; create it and put FER2013 there, or run: python -m fer_lightning.download data.dir={folder}"
    raise FerError(f"no such folder: data.dir={folder}{download if kaggle else ''}")
