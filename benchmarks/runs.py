"""Training runs that benchmarks start, each in a separate process."""

import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fer_lightning.training.run_config import SETTINGS_FILE, overrides_of


def trained(run_dir: Path, words: Sequence[str]) -> dict[str, Any]:
    """The content of metrics.json of the run in ``run_dir``, which is trained or resumed unless it is finished.

    Args:
        words: the words of fer-train besides the run directory.

    Raises:
        SystemExit: the training failed, or ``run_dir`` has a run with other words.
    """
    metrics = run_dir / "metrics.json"
    if (run_dir / SETTINGS_FILE).is_file():
        former = [word for word in overrides_of(run_dir) if not word.startswith("hydra.")]
        if former != list(words):
            raise SystemExit(
                f"error: {run_dir} has a run of {' '.join(former)}, not of {' '.join(words)}; choose another --out"
            )
    if not metrics.is_file():
        begun = (run_dir / SETTINGS_FILE).is_file()
        words = [f"resume={run_dir}"] if begun else [*words, f"hydra.run.dir={run_dir}"]
        if subprocess.run([sys.executable, "-m", "fer_lightning.train", *words], check=False).returncode:
            raise SystemExit(f"error: training {' '.join(words)} failed")
    return json.loads(metrics.read_text())
