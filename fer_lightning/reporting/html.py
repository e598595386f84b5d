"""report.html: one evaluation in one self-contained file."""

import base64
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
    """The evaluation that a report describes.

    Attributes:
        title: the split and the dataset that were scored.
        scores: see ``metrics.score``.
        logits: float32 [N, classes].
        faces: all faces of the file.
        rows: the N faces that were scored, int64 indices into ``faces``.
        class_names: the classes, in the order of the logits.
        votes: FER+'s votes for all ``faces``, uint8 [len(faces), 10], or None.
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
    """Write the report.

    Args:
        evaluation: see ``Evaluation``.
        path: the HTML file to write.
        command: the command line that made the report.
        config: the evaluation's configuration, as text.
        training: the checkpoint's settings, as text.
        machine: a description of the machine.
        hashes: the name and SHA-256 of each file and dataset; names may repeat.
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
    """Return Wilson's confidence interval (1927) of a share, 0..1, of ``count`` faces."""
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    middle = share + z**2 / (2 * count)
    reach = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2))
    return (middle - reach) / (1 + z**2 / count), (middle + reach) / (1 + z**2 / count)


def _headline(scores: Mapping[str, Any]) -> list[dict[str, Any]]:
    rows = [("all", scores["n"], scores["accuracy"]), ("leak-free", scores["n_fresh"], scores["accuracy_fresh"])]
    found = []
    for name, count, value in rows:
        if value is not None:
            low, high = wilson(value, count)
            found.append({"name": name, "n": count, "value": value, "low": low, "high": high})
    return found


def _figures(evaluation: Evaluation) -> list[dict[str, str]]:
    """Draw the figures of the report, each with its heading and caption."""
    probabilities, answers = evaluation.logits.softmax(dim=1).max(dim=1)
    confidence, predicted = probabilities.numpy(), answers.numpy()
    right = predicted == evaluation.labels
    found = [
        _figure(
            "Precision, recall and F1",
            "Precision: the share of faces read as a class that have its label. Recall: the share of faces with a "
            "label that were read as that class. F1: their harmonic mean.",
            lambda path: plots.per_class(evaluation.scores, evaluation.title, path),
        ),
        _figure(
            "Confusion matrix",
            "Each row is a label and each column a prediction; the shade is the share of the row.",
            lambda path: plots.confusion(evaluation.scores, evaluation.title, path),
        ),
        _figure(
            "Calibration",
            "Accuracy against confidence. Below the dashed line, the network is overconfident.",
            lambda path: plots.reliability(confidence, right, evaluation.scores["calibration_error"], path),
        ),
    ]
    order = np.argsort(-confidence, kind="stable")
    mistakes, hits = order[~right[order]][:_EXAMPLES], order[right[order]][::-1][:_EXAMPLES]
    for chosen, heading, caption in (
        (
            mistakes,
            "Most confident mistakes",
            "The prediction and its probability, then the label in brackets. Some of these labels may be wrong.",
        ),
        (hits, "Least confident correct answers", "The prediction, which is also the label, and its probability."),
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
    """Draw accuracy by the annotators' agreement, and count the mistakes that most annotators share."""
    agreeing = votes.max(axis=1) / np.maximum(votes.sum(axis=1), 1)
    majority = ferplus.majority(votes)
    wrong = ~right
    theirs = int((wrong & (majority == predicted)).sum())
    caption = (
        f"In {theirs:,} of the {wrong.sum():,} mistakes ({theirs / max(wrong.sum(), 1):.0%}), most of FER+'s "
        "votes (single votes excluded) are for the network's answer and not for the label."
    )
    edges = (0.0, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
    return _figure(
        "Accuracy by annotator agreement",
        caption,
        lambda path: plots.accuracy_by(
            agreeing, right, edges, "share of FER+'s annotators with the most frequent answer", path
        ),
    )
