"""Quantize float32 TFLite files with ai-edge-quantizer."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from ai_edge_quantizer import qtyping, recipe
from ai_edge_quantizer.algorithm_manager import AlgorithmName
from ai_edge_quantizer.calibrator import Calibrator
from ai_edge_quantizer.quantizer import QuantizationResult, Quantizer
from ai_edge_quantizer.recipe_manager import RecipeManager

from fer_lightning.constants import MAX_PIXEL
from fer_lightning.errors import FerError
from fer_lightning.inference.tflite_model import INPUT_SHAPE

from ..captured_output import converting
from .onnx import INPUT

_SIGNATURE = "serving_default"
_EVERYWHERE = ".*"
# Percentile of each face's smallest and largest activation. On FER2013's PublicTest 95 agreed best with float32: a few
# images without a face stretch the whole range, and the quantizer's moving average cuts off the most confident faces.
RANGE_PERCENTILE = 95

_OPERATION = qtyping.TFLOperationName


def to_dynamic_range(source: Path, path: Path) -> None:
    """Write int8 weights; activations are quantized at run time. Convolutions have a scale for each channel.

    Dense layers have one for the whole tensor: with one for each channel, TFLite 2.14 and older, which Flutter uses on
    iOS, reads the file without an error and gives wrong answers.

    The first convolution stays float32, which costs 1 KB: in int8 it caused a quarter of all changed predictions on
    FER2013's PublicTest. The signs that ``fold_batch_norm`` may leave stay float32 too, because that is faster.

    Args:
        source: a float32 TFLite file.
        path: the file to write.

    Raises:
        FerError: the quantizer failed.
    """
    quantizer = Quantizer(str(source))
    for operation, granularity in (
        (_OPERATION.CONV_2D, qtyping.QuantGranularity.CHANNELWISE),
        (_OPERATION.FULLY_CONNECTED, qtyping.QuantGranularity.TENSORWISE),
    ):
        quantizer.add_dynamic_config(regex=_EVERYWHERE, operation_name=operation, num_bits=8, granularity=granularity)
    first = f"^{re.escape(_first_convolution(source))};?$"  # the quantizer may end a name with a semicolon
    quantizer.update_quantization_recipe(first, _OPERATION.CONV_2D, algorithm_key=AlgorithmName.NO_QUANTIZE)
    _write(quantizer.quantize, path)


def to_float16(source: Path, path: Path) -> None:
    """Write float16 weights, which LiteRT converts to float32 when it loads them; see ``to_dynamic_range``."""
    quantizer = Quantizer(str(source))
    half = qtyping.OpQuantizationConfig(
        weight_tensor_config=qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT),
        compute_precision=qtyping.ComputePrecision.FLOAT,
        explicit_dequantize=True,
    )
    for operation in (_OPERATION.CONV_2D, _OPERATION.DEPTHWISE_CONV_2D, _OPERATION.FULLY_CONNECTED):
        quantizer.update_quantization_recipe(_EVERYWHERE, operation, half, AlgorithmName.FLOAT_CASTING)
    _write(quantizer.quantize, path)


def to_int8(source: Path, path: Path, images: np.ndarray, *, float_ends: bool) -> None:
    """Write int8 weights and activations, whose ranges are measured on ``images``; see ``to_dynamic_range``.

    Args:
        source: a float32 TFLite file.
        path: the file to write.
        images: uint8 [N, 48, 48].
        float_ends: keep input and output float32; otherwise they are int8 too.
    """
    quantizer = Quantizer(str(source))
    quantizer.load_quantization_recipe(recipe.static_wi8_ai8())
    if float_ends:
        for operation in (_OPERATION.INPUT, _OPERATION.OUTPUT):
            quantizer.update_quantization_recipe(_EVERYWHERE, operation, algorithm_key=AlgorithmName.NO_QUANTIZE)

    def calibrate_and_quantize() -> QuantizationResult:
        calibrator = Calibrator(str(source), qsv_update_func=_collect)
        recipes = RecipeManager()
        recipes.load_quantization_recipe(quantizer.get_quantization_recipe())
        inputs = (images.astype(np.float32) / MAX_PIXEL).reshape(-1, *INPUT_SHAPE)
        calibrator.calibrate({_SIGNATURE: [{INPUT: image} for image in inputs]}, recipes)
        return quantizer.quantize({name: _typical(seen) for name, seen in calibrator.get_model_qsvs().items()})

    _write(calibrate_and_quantize, path)


def _collect(seen: dict[str, Any], new: dict[str, Any]) -> dict[str, Any]:
    """Append a face's smallest and largest value to those seen so far."""
    return {end: np.concatenate([np.atleast_1d(seen[end]), np.atleast_1d(new[end])]) for end in ("min", "max")}


def _typical(seen: dict[str, Any]) -> dict[str, Any]:
    """Return the range of all but the most extreme faces."""
    if not seen:  # a constant
        return seen
    low, high = np.percentile(seen["min"], 100 - RANGE_PERCENTILE), np.percentile(seen["max"], RANGE_PERCENTILE)
    return {"min": np.array([low], np.float32), "max": np.array([high], np.float32)}


def _first_convolution(path: Path) -> str:
    """Return the name of the first convolution's output tensor."""
    model = flatbuffer_utils.read_model(str(path))
    (graph,) = model.subgraphs
    for operator in graph.operators:
        if model.operatorCodes[operator.opcodeIndex].builtinCode == schema.BuiltinOperator.CONV_2D:
            return graph.tensors[operator.outputs[0]].name.decode()
    raise FerError(f"{path.name} has no convolution")


def _write(quantize: Callable[[], QuantizationResult], path: Path) -> None:
    with converting("ai-edge-quantizer"):
        path.write_bytes(quantize().quantized_model)
