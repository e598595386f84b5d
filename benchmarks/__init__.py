"""What is measured against peers, in the same run, each a command: python -m benchmarks.NAME."""

import fer_lightning  # noqa: F401, before torch, so that its threads wait as they do in training
