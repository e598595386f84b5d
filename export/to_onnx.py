"""torch -> ONNX."""

from pathlib import Path

import onnx
import torch
from torch import nn

from export.quiet import captured_output
from fer_lightning.preprocessing import IMAGE_SIZE

INPUT, OUTPUT = "image", "probabilities"


def to_onnx(model: nn.Module, path: Path) -> None:
    """Write ``model`` (see ``deployable``) as one float32 file of batch 1 and check it.

    Raises:
        onnx.checker.ValidationError: the exporter wrote what is no valid model.
    """
    image = torch.zeros(1, 1, IMAGE_SIZE, IMAGE_SIZE)
    with captured_output():
        torch.onnx.export(
            model,
            (image,),
            path,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamo=True,
            external_data=False,  # one file; the default moves large weights into a second
            verbose=False,
        )
    onnx.checker.check_model(str(path), full_check=True)
