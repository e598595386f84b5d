"""Training runs that benchmarks start, each in a separate process."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fer_lightning.training.run_config import overrides_of
from fer_lightning.utils.output_dir import SETTINGS_FILE


def trained(run_dir: Path, words: Sequence[str]) -> dict[str, Any]:
    """The content of metrics.json of the run in ``run_dir``, which is trained or resumed unless it is finished.

    Args:
        words: the words of fer-train besides the run directory.

    Raises:
        SystemExit: the training failed, or ``run_dir`` has a run with other words.
    """
    metrics = run_dir / "metrics.json"
    begun = (run_dir / SETTINGS_FILE).is_file()
    if begun:
        former, now = _settings(overrides_of(run_dir)), _settings(words)
        if former != now:
            raise SystemExit(f"error: {run_dir} has a run of {former}, not of {now}; choose another --out")
    if not metrics.is_file():
        words = [f"resume={run_dir}"] if begun else [*words, f"hydra.run.dir={run_dir}"]
        if subprocess.run([sys.executable, "-m", "fer_lightning.train", *words], check=False).returncode:
            raise SystemExit(f"error: training {' '.join(words)} failed")
    return json.loads(metrics.read_text())


def _settings(words: Sequence[str]) -> str:
    """The words of a command line that say how a network is trained, without those that say where files are."""
    return " ".join(word for word in words if not word.startswith(("data.dir=", "hydra.", "resume=")))
