"""ONNX -> TFLite, through onnx2tf."""

import shutil
import tempfile
from pathlib import Path

import onnx2tf

from export.quiet import captured_output
from fer_lightning.errors import FerError


def to_tflite(onnx_path: Path, path: Path) -> None:
    """Convert to float32 TFLite, channels last: [1, 48, 48, 1] -> [1, 7].

    Raises:
        FerError: the converter failed; the text has its last words.
    """
    with tempfile.TemporaryDirectory() as folder:
        with captured_output() as output:
            try:
                onnx2tf.convert(
                    input_onnx_file_path=str(onnx_path),
                    output_folder_path=folder,
                    non_verbose=True,
                    verbosity="error",
                )
            except (Exception, SystemExit) as error:  # onnx2tf exits on what it cannot convert
                last = output.getvalue().strip().splitlines()[-1:] or [str(error)]
                raise FerError(f"onnx2tf could not convert the network: {last[0]}") from error
        # it writes a float16 file too, which LiteRT does not load
        shutil.copyfile(Path(folder) / f"{onnx_path.stem}_float32.tflite", path)
