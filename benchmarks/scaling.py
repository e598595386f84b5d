"""python -m benchmarks.scaling: training throughput of one process and of several, in images per second.

With GPUs, uses 1, 2, 4, ... of them; without, one and two processes with one thread each, as a stand-in for two
devices. Each run trains on synthetic faces, with augmentation, for two epochs, and the second is measured. The batch
size per process is constant, so with more processes an epoch has fewer steps.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from rich.console import Console

from benchmarks.arguments import positive
from fer_lightning.utils.environment import describe
from fer_lightning.utils.terminal import make_table

# peak memory of the largest process that a command started; ru_maxrss is in KiB on Linux and in bytes on macOS
_MEASURED = """
import resource, subprocess, sys
code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode
peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss
print(peak / 1024 ** (2 if sys.platform == "darwin" else 1))
sys.exit(code)
"""


def train(devices: int, faces: int, batch_size: int) -> tuple[float, float]:
    """Images per second of all processes together, and peak memory of the largest in MiB."""
    with tempfile.TemporaryDirectory() as folder:
        words = [
            "-m",
            "fer_lightning.train",
            "data=sample",
            f"data.train={faces}",
            "data.val=70",
            f"data.batch_size={batch_size}",
            "phases.baseline.epochs=2",
            "phases.baseline.augment=true",
            "trainer.enable_progress_bar=false",
            f"hydra.run.dir={folder}/run",
            "trainer=ddp",
            f"trainer.devices={devices}",
            f"trainer.accelerator={'gpu' if torch.cuda.is_available() else 'cpu'}",
        ]
        env = dict(os.environ) if torch.cuda.is_available() else {**os.environ, "OMP_NUM_THREADS": "1"}
        process = subprocess.run(
            [sys.executable, "-c", _MEASURED, sys.executable, *words], env=env, stdout=subprocess.PIPE, text=True
        )
        if process.returncode:
            raise SystemExit(f"error: training on {devices} devices failed")
        metrics = json.loads((Path(folder) / "run" / "metrics.json").read_text())
        return metrics["phases"][0]["history"][-1]["images_per_second"], float(process.stdout.split()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.scaling", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--steps", type=positive, default=24, help="steps per epoch, one process (default %(default)s)")
    parser.add_argument("--batch-size", type=positive, default=64, help="batch size per process (default %(default)s)")
    arguments = parser.parse_args()
    most = torch.cuda.device_count() or 2
    counts = [2**power for power in range(most.bit_length()) if 2**power <= most]
    kind = torch.cuda.get_device_name() if torch.cuda.is_available() else "one thread each"
    table = make_table(
        f"Training in several processes, {kind}, batches of {arguments.batch_size}",
        ("processes", "images/s", "speed-up", "efficiency", "largest, MiB"),
        texts=0,
        caption=describe("torch", "lightning"),
    )
    alone = 0.0
    for count in counts:
        rate, peak = train(count, arguments.steps * arguments.batch_size, arguments.batch_size)
        alone = alone or rate
        table.add_row(str(count), f"{rate:.0f}", f"{rate / alone:.2f}", f"{rate / alone / count:.0%}", f"{peak:,.0f}")
    Console().print(table)


if __name__ == "__main__":
    main()
