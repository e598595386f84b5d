import lightning as L
import numpy as np
import pytest
import torch
from torch import nn

from fer_lightning.data import factories
from fer_lightning.models.checkpoint import read
from fer_lightning.training.classifier import ExpressionClassifier
from fer_lightning.training.mining import ROWS_FILE, candidate_rows, mine
from fer_lightning.training.phase import Phase
from fer_lightning.training.phase_fit import fit_phase
from tests.helpers import SHRUNK


class KnowsTheAnswers(nn.Module):
    """A network that is right about every face except given ones and records its calls."""

    def __init__(self, faces, wrong_rows):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(7))
        answers = faces.labels.astype(np.int64)
        answers[wrong_rows] = (answers[wrong_rows] + 1) % 7
        self.answers = {face.tobytes(): answer for face, answer in zip(faces.pixels, answers, strict=True)}
        self.seen = []
        self.modes = set()

    def forward(self, images):
        self.modes.add(self.training)
        keys = [np.rint(image.numpy() * 255).astype(np.uint8).tobytes() for image in images.detach()[:, 0]]
        self.seen += keys
        return nn.functional.one_hot(torch.tensor([self.answers[key] for key in keys]), 7).float() + self.bias


class Never(nn.Module):
    def forward(self, images):
        raise AssertionError("augmented while mining")


@pytest.fixture
def datamodule():
    datamodule = factories.synthetic(train=42, val=14, test=14, seed=0, eval_batch_size=16, augment=Never())
    datamodule.setup()
    datamodule.phase = datamodule.phase_data(augment=True)
    return datamodule


def make_trainer(**options):
    return L.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False, max_epochs=1, **options
    )


def test_mines_exactly_the_wrong_ones_in_eval_mode_and_from_training_alone(datamodule):
    rows = datamodule.rows("train")
    wrong = rows[[3, 17, 40]]
    network = KnowsTheAnswers(datamodule.faces, [*wrong, *datamodule.rows("val")[:5]])
    module = ExpressionClassifier(network).train()
    assert mine(make_trainer(), module, datamodule, rows).tolist() == wrong.tolist()
    assert network.modes == {False}
    assert module.training
    training = {face.tobytes() for face in datamodule.faces.pixels[rows]}
    assert set(network.seen) == training


@pytest.mark.parametrize("world_size", [2, 3, 5])
def test_shards_add_up(datamodule, world_size):
    """Each rank processes its share, and the shares add up to the whole."""
    rows = datamodule.rows("train")
    wrong = rows[[0, 5, 6, 41]]
    shares = []

    class Rank:
        root_device = torch.device("cpu")
        interrupted = received_sigterm = False

        def __init__(self, rank):
            self.global_rank, self.world_size = rank, world_size
            self.strategy = self

        def predict(self, module, loader):
            return make_trainer().predict(module, loader)

        def reduce(self, mask, reduce_op):
            shares.append(mask)
            return torch.stack(shares).sum(dim=0)

    network = KnowsTheAnswers(datamodule.faces, wrong)
    for rank in range(world_size):
        found = mine(Rank(rank), ExpressionClassifier(network), datamodule, rows)
    assert found.tolist() == wrong.tolist()
    assert len(network.seen) == len(rows)  # no face twice


@pytest.mark.parametrize(("limit", "count"), [(1, 8), (3, 24), (100, 42), (0.5, 21), (1.0, 42)])
def test_no_more_rows_are_mined_than_an_epoch_trains_on(datamodule, limit, count):
    datamodule.batch_size = 8
    rows = datamodule.rows("train")
    candidates = candidate_rows(make_trainer(limit_train_batches=limit), datamodule)
    assert len(candidates) == len(set(candidates)) == count
    assert np.diff(candidates).max() <= len(rows) // count + 1  # spread over all of them, which may be sorted by class


class TestPhase:
    """A whole hard-example phase with a network whose mistakes are known."""

    @pytest.fixture
    def fit(self, compose, datamodule, tmp_path):
        def fitted(wrong_rows, holdout=0.0, source="hard"):
            cfg = compose("train", *SHRUNK, "+experiment=hard_mining")
            module = ExpressionClassifier(
                KnowsTheAnswers(datamodule.faces, wrong_rows), settings={"model": {"_target_": "of this test"}}
            )
            phase = Phase(source, epochs=1, holdout=holdout)
            return fit_phase(cfg, 1, "hard", phase, module, datamodule, tmp_path / "2-hard")

        return fitted

    def test_nothing_wrong(self, fit, caplog):
        assert fit([]).skipped
        assert "skipping phase hard: there are no hard examples" in caplog.text

    def test_one_wrong_example_is_too_few_to_hold_one_out(self, fit, datamodule):
        assert fit(datamodule.rows("train")[:1], holdout=0.2).skipped

    @pytest.mark.parametrize("holdout", [0.2, 0.8])
    def test_two_wrong_examples_are_enough(self, fit, datamodule, holdout):
        assert fit(datamodule.rows("train")[:2], holdout=holdout).examples == 1

    def test_random_rows_are_as_many_as_the_wrong_ones(self, fit, datamodule, tmp_path):
        training = datamodule.rows("train")
        assert fit(training[:10], source="random").examples == 10
        rows = datamodule.phase.rows
        assert set(rows) < set(training)
        assert set(rows) != set(training[:10])
        (tmp_path / "2-hard" / ROWS_FILE).unlink()
        for checkpoint in (tmp_path / "2-hard" / "checkpoints").iterdir():
            checkpoint.unlink()
        fit(training[:10], source="random")
        assert datamodule.phase.rows.tolist() == rows.tolist()  # drawn with the run's seed

    @pytest.mark.parametrize("left", [True, False])
    def test_a_phase_that_goes_on_keeps_its_rows(self, fit, datamodule, tmp_path, left):
        """Rows come from the checkpoint, or from the file if the phase was interrupted before its first checkpoint."""
        wrong = datamodule.rows("train")[:10]
        assert fit(wrong, holdout=0.2).examples == 8
        first = datamodule.phase
        assert set(first.rows) | set(first.val_rows) == set(wrong)
        last = tmp_path / "2-hard" / "checkpoints" / "last.ckpt"
        assert read(last)["callbacks"]["HardExampleMining"]["rows"].tolist() == wrong.tolist()
        (tmp_path / "2-hard" / ROWS_FILE if left else last).unlink()
        if not left:
            last.with_name("before_last.ckpt").unlink(missing_ok=True)
        assert fit([], holdout=0.2).examples == 8  # does not mine again
        assert datamodule.phase.rows.tolist() == first.rows.tolist()
