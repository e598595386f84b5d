"""Rank the runs of a sweep; also called at the end of a sweep."""

import atexit
import contextlib
import csv
import io
import logging
import math
import shlex
import sys
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hydra.experimental.callback import Callback
from omegaconf import DictConfig
from rich.console import Console

from fer_lightning.errors import FerError, exit_on_user_error, sentence
from fer_lightning.training.run_config import overrides_of
from fer_lightning.utils import files
from fer_lightning.utils.terminal import make_table

log = logging.getLogger(__name__)

ERROR_FILE = "error.txt"
TABLE_FILE, PICTURE_FILE = "sweep.csv", "sweep.png"

_LONG = 8  # numbers with more characters are rounded
_FILE_WIDTH = 1000  # characters, wider than any table: output to a file is not truncated


def attempt(run: Callable[[], float], run_dir: Path) -> float | None:
    """Do one run of a sweep and return its score; None if it failed, which lets the other runs continue.

    The reason for the failure replaces the run's former error.txt. The score is never NaN: Hydra's Optuna plugin fails
    on NaN, but treats None as a failed trial.
    """
    (run_dir / ERROR_FILE).unlink(missing_ok=True)
    try:
        score = run()
        return None if math.isnan(score) else score
    except Exception as error:
        told = sentence(error)
        reason = told or "".join(traceback.format_exception(error))
        files.write_text(run_dir / ERROR_FILE, reason + "\n")
        log.error("this run failed; the sweep continues: %s", reason)
        return None


@dataclass(frozen=True)
class Run:
    """One run of a sweep.

    Attributes:
        folder: the run's directory.
        overrides: the words of its command line.
        accuracy: accuracy on the val split, 0..1; NaN if the run failed, diverged or is not finished.
        scores: see ``metrics.score``; empty if there are none.
        error: the reason for the failure; None if the run did not fail.
    """

    folder: Path
    overrides: list[str]
    accuracy: float
    scores: dict[str, Any]
    error: str | None

    @property
    def values(self) -> dict[str, str]:
        """The values that the words set, by key."""
        return {key: value for key, _, value in (word.partition("=") for word in self.overrides)}


def read_runs(folder: Path) -> list[Run]:
    """Read the runs below ``folder``, the best first, those without a score last.

    Raises:
        FerError: ``folder`` contains no run.
    """
    folders = {path.parents[1] for path in folder.rglob(".hydra/overrides.yaml")}
    # other commands may have written below a run
    runs = [_read_run(each) for each in sorted(folders) if folders.isdisjoint(each.parents)]
    if not runs:
        raise FerError(f"{folder} contains no run of a sweep")
    return sorted(runs, key=_rank)


def _rank(run: Run) -> tuple[bool, float, float, str]:
    """Sort key: accuracy first, then loss."""
    return math.isnan(run.accuracy), -run.accuracy, run.scores.get("loss", math.inf), str(run.folder)


def _read_run(folder: Path) -> Run:
    metrics, error = folder / "metrics.json", folder / ERROR_FILE
    scores = files.read_json(metrics) or {}
    failed = not scores and error.is_file()  # a run that failed may have been resumed
    reason = error.read_text().strip() if failed else None
    return Run(folder, overrides_of(folder), float(scores.get("accuracy", math.nan)), scores, reason)


def swept(runs: Sequence[Run]) -> list[str]:
    """The keys whose values differ between the runs, in the order of the command line."""
    keys = list(dict.fromkeys(key for run in runs for key in run.values))
    return [key for key in keys if len({run.values.get(key) for run in runs}) > 1] or keys


def _short(keys: Sequence[str]) -> list[str]:
    """The last part of each key, or the whole key if several end with the same part."""
    lasts = [key.rpartition(".")[2] for key in keys]
    return [last if lasts.count(last) == 1 else key for key, last in zip(keys, lasts, strict=True)]


def _rounded(word: str) -> str:
    """Round a long decimal number to four digits; integers, short numbers and other words stay unchanged."""
    if len(word) <= _LONG or word.lstrip("-").isdigit():
        return word
    try:
        return f"{float(word):.4g}"
    except ValueError:
        return word


def conclude(folder: Path) -> None:
    """Print the table of a sweep, write it as CSV, plot it, and print the command that trains the best run again.

    Raises:
        FerError: see ``read_runs``.
    """
    runs = read_runs(folder)
    keys = swept(runs)
    names = ("", "run", *_short(keys))
    scored = ("accuracy", "leak-free", "val loss", "macro F1")
    table = make_table(f"{len(runs)} runs, by accuracy on the val split", (*names, *scored), texts=len(names))
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(("rank", "run", *keys, "accuracy", "accuracy_fresh", "loss", "macro_f1", "error"))
    chosen = [{key: run.values.get(key, "") for key in keys} for run in runs]
    for rank, (run, values) in enumerate(zip(runs, chosen, strict=True), start=1):
        name, words = str(run.folder.relative_to(folder)), list(values.values())
        scores = [run.scores.get(key) for key in ("accuracy", "accuracy_fresh", "loss", "macro_f1")]
        writer.writerow((rank, name, *words, *("" if score is None else score for score in scores), run.error or ""))
        cells = ["-" if score is None else f"{score:.4f}" for score in scores]
        if run.error is not None:
            cells[0] = "failed"
        table.add_row(str(rank), name, *map(_rounded, words), *cells)
    files.write_text(folder / TABLE_FILE, text.getvalue())
    # without markup, because values such as [a.ckpt] would be taken for it
    Console(markup=False, emoji=False, width=None if sys.stdout.isatty() else _FILE_WIDTH).print(table)
    for run in runs:
        if run.error is not None:
            print(f"{run.folder} failed: {run.error.splitlines()[-1]}")
    print(f"table: {folder / TABLE_FILE}")
    from fer_lightning.reporting import plots  # imported late: Hydra imports this module before every run

    picture = folder / PICTURE_FILE
    plots.sweep(chosen, [run.accuracy for run in runs], picture)
    print(f"image: {picture}")
    if not math.isnan(runs[0].accuracy):
        print(f"train the best run again: {shlex.join(['python', '-m', 'fer_lightning.train', *runs[0].overrides])}")


class RankedTable(Callback):
    """Concludes a sweep when it ends, also after Ctrl-C or an error of the sweeper, when Hydra calls no callback."""

    def on_multirun_start(self, config: DictConfig, **kwargs: Any) -> None:
        from fer_lightning.training.distributed import is_first  # imported late: loads Lightning

        folder = Path(config.hydra.sweep.dir)
        with exit_on_user_error():  # Hydra prints the traceback of an error in a callback, and goes on
            if is_first() and (folder / "0" / ".hydra").is_dir():
                raise FerError(
                    f"{folder} already contains a sweep: choose another hydra.sweep.dir, or continue its unfinished "
                    "runs one by one with resume=RUN_DIR"
                )
        atexit.register(_conclude_cut_off, folder)

    def on_multirun_end(self, config: DictConfig, **kwargs: Any) -> None:
        from fer_lightning.training.distributed import is_first

        atexit.unregister(_conclude_cut_off)
        if is_first():
            conclude(Path(config.hydra.sweep.dir))


def _conclude_cut_off(folder: Path) -> None:
    from fer_lightning.training.distributed import is_first

    if is_first():
        # no run has started, or the disk is full, which was already reported, or the user pressed Ctrl-C again
        with contextlib.suppress(FerError, OSError, KeyboardInterrupt):
            conclude(folder)
