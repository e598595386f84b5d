import contextlib
import json
import shutil
import signal
import subprocess
import sys
import time
from collections import Counter, defaultdict

import numpy as np
import onnx
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from fer_lightning.export.bundle import inventory
from fer_lightning.export.check.parity import Agreement, as_inputs, torch_probabilities
from fer_lightning.export.check.runtimes import LITERT, load
from fer_lightning.export.convert import formats, quantize
from fer_lightning.export.convert.keras import keras_network
from fer_lightning.export.convert.onnx import to_onnx
from fer_lightning.export.convert.tflite import to_tflite
from fer_lightning.export.graph.prepare import deployable, taking_pixels, taking_rgb
from torch import nn

from fer_lightning.config_rules.commands import EXPORT_FORMATS
from fer_lightning.constants import LABELS, SHIPPED_BUNDLES
from fer_lightning.data.synthetic import draw_sample
from fer_lightning.errors import FerError
from fer_lightning.inference.bundle_files import MODEL_FILE, read_manifest, shipped_bundle
from fer_lightning.inference.tflite_model import TFLiteModel
from fer_lightning.models.networks import ExpressionCNN, PhoneCNN
from tests.commands.test_evaluate import save_checkpoint
from tests.export.test_fold_batch_norm import lived_in
from tests.helpers import assert_one_sentence, csv_text, random_images, run_command

pytestmark = pytest.mark.slow


def operators(path):
    """The operators of a TFLite file, in their order."""
    model = flatbuffer_utils.read_model(str(path))
    names = {code: name for name, code in vars(schema.BuiltinOperator).items()}
    return [names[model.operatorCodes[each.opcodeIndex].builtinCode] for each in model.subgraphs[0].operators]


def weight_scales(path):
    """The scales of the int8 weights in a TFLite file, by the kind of operator."""
    model = flatbuffer_utils.read_model(str(path))
    names = {code: name for name, code in vars(schema.BuiltinOperator).items()}
    (graph,) = model.subgraphs
    found = defaultdict(list)
    for each in graph.operators:
        for tensor in (graph.tensors[index] for index in each.inputs):
            if tensor.type == schema.TensorType.INT8:
                found[names[model.operatorCodes[each.opcodeIndex].builtinCode]].append(tensor.quantization.scale)
    return found


@pytest.fixture(scope="module")
def drawn():
    return draw_sample(train=70, val=32, test=0, seed=11)


@pytest.fixture(scope="module")
def model(trained_network, drawn):
    return deployable(trained_network, as_inputs(drawn.pixels[:70]))


class TestGraph:
    """The operations that a phone has to compute."""

    @pytest.fixture(scope="class")
    def file(self, tmp_path_factory):
        """The full-sized network, with negative batch-norm scales."""
        torch.manual_seed(0)
        model = deployable(lived_in(ExpressionCNN()), torch.rand(8, 1, 48, 48))
        path = tmp_path_factory.mktemp("graph") / "model.tflite"
        to_tflite(model, path)
        return path

    def test_nothing_multiplies_behind_a_convolution(self, file):
        found = Counter(operators(file))
        assert found == {
            "CONV_2D": 8,
            "DEPTHWISE_CONV_2D": 4,  # the signs before max-pooling
            "ADD": 7,
            "MAX_POOL_2D": 4,
            "RESHAPE": 1,
            "FULLY_CONNECTED": 4,
            "SOFTMAX": 1,
        }

    def test_dense_layers_have_one_scale_for_runtimes_that_read_only_the_first(self, file, tmp_path):
        quantize.to_dynamic_range(file, tmp_path / "small.tflite")
        shipped = [shipped_bundle(name) / MODEL_FILE for name in SHIPPED_BUNDLES]
        for path in (tmp_path / "small.tflite", *shipped):
            scales = weight_scales(path)
            assert {len(each) for each in scales["FULLY_CONNECTED"]} == {1}, path
            assert max(len(each) for each in scales["CONV_2D"]) > 50

    def test_dynamic_range_is_a_quarter_of_the_size(self, file, tmp_path):
        quantize.to_dynamic_range(file, tmp_path / "small.tflite")
        assert (tmp_path / "small.tflite").stat().st_size < 5_200_000 < file.stat().st_size / 3
        images = random_images(8)
        difference = np.abs(
            TFLiteModel(tmp_path / "small.tflite").probabilities(images) - TFLiteModel(file).probabilities(images)
        )
        assert 0 < difference.max() < 0.1


def test_float32_says_what_torch_says(model, trained_network, drawn, tmp_path):
    to_tflite(model, tmp_path / "model.tflite")
    expected = torch_probabilities(nn.Sequential(trained_network, nn.Softmax(dim=1)), drawn.pixels)
    np.testing.assert_allclose(TFLiteModel(tmp_path / "model.tflite").probabilities(drawn.pixels), expected, atol=1e-5)


def test_inputs_of_pixels_and_of_three_channels_say_the_same(model, drawn):
    grey = as_inputs(drawn.pixels)
    with torch.no_grad():
        expected = model(grey)
        torch.testing.assert_close(taking_pixels(model)(torch.from_numpy(drawn.pixels[:, None])), expected)
        torch.testing.assert_close(taking_rgb(model)(grey.expand(-1, 3, -1, -1)), expected, rtol=0, atol=1e-5)
        red = torch.cat([grey, torch.zeros_like(grey), torch.zeros_like(grey)], dim=1)
        torch.testing.assert_close(taking_rgb(model)(red), model(0.299 * grey), rtol=0, atol=1e-5)


def test_onnx_is_one_valid_file_for_any_batch(model, drawn, tmp_path):
    to_onnx(model, tmp_path / "model.onnx", any_batch=True)
    assert [path.name for path in tmp_path.iterdir()] == ["model.onnx"]
    graph = onnx.load(tmp_path / "model.onnx", load_external_data=False).graph
    assert [value.name for value in (*graph.input, *graph.output)] == ["image", "probabilities"]
    session = load("ONNX Runtime", tmp_path / "model.onnx")._session
    for count in (1, 5):
        (got,) = session.run(None, {"image": drawn.pixels[:count, None].astype(np.float32) / 255})
        np.testing.assert_allclose(got, torch_probabilities(model, drawn.pixels[:count]), atol=1e-5)


def test_the_phones_network_in_keras_says_the_same(drawn):
    torch.manual_seed(0)
    network = PhoneCNN(channels=(4, 8, 8, 8)).train()
    network(torch.rand(32, 1, 48, 48))  # statistics that are not the initial ones
    network.eval()
    images = drawn.pixels[:16, ..., None].astype(np.float32) / 255
    answers = keras_network(network).predict(images, verbose=0)
    with torch.no_grad():
        expected = network(torch.from_numpy(images).permute(0, 3, 1, 2)).softmax(dim=1)
    np.testing.assert_allclose(answers, expected, atol=1e-6)


def test_saved_model_takes_any_batch(bundle, drawn):
    saved = load("TensorFlow", bundle / "saved_model")
    inputs = drawn.pixels[:5, :, :, None].astype(np.float32) / 255
    np.testing.assert_allclose(saved._run(inputs), saved.probabilities(drawn.pixels[:5]), atol=1e-5)


class TestAgreement:
    def expected(self):
        values = np.full((4, 7), 0.1, np.float32)
        values[:, 2] = 0.4
        return values

    def between(self, got, labels=(2, 2, 2, 5)):
        return Agreement.between(self.expected(), got, np.array(labels))

    def test_measures(self):
        got = self.expected()
        got[3, [2, 5]] = got[3, [5, 2]]
        agreement = self.between(got)
        assert agreement.max_difference == pytest.approx(0.3)
        assert agreement.mean_difference == pytest.approx(0.6 / 28)
        assert agreement.agreement == 0.75
        assert (agreement.accuracy, agreement.reference_accuracy) == (1.0, 0.75)

    def test_keeps_within_its_limits(self):
        self.between(self.expected() + 1e-6).require("x", {"max_difference": 1e-4, "agreement": 1, "accuracy_loss": 0})

    def test_says_what_is_broken(self):
        expected = np.tile(self.expected(), (100, 1))
        other = expected.copy()
        other[:100, [2, 5]] = other[:100, [5, 2]]
        limits = {"max_difference": 1e-4, "agreement": 0.99, "accuracy_loss": 0.5}
        with pytest.raises(FerError, match=r"x does not agree .* 0\.3, the limit is 0\.0001") as raised:
            Agreement.between(expected, other, np.full(400, 2)).require("x", limits)
        assert "on 75.00% of the faces, the limit is 99.00% and chance explains 5.00 points" in str(raised.value)
        assert "loses 25.00 points of accuracy, the limit is 0.5 and chance explains 5.00" in str(raised.value)

    @pytest.mark.parametrize(
        ("changed", "wrong", "passes"), [(19, 9, True), (5, 5, True), (40, 0, False), (30, 30, False)]
    )
    def test_chance_may_break_a_share(self, changed, wrong, passes):
        """Of 1,000 faces, ``changed`` have another top class than in torch, and ``wrong`` of them become wrong."""
        expected = np.zeros((1000, 7), np.float32)
        expected[:, 2] = 1
        got = expected.copy()
        got[:changed] = np.roll(got[:changed], 1, axis=1)
        labels = np.full(1000, 2)
        labels[wrong:changed] = 5
        agreement = Agreement.between(expected, got, labels)
        limits = {"agreement": 0.98, "accuracy_loss": 0.5}
        with contextlib.nullcontext() if passes else pytest.raises(FerError):
            agreement.require("x", limits)

    def test_no_number_is_no_agreement(self):
        broken = self.expected()
        broken[0] = np.nan
        with pytest.raises(FerError, match="NaN or infinite"):
            self.between(broken).require("x", {})


class TestPlace:
    def bundle(self, folder):
        folder.mkdir()
        (folder / "FER2013.tflite").touch()
        (folder / "model.json").write_text(json.dumps({"files": {"FER2013.tflite": {"sha256": "0"}}, "documents": {}}))
        return folder

    def test_refuses_what_is_no_bundle(self, tmp_path):
        (tmp_path / "photos").mkdir()
        inventory.check_place(tmp_path / "photos")  # empty is fine
        (tmp_path / "photos" / "me.jpg").touch()
        with pytest.raises(FerError, match=r"contains me\.jpg, which is not part of a bundle"):
            inventory.check_place(tmp_path / "photos")
        assets = self.bundle(tmp_path / "assets")
        inventory.check_place(assets)
        (assets / "variants").mkdir()
        (assets / "variants" / "game.png").touch()
        with pytest.raises(FerError, match=r"contains variants/game\.png"):
            inventory.check_place(assets)
        with pytest.raises(FerError, match="is a file"):
            inventory.check_place(tmp_path / "photos" / "me.jpg")

    def test_a_damaged_manifest_owns_nothing(self, tmp_path):
        out = self.bundle(tmp_path / "app")
        (out / "model.json").write_text("{")
        with pytest.raises(FerError, match=r"contains FER2013\.tflite"):
            inventory.check_place(out)


def test_formats_by_name():
    assert list(formats.chosen(["onnx"])) == ["dynamic_range", "onnx"]
    assert list(formats.chosen([])) == ["dynamic_range"]
    assert tuple(formats.FORMATS) == EXPORT_FORMATS  # those that export.formats= takes


class TestFullBundle:
    def test_holds_every_format(self, bundle):
        manifest = json.loads((bundle / "model.json").read_text())
        assert {entry["format"] for entry in manifest["files"].values()} == set(formats.FORMATS)
        on_disk = {path.relative_to(bundle).as_posix() for path in bundle.rglob("*") if path.is_file()}
        assert on_disk == inventory.contents(bundle)
        assert (bundle / "labels.txt").read_text().split("\n") == [*LABELS, ""]

    def test_describes_each_file(self, bundle):
        files = json.loads((bundle / "model.json").read_text())["files"]
        by_format = {entry["format"]: entry for entry in files.values()}
        default = files["FER2013.tflite"]
        assert default["inputs"] == [{"name": "image", "shape": [1, 48, 48, 1], "dtype": "float32"}]
        assert default["outputs"] == [{"name": "probabilities", "shape": [1, 7], "dtype": "float32"}]
        assert by_format["uint8_image"]["inputs"][0]["dtype"] == "uint8"
        assert by_format["mediapipe"]["inputs"][0]["shape"] == [1, 48, 48, 3]
        assert by_format["onnx"]["inputs"][0]["shape"][1:] == [1, 48, 48]
        for side in ("inputs", "outputs"):
            (tensor,) = by_format["int8_full"][side]
            assert tensor["dtype"] == "int8"
            assert tensor["scale"] == pytest.approx(1 / 256, rel=0.1)
            assert by_format["int8"][side][0]["dtype"] == "float32"
        assert by_format["mediapipe"]["multiply_adds"] > default["multiply_adds"] > 1e6
        for name, entry in files.items():
            assert sum(entry["operators"].values()) > 20, name

    def test_every_file_but_core_ml_was_compared(self, bundle):
        files = json.loads((bundle / "model.json").read_text())["files"]
        compared = {entry["format"]: entry["compared_with_torch"] for entry in files.values()}
        assert compared.pop("coreml") is None
        assert all(0.97 <= each["agreement"] <= 1 for each in compared.values())
        assert all(compared[name]["max_difference"] < 1e-4 for name in ("float32", "onnx", "saved_model"))

    def test_flip_average_reads_a_face_as_its_mirror_image(self, bundle, faces):
        plain = load(LITERT, bundle / "FER2013.tflite").probabilities
        averaged = load(LITERT, bundle / "variants" / "FER2013_flip.tflite").probabilities
        pixels, mirrored = faces.pixels, faces.pixels[..., ::-1]
        assert np.abs(plain(pixels) - plain(mirrored)).max() > 0.01
        assert np.abs(averaged(pixels) - averaged(mirrored)).max() < 1e-5
        assert np.abs(averaged(pixels) - (plain(pixels) + plain(mirrored)) / 2).max() < 1e-5

    def test_says_where_the_weights_come_from_and_not_where_they_lay(self, bundle):
        text = (bundle / "model.json").read_text()
        weights = json.loads(text)["weights"]
        assert weights["trained_with"]["data"] == {"split": "official"}
        assert weights["trained_with"]["seed"] == 0
        assert len(weights["sha256"]) == 64
        assert "someone" not in text

    def test_report_and_readme_have_a_line_for_each_file(self, bundle):
        for document in ("report.md", "README.md"):
            text = (bundle / document).read_text()
            assert all(each.file in text for each in formats.FORMATS.values()), document
        assert "from Keras" in (bundle / "report.md").read_text()
        assert (bundle / "report.png").read_bytes().startswith(b"\x89PNG")

    def test_golden_faces_tell_wrong_preprocessing(self, bundle):
        golden = json.loads((bundle / "golden.json").read_text())
        pixels = np.array([face["pixels"] for face in golden["faces"]], np.uint8).reshape(-1, 48, 48)
        expected = np.array([face["probabilities"] for face in golden["faces"]])
        model = TFLiteModel(bundle / "FER2013.tflite")
        tolerance = golden["tolerances"]["FER2013.tflite"]
        assert np.abs(model.probabilities(pixels) - expected).max() <= tolerance
        mistakes = {
            "columns first": pixels.transpose(0, 2, 1),
            "upside down": pixels[:, ::-1],
            "inverted": 255 - pixels,
            "half as bright": pixels // 2,
            "divided twice": pixels // 255,
        }
        for mistake, wrong in mistakes.items():
            assert np.abs(model.probabilities(wrong) - expected).max() > tolerance, mistake

    def test_core_ml_takes_a_picture_and_gives_labels(self, bundle):
        from fer_lightning.export.convert.coreml import import_coremltools

        package_ = import_coremltools().models.MLModel(str(bundle / "FER2013.mlpackage"), skip_model_load=True)
        description = package_.get_spec().description
        image = description.input[0].type.imageType
        assert (image.width, image.height) == (48, 48)
        assert image.colorSpace == image.GRAYSCALE
        assert description.predictedFeatureName == "classLabel"


class TestCommand:
    def test_app_bundle_from_data(self, checkpoint, tmp_path):
        """As most users call it; the data have more faces of some classes than of others."""
        (tmp_path / "fer2013.csv").write_text(csv_text(draw_sample(train=30, val=200, test=0, seed=1)))
        words = (f"ckpt={checkpoint}", "out=bundle", f"data.dir={tmp_path}", "verify.faces=256")
        process = run_command("fer_lightning.export", *words, cwd=tmp_path)
        assert process.returncode == 0, process.stderr
        manifest = json.loads((tmp_path / "bundle" / "model.json").read_text())
        assert set(manifest["files"]) == {"FER2013.tflite", "FER2013.onnx"}
        verified = manifest["verified_on"]
        assert verified["faces"] == 256
        assert verified["source"] == "val split of fer2013.csv and 56 synthetic faces (not FER2013)"
        assert verified["calibrated_on"] == "training faces of fer2013.csv"
        assert {path.name for path in tmp_path.iterdir()} == {"bundle", "fer2013.csv", "fer2013.csv.cache.npy"}
        fewer = ("export.formats=[]", "verify.limits.dynamic_range=null")
        again = run_command("fer_lightning.export", *words, *fewer, cwd=tmp_path)
        assert again.returncode == 0, again.stderr
        assert not (tmp_path / "bundle" / "FER2013.onnx").exists()

    def test_shipped_weights_without_data(self, tmp_path):
        words = ("ckpt=pretrained-phone", "out=bundle", "export.formats=[]")
        process = run_command("fer_lightning.export", *words, cwd=tmp_path)
        assert process.returncode == 0, process.stderr
        assert read_manifest(tmp_path / "bundle")["verified_on"]["faces"] == 1000

    def test_disagreement_leaves_the_former_bundle(self, checkpoint, bundle, tmp_path):
        shutil.copytree(bundle, tmp_path / "bundle")
        words = (f"ckpt={checkpoint}", "out=bundle", "verify.faces=256", "verify.limits.onnx.max_difference=0")
        process = run_command("fer_lightning.export", *words, cwd=tmp_path)
        assert_one_sentence(process, "FER2013.onnx does not agree with the network", "no bundle was written")
        assert_same_files(tmp_path / "bundle", bundle)
        assert [path.name for path in tmp_path.iterdir()] == ["bundle"]

    @pytest.mark.parametrize("seconds", [0.1, 3.0])
    def test_killed_half_way_leaves_the_former_bundle(self, checkpoint, bundle, tmp_path, seconds):
        shutil.copytree(bundle, tmp_path / "bundle")
        process = subprocess.Popen(
            [sys.executable, "-m", "fer_lightning.export", f"ckpt={checkpoint}", "out=bundle", "verify.faces=256"],
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        )
        for line in process.stdout:
            if line.startswith("converting 1/"):
                break
        time.sleep(seconds)
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
        assert_same_files(tmp_path / "bundle", bundle)

    def test_no_room_for_a_file(self, checkpoint, bundle, tmp_path):
        """A limit on file sizes stands in for a full disk, which a test cannot make everywhere."""
        shutil.copytree(bundle, tmp_path / "bundle")
        command = (
            f"ulimit -f 20; exec {sys.executable} -m fer_lightning.export ckpt={checkpoint} out=bundle verify.faces=256"
        )
        process = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, timeout=300)
        assert_one_sentence(process, "a file would grow beyond the limit on file sizes")
        assert_same_files(tmp_path / "bundle", bundle)
        assert [path.name for path in tmp_path.iterdir()] == ["bundle"]

    @pytest.mark.parametrize(
        ("word", "complaint"),
        [
            ("verify.faces=10", "verify.faces must be an integer >= 256, got 10"),
            ("+verify.limits.onnx.loss=1", "verify.limits.onnx has no key loss"),
            ("export.formats=onnx", "export.formats must be a list"),
            ("ckpt=none.ckpt", "no such file: none.ckpt"),
        ],
    )
    def test_wrong_words(self, tmp_path, word, complaint):
        words = [word] if word.startswith("ckpt") else [f"ckpt={save_checkpoint(tmp_path / 'best.ckpt')}", word]
        process = run_command("fer_lightning.export", *words, "out=bundle", cwd=tmp_path)
        assert_one_sentence(process, complaint)
        assert not (tmp_path / "bundle").exists()

    def test_a_network_with_eight_classes(self, tmp_path):
        path = save_checkpoint(tmp_path / "best.ckpt")
        content = torch.load(path, weights_only=True)
        content["hyper_parameters"]["model"]["num_classes"] = 8
        for name in ("network.36.weight", "network.36.bias"):
            content["state_dict"][name] = torch.zeros(8, *content["state_dict"][name].shape[1:])
        torch.save(content, path)
        process = run_command("fer_lightning.export", f"ckpt={path}", "out=bundle", cwd=tmp_path)
        assert_one_sentence(process, "best.ckpt has 8 classes, but a bundle needs the 7 classes")
        assert not (tmp_path / "bundle").exists()


def assert_same_files(folder, other):
    content = [
        {path.relative_to(root): path.read_bytes() for path in root.rglob("*") if path.is_file()}
        for root in (folder, other)
    ]
    assert content[0] == content[1]
