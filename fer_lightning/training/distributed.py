"""Facts about the processes of a distributed run."""

import os

from lightning.fabric.utilities.rank_zero import rank_zero_only


def is_first() -> bool:
    """Whether this process writes, draws and reports; True if there is only one process."""
    return getattr(rank_zero_only, "rank", 0) == 0  # set when Lightning is imported


def is_launched_from_outside() -> bool:
    """Whether torchrun or SLURM, rather than Lightning, started several processes of this command."""
    return int(os.environ.get("WORLD_SIZE") or os.environ.get("SLURM_NTASKS") or 1) > 1


def is_requeued() -> bool:
    """Whether SLURM restarted this job after it was preempted or timed out."""
    return int(os.environ.get("SLURM_RESTART_COUNT") or 0) > 0
