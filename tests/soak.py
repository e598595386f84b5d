"""python -m tests.soak [--kills N]: end a training run at random moments, and compare it with an unbroken one.

By SIGKILL, SIGTERM or Ctrl-C, as it comes.

make soak does so twenty times; the tests, three times.
"""

import argparse
import random
import signal
import subprocess
import tempfile
import time
from pathlib import Path

import torch

from fer_lightning.models.checkpoint import read
from tests.fork_server import ForkedCommand
from tests.helpers import SHRUNK

# every phase, early stopping and the moving average, some epochs each
TRAINING = (
    *SHRUNK,
    "+experiment=hard_mining",
    "callbacks=long",
    "callbacks.weight_averaging.decay=0.9",
    "phases.baseline.epochs=4",
    "phases.hard_examples.epochs=3",
    "phases.balance.epochs=4",
    "data.batch_size=4",  # epochs of many batches, so that most signals come within one
)
SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGINT)


def start(run_dir: Path) -> ForkedCommand:
    """Begin the run, or resume it."""
    words = [f"resume={run_dir}"] if (run_dir / "run.yaml").is_file() else [*TRAINING, f"hydra.run.dir={run_dir}"]
    return ForkedCommand("fer_lightning.train", *words, cwd=run_dir.parent, pictures=False)


def finish(run_dir: Path) -> float:
    """Run to the end; the seconds that it took.

    Raises:
        AssertionError: the command failed.
    """
    started = time.monotonic()
    process = start(run_dir).wait(timeout=600)
    assert process.returncode == 0, process.stderr
    return time.monotonic() - started


def end(run_dir: Path, seconds: float, by: signal.Signals) -> None:
    """Run for ``seconds``, then send the signal."""
    command = start(run_dir)
    try:
        command.wait(timeout=seconds)
    except subprocess.TimeoutExpired:
        command.send_signal(by)
        command.wait(timeout=60)


def weights(run_dir: Path) -> dict[str, torch.Tensor]:
    return read(run_dir / "checkpoints" / "last.ckpt")["state_dict"]


def survive(unbroken: Path, whole: float, kills: int, seed: int) -> list[str]:
    """Compare a run that is ended so many times with one that was not; the signals, and their seconds.

    Args:
        unbroken: the directory of the run that was not ended; the other run is next to it.
        whole: the seconds that it took.

    Raises:
        AssertionError: the weights differ in any bit.
    """
    broken = unbroken.with_name("broken")
    draw = random.Random(seed)
    sent = []
    for _ in range(kills):
        if (broken / "metrics.json").is_file():  # it came to its end: once more from the start
            compare(unbroken, broken)
            broken = broken.with_name(f"{broken.name}_again")
        # a resumed run takes about as long to start as the unbroken one did
        seconds, by = draw.uniform(0.4, 1.0) * whole, draw.choice(SIGNALS)
        end(broken, seconds, by)
        sent.append(f"{by.name} after {seconds:.1f} s")
    finish(broken)
    compare(unbroken, broken)
    return sent


def compare(unbroken: Path, broken: Path) -> None:
    expected, found = weights(unbroken), weights(broken)
    assert expected.keys() == found.keys()
    for name, value in expected.items():
        assert torch.equal(value, found[name]), f"{name} differs"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--kills", type=int, default=20, help="(default %(default)s)")
    parser.add_argument("--seed", type=int, default=0, help="of the moments (default %(default)s)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        unbroken = Path(folder, "unbroken")
        sent = survive(unbroken, finish(unbroken), arguments.kills, arguments.seed)
    print(f"{', '.join(sent)}: the same weights, bit for bit")


if __name__ == "__main__":
    main()
