"""The latency of one face."""

import time
from collections.abc import Mapping
from statistics import median

from .runtimes import Runner

RUNS_A_TURN = 10
# after a run, a runtime's threads keep a core busy for a while
REST = 0.02  # seconds


def milliseconds(runners: Mapping[str, Runner], turns: int) -> dict[str, float]:
    """Return the median time of one run of each runner, in milliseconds, over ``turns`` turns of ``RUNS_A_TURN`` runs.

    The runners take turns, so a machine that slows down slows all of them.
    """
    times: dict[str, list[float]] = {name: [] for name in runners}
    for _ in range(turns):
        for name, runner in runners.items():
            time.sleep(REST)
            runner.invoke()  # wakes its threads and loads its weights into the processor's cache
            for _ in range(RUNS_A_TURN):
                started = time.perf_counter()
                runner.invoke()
                times[name].append(1000 * (time.perf_counter() - started))
    return {name: median(each) for name, each in times.items()}
