"""python -m benchmarks.training: training throughput, compared with the bare step and with Keras.

Three programs take turns, so a slower machine affects all of them:
- ours: the Trainer, with the data module, augmentation, metrics, callbacks and loggers, on synthetic faces;
- the bare step: forward, backward and optimizer of the same network on one fixed batch, in a plain loop, with the same
  precision and memory layout;
- Keras: the notebook's network and compile(), with the same batch size and number of faces, trained by model.fit.

It also prints our share of the device's matrix throughput, measured in the same run, and the share of time spent on
loading and augmenting. The fast settings for a GPU are overrides:
  python -m benchmarks.training --batch-size 1024 --steps 200 \\
    data.preload_to_device=true compile=reduce-overhead augment=strong
The bare step is never compiled.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import hydra
import lightning as L
import numpy as np
import torch
from fer_lightning.export.convert.keras import keras_network
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.console import Console
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.arguments import positive
from fer_lightning.models.networks import ExpressionCNN
from fer_lightning.training.classifier import ExpressionClassifier
from fer_lightning.training.phases import run_phases
from fer_lightning.training.precision import settle
from fer_lightning.training.run_config import plain
from fer_lightning.utils.allocation import keep_freed_memory
from fer_lightning.utils.environment import describe
from fer_lightning.utils.quiet import quiet_libraries
from fer_lightning.utils.terminal import make_table


def compose(batch_size: int, steps: int, overrides: list[str]) -> DictConfig:
    with hydra.initialize_config_module("fer_lightning.conf", version_base="1.3"):
        return hydra.compose(
            "train",
            overrides=[
                "data=sample",
                f"data.train={batch_size * steps}",
                "data.val=7",
                f"data.batch_size={batch_size}",
                "phases.baseline.epochs=2",  # the first is for warm-up and compilation
                "phases.baseline.augment=true",
                "trainer.enable_progress_bar=false",
                *overrides,
            ],
        )


def build(cfg: DictConfig) -> ExpressionClassifier:
    return ExpressionClassifier(
        instantiate(cfg.model),
        optimizer=instantiate(cfg.optimizer),
        scheduler=instantiate(cfg.scheduler),
        compile=cfg.compile,
        settings={"model": plain(cfg.model)},
    )


def ours(cfg: DictConfig) -> float:
    """Images per second in the second epoch, without validation."""
    datamodule = instantiate(cfg.data, augment=instantiate(cfg.augment))
    datamodule.setup()
    with tempfile.TemporaryDirectory() as folder:
        phases = run_phases(cfg, build(cfg), datamodule, Path(folder), lambda: {})
        (result,) = phases
    return result.history[1]["images_per_second"]


def loading(cfg: DictConfig) -> tuple[float, float]:
    """Images per second of loading, including the transfer to the device, and of augmentation, without a network."""
    datamodule = instantiate(cfg.data, augment=instantiate(cfg.augment))
    datamodule.setup()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")

    def seconds(augment: bool) -> float:
        started = time.perf_counter()
        for batch in datamodule.train_dataloader():
            moved = datamodule.transfer_batch_to_device(batch, device, 0)
            batch = datamodule.on_after_batch_transfer(moved, 0)
            if augment:
                datamodule.augment(batch)
        if device.type == "cuda":
            torch.cuda.synchronize()
        return time.perf_counter() - started

    seconds(augment=True)  # warm-up: chooses kernels and moves preloaded images to the device
    loaded, augmented = seconds(augment=False), seconds(augment=True)
    count = len(datamodule.phase.rows)
    return count / loaded, count / max(augmented - loaded, 1e-9)


def matrix_rate(bfloat16: bool, side: int = 4096, repeat: int = 10) -> float:
    """FLOP per second of a square matrix product."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    left, right = torch.randn(2, side, side, device=device, dtype=torch.bfloat16 if bfloat16 else torch.float32)
    for step in range(repeat + 1):
        if step == 1:
            if device.type == "cuda":
                torch.cuda.synchronize()
            started = time.perf_counter()
        left @ right
    if device.type == "cuda":
        torch.cuda.synchronize()
    return repeat * 2 * side**3 / (time.perf_counter() - started)


def flop_per_image(cfg: DictConfig) -> int:
    """FLOP per image of a training step; the backward pass counts as two forward passes."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        instantiate(cfg.model).eval()(torch.zeros(1, 1, 48, 48))
    return 3 * counter.get_total_flops()


def _is_bfloat16(cfg: DictConfig) -> bool:
    return bool(cfg.trainer.precision == "bf16-mixed")


def bare_step(cfg: DictConfig, steps: int) -> float:
    """Images per second of the bare training step."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    module = build(cfg).to(device).train()
    optimizer = torch.optim.Adam(module.parameters(), lr=1e-3)
    batch = cfg.data.batch_size
    images = torch.rand(batch, 1, 48, 48, device=device).contiguous(memory_format=torch.channels_last)
    labels = torch.randint(0, 7, (batch,), device=device)
    bfloat16 = _is_bfloat16(cfg)
    for step in range(steps + 1):
        if step == 1:  # the first step chooses kernels and allocates memory
            if device.type == "cuda":
                torch.cuda.synchronize()
            started = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=bfloat16):
            loss = torch.nn.functional.cross_entropy(module.network(images).float(), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    if device.type == "cuda":
        torch.cuda.synchronize()
    return steps * batch / (time.perf_counter() - started)


def keras_fit(batch_size: int, steps: int) -> float:
    """Images per second of the notebook's network in model.fit, after a short fit for warm-up."""
    model = keras_network(ExpressionCNN())
    if model.count_params() != 5_102_791:
        raise SystemExit(f"error: this is not the notebook's network: {model.count_params():,} values")
    model.compile(optimizer="adam", loss="categorical_crossentropy", metrics=["accuracy"])
    images = np.random.default_rng(0).random((batch_size * steps, 48, 48, 1), np.float32)
    labels = np.eye(7, dtype=np.float32)[np.arange(len(images)) % 7]
    model.fit(images[: 2 * batch_size], labels[: 2 * batch_size], batch_size=batch_size, verbose=0)
    started = time.perf_counter()
    model.fit(images, labels, batch_size=batch_size, verbose=0)
    return len(images) / (time.perf_counter() - started)


def keras_in_its_own_process(batch_size: int, steps: int) -> float:
    """Run ``keras_fit`` in a separate process, because TensorFlow's and torch's threads would slow each other down."""
    words = [sys.executable, "-m", "benchmarks.training", "--keras-only", str(batch_size), str(steps)]
    process = subprocess.run(
        words, capture_output=True, text=True, check=False, env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    )
    if process.returncode:
        raise SystemExit(f"error: Keras failed: {process.stderr.strip().splitlines()[-1]}")
    return float(process.stdout.strip().splitlines()[-1])


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch-size", type=positive, default=64)
    parser.add_argument("--steps", type=positive, default=20, help="steps per turn (default 20)")
    parser.add_argument(
        "--repeat", type=positive, default=5, help="number of turns, of which the median is taken (default 5)"
    )
    parser.add_argument("--keras-only", nargs=2, type=int, metavar=("BATCH", "STEPS"), help=argparse.SUPPRESS)
    parser.add_argument(
        "overrides", nargs="*", help="overrides of the training config, such as data.preload_to_device=true"
    )
    arguments = parser.parse_intermixed_args()
    if arguments.keras_only:
        print(keras_fit(*arguments.keras_only))
        return
    quiet_libraries()
    keep_freed_memory()  # as the training command does
    L.seed_everything(0, verbose=False)
    cfg = compose(arguments.batch_size, arguments.steps, arguments.overrides)
    settle(cfg.trainer)
    if cfg.trainer.precision not in ("32-true", "bf16-mixed"):
        raise SystemExit(
            f"error: trainer.precision must be 32-true or bf16-mixed for the bare step, got {cfg.trainer.precision}"
        )
    turns: dict[str, list[float]] = {"ours": [], "bare step": [], "Keras": []}
    for _ in range(arguments.repeat):
        turns["ours"].append(ours(cfg))
        turns["bare step"].append(bare_step(cfg, arguments.steps))
        turns["Keras"].append(keras_in_its_own_process(arguments.batch_size, arguments.steps))
    medians = {name: float(np.median(values)) for name, values in turns.items()}
    table = make_table(
        f"Training, batch {arguments.batch_size}, {cfg.trainer.precision}: "
        f"median of {arguments.repeat} turns of {arguments.steps} steps",
        ("", "images/s", "each turn", "our speed-up"),
        caption=describe("torch", "tensorflow"),
    )
    for name, value in medians.items():
        each = " ".join(f"{turn:.0f}" for turn in turns[name])
        table.add_row(name, f"{value:.0f}", each, f"{medians['ours'] / value:.2f} x")
    console = Console()
    console.print(table)
    rate = matrix_rate(_is_bfloat16(cfg))
    share = medians["ours"] * flop_per_image(cfg) / rate
    console.print(f"ours reaches {share:.0%} of the {rate / 1e12:.2f} TFLOP/s of a matrix product on this machine")
    for name, speed in zip(("loading", "augmenting"), loading(cfg), strict=True):
        console.print(f"{name} alone: {speed:,.0f} images/s, {medians['ours'] / speed:.1%} of a step's time")


if __name__ == "__main__":
    main()
