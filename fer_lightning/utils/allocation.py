"""Tell glibc's allocator to keep the memory that a training step frees for the next step."""

import ctypes
import os
import platform

_M_TRIM_THRESHOLD, _M_TOP_PAD, _M_MMAP_THRESHOLD = -1, -2, -3  # names and values from malloc.h
_NEVER = 2**31 - 1  # bytes, the largest value that mallopt takes
_PAD = 200 * 2**20  # bytes


def keep_freed_memory() -> None:
    """Let this process keep freed memory instead of returning it to the system.

    By default glibc returns large blocks, such as activations, and each step has to get them again page by page.
    Results do not change. Does nothing without glibc, or if the user has set one of glibc's MALLOC_ variables.
    """
    if platform.libc_ver()[0] != "glibc" or any(name.startswith("MALLOC_") for name in os.environ):
        return
    mallopt = ctypes.CDLL(None).mallopt
    for parameter, value in ((_M_MMAP_THRESHOLD, _NEVER), (_M_TRIM_THRESHOLD, _NEVER), (_M_TOP_PAD, _PAD)):
        mallopt(parameter, value)
