import lightning as L
import pytest
import torch
from hydra.utils import instantiate
from torch import nn

from fer_lightning.module import ExpressionClassifier
from tests.conftest import SHRUNK


@pytest.fixture
def cfg(compose):
    return compose("train", *SHRUNK)


def build(cfg, **options):
    return ExpressionClassifier(
        instantiate(cfg.model),
        optimizer=instantiate(cfg.optimizer),
        scheduler=instantiate(cfg.scheduler),
        **options,
    )


def test_logits_of_uint8_images(cfg):
    module = build(cfg).eval()
    images = torch.randint(0, 256, (3, 1, 48, 48), dtype=torch.uint8)
    logits = module(images)
    assert (logits.dtype, logits.shape) == (torch.float32, (3, 7))
    torch.testing.assert_close(logits, module.network(images / 255))


def test_optimizer_and_scheduler_of_the_config(cfg):
    module = build(cfg)
    module.lr_factor = 0.1
    made = module.configure_optimizers()
    group = made["optimizer"].param_groups[0]
    assert isinstance(made["optimizer"], torch.optim.Adam)
    assert (group["lr"], group["eps"]) == (pytest.approx(1e-4), 1e-7)
    scheduler = made["lr_scheduler"]["scheduler"]
    assert isinstance(scheduler, torch.optim.lr_scheduler.ReduceLROnPlateau)
    assert (scheduler.factor, scheduler.patience) == (0.9, 5)
    assert made["lr_scheduler"]["monitor"] == "val_loss"


@pytest.mark.parametrize("optimizer", ["adam", "adamw", "sgd"])
@pytest.mark.parametrize("scheduler", ["plateau", "constant"])
def test_every_optimizer_and_scheduler(compose, optimizer, scheduler):
    cfg = compose("train", *SHRUNK, f"optimizer={optimizer}", f"scheduler={scheduler}", "optimizer.lr=0.02")
    made = build(cfg).configure_optimizers()
    assert made["optimizer"].param_groups[0]["lr"] == pytest.approx(0.02)


def test_class_weights_change_the_training_loss_only(cfg):
    torch.manual_seed(0)
    plain = build(cfg)
    weighted = build(cfg, class_weights=torch.tensor([5.0, 1, 1, 1, 1, 1, 1]))
    weighted.load_state_dict(plain.state_dict())
    logits, labels = torch.randn(8, 7), torch.tensor([0, 1, 2, 3, 4, 5, 6, 0])
    expected = nn.functional.cross_entropy(logits, labels, weight=torch.tensor([5.0, 1, 1, 1, 1, 1, 1]))
    torch.testing.assert_close(weighted._loss(logits, labels), expected)
    assert weighted._loss(logits, labels) != plain._loss(logits, labels)
    assert "class_weights" not in weighted.state_dict()


def test_overfits_one_batch(compose):
    cfg = compose("train", *SHRUNK, "model.dropout=0", "optimizer.lr=3e-3", "model.channels=[16,16,32,32]")
    L.seed_everything(0, verbose=False)
    module = build(cfg).train()
    optimizer = module.configure_optimizers()["optimizer"]
    images = torch.randint(0, 256, (21, 1, 48, 48), dtype=torch.uint8)
    labels = torch.arange(21) % 7
    for _ in range(80):
        optimizer.zero_grad()
        loss = module._loss(module(images), labels)
        loss.backward()
        optimizer.step()
    assert (module(images).argmax(dim=1) == labels).all()
    assert loss < 0.1
