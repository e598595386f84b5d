"""Convert torch to Core ML; needs coremltools."""

import logging
import sys
from pathlib import Path
from types import ModuleType

import torch
from torch import nn

from fer_lightning.constants import IMAGE_SIZE, LABELS, MAX_PIXEL

from ..captured_output import converting
from ..graph.prepare import example
from .onnx import INPUT


def to_coreml(model: nn.Sequential, path: Path) -> None:
    """Write an ML program that takes a grey 48x48 image and returns the top label and all seven probabilities.

    Args:
        model: see ``deployable``.
        path: the .mlpackage to write.

    Raises:
        FerError: coremltools could not convert the network.
    """
    with converting("coremltools"):
        ct = import_coremltools()
        picture = ct.ImageType(
            INPUT,
            shape=(1, 1, IMAGE_SIZE, IMAGE_SIZE),
            color_layout=ct.colorlayout.GRAYSCALE,
            scale=1 / MAX_PIXEL,
        )
        converted = ct.convert(
            torch.jit.trace(model, example(model)),
            inputs=[picture],
            classifier_config=ct.ClassifierConfig(list(LABELS)),
            minimum_deployment_target=ct.target.iOS15,
        )
        converted.short_description = "Reads one of seven facial expressions from a 48x48 grey face."
        converted.save(str(path))


def import_coremltools() -> ModuleType:
    """Import coremltools without TensorFlow, which it would import too, and whose LLVM clashes with its own."""
    # it warns about versions and about Apple's frameworks, which exist only on macOS
    logging.getLogger("coremltools").setLevel(logging.ERROR)
    hide = "tensorflow" not in sys.modules
    if hide:
        sys.modules["tensorflow"] = None  # type: ignore[assignment]
    try:
        import coremltools
    finally:
        if hide:
            del sys.modules["tensorflow"]
    return coremltools
