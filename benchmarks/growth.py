"""python -m benchmarks.growth DIR: time and memory of reading and training with 1, 4 and 16 times the rows of FER2013.

The rows of fer2013.csv in DIR are repeated in a temporary folder (see --folder; 16 times takes 5 GB, and 1.3 GB more
for the cache). Each figure is measured in a separate process, on Linux only. "Own memory" excludes memory mapped from
files, which the system can reclaim. The epoch time is extrapolated from 200 batches.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.progress import track

from fer_lightning.errors import exit_on_user_error
from fer_lightning.utils.environment import describe
from fer_lightning.utils.terminal import make_table, print_table

FACTORS = (1, 4, 16)
BATCHES = 200

_MEMORY = """
import json, re, sys, time
from pathlib import Path
def own():
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024
"""
_PARSE = (
    _MEMORY
    + """
from fer_lightning.data import cache, kaggle_csv
path, before, most = Path(sys.argv[1]), own(), 0
started = time.perf_counter()
for block in kaggle_csv.parse(path):
    most = max(most, own())
parsed = time.perf_counter() - started
cache.load(path)
started = time.perf_counter()
faces = cache.load(path)
print(json.dumps([parsed, most - before, time.perf_counter() - started, len(faces)]))
"""
)
_TRAIN = (
    _MEMORY
    + """
import hydra, tempfile
from hydra.utils import instantiate
from fer_lightning.training.classifier import ExpressionClassifier
from fer_lightning.training.phases import run_phases
from fer_lightning.training.precision import settle
from fer_lightning.utils.quiet import quiet_libraries
quiet_libraries()
with hydra.initialize_config_module("fer_lightning.conf", version_base="1.3"):
    cfg = hydra.compose("train", overrides=[
        f"data.dir={sys.argv[1]}", "phases.baseline.epochs=1", "phases.baseline.augment=true",
        f"trainer.limit_train_batches={sys.argv[2]}", "trainer.limit_val_batches=1",
        "trainer.enable_progress_bar=false", "trainer.enable_checkpointing=false"])
settle(cfg.trainer)
datamodule = instantiate(cfg.data, augment=instantiate(cfg.augment))
datamodule.setup()
module = ExpressionClassifier(instantiate(cfg.model), optimizer=instantiate(cfg.optimizer),
    scheduler=instantiate(cfg.scheduler), settings={"model": {}})
with tempfile.TemporaryDirectory() as folder:
    (result,) = run_phases(cfg, module, datamodule, Path(folder), lambda: {})
print(json.dumps([result.history[0]["images_per_second"], own(), len(datamodule.rows("train"))]))
"""
)


def measure(script: str, *words: str) -> list[float]:
    process = subprocess.run([sys.executable, "-c", script, *words], stdout=subprocess.PIPE, text=True)
    if process.returncode:
        raise SystemExit(f"error: measuring {words[0]} failed; the reason is printed above")
    return json.loads(process.stdout.splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.growth", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, metavar="DIR", help="the folder with fer2013.csv")
    parser.add_argument(
        "--folder", type=Path, help="the folder for the large files (default: the system's temporary folder)"
    )
    arguments = parser.parse_args()
    with exit_on_user_error():
        header, rows = (arguments.data / "fer2013.csv").read_bytes().split(b"\n", 1)
    table = make_table(
        "FER2013, repeated; own memory of the parser, and of training",
        ("rows", "CSV, MB", "cache, MB", "parse, s", "MiB", "cached, s", "images/s", "epoch, min", "MiB"),
        texts=0,
        caption=describe("torch"),
    )
    for factor in track(FACTORS, "measuring", transient=True):
        with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
            path = Path(folder) / "fer2013.csv"
            with path.open("wb") as file:
                file.write(header + b"\n")
                for _ in range(factor):
                    file.write(rows)
            parse, parsing, cached, count = measure(_PARSE, str(path))
            rate, training, trained = measure(_TRAIN, folder, str(BATCHES))
            cache = path.with_name("fer2013.csv.cache.npy").stat().st_size
            cells = (path.stat().st_size / 1e6, cache / 1e6, parse, parsing, cached, rate, trained / rate / 60)
            forms = ("{:,.0f}", "{:,.0f}", "{:.2f}", "{:.0f}", "{:.2f}", "{:.0f}", "{:.1f}")
            formatted = [form.format(cell) for form, cell in zip(forms, cells, strict=True)]
            table.add_row(f"{count:,.0f}", *formatted, f"{training:,.0f}")
    print_table(table, least_width=100)


if __name__ == "__main__":
    main()
