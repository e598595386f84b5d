"""Convert a checkpoint, compare every file with torch, and write the bundle."""

import json
import logging
import time
from functools import partial
from pathlib import Path
from typing import Any

from omegaconf import DictConfig
from torch import nn

from fer_lightning.config_rules.check import check
from fer_lightning.constants import NUM_CLASSES
from fer_lightning.errors import FerError
from fer_lightning.models import checkpoint
from fer_lightning.training.evaluator import adopt_split
from fer_lightning.utils import atomic_dir, files

from .missing_packages import explaining_missing_packages

with explaining_missing_packages():
    from .bundle import inventory, manifest, readme, report
    from .check import golden, measure
    from .convert import formats
from fer_lightning.inference.bundle_files import GOLDEN_FILE, LABELS_FILE, LABELS_TEXT, MANIFEST_FILE
from fer_lightning.utils.environment import describe as describe_machine

from .check.faces import choose
from .check.latency import RUNS_A_TURN
from .check.parity import as_inputs, torch_probabilities
from .graph.prepare import deployable

log = logging.getLogger(__name__)


def export(cfg: DictConfig, overrides: list[str]) -> list[report.Row]:
    """Convert ``cfg.ckpt``, verify each file, and write the bundle to ``cfg.out``.

    Args:
        cfg: the composed configuration of ``fer-export``.
        overrides: the arguments of the command line (see ``evaluator.adopt_split``).

    Returns:
        A row for each file, with its size, time and agreement with torch.

    Raises:
        FerError: the checkpoint or ``cfg.out`` cannot be used, a converter failed, or a file does not agree
            with the network. No bundle is written then, and an existing one is left untouched.
    """
    out = Path(cfg.out)
    inventory.check_place(out)
    wanted = _wanted(cfg)
    path = checkpoint.path_of(cfg.ckpt)
    trained = checkpoint.load([path])
    settings = trained.settings[0]
    _require_the_seven_classes(path, settings)
    network = trained.network()
    adopt_split(cfg, settings, overrides)
    check("export", cfg)  # again, because the checkpoint set some of the values
    assert isinstance(network, nn.Sequential)  # every network of the model group is one
    compared, calibration = choose(cfg.data, cfg.verify.faces, cfg.seed)
    model = deployable(network, as_inputs(calibration.pixels))
    with atomic_dir.building(out) as folder:
        started = time.perf_counter()
        formats.make(wanted, network, model, calibration.pixels, folder)
        log.info("converted in %.0f s", time.perf_counter() - started)
        log.info("comparing with torch on %d faces", len(compared.pixels))
        runners = measure.load_all(wanted, folder)
        rows = measure.measure(wanted, folder, runners, network, compared, with_notebook=cfg.export.notebook)
        by_file = {row.file: row for row in rows}
        for name, each in wanted.items():
            agreement = by_file[each.file].agreement
            if agreement is not None:
                agreement.require(each.file, (cfg.verify.limits or {}).get(name) or {})
        accuracy = next(row.agreement.reference_accuracy for row in rows if row.agreement is not None)
        machine = describe_machine("ai-edge-litert", "onnxruntime")
        facts = [
            f"Trained on {settings.get('data_name', 'data that the checkpoint does not name')}.",
            f"Compared with the network in torch on {len(compared.pixels):,} faces: {compared.source}; "
            f"the network's own accuracy on them is {accuracy:.2%}.",
            f"int8 ranges and channel equalization come from {len(calibration.pixels):,} faces: {calibration.source}.",
            f"Times are medians of {measure.TURNS} turns of {RUNS_A_TURN} runs, one face, one thread: {machine}.",
        ]
        averaging = {each.file for each in wanted.values() if each.averages_flip}
        answers = golden.golden(partial(torch_probabilities, model), runners, averaging)
        files.write_text(folder / LABELS_FILE, LABELS_TEXT)
        files.write_text(
            folder / GOLDEN_FILE, json.dumps(answers)
        )  # without indentation, which would put thousands of numbers on a line each
        files.write_text(folder / inventory.README_FILE, readme.readme(wanted, rows, facts))
        report.write(rows, facts, folder / inventory.REPORT_FILE, folder / inventory.PICTURE_FILE)
        verified = {
            "faces": len(compared.pixels),
            "source": compared.source,
            "accuracy_in_torch": accuracy,
            "calibrated_on": calibration.source,
            "machine": machine,
        }
        files.write_json(
            folder / MANIFEST_FILE, manifest.manifest(folder, wanted, rows, model, verified, path, settings)
        )
    report.show(rows, f"Compared with torch on {len(compared.pixels):,} faces: {compared.source}")
    print(f"bundle: {out}")
    return rows


def _require_the_seven_classes(path: Path, settings: dict[str, Any]) -> None:
    classes = settings["model"].get("num_classes", NUM_CLASSES)
    if classes != NUM_CLASSES:
        raise FerError(
            f"{path} has {classes} classes, but a bundle needs the {NUM_CLASSES} classes of FER2013; to evaluate a "
            "network trained on FER+ labels, use fer-evaluate data=ferplus"
        )


def _wanted(cfg: DictConfig) -> dict[str, formats.Format]:
    wanted = formats.chosen(list(cfg.export.formats))
    if formats.COREML in wanted and not formats.has_coremltools():
        log.info("skipping Core ML, which needs coremltools: pip install 'fer_lightning[coreml]'")
        del wanted[formats.COREML]
    return wanted
