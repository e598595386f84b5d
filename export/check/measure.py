"""Measure the agreement, latency and size of each exported file."""

import tempfile
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from rich.progress import track
from torch import nn

from fer_lightning.utils.checksums import size

from ..bundle.report import Row
from ..convert.formats import Format
from ..convert.keras import to_notebook_tflite
from .faces import Chosen
from .golden import flip_averaged
from .latency import milliseconds
from .parity import Agreement, torch_probabilities
from .runtimes import LITERT, Runner, SavedModel, is_installed, load

TURNS = 10  # for each file
NOTEBOOK = "the notebook's own, from Keras"


def load_all(formats: Mapping[str, Format], folder: Path) -> dict[str, Runner]:
    """Load the files that this machine can run, on one thread each, by their path in the bundle.

    Raises:
        FerError: LiteRT cannot load one of them.
    """
    runnable = [each for each in formats.values() if is_installed(each.runtime)]
    return {each.file: load(each.runtime, folder / each.file, threads=1) for each in runnable}


def measure(
    formats: Mapping[str, Format],
    folder: Path,
    runners: Mapping[str, Runner],
    network: nn.Sequential,
    faces: Chosen,
    *,
    with_notebook: bool,
) -> list[Row]:
    """Return a row for each file and, if ``with_notebook``, one for the network as the notebook would have converted
    it.

    Args:
        formats: the formats of the bundle in ``folder``.
        folder: the bundle.
        runners: see ``load_all``.
        network: the trained network in eval mode, with which every file is compared; a file that averages a face and
            its mirror image, with the network's average.
        faces: the faces to compare on.
        with_notebook: also convert the network with Keras and TFLiteConverter.
    """
    sizes = {each.file: size(folder / each.file) for each in formats.values()}
    with tempfile.TemporaryDirectory() as temporary:
        if with_notebook:
            path = Path(temporary) / "notebook.tflite"
            to_notebook_tflite(network, path)
            sizes[NOTEBOOK] = size(path)
            runners = {**runners, NOTEBOOK: load(LITERT, path, threads=1)}
        model = nn.Sequential(network, nn.Softmax(dim=1)).eval()
        expected = torch_probabilities(model, faces.pixels)
        averaging = {each.file for each in formats.values() if each.averages_flip}
        averaged = flip_averaged(partial(torch_probabilities, model), faces.pixels) if averaging else expected
        agreements = {
            file: Agreement.between(
                averaged if file in averaging else expected, runner.probabilities(faces.pixels), faces.labels
            )
            for file, runner in track(runners.items(), "comparing with torch", transient=True)
        }
        # TensorFlow cannot be limited to one thread in a process that others share
        timed = {file: runner for file, runner in runners.items() if not isinstance(runner, SavedModel)}
        times = milliseconds(timed, TURNS)
    return [Row(file, total, agreements.get(file), times.get(file)) for file, total in sizes.items()]
