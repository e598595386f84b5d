"""Benchmarks, each a command: python -m benchmarks.NAME. Comparisons measure all projects in one run."""

import fer_lightning  # noqa: F401, before torch, to set the wait policy of its threads as in training
