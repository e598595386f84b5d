"""Learning rates as a function of the step, for schedules that know how many steps there will be.

The module fills in ``total_steps``, as it does for any scheduler that takes it (torch's OneCycleLR).
"""

import math
from collections.abc import Callable

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR


def cosine(optimizer: Optimizer, total_steps: int, warmup: float = 0.05) -> LambdaLR:
    """Linear warm-up to the optimizer's rate, then half a cosine to 0 (Loshchilov and Hutter, SGDR, 2017).

    Args:
        total_steps: optimizer steps of the whole fit.
        warmup: fraction of them, 0..1.

    Raises:
        ValueError: ``warmup`` is out of range.
    """
    if warmup == 1:
        raise ValueError("warmup must be below 1, got 1.0: nothing is left for the fall")
    _check(warmup=warmup)

    def after_warmup(progress: float) -> float:
        return 0.5 * (1 + math.cos(math.pi * (progress - warmup) / (1 - warmup)))

    return _scheduler(optimizer, total_steps, warmup, after_warmup)


def trapezoid(optimizer: Optimizer, total_steps: int, warmup: float = 0.05, decay: float = 0.4) -> LambdaLR:
    """Linear warm-up, the optimizer's rate, and a linear fall to 0 (Hägele and others, 2024).

    A longer fit shares its course with a shorter one up to where the shorter one's fall begins.

    Args:
        total_steps: optimizer steps of the whole fit.
        warmup: fraction of them, 0..1.
        decay: fraction of them, at the end, 0..1; with no warm-up and 1.0 the rate only falls.

    Raises:
        ValueError: a fraction is out of range, or the two are more than the whole.
    """
    _check(warmup=warmup, decay=decay)
    if warmup + decay > 1:
        raise ValueError(f"warmup={warmup} and decay={decay} are more than the whole fit")

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
        # the first step is one step into the ramp: a rate of 0 would waste it
        return (step + 1) / (warmup * total_steps + 1) if progress < warmup else after_warmup(progress)

    return LambdaLR(optimizer, factor)
