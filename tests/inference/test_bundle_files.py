import shutil

import pytest

from fer_lightning.constants import SHIPPED_BUNDLES, SHIPPED_WEIGHTS
from fer_lightning.errors import FerError
from fer_lightning.inference.bundle_files import read_manifest, require_intact, shipped_bundle
from fer_lightning.inference.reader import ExpressionReader
from fer_lightning.models.checkpoint import path_of
from fer_lightning.utils.checksums import sha256
from tests.helpers import run_command


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


@pytest.mark.parametrize("name", SHIPPED_BUNDLES)
def test_a_shipped_bundle_is_made_of_the_shipped_weights(name):
    require_intact(shipped_bundle(name))
    weights = read_manifest(shipped_bundle(name))["weights"]
    assert weights["checkpoint"] == SHIPPED_WEIGHTS[name]
    assert weights["sha256"] == sha256(path_of(name))


def test_a_folder_of_an_app_has_no_manifest(tmp_path):
    (tmp_path / "FER2013.tflite").write_bytes((shipped_bundle() / "FER2013.tflite").read_bytes())
    require_intact(tmp_path)
    (tmp_path / "FER2013.tflite").write_bytes(b"not a model")
    with pytest.raises(FerError, match="LiteRT cannot load "):
        require_intact(tmp_path)
