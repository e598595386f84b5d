"""Convert torch to TFLite, through ONNX and onnx2tf."""

import shutil
import tempfile
from itertools import pairwise
from pathlib import Path

import onnx2tf
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from torch import nn

from ..captured_output import converting
from .onnx import to_onnx


def to_tflite(model: nn.Module, path: Path) -> None:
    """Convert to float32 TFLite, channels last: [1, 48, 48, C] -> [1, 7].

    Raises:
        FerError: the converter failed; the text contains its last line of output.
    """
    with tempfile.TemporaryDirectory() as folder:
        _convert(model, Path(folder))
        # it also writes a float16 file, which LiteRT does not load
        shutil.copyfile(Path(folder) / "model_float32.tflite", path)
    _fuse_relu(path)


def _convert(model: nn.Module, folder: Path) -> None:
    onnx_path = folder / "model.onnx"
    to_onnx(model, onnx_path)
    with converting("onnx2tf"):
        onnx2tf.convert(
            input_onnx_file_path=str(onnx_path),
            output_folder_path=str(folder),
            non_verbose=True,
            verbosity="error",
        )


def _fuse_relu(path: Path) -> None:
    """Fuse each ReLU into the dense layer before it; onnx2tf does that only for convolutions.

    Unfused, int8 wastes part of its range on negative values that ReLU drops.
    """
    model = flatbuffer_utils.read_model(str(path))
    (graph,) = model.subgraphs
    codes = [model.operatorCodes[operator.opcodeIndex].builtinCode for operator in graph.operators]
    fused, left_over = set(), set()
    for dense, relu in pairwise(range(len(codes))):
        if (codes[dense], codes[relu]) != (schema.BuiltinOperator.FULLY_CONNECTED, schema.BuiltinOperator.RELU):
            continue
        graph.operators[dense].builtinOptions.fusedActivationFunction = schema.ActivationFunctionType.RELU
        left_over.update(graph.operators[dense].outputs)
        graph.operators[dense].outputs = graph.operators[relu].outputs
        fused.add(relu)
    graph.operators = [operator for index, operator in enumerate(graph.operators) if index not in fused]
    _drop_tensors(model, left_over)
    flatbuffer_utils.write_model(model, str(path))


def _drop_tensors(model: schema.ModelT, dropped: set[int]) -> None:
    """Remove unused tensors and renumber the others."""
    (graph,) = model.subgraphs
    kept = [index for index in range(len(graph.tensors)) if index not in dropped]
    number = {old: new for new, old in enumerate(kept)} | {-1: -1}  # -1 marks an omitted input
    graph.tensors = [graph.tensors[index] for index in kept]
    for part in (graph, *graph.operators):
        part.inputs = [number[index] for index in part.inputs]
        part.outputs = [number[index] for index in part.outputs]
    for signature in model.signatureDefs:
        for tensor in (*signature.inputs, *signature.outputs):
            tensor.tensorIndex = number[tensor.tensorIndex]
