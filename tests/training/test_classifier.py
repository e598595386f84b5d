import shutil

import lightning as L
import pytest
import torch
from hydra.utils import instantiate
from torch import nn

from fer_lightning.data.loaders import Batch
from fer_lightning.errors import FerError
from fer_lightning.training.classifier import ExpressionClassifier
from fer_lightning.training.distillation import Distillation
from tests.helpers import SHRUNK


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


def random_batch(count):
    return torch.randint(0, 256, (count, 1, 48, 48), dtype=torch.uint8), torch.arange(count) % 7


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
@pytest.mark.parametrize("scheduler", ["plateau", "constant", "cosine", "trapezoid"])
def test_every_optimizer_and_scheduler(compose, optimizer, scheduler):
    cfg = compose("train", *SHRUNK, f"optimizer={optimizer}", f"scheduler={scheduler}", "optimizer.lr=0.02")
    made = build(cfg).configure_optimizers()
    assert made["optimizer"].param_groups[0]["initial_lr" if scheduler != "plateau" else "lr"] == pytest.approx(0.02)


def test_class_weights_change_the_training_loss_only(cfg):
    torch.manual_seed(0)
    plain = build(cfg)
    weighted = build(cfg, class_weights=torch.tensor([5.0, 1, 1, 1, 1, 1, 1]))
    weighted.load_state_dict(plain.state_dict())
    images, labels = random_batch(8)
    plain.eval()
    loss, logits = weighted.eval()._loss(Batch(images, labels))
    expected = nn.functional.cross_entropy(logits, labels, weight=torch.tensor([5.0, 1, 1, 1, 1, 1, 1]))
    torch.testing.assert_close(loss, expected)
    assert loss != plain._loss(Batch(images, labels))[0]
    assert "class_weights" not in weighted.state_dict()


def test_overfits_one_batch(compose):
    cfg = compose("train", *SHRUNK, "model.dropout=0", "optimizer.lr=3e-3", "model.channels=[16,16,32,32]")
    L.seed_everything(0, verbose=False)
    module = build(cfg).train()
    optimizer = module.configure_optimizers()["optimizer"]
    images, labels = random_batch(21)
    for _ in range(80):
        optimizer.zero_grad()
        loss, _ = module._loss(Batch(images, labels))
        loss.backward()
        optimizer.step()
    assert (module(images).argmax(dim=1) == labels).all()
    assert loss < 0.1


def test_weight_decay_can_leave_vectors_alone(compose):
    cfg = compose("train", *SHRUNK, "optimizer=sgd", "optimizer.weight_decay=0.1")
    everything = build(cfg).configure_optimizers()["optimizer"].param_groups
    matrices, vectors = build(cfg, no_decay_on_norm_and_bias=True).configure_optimizers()["optimizer"].param_groups
    assert [group["weight_decay"] for group in everything] == [0.1]
    assert (matrices["weight_decay"], vectors["weight_decay"]) == (0.1, 0.0)
    assert {parameter.ndim for parameter in vectors["params"]} == {1}
    assert len(matrices["params"]) + len(vectors["params"]) == len(everything[0]["params"])


def test_label_smoothing_is_for_training_only(cfg):
    module = build(cfg, label_smoothing=0.2).eval()
    images, labels = random_batch(8)
    loss, logits = module._loss(Batch(images, labels))
    torch.testing.assert_close(loss, nn.functional.cross_entropy(logits, labels, label_smoothing=0.2))


def test_votes_have_a_dense_layer_of_their_own(cfg):
    """Votes add their cross-entropy, rows without votes add nothing, and the network's logits do not depend on them."""
    module = build(cfg, vote_weight=0.5).eval()
    images, labels = random_batch(4)
    classes = nn.functional.one_hot(labels, 7).float()
    votes = torch.zeros(4, 8)
    without, logits = module._loss(Batch(images, classes, votes))
    torch.testing.assert_close(without, nn.functional.cross_entropy(logits, labels))
    votes[1, 7] = 1.0
    with_one, _ = module._loss(Batch(images, classes, votes))
    features = nn.Sequential(*list(module.network)[:-1])(images / 255)
    log_shares = module.vote_head(features).log_softmax(dim=1)
    torch.testing.assert_close(with_one - without, -0.5 * log_shares[1, 7] / 4)


def test_a_teacher_is_neither_trained_nor_saved(cfg):
    teacher = instantiate(cfg.model).eval()
    module = build(cfg, distillation=Distillation(teacher, weight=1.0, temperature=2.0)).eval()
    trained = {id(parameter) for parameter in module.parameters()}
    assert not trained & {id(parameter) for parameter in teacher.parameters()}
    assert not [name for name in module.state_dict() if not name.startswith("network.")]
    module.network.load_state_dict(teacher.state_dict())
    images, labels = random_batch(4)
    loss, _ = module._loss(Batch(images, labels))
    torch.testing.assert_close(loss, torch.tensor(0.0))  # it answers as its teacher does


def test_no_such_mode_to_compile_in(cfg):
    with pytest.raises(FerError, match=r"compile must be a mode of torch\.compile, got 'fast': .*reduce-overhead"):
        build(cfg, compile="fast")


@pytest.mark.slow
@pytest.mark.skipif(shutil.which("g++") is None, reason="torch.compile needs a C++ compiler")
def test_compiled_training_steps_compute_the_same(cfg):
    torch.manual_seed(0)
    plain = build(cfg).eval()
    compiled = build(cfg, compile="default").eval()
    compiled.load_state_dict(plain.state_dict())
    images, labels = random_batch(4)
    torch.testing.assert_close(
        compiled._loss(Batch(images, labels)), plain._loss(Batch(images, labels)), atol=1e-5, rtol=1e-5
    )
