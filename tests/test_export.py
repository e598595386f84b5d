import json

import numpy as np
import onnx
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter
from torch import nn

from export import package, to_onnx, to_tflite, verify
from export.deployable import deployable
from fer_lightning.bundle import TFLiteModel
from fer_lightning.errors import FerError
from fer_lightning.labels import LABELS
from fer_lightning.network import ExpressionCNN
from tests.conftest import assert_one_sentence, csv_text, random_images, run_command
from tests.test_evaluate import save_checkpoint


def with_lived_in_batch_norm(network: nn.Module) -> nn.Module:
    """Give every batch-norm statistics and scales as training leaves them, some scales negative."""
    generator = torch.Generator().manual_seed(0)
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            for tensor in (module.weight.data, module.bias.data, module.running_mean):
                tensor.copy_(torch.randn(tensor.shape, generator=generator))
            module.running_var.copy_(torch.rand(module.running_var.shape, generator=generator) + 0.5)
    return network


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """The full-sized network, untrained, as ONNX and TFLite."""
    torch.manual_seed(0)
    model = deployable(with_lived_in_batch_norm(ExpressionCNN()))
    folder = tmp_path_factory.mktemp("export")
    to_onnx.to_onnx(model, folder / "FER2013.onnx")
    to_tflite.to_tflite(folder / "FER2013.onnx", folder / "FER2013.tflite")
    return model, folder


def test_torch_onnx_and_tflite_agree(converted):
    model, folder = converted
    images = random_images(32)
    agreements = verify.compare(model, folder / "FER2013.onnx", folder / "FER2013.tflite", images)
    assert [agreement.runtime for agreement in agreements] == ["ONNX Runtime", "LiteRT"]
    for agreement in agreements:
        agreement.require(1e-4)


def test_onnx_is_one_valid_file(converted):
    _, folder = converted
    assert [path.name for path in folder.glob("*.onnx*")] == ["FER2013.onnx"]
    graph = onnx.load(folder / "FER2013.onnx", load_external_data=False).graph
    assert [value.name for value in (*graph.input, *graph.output)] == ["image", "probabilities"]
    assert (folder / "FER2013.onnx").stat().st_size > 20_000_000


def test_the_apps_contract(converted):
    """As the app calls it: 48*48 floats, grey / 255, row by row; probabilities from output 0."""
    model, folder = converted
    interpreter = Interpreter(model_path=str(folder / "FER2013.tflite"))
    interpreter.allocate_tensors()
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    assert (taken["shape"].tolist(), taken["dtype"]) == ([1, 48, 48, 1], np.float32)
    assert (given["shape"].tolist(), given["dtype"]) == ([1, 7], np.float32)
    image = random_images(1)[0]
    flat = [float(value) / 255 for row in image.tolist() for value in row]
    interpreter.set_tensor(taken["index"], np.array(flat, np.float32).reshape(1, 48, 48, 1))
    interpreter.invoke()
    probabilities = interpreter.get_tensor(given["index"])[0]
    assert probabilities.sum() == pytest.approx(1, abs=1e-5)
    np.testing.assert_allclose(probabilities, verify.torch_probabilities(model, image[None])[0], atol=1e-5)
    np.testing.assert_array_equal(probabilities, TFLiteModel(folder / "FER2013.tflite").probabilities(image[None])[0])


def test_disagreement_is_noticed():
    expected = np.full((4, 7), 1 / 7, np.float32)
    expected[:, 2] += 0.1
    near = expected + 1e-6
    verify.Agreement.between("x", "y", expected, near).require(1e-4)
    with pytest.raises(FerError, match=r"x does not agree .*largest difference 0\.01"):
        verify.Agreement.between("x", "y", expected, expected + 0.01).require(1e-4)
    other_class = expected.copy()
    other_class[3, [2, 5]] = other_class[3, [5, 2]]
    with pytest.raises(FerError, match=r"same top class on 75\.0% of the faces"):
        verify.Agreement.between("x", "y", expected, other_class).require(1.0)
    broken = expected.copy()
    broken[0] = np.nan
    with pytest.raises(FerError, match="largest difference inf"):
        verify.Agreement.between("x", "y", expected, broken).require(1.0)


class TestPackage:
    def bundle(self, folder, text="old"):
        folder.mkdir()
        (folder / "FER2013.tflite").write_text(text)
        (folder / "labels.txt").write_text("x")
        return folder

    def test_replaces_a_former_bundle_when_whole(self, tmp_path):
        out = self.bundle(tmp_path / "app")
        with package.building(out) as folder:
            assert (out / "FER2013.tflite").read_text() == "old"
            (folder / "FER2013.tflite").write_text("new")
        assert {path.name for path in out.iterdir()} == {"FER2013.tflite"}
        assert [path.name for path in tmp_path.iterdir()] == ["app"]

    def test_keeps_the_former_bundle_on_failure(self, tmp_path):
        out = self.bundle(tmp_path / "app")

        def interrupted() -> None:
            with package.building(out) as folder:
                (folder / "FER2013.tflite").write_text("half")
                raise KeyboardInterrupt

        with pytest.raises(KeyboardInterrupt):
            interrupted()
        assert (out / "FER2013.tflite").read_text() == "old"
        assert [path.name for path in tmp_path.iterdir()] == ["app"]

    def test_puts_the_former_bundle_back_when_the_last_step_fails(self, tmp_path):
        out = self.bundle(tmp_path / "app")

        def vanished() -> None:
            with package.building(out) as folder:
                folder.rmdir()

        with pytest.raises(FileNotFoundError):
            vanished()
        assert (out / "FER2013.tflite").read_text() == "old"
        assert [path.name for path in tmp_path.iterdir()] == ["app"]

    def test_refuses_what_is_no_bundle(self, tmp_path):
        (tmp_path / "photos").mkdir()
        package.check_place(tmp_path / "photos")  # empty is fine
        (tmp_path / "photos" / "me.jpg").touch()
        with pytest.raises(FerError, match=r"holds me\.jpg, which is no part of a bundle"):
            package.check_place(tmp_path / "photos")
        assets = self.bundle(tmp_path / "assets")
        (assets / "game.png").touch()
        with pytest.raises(FerError, match=r"holds game\.png"):
            package.check_place(assets)
        with pytest.raises(FerError, match="is a file"):
            package.check_place(tmp_path / "photos" / "me.jpg")
        package.check_place(self.bundle(tmp_path / "app"))


class TestCommand:
    def test_writes_a_verified_bundle(self, tmp_path, faces):
        (tmp_path / "fer2013.csv").write_text(csv_text(faces))
        checkpoint = save_checkpoint(tmp_path / "best.ckpt")
        process = run_command(
            "export", f"ckpt={checkpoint}", "out=bundle", f"data.dir={tmp_path}", "verify.faces=256", cwd=tmp_path
        )
        assert process.returncode == 0, process.stderr
        assert {path.name for path in (tmp_path / "bundle").iterdir()} == {
            "FER2013.onnx",
            "FER2013.tflite",
            "labels.txt",
            "verification.json",
        }
        assert (tmp_path / "bundle" / "labels.txt").read_text().split("\n") == [*LABELS, ""]
        verification = json.loads((tmp_path / "bundle" / "verification.json").read_text())
        assert verification["faces"] == 256
        assert verification["source"] == "val split of fer2013.csv and drawn sample faces (not FER2013)"
        assert [file["top1"] for file in verification["files"]] == [1.0, 1.0]
        assert {path.name for path in tmp_path.iterdir()} <= {
            "bundle",
            "best.ckpt",
            "fer2013.csv",
            "fer2013.csv.cache.npy",
        }

    def test_disagreement_leaves_no_bundle(self, tmp_path):
        checkpoint = save_checkpoint(tmp_path / "best.ckpt")
        words = (f"ckpt={checkpoint}", "out=bundle", "verify.faces=256", "verify.max_difference=-1")
        process = run_command("export", *words, cwd=tmp_path)
        assert_one_sentence(process, "FER2013.onnx does not agree with the network", "no bundle was written")
        assert [path.name for path in tmp_path.iterdir()] == ["best.ckpt"]

    def test_too_few_faces(self, tmp_path):
        process = run_command("export", "ckpt=none.ckpt", "out=bundle", "verify.faces=10", cwd=tmp_path)
        assert_one_sentence(process, "verify.faces=10 is no whole number of at least 256")

    def test_missing_checkpoint(self, tmp_path):
        process = run_command("export", "ckpt=none.ckpt", "out=bundle", cwd=tmp_path)
        assert_one_sentence(process, "there is no checkpoint none.ckpt")
        assert not list(tmp_path.iterdir())
