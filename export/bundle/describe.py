"""The descriptions of the files in model.json."""

from collections import Counter
from operator import attrgetter
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter
from ai_edge_litert.tools import flatbuffer_utils
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from fer_lightning.constants import GREY_WEIGHTS, IMAGE_SIZE, LABELS, MAX_PIXEL, PIXELS
from fer_lightning.inference.bundle_files import MODEL_FILE
from fer_lightning.inference.face_crop import CROP_DOWN, CROP_SIDE

from ..check.runtimes import CORE_ML, LITERT, ONNX_RUNTIME, TENSORFLOW
from ..graph.prepare import example

_RED, _GREEN, _BLUE = GREY_WEIGHTS
_FRAMING = (
    "Find the face with BlazeFace's short-range model and rotate the image until the eyes are level. Crop a square "
    f"whose side is {CROP_SIDE} times the side of the detector's box. Its centre lies {abs(CROP_DOWN)} of the square's "
    "side above the box's centre, towards the forehead. Repeat the border pixels where the square extends beyond the "
    "image."
)
PREPROCESSING = {
    "of": MODEL_FILE,  # the entry of each file says what its input holds
    "in_words": (
        f"{_FRAMING} If the image already is a face, take its centre square instead. Resize the square to "
        f"{IMAGE_SIZE}x{IMAGE_SIZE} with an anti-aliasing filter, convert it to grey "
        f"({_RED} R + {_GREEN} G + {_BLUE} B), divide by {MAX_PIXEL}, and write the {PIXELS:,} values row by row, "
        "top left first."
    ),
    "framing": {
        "in_words": _FRAMING,
        "detector": "BlazeFace, short range",
        "eyes": "level",
        "side_in_boxes": CROP_SIDE,
        "shift_down_in_sides": CROP_DOWN,
        "beyond_the_picture": "border repeated",
    },
    "crop": "as framed; the centre square if the image already is a face",
    "size": [IMAGE_SIZE, IMAGE_SIZE],
    "resize": "bilinear, antialiased",
    "grey_weights": {"red": _RED, "green": _GREEN, "blue": _BLUE},
    "divide_by": MAX_PIXEL,
    "order": "row by row, top left first",
}


def multiply_adds(model: nn.Sequential) -> int:
    """Count the multiply-adds of one face."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        model(example(model))
    return counter.get_total_flops() // 2  # the counter counts a multiply-add as two operations


def describe(path: Path, runtime: str) -> dict[str, Any]:
    """Return a model's inputs, outputs (name, shape, dtype; scale and zero point if quantized) and operators."""
    return {LITERT: _tflite, ONNX_RUNTIME: _onnx, TENSORFLOW: _saved_model, CORE_ML: _coreml}[runtime](path)


def _tflite(path: Path) -> dict[str, Any]:
    interpreter = Interpreter(model_path=str(path))
    model = flatbuffer_utils.read_model(str(path))
    names = {code: name for name, code in vars(schema.BuiltinOperator).items() if isinstance(code, int)}
    operators = Counter(
        names[model.operatorCodes[each.opcodeIndex].builtinCode] for each in model.subgraphs[0].operators
    )

    def tensor(details: dict[str, Any], name: str) -> dict[str, Any]:
        step, zero = details["quantization"]
        quantized = {"scale": float(step), "zero_point": int(zero)} if step else {}
        shape = [int(side) for side in details["shape"]]
        return {"name": name, "shape": shape, "dtype": np.dtype(details["dtype"]).name, **quantized}

    (signature,) = interpreter.get_signature_list().values()
    return {
        "inputs": [tensor(interpreter.get_input_details()[0], signature["inputs"][0])],
        "outputs": [tensor(interpreter.get_output_details()[0], signature["outputs"][0])],
        "operators": dict(operators),
    }


def _onnx(path: Path) -> dict[str, Any]:
    graph = onnx.load(path).graph

    def tensor(value: onnx.ValueInfoProto) -> dict[str, Any]:
        kind = value.type.tensor_type
        shape = [side.dim_param or side.dim_value for side in kind.shape.dim]
        return {"name": value.name, "shape": shape, "dtype": onnx.helper.tensor_dtype_to_np_dtype(kind.elem_type).name}

    return {
        "inputs": [tensor(value) for value in graph.input],
        "outputs": [tensor(value) for value in graph.output],
        "operators": dict(Counter(node.op_type for node in graph.node)),
    }


def _saved_model(path: Path) -> dict[str, Any]:
    import tensorflow as tf

    signature = tf.saved_model.load(str(path)).signatures["serving_default"]
    functions = attrgetter("library.function")(signature.graph.as_graph_def())
    nodes = [node for function in functions for node in function.node_def]

    def tensors(specs: dict[str, Any]) -> list[dict[str, Any]]:
        return [{"name": name, "shape": list(spec.shape), "dtype": spec.dtype.name} for name, spec in specs.items()]

    return {
        "inputs": tensors(signature.structured_input_signature[1]),
        "outputs": tensors(signature.structured_outputs),
        "operators": dict(Counter(node.op for node in nodes if node.op not in ("Const", "Identity", "NoOp"))),
    }


def _coreml(path: Path) -> dict[str, Any]:
    from ..convert.coreml import import_coremltools

    spec = import_coremltools().models.MLModel(str(path), skip_model_load=True).get_spec()
    (block,) = spec.mlProgram.functions["main"].block_specializations.values()
    image = spec.description.input[0].type.imageType
    return {
        "inputs": [
            {"name": spec.description.input[0].name, "shape": [image.height, image.width], "dtype": "grey image"}
        ],
        "outputs": [
            {"name": spec.description.predictedFeatureName, "shape": [], "dtype": "string"},
            {"name": spec.description.predictedProbabilitiesName, "shape": [len(LABELS)], "dtype": "dictionary"},
        ],
        "operators": dict(Counter(each.type for each in block.operations if each.type != "const")),
    }
