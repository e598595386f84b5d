"""Figures of scores, in one style and in colours that colour-blind people can tell apart."""

from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from fer_lightning.reporting.style import BLUE, GREEN, GREY, ORANGE, STYLE, save

Epochs = Sequence[Mapping[str, float]]  # the scores of each epoch

_NO_SCORE = "no score"  # a run of a sweep that failed or is not finished


def class_counts(counts: np.ndarray, class_names: Sequence[str], data: str, path: Path) -> None:
    """Draw the number of training faces of each class.

    Args:
        counts: int64 [classes].
        class_names: the classes, in the same order.
        data: the name of the dataset.
        path: where the PNG goes.
    """
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7, 4))
        bars = axes.bar(class_names, counts, color=BLUE)
        axes.bar_label(bars, labels=[f"{count:,}" for count in counts])
        axes.set_ylabel("training faces")
        axes.set_title(f"Classes in {data}: {counts.sum():,} training faces", parse_math=False)
        save(figure, path)


def history(phases: Sequence[tuple[str, Epochs]], title: str, path: Path) -> None:
    """Draw accuracy and loss of every epoch, with the phases marked.

    Args:
        phases: each phase's name and the scores of its epochs.
        title: the title of the figure.
        path: where the PNG goes.
    """
    epochs = [epoch for _, history in phases for epoch in history]
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(11, 4))
        for axis, name in zip(axes, ("accuracy", "loss"), strict=True):
            for stage, colour, marker in (("train", BLUE, "o"), ("val", ORANGE, "s")):
                values = [epoch.get(f"{stage}_{name}", np.nan) for epoch in epochs]
                axis.plot(range(1, len(values) + 1), values, color=colour, marker=marker, markersize=4, label=stage)
            axis.set_xlabel("epoch")
            axis.set_ylabel("cross-entropy" if name == "loss" else name)
            axis.xaxis.get_major_locator().set_params(integer=True)
            _mark_phases(axis, phases)
        axes[0].legend(loc="best")
        figure.suptitle(title, parse_math=False)
        figure.tight_layout()
        save(figure, path)


def _mark_phases(axis: Any, phases: Sequence[tuple[str, Epochs]]) -> None:
    border = 0.5
    for name, history in phases:
        if not history:
            continue
        if border > 1:
            axis.axvline(border, color=GREY, linestyle="--", linewidth=1)
        middle = border + len(history) / 2
        axis.text(middle, 1.02, name, transform=axis.get_xaxis_transform(), ha="center", color=GREY, fontsize=9)
        border += len(history)


def confusion(scores: dict[str, Any], title: str, path: Path) -> None:
    """Draw the confusion matrix: counts, shaded by the share of the row."""
    matrix = np.array(scores["confusion"])
    names = list(scores["per_class"])
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(7, 6))
        image = axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        for row, column in np.ndindex(*matrix.shape):
            colour = "white" if shares[row, column] > 0.5 else "black"
            axes.text(column, row, f"{matrix[row, column]:,}", ha="center", va="center", color=colour)
        axes.set_xticks(range(len(names)), names, rotation=35, ha="right")
        axes.set_yticks(range(len(names)), names)
        axes.set_xlabel("predicted")
        axes.set_ylabel("label")
        axes.set_title(f"{title}\naccuracy {scores['accuracy']:.1%} on {scores['n']:,} faces", parse_math=False)
        axes.spines[:].set_visible(False)
        figure.colorbar(image, label="share of the label's faces", fraction=0.046)
        save(figure, path)


def per_class(scores: dict[str, Any], title: str, path: Path) -> None:
    """Draw precision, recall and F1 of each class."""
    names = list(scores["per_class"])
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(9, 4))
        for offset, (key, colour) in enumerate((("precision", BLUE), ("recall", ORANGE), ("f1", GREEN))):
            places = np.arange(len(names)) + (offset - 1) * 0.27
            axes.bar(places, [scores["per_class"][label][key] for label in names], 0.25, color=colour, label=key)
        axes.set_xticks(range(len(names)), names)
        axes.set_ylim(0, 1)
        axes.set_title(f"{title}: macro F1 {scores['macro_f1']:.3f}", parse_math=False)
        axes.legend(ncols=3, loc="upper center", bbox_to_anchor=(0.5, -0.1))
        save(figure, path)


def reliability(confidence: np.ndarray, right: np.ndarray, error: float, path: Path) -> None:
    """Draw accuracy by confidence in ten bins, and the number of faces in each.

    Args:
        confidence: float [N], the probability of the prediction.
        right: bool [N], whether the prediction is the label.
        error: the expected calibration error, for the title.
        path: where the PNG goes.
    """
    edges = np.linspace(0, 1, 11)
    places = np.clip(np.digitize(confidence, edges) - 1, 0, 9)
    counts = np.bincount(places, minlength=10)
    with plt.rc_context(STYLE):
        figure, (upper, lower) = plt.subplots(
            2, figsize=(6, 6.5), sharex=True, gridspec_kw={"height_ratios": (3, 1), "hspace": 0.08}
        )
        upper.plot((0, 1), (0, 1), color=GREY, linestyle="--", linewidth=1, label="perfect calibration")
        filled = np.flatnonzero(counts)
        means = [confidence[places == place].mean() for place in filled]
        shares = [right[places == place].mean() for place in filled]
        upper.plot(means, shares, color=BLUE, marker="o", label="the network")
        upper.set_ylabel("accuracy")
        upper.set_ylim(0, 1)
        upper.legend(loc="upper left")
        upper.set_title(f"Expected calibration error {error:.3f}")
        lower.bar(edges[:-1] + 0.05, counts, 0.09, color=GREY)
        lower.set_ylabel("faces")
        lower.set_xlabel("confidence")
        lower.set_xlim(0, 1)
        save(figure, path)


def accuracy_by(values: np.ndarray, right: np.ndarray, edges: Sequence[float], name: str, path: Path) -> None:
    """Draw accuracy in each interval of a value, with the number of faces in it.

    Args:
        values: float [N].
        right: bool [N], whether the prediction is the label.
        edges: the borders of the intervals; an interval includes its upper edge, the first one also its lower edge.
        name: the name of the value.
        path: where the PNG goes.
    """
    places = np.clip(np.searchsorted(edges, values, side="left") - 1, 0, len(edges) - 2)
    counts = np.bincount(places, minlength=len(edges) - 1)
    hits = np.bincount(places, weights=right, minlength=len(edges) - 1)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(figsize=(8, 4))
        shares = np.divide(hits, counts, out=np.zeros(len(counts)), where=counts > 0)
        bars = axes.bar(range(len(counts)), shares, color=BLUE)
        labels = [f"{share:.0%}\n{count:,} faces" if count else "" for share, count in zip(shares, counts, strict=True)]
        axes.bar_label(bars, labels=labels, fontsize=9, padding=2)
        axes.set_xticks(range(len(counts)), [f"{low:.0%}-{high:.0%}" for low, high in pairwise(edges)])
        axes.set_ylim(0, 1.15)
        axes.set_xlabel(name)
        axes.set_ylabel("accuracy")
        save(figure, path)


def size_latency_accuracy(files: Sequence[tuple[str, float, float, float]], path: Path) -> None:
    """Draw exported files by size, latency and difference in accuracy, the first one in another colour.

    Args:
        files: name, megabytes, milliseconds per face, and the file's accuracy minus the network's in percentage points.
        path: where the PNG goes.
    """
    names, sizes, times, differences = zip(*files, strict=True)
    with plt.rc_context(STYLE):
        figure, axes = plt.subplots(1, 3, figsize=(12, 1.2 + 0.4 * len(files)), sharey=True)
        places = np.arange(len(files))
        for axis, values, label, form in (
            (axes[0], sizes, "size, MB", "{:.1f}"),
            (axes[1], times, "ms per face on one thread", "{:.2f}"),
            (axes[2], differences, "accuracy minus torch's, points", "{:+.2f}"),
        ):
            bars = axis.barh(places, values, color=[ORANGE if name == files[0][0] else BLUE for name in names])
            axis.bar_label(bars, fmt=form, padding=3)
            axis.set_xlabel(label)
            axis.margins(x=0.18 if min(values) >= 0 else 0.35)  # room for the labels of bars to the left, too
        axes[0].set_yticks(places, names)
        axes[0].invert_yaxis()
        figure.tight_layout()
        save(figure, path)


def sweep(values: Sequence[Mapping[str, str]], accuracies: Sequence[float], path: Path) -> None:
    """Draw the accuracy of a sweep's runs over the one or two numbers that differ between them, or as bars.

    Args:
        values: the values of each run, by key, for the keys that differ.
        accuracies: the runs' accuracies, 0..1; NaN is marked by a cross.
        path: where the PNG goes.
    """
    keys = [key for key in values[0] if all(_as_number(run.get(key)) is not None for run in values)][:2]
    scores = 100 * np.array(accuracies)
    done = ~np.isnan(scores)
    with plt.rc_context(STYLE):
        if not keys:
            figure, axes = plt.subplots(figsize=(8, 1.5 + 0.35 * len(values)))
            bars = axes.barh(range(len(values)), np.nan_to_num(scores), color=BLUE)
            labels = [_NO_SCORE if np.isnan(score) else f"{score:.1f}" for score in scores]
            axes.bar_label(bars, labels=labels, padding=3)
            words = [" ".join(f"{key}={value}" for key, value in run.items()) for run in values]
            axes.set_yticks(range(len(values)), words, parse_math=False)
            axes.invert_yaxis()
            axes.set_xlabel("accuracy on the val split, %")
            save(figure, path)
            return
        figure, axes = plt.subplots(figsize=(8, 5))
        places = [np.array([_as_number(run[key]) for run in values], float) for key in keys]
        across, up = places[0], places[1] if len(keys) > 1 else scores
        if len(keys) > 1:
            points = axes.scatter(across[done], up[done], c=scores[done], cmap="viridis", s=120)
            figure.colorbar(points, label="accuracy on the val split, %")
            axes.scatter(across[~done], up[~done], color=GREY, marker="x", label=_NO_SCORE)
            for x, y, score in zip(across[done], up[done], scores[done], strict=True):
                axes.annotate(f"{score:.1f}", (x, y), xytext=(0, 9), textcoords="offset points", ha="center")
        else:
            axes.scatter(across[done], scores[done], color=BLUE, s=60)
            low = np.nanmin(scores) if done.any() else 0
            axes.scatter(across[~done], np.full((~done).sum(), low), color=GREY, marker="x", label=_NO_SCORE)
        for scale, numbers in ((axes.set_xscale, across), (axes.set_yscale, up))[: len(keys)]:
            if numbers.min() > 0 and numbers.max() >= 5 * numbers.min():
                scale("log")
        axes.margins(0.12)
        axes.set_xlabel(keys[0])
        axes.set_ylabel(keys[1] if len(keys) > 1 else "accuracy on the val split, %")
        axes.set_title(f"{len(values)} runs, the best {np.nanmax(scores):.1f}%" if done.any() else "no run has a score")
        if not done.all():
            axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12))
        save(figure, path)


def _as_number(text: str | None) -> float | None:
    try:
        return float(text or "")
    except ValueError:
        return None
