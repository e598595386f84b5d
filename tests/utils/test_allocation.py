import os
import platform
import subprocess
import sys

import pytest

PAGES_OF_THE_SECOND_BLOCK = """
import resource, sys
import numpy as np
from fer_lightning.utils.allocation import keep_freed_memory

keep_freed_memory()
np.ones(2**26, np.uint8)
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
np.ones(2**26, np.uint8)
print(resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before)
"""


def new_pages(**variables: str) -> int:
    """Page faults of the second of two blocks of 64 MiB, of which the first is freed."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "LD_PRELOAD"))}
    words = [sys.executable, "-c", PAGES_OF_THE_SECOND_BLOCK]
    return int(subprocess.check_output(words, text=True, env={**environment, **variables}))


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="needs glibc's allocator")
def test_freed_memory_is_kept_unless_the_user_set_the_allocator():
    assert new_pages() < 10
    assert new_pages(MALLOC_ARENA_MAX="2") > 10
