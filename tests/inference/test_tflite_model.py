import shutil

import pytest

from fer_lightning.errors import FerError
from fer_lightning.inference.reader import ExpressionReader
from fer_lightning.inference.tflite_model import TFLiteModel, require_intact, require_loadable, shipped_bundle
from tests.helpers import assert_one_sentence, run_command


def test_missing(tmp_path):
    with pytest.raises(FerError, match="no such file: "):
        TFLiteModel(tmp_path / "FER2013.tflite")


def test_no_tflite(tmp_path):
    path = tmp_path / "FER2013.tflite"
    path.write_bytes(b"not a flatbuffer at all" * 20)
    with pytest.raises(FerError, match="is not a TFLite model that LiteRT can load"):
        TFLiteModel(path)


def test_app_contract(bundle):
    TFLiteModel(bundle / "FER2013.tflite").require_app_contract()
    for name in ("variants/FER2013_int8_full.tflite", "variants/FER2013_uint8_image.tflite"):
        with pytest.raises(FerError, match="does not keep the app's contract"):
            TFLiteModel(bundle / name).require_app_contract()


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


def test_a_changed_model_of_a_bundle_is_not_loaded(tmp_path):
    shutil.copytree(shipped_bundle(), tmp_path / "bundle")
    require_intact(tmp_path / "bundle")
    with (tmp_path / "bundle" / "FER2013.tflite").open("r+b") as file:
        file.seek(1000)
        file.write(b"\0\0\0")
    with pytest.raises(FerError, match=r"FER2013\.tflite is damaged: its SHA-256 is not the one in model\.json"):
        ExpressionReader(tmp_path / "bundle")
    process = run_command("fer_lightning.export.verify", "bundle", cwd=tmp_path)
    assert process.returncode == 1
    assert process.stderr.splitlines()[-1] == "error: FER2013.tflite has changed: its SHA-256 differs from model.json"


def test_a_folder_of_an_app_has_no_manifest(tmp_path):
    (tmp_path / "FER2013.tflite").write_bytes((shipped_bundle() / "FER2013.tflite").read_bytes())
    require_intact(tmp_path)
    (tmp_path / "FER2013.tflite").write_bytes(b"not a model")
    with pytest.raises(FerError, match="is not a TFLite model that LiteRT loads"):
        require_intact(tmp_path)
