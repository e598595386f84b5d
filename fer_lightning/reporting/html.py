"""report.html: one evaluation in one file that opens without a network."""

import base64
import hashlib
import math
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import NormalDist
from typing import Any

import jinja2
import numpy as np
from torch import Tensor

from fer_lightning.data import ferplus
from fer_lightning.data.faces import Faces
from fer_lightning.reporting import face_sheets, plots
from fer_lightning.utils import files

_EXAMPLES = 30  # faces on a sheet


@dataclass(frozen=True)
class Evaluation:
    """What a report is about.

    Attributes:
        title: what was scored, on what.
        scores: see ``metrics.score``.
        logits: float32 [N, classes].
        faces: the file's; ``rows`` are the N of them that were scored, int64.
        class_names: of the logits, in their order.
        votes: FER+'s for all of ``faces``, uint8 [., 10], or None.
    """

    title: str
    scores: dict[str, Any]
    logits: Tensor
    faces: Faces
    rows: np.ndarray
    class_names: Sequence[str]
    votes: np.ndarray | None

    @property
    def labels(self) -> np.ndarray:
        return self.faces.labels[self.rows]


def write(
    evaluation: Evaluation,
    path: Path,
    *,
    command: str,
    config: str,
    training: str,
    machine: str,
    hashes: Sequence[tuple[str, str]],
) -> None:
    """Write the report; what it says of its making is given as text.

    Args:
        hashes: the name and the SHA-256 of each file and data set; names may repeat.
    """
    environment = jinja2.Environment(loader=jinja2.PackageLoader("fer_lightning.reporting"), autoescape=True)
    html = environment.get_template("report.html").render(
        title=evaluation.title,
        scores=evaluation.scores,
        headline=_headline(evaluation.scores),
        figures=list(_figures(evaluation)),
        command=command,
        config=config,
        training=training,
        machine=machine,
        hashes=hashes,
    )
    files.write_text(path, html)


def wilson(share: float, count: int, confidence: float = 0.95) -> tuple[float, float]:
    """Wilson's interval of a share of ``count`` (1927)."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = share + z**2 / (2 * count)
    reach = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return (middle - reach) / (1 + z**2 / count), (middle + reach) / (1 + z**2 / count)


def digest_of_rows(faces: Faces, rows: np.ndarray) -> str:
    """SHA-256 of some faces' pixels and labels, in their order."""
    digest = hashlib.sha256(faces.pixels[rows].tobytes())
    digest.update(faces.labels[rows].tobytes())
    return digest.hexdigest()


def _headline(scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = [("all", scores["n"], scores["accuracy"]), ("not in training", scores["n_fresh"], scores["accuracy_fresh"])]
    found = []
    for name, count, value in rows:
        if value is not None:
            low, high = wilson(value, count)
            found.append({"name": name, "n": count, "value": value, "low": low, "high": high})
    return found


def _figures(evaluation: Evaluation) -> list[dict[str, str]]:
    """Each picture of the report, with its heading and caption."""
    probabilities, answers = evaluation.logits.softmax(dim=1).max(dim=1)
    confidence, predicted = probabilities.numpy(), answers.numpy()
    right = predicted == evaluation.labels
    found = [
        _figure(
            "Precision, recall and F1",
            "Of the faces read as a class, how many are it; of a class, how many were read as it; their harmonic mean.",
            lambda path: plots.per_class(evaluation.scores, evaluation.title, path),
        ),
        _figure(
            "Confusion",
            "A row is a label, a column what was read; the shade is the share of the row.",
            lambda path: plots.confusion(evaluation.scores, evaluation.title, path),
        ),
        _figure(
            "Calibration",
            "How often the network is right, against how sure it says it is. Below the line it is too sure.",
            lambda path: plots.reliability(confidence, right, evaluation.scores["calibration_error"], path),
        ),
    ]
    order = np.argsort(-confidence, kind="stable")
    mistakes, hits = order[~right[order]][:_EXAMPLES], order[right[order]][::-1][:_EXAMPLES]
    for chosen, heading, caption in (
        (
            mistakes,
            "Most confident mistakes",
            "What was read, then the label in brackets. Often the label is the odd one.",
        ),
        (hits, "Least confident hits", "What was read, which is also the label."),
    ):
        if len(chosen):
            found.append(_sheet(evaluation, chosen, predicted, confidence, right, heading, caption))
    if evaluation.votes is not None:
        found.append(_agreement(evaluation, evaluation.votes[evaluation.rows], predicted, right))
    return found


def _figure(heading: str, caption: str, draw: Callable[[Path], None]) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "figure.png"
        draw(path)
        return {"heading": heading, "caption": caption, "data": base64.b64encode(path.read_bytes()).decode()}


def _sheet(
    evaluation: Evaluation,
    chosen: np.ndarray,
    predicted: np.ndarray,
    confidence: np.ndarray,
    right: np.ndarray,
    heading: str,
    caption: str,
) -> dict[str, str]:
    names = evaluation.class_names

    def words(index: int) -> str:
        label = "" if right[index] else f"\n({names[evaluation.labels[index]]})"
        return f"{names[predicted[index]]} {confidence[index]:.0%}{label}"

    pixels = evaluation.faces.pixels[evaluation.rows[chosen]]
    captions = [words(index) for index in chosen.tolist()]
    return _figure(heading, caption, lambda path: face_sheets.captioned(pixels, captions, evaluation.title, path))


def _agreement(evaluation: Evaluation, votes: np.ndarray, predicted: np.ndarray, right: np.ndarray) -> dict[str, str]:
    """Accuracy by how many of FER+'s annotators agree, and whose mistake the mistakes are."""
    agreeing = votes.max(axis=1) / np.maximum(votes.sum(axis=1), 1)
    majority = ferplus.majority(votes)
    wrong = ~right
    theirs = int((wrong & (majority == predicted)).sum())
    caption = (
        f"Of the {wrong.sum():,} mistakes, {theirs:,} ({theirs / max(wrong.sum(), 1):.0%}) are what most of FER+'s ten "
        "annotators say too: there the label is the odd one."
    )
    edges = (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    return _figure(
        "Where people agree",
        caption,
        lambda path: plots.accuracy_by(
            agreeing, right, edges, "share of FER+'s annotators with the most frequent answer", path
        ),
    )
