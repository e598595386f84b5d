import copy

import lightning as L
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader

from fer_lightning.data.loaders import Batch
from fer_lightning.errors import FerError
from fer_lightning.models.checkpoint import read
from fer_lightning.training.classifier import ExpressionClassifier
from fer_lightning.training.sharpness import SharpnessAware


def test_perturbs_along_the_gradient_and_comes_back():
    weights = nn.Linear(2, 1, bias=False)
    weights.weight.data = torch.tensor([[1.0, 2.0]])
    weights.weight.grad = torch.tensor([[3.0, 4.0]])
    before = weights.weight.detach().clone()
    with SharpnessAware(last_epochs=1, rho=0.5).perturbed(weights):
        torch.testing.assert_close(weights.weight.detach(), torch.tensor([[1.3, 2.4]]))
    assert torch.equal(weights.weight, before)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"last_epochs": -1, "rho": 0.05}, "sam.last_epochs must be an integer >= 1, got -1"),
        ({"last_epochs": 2.5, "rho": 0.05}, "sam.last_epochs must be an integer"),
        ({"last_epochs": 1, "rho": 0}, "sam.rho must be a number above 0, got 0"),
        ({"last_epochs": 1, "rho": "far"}, "sam.rho must be a number above 0, got 'far'"),
    ],
)
def test_refuses(options, part):
    with pytest.raises(FerError, match=part):
        SharpnessAware(**options)


def test_a_step_is_that_of_the_paper():
    """A step by the Trainer has the weights and batch-norm statistics of two passes done by hand."""
    torch.manual_seed(0)
    images, labels = torch.randint(0, 256, (14, 1, 48, 48), dtype=torch.uint8), torch.arange(14) % 7
    network = nn.Sequential(nn.Flatten(), nn.Linear(48 * 48, 8), nn.BatchNorm1d(8), nn.Tanh(), nn.Linear(8, 7))
    by_hand = copy.deepcopy(network)

    def gradients():
        loss = nn.functional.cross_entropy(by_hand(images / 255), labels)
        return torch.autograd.grad(loss, list(by_hand.parameters()))

    start = {name: value.clone() for name, value in by_hand.state_dict().items()}
    first = gradients()
    after_first = {name: value.clone() for name, value in by_hand.named_buffers()}
    length = torch.cat([gradient.flatten() for gradient in first]).norm()
    with torch.no_grad():
        for parameter, gradient in zip(by_hand.parameters(), first, strict=True):
            parameter += 0.5 * gradient / length
    second = gradients()
    expected = {
        name: start[name] - 0.1 * gradient
        for (name, _), gradient in zip(by_hand.named_parameters(), second, strict=True)
    }

    module = ExpressionClassifier(
        network,
        optimizer=lambda groups: torch.optim.SGD(groups, lr=0.1),
        sam=SharpnessAware(last_epochs=1, rho=0.5),
    )
    trainer = L.Trainer(
        accelerator="cpu",
        max_epochs=1,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
    )
    trainer.fit(module, DataLoader([Batch(images, labels)], batch_size=None))
    for name, value in network.named_parameters():
        torch.testing.assert_close(value.detach(), expected[name], atol=1e-5, rtol=1e-4)
        assert name != "1.weight" or not torch.allclose(value, start[name] - 0.1 * first[0], atol=1e-4)
    for name, value in network.named_buffers():
        torch.testing.assert_close(value, after_first[name], atol=1e-5, rtol=1e-4)
    # the log has the loss at the weights themselves
    logits = network.load_state_dict(start) and network.train()(images / 255)
    loss = nn.functional.cross_entropy(logits, labels)
    torch.testing.assert_close(trainer.callback_metrics["train_loss"], loss.detach(), atol=1e-5, rtol=1e-4)


FEW = ("phases.baseline.epochs=3", "phases.baseline.augment=true", "data.train=42", "data.batch_size=21")


@pytest.mark.slow
def test_begins_with_the_last_epochs(train, tmp_path, monkeypatch):
    epochs = []
    perturbed = SharpnessAware.perturbed

    def noted(self, module):
        epochs.append(module.trainer.current_epoch)
        return perturbed(self, module)

    monkeypatch.setattr(SharpnessAware, "perturbed", noted)
    train(tmp_path, *FEW, "sam.last_epochs=2")
    assert epochs == [1, 1, 2, 2]  # two steps an epoch


@pytest.mark.slow
def test_a_broken_off_run_ends_as_an_unbroken_one(train, break_off, tmp_path):
    words = (*FEW, "sam.last_epochs=2", "optimizer=sgd")
    train(tmp_path / "whole", *words)
    break_off(tmp_path / "broken", *words, epoch=2)
    train(tmp_path / "broken", *words)
    ends = [read(tmp_path / name / "phases/1-baseline/checkpoints/last.ckpt") for name in ("whole", "broken")]
    assert all(torch.equal(value, ends[1]["state_dict"][name]) for name, value in ends[0]["state_dict"].items())


def test_needs_a_step_of_one_batch(train, tmp_path):
    with pytest.raises(FerError, match=r"sam needs trainer\.accumulate_grad_batches=1"):
        train(tmp_path, "sam.last_epochs=1", "trainer.accumulate_grad_batches=2")
