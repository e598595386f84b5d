"""Choose the precision of a training run: bfloat16 autocast or float32.

On CPUs the instruction set alone does not decide it: with native bfloat16 an AMD EPYC trains twice as fast as in
float32, but an Intel Xeon with avx512_bf16 and without AMX trains 0.7 times as fast. So a few of the network's
convolutions are timed.
"""

import json
import logging
import math
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Literal

import lightning as L
import torch
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from omegaconf import DictConfig
from torch.nn import functional as F

from fer_lightning.training.distributed import is_first
from fer_lightning.utils import files
from fer_lightning.utils.environment import processor

log = logging.getLogger(__name__)

Choice = Literal["bf16-mixed", "32-true"]
Timer = Callable[[], dict[str, float]]

# bfloat16 loses precision, so it must be clearly faster; smaller speed-ups are also within the noise of a busy machine
CLEARLY_FASTER = 1.15
_NATIVE = ("amx_bf16", "avx512_bf16", "bf16")  # torch's names for the x86 and ARM instructions
_LAYERS = ((64, 44), (128, 22), (256, 10))  # channels and side length in pixels of the larger convolutions
_BATCH = 16
_TURNS = 3


def settle(config: DictConfig) -> None:
    """Replace ``precision: auto`` in a trainer group with the faster precision on this machine.

    Only the first process measures; ``SharedPrecision`` broadcasts its choice to the others.
    """
    if config.precision == "auto":
        config.precision = best_precision(config.accelerator) if is_first() else "32-true"


def best_precision(accelerator: str) -> Choice:
    """The faster of bfloat16 autocast and float32.

    GPUs use bfloat16 if they support it; CPUs with bfloat16 instructions are measured once. Other CPUs emulate
    bfloat16, which is many times slower, so they are not measured.

    Args:
        accelerator: Lightning's name; ``auto`` for what is available.
    """
    if accelerator in ("auto", "gpu", "cuda") and torch.cuda.is_available():
        return "bf16-mixed" if torch.cuda.is_bf16_supported(including_emulation=False) else "32-true"
    if accelerator not in ("auto", "cpu") or torch.backends.mps.is_available() or not _native_instructions():
        return "32-true"
    return _measured_choice(measure, _cache_path())


def _native_instructions() -> list[str]:
    capabilities = torch.cpu.get_capabilities()
    return [name for name in _NATIVE if capabilities.get(name)]


def _measured_choice(timer: Timer, cache: Path | None) -> Choice:
    key = f"{processor()}, {'+'.join(_native_instructions())}, {os.cpu_count()} cores, torch {torch.__version__}"
    speeds = _read(cache).get(key)
    source = "measured earlier"
    if speeds is None:
        speeds, source = timer(), "measured now"
        _write(cache, key, speeds)
    choice: Choice = "bf16-mixed" if speeds["bfloat16"] >= CLEARLY_FASTER * speeds["float32"] else "32-true"
    log.info(
        "precision %s: the network's convolutions run at %.0f GFLOP/s in bfloat16, %.0f in float32 (%s)",
        choice,
        speeds["bfloat16"],
        speeds["float32"],
        source,
    )
    return choice


def measure() -> dict[str, float]:
    """Measure a few of the network's convolutions, forward and backward, in float32 and bfloat16.

    Takes a fraction of a second on a processor with bfloat16 instructions. Draws no random numbers.

    Returns:
        GFLOP/s by ``float32`` and ``bfloat16``.
    """
    layers = [
        (
            torch.ones(_BATCH, channels, side, side, requires_grad=True).to(memory_format=torch.channels_last),
            torch.ones(channels, channels, 3, 3).to(memory_format=torch.channels_last).requires_grad_(),
        )
        for channels, side in _LAYERS
    ]
    operations = sum(3 * 2 * 9 * _BATCH * channels**2 * side**2 for channels, side in _LAYERS)

    def seconds(bfloat16: bool) -> float:
        started = time.perf_counter()
        with torch.autocast("cpu", torch.bfloat16, enabled=bfloat16):
            outputs = [F.conv2d(images, weights, padding=1) for images, weights in layers]
        torch.autograd.backward(outputs, [torch.ones_like(output) for output in outputs])
        return time.perf_counter() - started

    fastest = {"float32": math.inf, "bfloat16": math.inf}
    for turn in range(_TURNS + 1):
        for name in fastest:  # alternating, because the load of the machine may change
            elapsed = seconds(bfloat16=name == "bfloat16")
            if turn:  # the first turn includes the choice of kernels
                fastest[name] = min(fastest[name], elapsed)
    return {name: operations / best / 1e9 for name, best in fastest.items()}


def _cache_path() -> Path | None:
    try:
        return files.user_cache() / "precision.json"
    except RuntimeError:  # no home directory
        return None


def _read(cache: Path | None) -> dict[str, dict[str, float]]:
    """The cache's entries; empty, which leads to a new measurement, if the file is missing or damaged."""
    try:
        entries = json.loads(cache.read_text()) if cache is not None else {}
        return {key: {name: float(speeds[name]) for name in ("float32", "bfloat16")} for key, speeds in entries.items()}
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return {}


def _write(cache: Path | None, key: str, speeds: dict[str, float]) -> None:
    if cache is None:
        return
    try:
        files.write_json(cache, {**_read(cache), key: speeds})
    except OSError as error:
        log.info("cannot cache the measured precision: %s", error)


class SharedPrecision(L.Callback):
    """Broadcast the first process's precision to all processes of a fit.

    The processes differ only if ``settle`` chose the precision, so only between bfloat16 and float32.
    """

    def setup(self, trainer: L.Trainer, pl_module: L.LightningModule, stage: str) -> None:
        precision = trainer.strategy.broadcast(trainer.precision)
        if precision == trainer.precision:
            return
        device = trainer.strategy.root_device.type
        plugin = MixedPrecision("bf16-mixed", device) if precision == "bf16-mixed" else Precision()
        trainer.strategy.precision_plugin = plugin
