"""Charts of probabilities: for one image, and over time for a video. No torch."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from PIL import Image

from fer_lightning.constants import CLASS_COLOURS, LABELS
from fer_lightning.inference.reader import Face
from fer_lightning.reporting.style import STYLE, save
from fer_lightning.utils.terminal import printable


def probabilities(picture: Image.Image, faces: Sequence[Face], title: str, path: Path) -> None:
    """Draw an image and, for each face, its crop and its probabilities as bars, as the notebook did.

    Args:
        picture: the image.
        faces: the faces that were read in it.
        title: the title above the image.
        path: where the PNG goes.
    """
    with plt.rc_context(STYLE):
        rows = max(len(faces), 1)
        figure = plt.figure(figsize=(10, max(3.2, 2.4 * rows)))
        grid = figure.add_gridspec(rows, 3, width_ratios=(2.2, 1, 2))
        whole = figure.add_subplot(grid[:, 0])
        whole.imshow(picture)
        whole.set_title(printable(title), parse_math=False)
        whole.axis("off")
        for row, face in enumerate(faces):
            crop = figure.add_subplot(grid[row, 1])
            crop.imshow(face.crop, cmap="gray", vmin=0, vmax=255)
            crop.set_title(face.caption)
            crop.axis("off")
            bars = figure.add_subplot(grid[row, 2])
            values = [face.probabilities[label] for label in LABELS]
            bars.bar_label(bars.barh(LABELS, values, color=CLASS_COLOURS), fmt="{:.0%}", padding=3)
            bars.invert_yaxis()
            bars.set_xlim(0, 1.12)
            bars.set_xticks([])
            bars.spines.bottom.set_visible(False)
        figure.tight_layout()
        save(figure, path)


def over_time(times: Sequence[float], answers: Mapping[int, np.ndarray], title: str, path: Path) -> None:
    """Draw the probabilities of some of a video's faces over time, one face below the other.

    Args:
        times: seconds, one per frame.
        answers: float [frames, 7] by the number of the face; NaN in frames without it.
        title: the title of the figure.
        path: where the PNG goes.
    """
    with plt.rc_context(STYLE):
        height = 2.6 * len(answers) + 1
        figure, grid = plt.subplots(len(answers), figsize=(11, height), sharex=True, squeeze=False)
        for axes, (face, values) in zip(grid[:, 0], answers.items(), strict=True):
            for index, label in enumerate(LABELS):
                axes.plot(times, values[:, index], color=CLASS_COLOURS[index], label=label, linewidth=2)
            axes.set_ylim(-0.02, 1.02)
            axes.set_ylabel(f"face {face}")
        grid[0, 0].set_title(f"{printable(title)}: probabilities, smoothed over time", parse_math=False)
        grid[-1, 0].set_xlabel("seconds")
        grid[-1, 0].legend(ncols=7, loc="upper center", bbox_to_anchor=(0.5, -0.25))
        save(figure, path)
