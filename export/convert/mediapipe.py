"""The metadata that tells MediaPipe's ImageClassifier the input and the classes of a TFLite file.

The format is TensorFlow Lite's metadata_schema.fbs: a FlatBuffer inside the model, and a zip behind the model with the
files that it names. The libraries that write it have no release for Python 3.12 (tflite-support) or fail to import
(mediapipe's writer), so the necessary tables are written here, slot by slot.
"""

import io
import zipfile
from pathlib import Path

import flatbuffers
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils

from fer_lightning.constants import MAX_PIXEL
from fer_lightning.inference.bundle_files import LABELS_FILE, LABELS_TEXT

_BUFFER_NAME = b"TFLITE_METADATA"
_IDENTIFIER = b"M001"
_PARSER_VERSION = "1.0.0"
_RGB = 1  # ColorSpaceType
_IMAGE_PROPERTIES = 2  # ContentProperties
_NORMALIZATION = 1  # ProcessUnitOptions
_AXIS_LABELS = 2  # AssociatedFileType.TENSOR_AXIS_LABELS


def add_metadata(path: Path) -> None:
    """Add metadata to a file: its input is RGB, to be divided by 255, and its output has the seven labels."""
    model = flatbuffer_utils.read_model(str(path))
    content = schema.BufferT()
    content.data = list(_model_metadata())
    model.buffers.append(content)
    entry = schema.MetadataT()
    entry.name, entry.buffer = _BUFFER_NAME, len(model.buffers) - 1
    model.metadata = [*(model.metadata or []), entry]
    archive = io.BytesIO()
    with zipfile.ZipFile(archive, "w") as files:
        # a fixed date, so the same model gives the same bytes
        files.writestr(zipfile.ZipInfo(LABELS_FILE), LABELS_TEXT)
    path.write_bytes(bytes(flatbuffer_utils.convert_object_to_bytearray(model)) + archive.getvalue())


def _model_metadata() -> bytes:
    builder = flatbuffers.Builder()

    def table(*slots: tuple[int, str, object]) -> int:
        """Write a table; a slot is (number in the schema, kind, value)."""
        builder.StartObject(max(number for number, _, _ in slots) + 1)
        for number, kind, value in slots:
            write = {
                "offset": builder.PrependUOffsetTRelativeSlot,
                "byte": builder.PrependInt8Slot,
                "uint8": builder.PrependUint8Slot,
            }[kind]
            write(number, value, 0)
        return builder.EndObject()

    def tables(*offsets: int) -> int:
        builder.StartVector(4, len(offsets), 4)
        for offset in reversed(offsets):
            builder.PrependUOffsetTRelative(offset)
        return builder.EndVector()

    def floats(*values: float) -> int:
        builder.StartVector(4, len(values), 4)
        for value in reversed(values):
            builder.PrependFloat32(value)
        return builder.EndVector()

    text = builder.CreateString
    # NormalizationOptions: (pixel - mean) / std
    normalization = table((0, "offset", floats(0.0)), (1, "offset", floats(float(MAX_PIXEL))))
    unit = table((0, "uint8", _NORMALIZATION), (1, "offset", normalization))
    image = table((0, "byte", _RGB))
    taken = table(
        (0, "offset", text("image")),
        (1, "offset", text("a face, RGB, 48x48")),
        (3, "offset", table((0, "uint8", _IMAGE_PROPERTIES), (1, "offset", image))),
        (4, "offset", tables(unit)),
    )
    labels = table((0, "offset", text(LABELS_FILE)), (2, "byte", _AXIS_LABELS))
    given = table(
        (0, "offset", text("probabilities")),
        (1, "offset", text("of the seven expressions")),
        (6, "offset", tables(labels)),
    )
    graph = table((2, "offset", tables(taken)), (3, "offset", tables(given)))
    root = table(
        (0, "offset", text("fer_lightning")),
        (1, "offset", text("reads seven facial expressions")),
        (3, "offset", tables(graph)),
        (7, "offset", text(_PARSER_VERSION)),
    )
    builder.Finish(root, file_identifier=_IDENTIFIER)
    return bytes(builder.Output())
