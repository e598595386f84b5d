"""Sheets of faces: by class, with captions, and with heat maps."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from fer_lightning.reporting.style import STYLE, save

_FACES_PER_CLASS = 10
_GAP = 2  # pixels between faces


def by_class(pixels: np.ndarray, labels: np.ndarray, class_names: Sequence[str], data: str, path: Path) -> None:
    """Draw the first training faces of each class, one row per class.

    Args:
        pixels: uint8 [N, 48, 48].
        labels: uint8 [N], indices into ``class_names``.
        class_names: the classes, from the first row to the last.
        data: the name of the dataset.
        path: where the PNG goes.
    """
    step = pixels.shape[1] + _GAP
    grid = np.full((step * len(class_names) + _GAP, step * _FACES_PER_CLASS + _GAP), 255, np.uint8)
    for code in range(len(class_names)):
        for column, face in enumerate(pixels[labels == code][:_FACES_PER_CLASS]):
            top, left = _GAP + step * code, _GAP + step * column
            grid[top : top + len(face), left : left + len(face)] = face
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(9, 6.5))
        axes.imshow(grid, cmap="gray", vmin=0, vmax=255)
        axes.set_yticks([step * (code + 0.5) for code in range(len(class_names))], class_names)
        axes.set_xticks([])
        axes.tick_params(length=0)
        axes.spines[:].set_visible(False)
        axes.set_title(f"Training faces of {data}", parse_math=False)
        save(figure, path)


def captioned(pixels: np.ndarray, captions: Sequence[str], title: str, path: Path, columns: int = 10) -> None:
    """Draw faces side by side, each with a caption below it.

    Args:
        pixels: uint8 [N, 48, 48].
        captions: one per face.
        title: the title of the figure.
        path: where the PNG goes.
        columns: faces per row.
    """
    rows = -(-len(pixels) // columns)
    with plt.rc_context(STYLE):
        figure, grid = plt.subplots(rows, columns, figsize=(1.15 * columns, 1.45 * rows + 0.6), squeeze=False)
        for axes in grid.flat:
            axes.axis("off")
        for axes, face, caption in zip(grid.flat, pixels, captions, strict=False):
            axes.imshow(face, cmap="gray", vmin=0, vmax=255)
            axes.text(0.5, -0.05, caption, transform=axes.transAxes, ha="center", va="top", fontsize=8)
        figure.suptitle(title, parse_math=False)
        figure.tight_layout()
        save(figure, path)


def heat(pixels: np.ndarray, heats: np.ndarray, captions: Sequence[str], title: str, path: Path) -> None:
    """Draw pairs of a face and the same face under its heat map, three pairs per row.

    Args:
        pixels: uint8 [N, 48, 48].
        heats: float [N, 48, 48], 0..1.
        captions: one per pair.
        title: the title of the figure.
        path: where the PNG goes.
    """
    pairs = 3
    rows = -(-len(pixels) // pairs)
    height = 1.85 * rows + 0.6  # inches
    with plt.rc_context(STYLE):
        # tight_layout would shrink the faces for their captions, which are wider
        places = {"left": 0, "right": 1, "bottom": 0, "top": 1 - 0.5 / height, "wspace": 0.04, "hspace": 0.4}
        figure, grid = plt.subplots(rows, 2 * pairs, figsize=(8.4, height), squeeze=False, gridspec_kw=places)
        for axes in grid.flat:
            axes.axis("off")
        for index, (face, warmth, caption) in enumerate(zip(pixels, heats, captions, strict=True)):
            plain, warm = grid[index // pairs, 2 * (index % pairs) : 2 * (index % pairs) + 2]
            for axes in (plain, warm):
                axes.imshow(face, cmap="gray", vmin=0, vmax=255)
            warm.imshow(warmth, cmap="inferno", vmin=0, vmax=1, alpha=0.55)
            plain.text(1.05, -0.05, caption, transform=plain.transAxes, ha="center", va="top", fontsize=9)
        figure.suptitle(title, y=1 - 0.1 / height, parse_math=False)
        save(figure, path)
