"""Log the final scores and figures of a run to the loggers that accept images."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from lightning.pytorch.loggers import Logger, MLFlowLogger, TensorBoardLogger, WandbLogger
from PIL import Image


def log_conclusion(loggers: Iterable[Logger], scores: Mapping[str, Any], figures: Iterable[Path]) -> None:
    """Log the final scores (``metrics.score``) and the figures (PNG files) to the loggers that accept images."""
    numbers = {f"final_{name}": float(value) for name, value in scores.items() if isinstance(value, int | float)}
    paths = sorted(figures)
    for logger in loggers:
        if isinstance(logger, TensorBoardLogger):
            for path in paths:
                pixels = np.asarray(Image.open(path, formats=("PNG",)).convert("RGB"))
                logger.experiment.add_image(path.stem, pixels, dataformats="HWC")
        elif isinstance(logger, WandbLogger):
            for path in paths:
                logger.log_image(path.stem, [str(path)])
        elif isinstance(logger, MLFlowLogger):
            assert logger.run_id is not None  # reading the property creates the run
            for path in paths:
                logger.experiment.log_artifact(logger.run_id, str(path), "figures")
        else:
            continue
        logger.log_metrics(numbers)
        logger.finalize("success")
