"""The style of all charts, and how they are saved. No torch."""

import warnings
from pathlib import Path
from typing import Any

import matplotlib

matplotlib.use("Agg")  # a training machine has no screen

import matplotlib.pyplot as plt
from matplotlib.figure import Figure

from fer_lightning.utils.files import replacing
from fer_lightning.utils.own_files import MARK

# a file name in a script that the font lacks is drawn as boxes
warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)

# Okabe and Ito's palette, which colour-blind people can tell apart
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#666666"
STYLE: Any = {
    "figure.dpi": 120,
    "font.size": 11,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 12,
    "legend.frameon": False,
}


def save(figure: Figure, path: Path) -> None:
    """Write ``figure`` as PNG, completely or not at all, and close it."""
    with replacing(path) as temporary:
        figure.savefig(temporary, format="png", bbox_inches="tight", metadata={"Software": MARK})
    plt.close(figure)
