"""How torch's threads wait for each other."""

import os
import subprocess
import sys
from pathlib import Path

import pytest


@pytest.mark.parametrize(("given", "expected"), [(None, "passive"), ("active", "active")])
@pytest.mark.parametrize("module", ["fer_lightning.train", "fer_lightning.commands.train", "benchmarks.training"])
def test_threads_wait_passively_unless_told_otherwise(module, given, expected, tmp_path):
    """A stand-in for torch prints what OpenMP would find when torch is loaded."""
    (tmp_path / "torch.py").write_text("import os\nprint(os.environ.get('OMP_WAIT_POLICY'), flush=True)\nos._exit(0)\n")
    env = {name: value for name, value in os.environ.items() if name != "OMP_WAIT_POLICY"}
    env["PYTHONPATH"] = os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])
    if given is not None:
        env["OMP_WAIT_POLICY"] = given
    program = f"import {module}, torch"  # some of the modules import torch themselves, some only when they work
    process = subprocess.run([sys.executable, "-c", program], env=env, capture_output=True, text=True, check=True)
    assert process.stdout == f"{expected}\n"
