import json
import re
import shutil
import subprocess
import sys

import pytest
from fer_lightning.export.bundle import inventory
from fer_lightning.export.verify import verify

from fer_lightning.errors import FerError
from fer_lightning.utils.checksums import fingerprint
from tests.helpers import assert_one_sentence, run_command


@pytest.fixture
def copy(bundle, tmp_path):
    return shutil.copytree(bundle, tmp_path / "bundle")


def rewrite(path, change):
    content = json.loads(path.read_text())
    change(content)
    path.write_text(json.dumps(content))


def break_one_weight(path):
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 0x40
    path.write_bytes(content)


def test_whole_bundle(bundle):
    process = run_command("fer_lightning.export.verify", "bundle", "--with-tensorflow", cwd=bundle.parent)
    assert process.returncode == 0, process.stderr
    assert process.stdout.count("intact") == 11
    assert "bundle has not changed since the export; not run here: FER2013.mlpackage" in process.stdout


def test_a_saved_model_is_a_program_and_not_run_unasked(bundle):
    assert verify(bundle).not_run == ["saved_model", "FER2013.mlpackage"]


WEIGHTS = (
    "FER2013.tflite",
    "variants/FER2013_int8.tflite",
    "FER2013.onnx",
    "FER2013.mlpackage/Data/com.apple.CoreML/weights/weight.bin",
)


@pytest.mark.parametrize("file", WEIGHTS)
def test_one_broken_weight_is_named(copy, file):
    break_one_weight(copy / file)
    (sentence,) = verify(copy).wrong
    assert sentence.startswith(f"{file} has changed")


def test_failing_command(copy):
    break_one_weight(copy / "FER2013.tflite")
    process = run_command("fer_lightning.export.verify", "bundle", cwd=copy.parent)
    assert process.returncode == 1
    assert process.stderr.splitlines()[-1] == "error: FER2013.tflite has changed: its SHA-256 differs from model.json"
    assert "Traceback" not in process.stderr


def test_a_swapped_file_is_found_by_its_answers(copy):
    """The manifest was changed along with the file."""
    name = "variants/FER2013_float32.tflite"
    shutil.copy(copy / "variants" / "FER2013_int8.tflite", copy / name)
    rewrite(copy / "model.json", lambda manifest: manifest["files"][name].update(fingerprint(copy / name)))
    (sentence,) = verify(copy).wrong
    assert re.match(rf"{re.escape(name)}: wrong golden answers: 0\.\d+ off, 0\.\d+ allowed", sentence)


def test_averages_without_golden_answers(copy):
    rewrite(copy / "golden.json", lambda golden: [face.pop("flip_averaged") for face in golden["faces"]])
    rewrite(
        copy / "model.json",
        lambda manifest: manifest["documents"]["golden.json"].update(fingerprint(copy / "golden.json")),
    )
    (sentence,) = verify(copy).wrong
    assert sentence.startswith("variants/FER2013_flip.tflite: wrong golden answers: golden.json has none")


def test_missing_foreign_and_wrong_files(copy):
    (copy / "variants" / "FER2013_int8.tflite").unlink()
    (copy / "labels.txt").write_text("angry\n")
    (copy / "notes.txt").touch()
    wrong = "; ".join(verify(copy).wrong)
    assert "variants/FER2013_int8.tflite is missing" in wrong
    assert "labels.txt must contain the seven labels" in wrong
    assert "labels.txt has changed" in wrong
    assert "notes.txt is not in model.json" in wrong


def test_names_do_not_steer_the_terminal(copy):
    rewrite(
        copy / "model.json",
        lambda manifest: manifest["files"].update({"c\x1b[31mred": {"sha256": "0", "runtime": "x"}}),
    )
    process = run_command("fer_lightning.export.verify", str(copy), cwd=copy)
    assert process.returncode == 1
    assert "\x1b" not in process.stdout + process.stderr


def test_files_of_macos_are_no_part_of_a_bundle(copy):
    (copy / ".DS_Store").touch()
    assert not verify(copy).wrong
    inventory.check_place(copy)


def test_runtimes_that_do_not_exist(copy):
    rewrite(copy / "model.json", lambda manifest: manifest["files"]["FER2013.onnx"].update(runtime="[/x]"))
    assert verify(copy).wrong == ["FER2013.onnx: unknown runtime [/x]"]


def test_default_that_the_app_cannot_take(copy):
    path = copy / "FER2013.tflite"
    shutil.copy(copy / "variants" / "FER2013_uint8_image.tflite", path)
    rewrite(copy / "model.json", lambda manifest: manifest["files"][path.name].update(fingerprint(path)))
    assert any("does not keep the app's contract" in sentence for sentence in verify(copy).wrong)


@pytest.mark.parametrize(
    "name", ["../secret", "/etc/hostname", "variants/../../secret", "C:\\secret", "a\0b", "\ud800", "x" * 300]
)
def test_names_outside_the_bundle(copy, name):
    rewrite(copy / "model.json", lambda manifest: manifest["files"].update({name: {"sha256": "0"}}))
    with pytest.raises(FerError, match="is outside the bundle"):
        verify(copy)


@pytest.mark.parametrize(
    ("file", "text", "complaint"),
    [
        ("model.json", "{", r"model\.json is damaged"),
        ("model.json", "[]", r"model\.json is damaged: it is not a JSON object"),
        ("model.json", '{"files": {"a": {"sha256": "0", "parts": 5}}, "documents": {}}', r"model\.json is damaged"),
        ("model.json", '{"files": {"x": 1}, "documents": {}}', "its files are not described"),
        ("model.json", '{"files": {"x": {}}, "documents": {}}', "its files are not described"),
        ("golden.json", '{"faces": [{"pixels": [1]}]}', r"golden\.json is damaged"),
        ("golden.json", '{"faces": [], "tolerances": []}', r"golden\.json is damaged"),
    ],
)
def test_damaged_descriptions(copy, file, text, complaint):
    (copy / file).write_text(text)
    with pytest.raises(FerError, match=complaint):
        verify(copy)


@pytest.mark.parametrize(
    ("folder", "complaint"),
    [(".", "is not a bundle of this version: it has no model.json"), ("no", "no such folder: no")],
)
def test_no_bundle(tmp_path, folder, complaint):
    process = run_command("fer_lightning.export.verify", folder, cwd=tmp_path)
    assert_one_sentence(process, complaint)


def test_needs_neither_torch_nor_a_configuration(copy):
    program = (
        "import sys; sys.modules.update(torch=None, lightning=None, hydra=None); "
        f"sys.argv = ['export.verify', {str(copy)!r}]; from fer_lightning.export import verify; verify.main()"
    )
    process = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=300)
    assert process.returncode == 0, process.stderr
