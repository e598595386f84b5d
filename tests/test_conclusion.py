from pathlib import Path

import numpy as np
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fer_lightning.conclusion import log_conclusion


def test_tensorboard_gets_scores_and_figures(tmp_path: Path):
    Image.fromarray(np.full((30, 40, 3), 200, np.uint8)).save(tmp_path / "confusion.png")
    loggers = [TensorBoardLogger(tmp_path, name="tensorboard"), CSVLogger(tmp_path, name="csv")]
    log_conclusion(loggers, {"accuracy": 0.5, "n": 7, "per_class": {}}, tmp_path.glob("*.png"))
    events = EventAccumulator(loggers[0].log_dir)
    events.Reload()
    assert events.Tags()["images"] == ["confusion"]
    assert events.Images("confusion")[0].width == 40
    assert events.Scalars("final_accuracy")[0].value == 0.5
    assert not list((tmp_path / "csv").rglob("metrics.csv"))  # it takes no pictures
