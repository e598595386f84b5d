"""Keep other libraries from talking over what a command says."""

import contextlib
import logging
import os
import sys
import types
import warnings
from collections.abc import Iterator


def quiet_libraries() -> None:
    """Silence advice that does not apply here; warnings that a user can act on stay."""
    # "GPU available: False", advice on cloud loggers: repeated by each Trainer, and there are many
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    # that SIGTERM came: we say how to go on
    logging.getLogger("lightning.pytorch.trainer.connectors.signal_connector").setLevel(logging.WARNING)
    # a batch is one gather from mapped memory: loader workers would cost more than they save
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # small runs (the demo, the tests) have fewer steps than the logging interval
    warnings.filterwarnings(
        "ignore", message=".*The number of training batches.*is smaller than the logging interval.*"
    )
    # resuming a run writes where it wrote before, on purpose
    warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty.*")
    # torchmetrics has summed the scores over all processes before they are logged
    warnings.filterwarnings("ignore", message=".*It is recommended to use `self.log.*sync_dist=True.*")
    # a loss that is no number ends the run with a sentence of ours
    warnings.filterwarnings("ignore", message=".*Encountered `nan` values in tensor.*")
    # Lightning 2.6 on newer releases of torch
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
    # TensorBoard's own sign that TensorFlow is not to be loaded: saves seconds and a page of messages
    sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("tensorboard.compat.notf"))


@contextlib.contextmanager
def quiet_native_code() -> Iterator[None]:
    """Drop what libraries write to standard error past Python: LiteRT announces each interpreter it makes."""
    sys.stderr.flush()
    kept = os.dup(2)
    try:
        with open(os.devnull, "w") as nowhere:  # noqa: PTH123, a device
            os.dup2(nowhere.fileno(), 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
