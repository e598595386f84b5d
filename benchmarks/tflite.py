"""python -m benchmarks.tflite BUNDLE...: latency per face of the files of bundles, compared with the notebook's.

The notebook's file is converted in this run from its Keras network with TFLiteConverter; the network is untrained,
which does not change the latency. All files take turns, so a slower machine affects all of them.
"""

import argparse
import tempfile
from pathlib import Path

from fer_lightning.export.check.latency import RUNS_A_TURN, milliseconds
from fer_lightning.export.check.measure import NOTEBOOK
from fer_lightning.export.check.runtimes import LITERT, ONNX_RUNTIME, is_installed, load
from fer_lightning.export.convert.keras import to_notebook_tflite
from rich.console import Console

from benchmarks.arguments import positive
from fer_lightning.constants import PRETRAINED, PRETRAINED_PHONE
from fer_lightning.errors import exit_on_user_error
from fer_lightning.inference.bundle_files import model_path, read_manifest, require_intact
from fer_lightning.models.networks import ExpressionCNN
from fer_lightning.utils.environment import describe
from fer_lightning.utils.terminal import make_table

THREADS = (1, 2)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.tflite", description=__doc__)
    parser.add_argument(
        "bundles",
        nargs="+",
        metavar="BUNDLE",
        help=f"a folder written by python -m export, {PRETRAINED} or {PRETRAINED_PHONE}",
    )
    parser.add_argument(
        "--turns", type=positive, default=30, help=f"number of turns of {RUNS_A_TURN} runs of each file (default 30)"
    )
    arguments = parser.parse_args()
    with exit_on_user_error(), tempfile.TemporaryDirectory() as folder:
        notebook = Path(folder) / "notebook.tflite"
        files = {NOTEBOOK: (LITERT, notebook)}
        for bundle in arguments.bundles:
            path = model_path(bundle)
            require_intact(path)
            for name, entry in read_manifest(path)["files"].items():
                runtime = entry.get("runtime")
                if runtime in (LITERT, ONNX_RUNTIME) and is_installed(runtime):
                    files[name if len(arguments.bundles) == 1 else f"{bundle}: {name}"] = (runtime, path / name)
        to_notebook_tflite(ExpressionCNN().eval(), notebook)
        sizes = {name: path.stat().st_size for name, (_, path) in files.items()}
        times = {
            threads: milliseconds({name: load(*file, threads=threads) for name, file in files.items()}, arguments.turns)
            for threads in THREADS
        }
    measured = f"medians of {arguments.turns} turns of {RUNS_A_TURN} runs"
    machine = describe("ai-edge-litert", "onnxruntime", "tensorflow")
    threaded = [f"{threads} thread{'s' if threads > 1 else ''}" for threads in THREADS]
    table = make_table(f"Milliseconds per face, {measured}\n{machine}", ("file", "MB", *threaded, "speed-up"))
    for name in files:
        cells = [f"{times[threads][name]:.2f}" for threads in THREADS]
        ratio = times[1][NOTEBOOK] / times[1][name]
        table.add_row(name, f"{sizes[name] / 1e6:.2f}", *cells, f"{ratio:.2f}")
    Console().print(table)


if __name__ == "__main__":
    main()
