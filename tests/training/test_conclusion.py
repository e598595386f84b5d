from pathlib import Path

import numpy as np
import pytest
from lightning.pytorch.loggers import CSVLogger, TensorBoardLogger
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from fer_lightning.training.conclusion import log_conclusion


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


FEW = ("phases.baseline.epochs=1", "data.train=35", "data.val=14")


@pytest.mark.slow
def test_mlflow_by_config(train, tmp_path):
    mlflow = pytest.importorskip("mlflow")
    scores = train(tmp_path, *FEW, "logger=mlflow")
    (folder,) = (tmp_path / "phases").iterdir()
    client = mlflow.MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string="name = 'fer_lightning'")
    (trained,) = client.search_runs([experiment.experiment_id])
    assert "train_loss" in trained.data.metrics
    client = mlflow.MlflowClient(f"sqlite:///{tmp_path / 'mlflow.db'}")
    (experiment,) = client.search_experiments(filter_string="name = 'fer_lightning'")
    (ended,) = client.search_runs([experiment.experiment_id])
    assert ended.data.metrics["final_accuracy"] == pytest.approx(scores["accuracy"])
    figures = {Path(each.path).name for each in client.list_artifacts(ended.info.run_id, "figures")}
    assert {"history.png", "confusion.png"} <= figures


@pytest.mark.slow
def test_wandb_by_config(train, tmp_path):
    pytest.importorskip("wandb")
    train(tmp_path, *FEW, "logger=wandb", "logger.wandb.offline=true")
    runs = [path.parent for path in tmp_path.rglob("run-*.wandb")]
    assert len(runs) == 2  # of the phase, and of the end
    pictures = {path.name.rpartition("_")[0].rpartition("_")[0] for path in tmp_path.rglob("media/images/*.png")}
    assert {"history", "confusion"} <= pictures
