"""Runs exported models with LiteRT; no torch."""

import signal
import subprocess
import sys
from pathlib import Path

import numpy as np

from fer_lightning.constants import IMAGE_SIZE, MAX_PIXEL, NUM_CLASSES
from fer_lightning.errors import FerError
from fer_lightning.utils.quiet import quiet_native_code

INPUT_SHAPE = (1, IMAGE_SIZE, IMAGE_SIZE, 1)
RGB_INPUT_SHAPE = (1, IMAGE_SIZE, IMAGE_SIZE, 3)
OUTPUT_SHAPE = (1, NUM_CLASSES)

_TRIAL_SECONDS = 60
_TRIAL_MEMORY = 8 << 30  # bytes of address space, most of which the libraries only reserve
# what a trial runs, on inputs of zeros and of ones
_TRIAL = f"""
import sys
try:
    import resource
    for name, most in (("RLIMIT_CORE", 0), ("RLIMIT_AS", {_TRIAL_MEMORY})):
        kind = getattr(resource, name)
        hard = resource.getrlimit(kind)[1]
        if hard == resource.RLIM_INFINITY or hard > most:  # a limit of the user's may be lower
            resource.setrlimit(kind, (most, hard))
except (ImportError, ValueError, OSError):  # Windows has none, and macOS refuses to limit the address space
    pass
import numpy as np
from ai_edge_litert.interpreter import Interpreter
try:
    interpreter = Interpreter(model_path=sys.argv[1], num_threads=1)
    interpreter.allocate_tensors()
    for value in (0, 1):
        for tensor in interpreter.get_input_details():
            interpreter.set_tensor(tensor["index"], np.full(tensor["shape"], value, tensor["dtype"]))
        interpreter.invoke()
        for tensor in interpreter.get_output_details():
            interpreter.get_tensor(tensor["index"])
except Exception as error:
    sys.exit(" ".join(str(error).split())[:200] or type(error).__name__)
"""


def require_loadable(path: Path) -> None:
    """Load and run an untrusted model in a separate process first, because LiteRT crashes on damaged files.

    Raises:
        FerError: it is missing, or LiteRT refuses it, crashes or hangs on it.
    """
    if not path.is_file():
        raise FerError(f"no such file: {path}")
    try:
        trial = subprocess.run(
            [sys.executable, "-P", "-c", _TRIAL, str(path)],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_TRIAL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise FerError(f"{path} is damaged: LiteRT did not finish one run of it in {_TRIAL_SECONDS} s") from None
    if trial.returncode < 0:
        name = signal.Signals(-trial.returncode).name
        raise FerError(f"{path} is damaged or not a TFLite model: LiteRT crashed on it ({name})")
    if trial.returncode:
        said = trial.stderr.strip().splitlines()
        raise FerError(f"LiteRT cannot load {path}: {said[-1] if said else 'no reason given'}")


class TFLiteModel:
    """A ``.tflite`` file that takes one 48x48 face and gives the probabilities of the seven classes.

    Faces are converted to the type of its input: grey / 255 for float32, the same quantized for int8, and the pixels
    themselves for uint8. Three channels get the grey values three times.

    Args:
        path: the file.
        threads: threads that LiteRT computes with; its own choice when not given.

    Raises:
        FerError: the file is missing, is not a TFLite model, or has other inputs or outputs.
    """

    def __init__(self, path: Path, threads: int | None = None) -> None:
        try:
            from ai_edge_litert.interpreter import Interpreter
        except ModuleNotFoundError:
            raise FerError("running a model needs ai-edge-litert: pip install fer_lightning") from None
        if not path.is_file():
            raise FerError(f"no such file: {path}")
        self._path = path
        try:
            with quiet_native_code():
                self._interpreter = Interpreter(model_path=str(path), num_threads=threads)
                self._interpreter.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise FerError(f"LiteRT cannot load {path}: {error}") from error
        inputs, outputs = self._interpreter.get_input_details(), self._interpreter.get_output_details()
        shapes = [tuple(int(side) for side in tensor["shape"]) for tensor in (*inputs, *outputs)]
        accepted = [[INPUT_SHAPE, OUTPUT_SHAPE], [RGB_INPUT_SHAPE, OUTPUT_SHAPE]]
        if shapes not in accepted:
            raise FerError(
                f"{path} must take one 48x48 face and give {NUM_CLASSES} probabilities, with the shapes "
                f"{accepted[0]} or {accepted[1]}, got {shapes}"
            )
        self._input, self._output = inputs[0], outputs[0]

    def require_app_contract(self) -> None:
        """Raise FerError if the app cannot use the file: float32 [1, 48, 48, 1] in, float32 [1, 7] out."""
        kept = tuple(self._input["shape"]) == INPUT_SHAPE
        if not kept or {self._input["dtype"], self._output["dtype"]} != {np.float32}:
            kinds = [
                f"{each['dtype'].__name__} {tuple(map(int, each['shape']))}" for each in (self._input, self._output)
            ]
            raise FerError(
                f"{self._path} does not keep the app's contract: float32 {INPUT_SHAPE} -> float32 {OUTPUT_SHAPE}, "
                f"got {' -> '.join(kinds)}"
            )

    def invoke(self) -> None:
        """Run once on whatever the input holds; for timing."""
        self._interpreter.invoke()

    def probabilities(self, images: np.ndarray) -> np.ndarray:
        """uint8 [N, 48, 48] -> float32 [N, 7], a face at a time, as the app calls it."""
        results = np.empty((len(images), NUM_CLASSES), np.float32)
        for index, image in enumerate(images):
            self._interpreter.set_tensor(self._input["index"], self._as_input(image))
            self._interpreter.invoke()
            results[index] = self._as_probabilities(self._interpreter.get_tensor(self._output["index"])[0])
        return results

    def _as_input(self, image: np.ndarray) -> np.ndarray:
        values = image.reshape(INPUT_SHAPE).repeat(self._input["shape"][3], axis=3)
        if self._input["dtype"] == np.uint8:
            return values
        grey = values.astype(np.float32) / MAX_PIXEL
        if self._input["dtype"] == np.float32:
            return grey
        step, zero = self._input["quantization"]
        limits = np.iinfo(self._input["dtype"])
        return np.clip(np.rint(grey / step) + zero, limits.min, limits.max).astype(self._input["dtype"])

    def _as_probabilities(self, output: np.ndarray) -> np.ndarray:
        if self._output["dtype"] == np.float32:
            return output
        step, zero = self._output["quantization"]
        return (output.astype(np.float32) - zero) * step
