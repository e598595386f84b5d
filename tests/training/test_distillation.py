import pytest
import torch
from torch import nn

from fer_lightning.errors import FerError
from fer_lightning.models.checkpoint import Trained
from fer_lightning.training.distillation import Distillation

DISTIL = (
    "teacher=pretrained",
    "phases=long",
    "phases.fit.epochs=6",
    "augment=strong",
    "augment.mixup=0.2",
    "augment.size_schedule=[[0.6,36]]",
    "model.dropout=0.4",
)


@pytest.fixture
def answers(monkeypatch):
    """What the teacher would answer and what the student was taught, in every step of the runs that follow."""
    pairs = []
    given = Distillation._answers

    def noted(self, inputs, epoch, batch_idx):
        taught = given(self, inputs, epoch, batch_idx)
        with torch.no_grad():
            pairs.append((self.teacher.forward(inputs).float(), taught))
        return taught

    monkeypatch.setattr(Distillation, "_answers", noted)
    return pairs


@pytest.fixture
def calls(monkeypatch):
    """The sizes of the crops that small teachers, in place of the shipped network, were called with."""
    sizes = []

    class Teacher(nn.Sequential):
        def __call__(self, inputs):
            sizes.append(inputs.shape[-1])
            return super().__call__(inputs)

    def made(*_):
        torch.manual_seed(0)
        return Teacher(nn.AdaptiveAvgPool2d(6), nn.Flatten(), nn.Linear(36, 7)).eval()

    monkeypatch.setattr(Trained, "network", made)
    return sizes


def test_the_loss_of_the_paper():
    """The labels' share, and the temperature squared times the divergence of the student from the teacher."""
    teacher = nn.Sequential(nn.Flatten(), nn.Linear(4, 3))
    inputs, logits, loss = torch.rand(5, 1, 2, 2), torch.randn(5, 3), torch.tensor(1.5)
    found = Distillation(teacher, weight=0.7, temperature=3.0).mixed(loss, logits, inputs)
    with torch.no_grad():
        taught, given = (teacher(inputs) / 3).softmax(dim=1), (logits / 3).softmax(dim=1)
    divergence = (taught * (taught / given).log()).sum(dim=1).mean()
    torch.testing.assert_close(found, 0.3 * loss + 0.7 * 9 * divergence)


@pytest.mark.slow
def test_later_epochs_repeat_the_images_of_earlier_ones(train, tmp_path, answers, calls):
    train(tmp_path, *DISTIL, "distillation.cached_epochs=2")
    # five batches an epoch; four epochs of 36 pixels, two of 48, and in each case the first two are computed
    assert calls == [36] * 10 + [48] * 10
    assert len(answers) == 30
    for computed, taught in answers:
        torch.testing.assert_close(taught, computed)
    epochs = [torch.cat([taught for _, taught in answers[first : first + 5]]) for first in range(0, 30, 5)]
    assert torch.equal(epochs[0], epochs[2])
    assert not torch.equal(epochs[0], epochs[1])


@pytest.mark.slow
def test_every_epoch_has_new_images_without_a_cache(train, tmp_path, answers, calls):
    train(tmp_path, *DISTIL, "phases.fit.epochs=3", "augment.size_schedule=[]")
    epochs = [torch.cat([taught for _, taught in answers[first : first + 5]]) for first in range(0, 15, 5)]
    assert len(calls) == 15
    assert not torch.equal(epochs[0], epochs[2])


def test_the_teacher_has_the_layout_of_the_student():
    teacher = nn.Conv2d(8, 8, 3)
    Distillation(teacher, weight=0.5, temperature=2.0).start_phase(torch.device("cpu"))
    assert teacher.weight.is_contiguous(memory_format=torch.channels_last)


def test_a_cache_does_not_go_with_sharpness_aware_epochs(train, tmp_path):
    with pytest.raises(FerError, match=r"distillation\.cached_epochs needs sam\.last_epochs=0, got 1"):
        train(tmp_path, *DISTIL, "distillation.cached_epochs=2", "sam.last_epochs=1")
