"""Benchmarks, each a command that also measures other projects in the same run: python -m benchmarks.NAME."""

import fer_lightning  # noqa: F401, before torch, to set the wait policy of its threads as in training
