"""The photos of ``benchmarks.reading``: an open set whose faces were judged by eye, or groups made of one portrait."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

from PIL import Image

from fer_lightning.inference.boxes import Box, area, intersection, overlap

_PORTRAIT = (100, 0, 360, 300)  # Eileen Collins in scikit-image's astronaut.png
_FACE = (0.31, 0.26, 0.67, 0.58)  # in fractions of that portrait
_WIDTHS = (110, 130, 160, 200, 280)
_NO_FACE = ("coffee.png", "rocket.jpg", "brick.png", "chelsea.png")


@dataclass(frozen=True)
class Photo:
    """One photo with what is known about it.

    Attributes:
        path: the file.
        faces: their boxes.
        expressions: for each face, those that count as right; none if it is open to dispute.
        unjudged: boxes of what may be a face or not.
        crowd: whether its faces were not judged at all.
    """

    path: Path
    faces: Sequence[Box]
    expressions: Sequence[Sequence[str]]
    unjudged: Sequence[Box] = field(default_factory=list)
    crowd: bool = False


def judged(folder: Path) -> list[Photo]:
    """The photos of a folder with ``truth.json``."""
    truth = json.loads((folder / "truth.json").read_text())
    return [
        Photo(
            (folder / name).absolute(),
            [tuple(face["box"]) for face in about["faces"]],
            [face["expression"] or [] for face in about["faces"]],
            [tuple(box) for box in about["ignore"]],
            about["kind"] == "crowd",
        )
        for name, about in truth.items()
    ]


def made(folder: Path) -> list[Photo]:
    """Groups of one portrait in several sizes, written into ``folder``, and pictures without a face."""
    data = Path(str(find_spec("skimage").origin)).parent / "data"  # type: ignore[union-attr]
    portrait = Image.open(data / "astronaut.png").convert("RGB").crop(_PORTRAIT)
    photos = [Photo(data / name, [], []) for name in _NO_FACE]
    for width in _WIDTHS:
        group, faces = Image.new("RGB", (1500, 900), (120, 140, 110)), []
        height = round(width * portrait.height / portrait.width)
        copy = portrait.resize((width, height), Image.Resampling.LANCZOS)
        for top in range(20, 900 - height, height + 20):
            for left in range(20, 1500 - width, width + 20):
                group.paste(copy, (left, top))
                faces.append(
                    (left + _FACE[0] * width, top + _FACE[1] * height, left + _FACE[2] * width, top + _FACE[3] * height)
                )
        path = folder / f"group_{width}.png"
        group.save(path)
        photos.append(Photo(path, faces, [[] for _ in faces]))
    return photos


def score(photos: Sequence[Photo], answers: Sequence[Sequence[tuple[Box, str]]]) -> Counter[str]:
    """Compare what was read with what is known.

    Args:
        answers: for each photo, the box and the label of each face that was found.

    Returns:
        Counts: ``faces`` that are known, ``found`` of them, ``false`` ones in judged photos, ``asked`` expressions
        and ``right`` ones, and boxes in ``crowds``.
    """
    counts: Counter[str] = Counter(dict.fromkeys(("faces", "found", "false", "asked", "right", "crowds"), 0))
    for photo, answer in zip(photos, answers, strict=True):
        if photo.crowd:
            counts["crowds"] += len(answer)
            continue
        counts["faces"] += len(photo.faces)
        free = list(range(len(photo.faces)))
        for box, label in answer:
            fitting = [index for index in free if _same(box, photo.faces[index])]
            if fitting:
                best = max(fitting, key=lambda index: overlap(box, photo.faces[index]))
                free.remove(best)
                counts["found"] += 1
                counts["right"] += label in photo.expressions[best]
            elif not any(_same(box, other) for other in (*photo.faces, *photo.unjudged)):
                counts["false"] += 1
        counts["asked"] += sum(bool(each) for each in photo.expressions)
    return counts


def _same(one: Box, other: Box) -> bool:
    """Whether two boxes are of one face; some detectors draw it with the hair, others from brow to chin."""
    if not intersection(one, other):
        return False
    small, large = sorted((area(one), area(other)))
    return overlap(one, other) >= 0.3 or (intersection(one, other) > 0.7 * small and large < 6.25 * small)
