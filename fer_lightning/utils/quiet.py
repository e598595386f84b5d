"""Silence messages of libraries that would hide a command's own output."""

import contextlib
import logging
import os
import sys
import threading
import types
import warnings
from collections.abc import Iterator

_standard_error = threading.RLock()


def quiet_libraries() -> None:
    """Silence advice that does not apply here; warnings that a user can act on are kept."""
    # "GPU available: False" and advice on cloud loggers, repeated by each of the many Trainers
    logging.getLogger("lightning.pytorch.utilities.rank_zero").setLevel(logging.WARNING)
    # the report of SIGTERM: our own message says how to resume
    logging.getLogger("lightning.pytorch.trainer.connectors.signal_connector").setLevel(logging.WARNING)
    # a batch is one gather from mapped memory: loader workers would cost more than they save
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    # small runs (the demo, the tests) have fewer steps than the logging interval
    warnings.filterwarnings(
        "ignore", message=".*The number of training batches.*is smaller than the logging interval.*"
    )
    # a resumed run writes to the same folder on purpose
    warnings.filterwarnings("ignore", message=".*Checkpoint directory .* exists and is not empty.*")
    # torchmetrics has already reduced the scores over all processes when they are logged
    warnings.filterwarnings("ignore", message=".*It is recommended to use `self.log.*sync_dist=True.*")
    # a NaN loss ends the run with our own message
    warnings.filterwarnings("ignore", message=".*Encountered `nan` values in tensor.*")
    # Lightning 2.6 on newer releases of torch
    warnings.filterwarnings("ignore", message=".*treespec, LeafSpec.*")
    # tells TensorBoard not to load TensorFlow, which saves seconds and a page of messages
    sys.modules.setdefault("tensorboard.compat.notf", types.ModuleType("tensorboard.compat.notf"))


def _duplicate_of_standard_error() -> int | None:
    try:
        return os.dup(2)
    except OSError:  # it is closed
        return None


@contextlib.contextmanager
def quiet_native_code() -> Iterator[None]:
    """Discard what native code writes to standard error: LiteRT announces each interpreter it creates.

    One thread at a time, because standard error is the process's.
    """
    with _standard_error:
        if sys.stderr is not None:  # daemons may have closed it
            sys.stderr.flush()
        kept = _duplicate_of_standard_error()
        if kept is None:
            yield
            return
        try:
            with open(os.devnull, "w") as nowhere:  # noqa: PTH123, a device
                os.dup2(nowhere.fileno(), 2)
            yield
        finally:
            os.dup2(kept, 2)
            os.close(kept)
