import pytest

from fer_lightning.bundle import TFLiteModel
from fer_lightning.errors import FerError


def test_missing(tmp_path):
    with pytest.raises(FerError, match="there is no model"):
        TFLiteModel(tmp_path / "FER2013.tflite")


def test_no_tflite(tmp_path):
    path = tmp_path / "FER2013.tflite"
    path.write_bytes(b"not a flatbuffer at all" * 20)
    with pytest.raises(FerError, match="is no TFLite model"):
        TFLiteModel(path)


def test_app_contract(bundle):
    TFLiteModel(bundle / "FER2013.tflite").require_app_contract()
    for name in ("variants/FER2013_int8_full.tflite", "variants/FER2013_uint8_image.tflite"):
        with pytest.raises(FerError, match="does not keep the app's contract"):
            TFLiteModel(bundle / name).require_app_contract()
