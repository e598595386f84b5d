"""What several processes that train together have to agree on."""

import os

from lightning.fabric.utilities.rank_zero import rank_zero_only


def is_first() -> bool:
    """Whether this process is the one that writes, draws and reports; where there is only one, it is."""
    return getattr(rank_zero_only, "rank", 0) == 0  # Lightning sets it when it is imported


def is_launched_from_outside() -> bool:
    """Whether torchrun or SLURM started several processes of this command, and not Lightning itself."""
    return int(os.environ.get("WORLD_SIZE") or os.environ.get("SLURM_NTASKS") or 1) > 1


def is_requeued() -> bool:
    """Whether SLURM runs this job again, after it was preempted or its time was up."""
    return int(os.environ.get("SLURM_RESTART_COUNT") or 0) > 0
