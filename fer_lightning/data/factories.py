"""Functions that make the data modules for the ``data`` config group, one for each source.

Every function also takes the keyword arguments of ``FaceDataModule``, except ``source``.
"""

from pathlib import Path
from typing import Any, Literal

from fer_lightning.data.datamodule import FaceDataModule
from fer_lightning.data.sources import FERPlusSource, ImageFolderSource, KaggleSource, SyntheticSource


def fer2013(*, dir: str, **options: Any) -> FaceDataModule:
    """FER2013 from Kaggle in the folder ``dir``."""
    return FaceDataModule(KaggleSource(Path(dir)), **options)


def ferplus(*, dir: str, target: Literal["majority", "soft"] = "majority", **options: Any) -> FaceDataModule:
    """FER2013 from Kaggle in the folder ``dir``, with FER+ labels (see ``FERPlusSource``)."""
    return FaceDataModule(FERPlusSource(Path(dir), target), **options)


def image_folder(*, dir: str, **options: Any) -> FaceDataModule:
    """Images in folders below ``dir``; without ``train``, ``val`` and ``test`` folders a random part is held out."""
    return FaceDataModule(ImageFolderSource(Path(dir)), split="auto", **options)


def synthetic(*, train: int, val: int, test: int, seed: int, **options: Any) -> FaceDataModule:
    """Synthetic faces (see ``SyntheticSource``)."""
    return FaceDataModule(SyntheticSource(train=train, val=val, test=test, seed=seed), **options)
