"""Choose the faces that ``fer-predict`` draws charts of, and draw them."""

from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
from PIL import Image

from fer_lightning.constants import LABELS
from fer_lightning.inference.reader import Face
from fer_lightning.reporting.readings import most_seen

_CHARTED_FACES = 6
_CHARTED_TRACKS = 3


def draw_chart(picture: Image.Image, faces: Sequence[Face], title: str, path: Path) -> None:
    """Draw a picture with the probabilities of its largest faces."""
    from fer_lightning.reporting import charts  # loads matplotlib, which takes half a second

    charts.probabilities(picture, faces[:_CHARTED_FACES], title, path)


def draw_over_time(name: str, times: Sequence[float], answers: Sequence[dict[int, list[float]]], path: Path) -> bool:
    """Draw the probabilities over time of the faces that appear in the most frames.

    A face that is never seen in two frames in a row has no line to draw.

    Args:
        times: seconds, one a frame.
        answers: for each frame, the probabilities [7] by the number of the face.

    Returns:
        Whether there was anything to draw.
    """
    lasting = {face for before, after in pairwise(answers) for face in before if face in after}
    faces = [face for face in most_seen(answers) if face in lasting][:_CHARTED_TRACKS]
    if not faces:
        return False
    from fer_lightning.reporting import charts

    unseen = [float("nan")] * len(LABELS)
    charts.over_time(
        times, {face: np.array([frame.get(face, unseen) for frame in answers]) for face in faces}, name, path
    )
    return True
