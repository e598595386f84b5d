"""Convert torch to ONNX."""

from pathlib import Path

import onnx
import torch
from torch import nn

from ..captured_output import converting
from ..graph.prepare import example

INPUT, OUTPUT = "image", "probabilities"


def to_onnx(model: nn.Module, path: Path, *, any_batch: bool = False) -> None:
    """Write ``model`` (see ``graph.prepare``) as one file and check it.

    Args:
        model: the network as exported.
        path: the file to write.
        any_batch: accept any batch size; otherwise it is 1, for phones.

    Raises:
        FerError: torch could not write the file, or wrote an invalid model.
    """
    batch = torch.export.Dim("batch")
    with converting("torch"):
        torch.onnx.export(
            model,
            (example(model, batch=2 if any_batch else 1),),  # torch would treat a batch of 1 as a constant
            path,
            input_names=[INPUT],
            output_names=[OUTPUT],
            dynamic_shapes=({0: batch},) if any_batch else None,
            dynamo=True,
            external_data=False,  # the default moves large weights into a second file
            verbose=False,
        )
        onnx.checker.check_model(str(path), full_check=True)
