import lightning as L
import numpy as np
import pytest
import torch
from torch import nn

from fer_lightning.data.datamodule import SampleDataModule
from fer_lightning.errors import FerError
from fer_lightning.training.callbacks.hard_examples import HardExampleMining, NoHardExamples, mine
from fer_lightning.training.classifier import ExpressionClassifier


class KnowsTheAnswers(nn.Module):
    """Right about every face but the ones it was told to get wrong; notes how it was called."""

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
    datamodule = SampleDataModule(train=42, val=14, test=14, seed=0, eval_batch_size=16, augment=Never())
    datamodule.setup()
    datamodule.start_phase(augment=True)
    return datamodule


def make_trainer(**options):
    return L.Trainer(
        accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False, max_epochs=1, **options
    )


def test_mines_exactly_the_wrong_ones_in_eval_mode_and_from_training_alone(datamodule):
    wrong = datamodule.rows("train")[[3, 17, 40]]
    network = KnowsTheAnswers(datamodule.faces, [*wrong, *datamodule.rows("val")[:5]])
    module = ExpressionClassifier(network).train()
    rows = mine(make_trainer(), module, datamodule)
    assert rows.tolist() == wrong.tolist()
    assert network.modes == {False}
    assert module.training
    training = {face.tobytes() for face in datamodule.faces.pixels[datamodule.rows("train")]}
    assert set(network.seen) == training


@pytest.mark.parametrize("world_size", [2, 3, 5])
def test_shards_add_up(datamodule, world_size):
    """Each rank looks at its share; the sum over ranks is the whole."""
    wrong = datamodule.rows("train")[[0, 5, 6, 41]]
    shares = []

    class Rank:
        precision_plugin = make_trainer().precision_plugin
        limit_train_batches = 1.0

        def __init__(self, rank):
            self.global_rank, self.world_size = rank, world_size
            self.strategy = self

        def reduce(self, mask, reduce_op):
            shares.append(mask)
            return torch.stack(shares).sum(dim=0)

    network = KnowsTheAnswers(datamodule.faces, wrong)
    for rank in range(world_size):
        rows = mine(Rank(rank), ExpressionClassifier(network), datamodule)
    assert rows.tolist() == wrong.tolist()
    assert len(network.seen) == len(datamodule.rows("train"))  # no face twice


@pytest.mark.parametrize(("limit", "count"), [(1, 8), (3, 24), (100, 42), (0.5, 21), (1.0, 42)])
def test_no_more_rows_are_mined_than_an_epoch_trains_on(datamodule, limit, count):
    datamodule.batch_size = 8
    rows = datamodule.rows("train")
    network = KnowsTheAnswers(datamodule.faces, rows)
    mined = mine(make_trainer(limit_train_batches=limit), ExpressionClassifier(network), datamodule)
    assert len(network.seen) == len(mined) == count
    assert np.diff(mined).max() <= len(rows) // count + 1  # spread over all of them, which may be sorted by class


def test_nothing_wrong(datamodule):
    module = ExpressionClassifier(KnowsTheAnswers(datamodule.faces, []))
    with pytest.raises(NoHardExamples):
        make_trainer(callbacks=[HardExampleMining()]).fit(module, datamodule=datamodule)


def test_one_wrong_example_is_too_few_to_hold_one_out(datamodule):
    module = ExpressionClassifier(KnowsTheAnswers(datamodule.faces, datamodule.rows("train")[:1]))
    with pytest.raises(NoHardExamples):
        make_trainer(callbacks=[HardExampleMining(holdout=0.2)]).fit(module, datamodule=datamodule)


@pytest.mark.parametrize("holdout", [0.2, 0.8])
def test_two_wrong_examples_are_enough(datamodule, holdout):
    datamodule.start_phase(augment=False)
    module = ExpressionClassifier(KnowsTheAnswers(datamodule.faces, datamodule.rows("train")[:2]))
    make_trainer(callbacks=[HardExampleMining(holdout=holdout)]).fit(module, datamodule=datamodule)
    assert len(datamodule.phase_rows) == 1


def test_restricts_the_phase_and_keeps_its_rows(datamodule):
    datamodule.start_phase(augment=False)
    wrong = datamodule.rows("train")[:10]
    callback = HardExampleMining(holdout=0.2)
    module = ExpressionClassifier(KnowsTheAnswers(datamodule.faces, wrong))
    make_trainer(callbacks=[callback]).fit(module, datamodule=datamodule)
    assert len(datamodule.phase_rows) == 8
    assert set(datamodule.phase_rows) <= set(wrong)

    resumed = HardExampleMining(holdout=0.2)
    resumed.load_state_dict(callback.state_dict())
    everything_right = ExpressionClassifier(KnowsTheAnswers(datamodule.faces, []))
    before = datamodule.phase_rows
    datamodule.start_phase(augment=False)
    make_trainer(callbacks=[resumed]).fit(everything_right, datamodule=datamodule)  # does not mine again
    assert datamodule.phase_rows.tolist() == before.tolist()


def test_holdout_range():
    with pytest.raises(FerError, match="holdout"):
        HardExampleMining(holdout=1.0)
