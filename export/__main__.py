"""python -m export ckpt=PATH out=DIR: write a verified bundle."""

import logging
from dataclasses import asdict
from pathlib import Path

import hydra
import numpy as np
from hydra.core.hydra_config import HydraConfig
from hydra.utils import instantiate
from omegaconf import DictConfig
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from fer_lightning import checkpoint, files, sample
from fer_lightning.errors import FerError, exit_on_user_error
from fer_lightning.evaluate import adopt_split
from fer_lightning.quiet import quiet_libraries

try:
    from export import package, to_onnx, to_tflite, verify
except ModuleNotFoundError as error:
    raise SystemExit(
        f"error: the export needs {error.name}, which is not installed: pip install 'fer_lightning[export]'"
    ) from None
from export.deployable import deployable
from fer_lightning.bundle import LABELS_FILE, LABELS_TEXT, MODEL_FILE
from fer_lightning.preprocessing import IMAGE_SIZE

log = logging.getLogger("export")  # __name__ is __main__ here

LEAST_FACES = 256  # fewer would let a rare disagreement pass


def export(cfg: DictConfig) -> list[verify.Agreement]:
    """Convert ``cfg.ckpt``, verify each file, and put the bundle at ``cfg.out``.

    Raises:
        FerError: the checkpoint or the place is wrong, a converter failed, or a file does not agree
            with the network; no bundle is written then, and a former one stays.
    """
    out = Path(cfg.out)
    package.check_place(out)
    network, _ = checkpoint.load_network(checkpoint.path_of(cfg))
    images, source = _faces(cfg)
    model = deployable(network)
    with package.building(out) as folder:
        log.info("torch -> ONNX")
        to_onnx.to_onnx(model, folder / package.ONNX_FILE)
        log.info("ONNX -> TFLite")
        to_tflite.to_tflite(folder / package.ONNX_FILE, folder / MODEL_FILE)
        files.write_text(folder / LABELS_FILE, LABELS_TEXT)
        log.info("comparing with torch on %d faces", len(images))
        agreements = verify.compare(model, folder / package.ONNX_FILE, folder / MODEL_FILE, images)
        for agreement in agreements:
            agreement.require(cfg.verify.max_difference)
        files.write_json(
            folder / package.VERIFICATION_FILE,
            {
                "faces": len(images),
                "source": source,
                "max_difference_allowed": cfg.verify.max_difference,
                "files": [asdict(agreement) for agreement in agreements],
            },
        )
    _print(agreements, len(images), source)
    print(f"bundle: {out}")
    return agreements


def _faces(cfg: DictConfig) -> tuple[np.ndarray, str]:
    """uint8 [N, 48, 48] to compare on, and what they are: val faces where data.dir is given, then drawn ones."""
    pixels, sources = np.empty((0, IMAGE_SIZE, IMAGE_SIZE), np.uint8), []
    if cfg.data.dir is not None:
        datamodule = instantiate(cfg.data)
        datamodule.setup()
        pixels = datamodule.faces.pixels[datamodule.rows("val")[: cfg.verify.faces]]
        sources.append(f"val split of {datamodule.faces.name}")
    missing = cfg.verify.faces - len(pixels)
    if missing:
        drawn = sample.draw_sample(train=0, val=missing, test=0, seed=0)
        pixels = np.concatenate([pixels, drawn.pixels])
        sources.append(drawn.name)
    return pixels, " and ".join(sources)


def _print(agreements: list[verify.Agreement], count: int, source: str) -> None:
    table = Table(title=f"Agreement with torch on {count:,} faces: {source}", box=SIMPLE_HEAD)
    table.add_column("file", no_wrap=True)
    table.add_column("run by", no_wrap=True)
    for column in ("largest difference", "mean difference", "same top class"):
        table.add_column(column, justify="right")
    for row in agreements:
        table.add_row(
            row.file, row.runtime, f"{row.max_difference:.1e}", f"{row.mean_difference:.1e}", f"{100 * row.top1:.1f} %"
        )
    Console().print(table)


@hydra.main(version_base="1.3", config_path="pkg://fer_lightning.conf", config_name="export")
def main(cfg: DictConfig) -> None:
    quiet_libraries()
    with exit_on_user_error():
        if not isinstance(cfg.verify.faces, int) or cfg.verify.faces < LEAST_FACES:
            raise FerError(f"verify.faces={cfg.verify.faces} is no whole number of at least {LEAST_FACES}")
        settings = checkpoint.read(checkpoint.path_of(cfg))["hyper_parameters"]
        adopt_split(cfg, settings, list(HydraConfig.get().overrides.task))
        export(cfg)


if __name__ == "__main__":
    main()
