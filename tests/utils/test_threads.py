"""How torch's threads wait for each other."""

import os
import subprocess
import sys

import pytest


@pytest.mark.parametrize(("given", "expected"), [(None, "PASSIVE"), ("active", "ACTIVE")])
@pytest.mark.parametrize("module", ["fer_lightning.train", "fer_lightning.commands.train", "benchmarks.training"])
def test_threads_wait_passively_unless_told_otherwise(module, given, expected):
    """OpenMP reports its settings when torch is loaded, which the commands must not do before it is told."""
    env = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"} | {"OMP_DISPLAY_ENV": "true"}
    if given is not None:
        env["OMP_WAIT_POLICY"] = given
    program = f"import {module}, torch"  # some of the modules import torch themselves, some only when they work
    process = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert f"OMP_WAIT_POLICY = '{expected}'" in process.stderr
