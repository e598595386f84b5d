import subprocess
import sys

import pytest

from fer_lightning.errors import FerError
from fer_lightning.inference.bundle_files import shipped_bundle
from fer_lightning.inference.tflite_model import TFLiteModel, require_loadable
from tests.helpers import assert_one_sentence, run_command


def test_missing(tmp_path):
    with pytest.raises(FerError, match="no such file: "):
        TFLiteModel(tmp_path / "FER2013.tflite")


def test_no_tflite(tmp_path):
    path = tmp_path / "FER2013.tflite"
    path.write_bytes(b"not a flatbuffer at all" * 20)
    with pytest.raises(FerError, match="LiteRT cannot load "):
        TFLiteModel(path)


def test_app_contract(bundle):
    TFLiteModel(bundle / "FER2013.tflite").require_app_contract()
    for name in ("variants/FER2013_int8_full.tflite", "variants/FER2013_uint8_image.tflite"):
        with pytest.raises(FerError, match="does not keep the app's contract"):
            TFLiteModel(bundle / name).require_app_contract()


@pytest.mark.skipif(sys.platform == "darwin", reason="macOS cannot limit the address space")
def test_limits_that_the_user_has_set_are_kept():
    """As with ulimit -v in a shell; LiteRT needs less than a third of this."""
    most = 6 << 30
    path = shipped_bundle() / "FER2013.tflite"
    script = f"import resource; resource.setrlimit(resource.RLIMIT_AS, ({most}, {most}));"
    script += "import sys, pathlib; from fer_lightning.inference.tflite_model import require_loadable;"
    script += "require_loadable(pathlib.Path(sys.argv[1]))"
    process = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, timeout=120)
    assert process.returncode == 0, process.stderr


def test_a_damaged_model_does_not_crash_the_caller(tmp_path):
    """LiteRT follows offsets in the file without checking them."""
    content = bytearray((shipped_bundle() / "FER2013.tflite").read_bytes())
    content[-6000:-5000] = b"\xff" * 1000
    path = tmp_path / "FER2013.tflite"
    path.write_bytes(content)
    with pytest.raises(FerError, match="LiteRT crashed on it"):
        require_loadable(path)
    process = run_command("fer_lightning.predict", "a.jpg", "--model", str(path), cwd=tmp_path)
    assert_one_sentence(process, "LiteRT crashed on it")
