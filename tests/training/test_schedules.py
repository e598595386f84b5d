import pytest
import torch

from fer_lightning.training import schedules


def rates(make, steps, **options):
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=0.2)
    scheduler = make(optimizer, total_steps=steps, **options)
    found = []
    for _ in range(steps):
        found.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
    return found, optimizer.param_groups[0]["lr"]


def test_cosine():
    found, end = rates(schedules.cosine, 100, warmup=0.1)
    assert found[0] == pytest.approx(0.2 / 11)
    assert found[10] == max(found) == pytest.approx(0.2)
    assert found[:11] == sorted(found[:11])
    assert found[10:] == sorted(found[10:], reverse=True)
    assert found[55] == pytest.approx(0.1)  # half way down
    assert end == pytest.approx(0, abs=1e-12)


def test_trapezoid():
    found, end = rates(schedules.trapezoid, 100, warmup=0.1, decay=0.4)
    assert found[:10] == sorted(found[:10])
    assert all(rate == pytest.approx(0.2) for rate in found[10:60])
    assert found[80] == pytest.approx(0.1)
    assert end == 0


def test_no_warmup_starts_at_the_full_rate():
    assert rates(schedules.cosine, 10, warmup=0.0)[0][0] == pytest.approx(0.2)
    assert rates(schedules.trapezoid, 10, warmup=0.0, decay=0.0) == (pytest.approx([0.2] * 10), pytest.approx(0.2))


def test_a_branch_only_decays():
    found, end = rates(schedules.trapezoid, 100, warmup=0.0, decay=1.0)
    assert found == pytest.approx([0.2 * (100 - step) / 100 for step in range(100)])
    assert end == 0


@pytest.mark.parametrize(
    ("make", "options", "part"),
    [
        (schedules.cosine, {"warmup": 1.0}, "warmup must be below 1"),
        (schedules.cosine, {"warmup": "much"}, "warmup must be a number from 0 to 1, got 'much'"),
        (schedules.trapezoid, {"decay": -0.1}, "decay must be a number from 0 to 1, got -0.1"),
        (schedules.trapezoid, {"decay": 1.1, "warmup": 0.0}, "decay must be a number from 0 to 1, got 1.1"),
        (schedules.trapezoid, {"warmup": 0.5, "decay": 0.6}, "must be at most 1"),
    ],
)
def test_refuses(make, options, part):
    with pytest.raises(ValueError, match=part):
        rates(make, 10, **options)
