"""Learning-rate schedules that depend on the total number of steps.

ExpressionClassifier fills in ``total_steps``, as for any scheduler that takes it, such as torch's OneCycleLR.
"""

import math
from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def cosine(optimizer: Optimizer, total_steps: int, warmup: float = 0.05) -> LambdaLR:
    """Linear warm-up to the optimizer's learning rate, then half a cosine to 0 (Loshchilov and Hutter, SGDR, 2017).

    Args:
        total_steps: optimizer steps of the whole fit.
        warmup: fraction of the steps to warm up in, 0 <= warmup < 1.

    Raises:
        ValueError: ``warmup`` is out of range.
    """
    if warmup == 1:
        raise ValueError("warmup must be below 1, got 1.0: no steps are left for the decay")
    _check(warmup=warmup)

    def after_warmup(progress: float) -> float:
        return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))

    return _scheduler(optimizer, total_steps, warmup, after_warmup)


def trapezoid(optimizer: Optimizer, total_steps: int, warmup: float = 0.05, decay: float = 0.4) -> LambdaLR:
    """Linear warm-up, a constant learning rate, and a linear decay to 0 (Hägele et al., 2024).

    With the same number of warm-up steps, a longer fit equals a shorter one until the shorter one's decay begins.

    Args:
        total_steps: optimizer steps of the whole fit.
        warmup: fraction of the steps to warm up in, 0..1.
        decay: fraction of the steps, at the end, to decay in, 0..1; 1.0 with no warm-up only decays.

    Raises:
        ValueError: a fraction is out of range, or their sum is above 1.
    """
    _check(warmup=warmup, decay=decay)
    if warmup + decay > 1:
        raise ValueError(f"warmup + decay must be at most 1, got {warmup} + {decay}")

    def after_warmup(progress: float) -> float:
        return min(1.0, (1 - progress) / decay) if decay else 1.0

    return _scheduler(optimizer, total_steps, warmup, after_warmup)


def _check(**fractions: float) -> None:
    for name, value in fractions.items():
        if not isinstance(value, int | float) or not 0 <= value <= 1:
            raise ValueError(f"{name} must be a number from 0 to 1, got {value!r}")


def _scheduler(
    optimizer: Optimizer, total_steps: int, warmup: float, after_warmup: Callable[[float], float]
) -> LambdaLR:
    def factor(step: int) -> float:
        progress = min(step / total_steps, 1.0)
        # the ramp starts at step + 1, because a learning rate of 0 would waste the first step
        return (step + 1) / (warmup * total_steps + 1) if progress < warmup else after_warmup(progress)

    return LambdaLR(optimizer, factor)
