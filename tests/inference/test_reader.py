import io
import os
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch
from PIL import Image

from fer_lightning.constants import LABELS
from fer_lightning.errors import FerError
from fer_lightning.inference.bundle_files import MODEL_FILE
from fer_lightning.inference.face_detection import FaceDetector
from fer_lightning.inference.images import open_picture
from fer_lightning.inference.pictures import as_picture
from fer_lightning.inference.reader import ExpressionReader, doubt_about
from fer_lightning.inference.tflite_model import TFLiteModel
from tests.helpers import SKIMAGE


@pytest.fixture(scope="module")
def faces_only(bundle):
    return ExpressionReader(bundle, detect=False)


def test_a_crop_goes_in_untouched(faces_only, bundle, faces):
    expected = TFLiteModel(bundle / MODEL_FILE).probabilities(faces.pixels[:3])
    for pixels, answer in zip(faces.pixels, expected, strict=False):
        (face,) = faces_only.read(pixels)
        np.testing.assert_array_equal(face.crop, pixels)
        np.testing.assert_allclose(list(face.probabilities.values()), answer)
        assert face.label == LABELS[answer.argmax()]
        assert (face.box, face.score) == ((0, 0, 48, 48), None)


def test_a_checkpoint_says_what_its_bundle_says(faces_only, checkpoint, faces):
    network = ExpressionReader(checkpoint, detect=False)
    for pixels in faces.pixels[:5]:
        ours, theirs = (reader.read(pixels)[0].probabilities for reader in (faces_only, network))
        assert ours == pytest.approx(theirs, abs=0.05)  # eight bits


def test_finds_the_face_in_a_photo(bundle):
    (face,) = ExpressionReader(bundle).read(SKIMAGE / "astronaut.png")
    assert face.crop.shape == (48, 48)
    assert sum(face.probabilities.values()) == pytest.approx(1, abs=1e-4)
    assert ExpressionReader(bundle).read(SKIMAGE / "rocket.jpg") == []


def test_every_kind_of_image_is_the_same_image(tmp_path, faces):
    pixels = faces.pixels[0]
    Image.fromarray(pixels).save(tmp_path / "face.png")
    rgb = np.stack([pixels] * 3, axis=-1)
    kinds = {
        "path": tmp_path / "face.png",
        "text": str(tmp_path / "face.png"),
        "file": io.BytesIO((tmp_path / "face.png").read_bytes()),
        "grey": pixels,
        "one channel": pixels[:, :, None],
        "RGB": rgb,
        "PIL": Image.fromarray(pixels),
        "float": pixels.astype(np.float32) / 255,
        "tensor": torch.from_numpy(rgb).permute(2, 0, 1),
        "grey tensor": torch.from_numpy(pixels)[None],
        "float tensor": torch.from_numpy(rgb).permute(2, 0, 1) / 255,
    }
    white = torch.ones(48, 48, dtype=torch.bfloat16)
    assert np.asarray(as_picture(white)).min() == 255
    for name, image in kinds.items():
        np.testing.assert_array_equal(np.asarray(as_picture(image)), rgb, err_msg=name)


@pytest.mark.parametrize(
    ("image", "part"),
    [
        (np.zeros((4, 5, 6), np.uint8), r"got \[4, 5, 6\]"),
        (np.zeros((0, 5), np.uint8), r"got \[0, 5\]"),
        (np.full((5, 5), 200.0), "from 0 to 1"),
        (np.full((5, 5), np.nan), "from 0 to 1"),
        (np.zeros((5, 5), np.int64), "int64"),
        (7, "got int"),
        (io.StringIO("text"), "got StringIO"),
        (io.BytesIO(b"no picture"), "the file cannot be read as an image"),
    ],
)
def test_what_is_no_picture(image, part):
    with pytest.raises(FerError, match=part):
        as_picture(image)


def test_doubts(faces):
    assert doubt_about(np.full((48, 48), 130, np.uint8)) == "flat"
    sharp = np.random.default_rng(0).integers(0, 256, (48, 48)).astype(np.uint8)
    assert doubt_about(sharp) is None
    few = Image.fromarray(np.random.default_rng(0).integers(0, 256, (6, 6)).astype(np.uint8))
    coarse = few.resize((48, 48), Image.Resampling.BICUBIC)
    assert doubt_about(np.asarray(coarse)) == "blurred"


def test_several_pictures_in_one_go(faces_only, faces):
    one_by_one = [faces_only.read(pixels)[0] for pixels in faces.pixels[:3]]
    together = faces_only.read(list(faces.pixels[:3]))
    assert [face.probabilities for (face,) in together] == [face.probabilities for face in one_by_one]
    assert faces_only.read([]) == []
    with pytest.raises(FerError, match="known boxes belong to one picture"):
        faces_only.read([faces.pixels[0]], known=[(0, 0, 9, 9)])


def test_numbers_rows_and_doubt_of_small_faces(bundle):
    portrait = Image.open(SKIMAGE / "astronaut.png").convert("RGB").crop((100, 0, 360, 300))
    pair = Image.new("RGB", (400, 300), (120, 140, 110))
    pair.paste(portrait.resize((62, 72), Image.Resampling.LANCZOS), (300, 100))
    pair.paste(portrait.resize((173, 200)), (40, 50))
    large, small = ExpressionReader(bundle).read(pair)
    assert (large.number, small.number) == (1, 2)
    assert (large.doubt, small.doubt) == (None, "small")
    row = small.to_row()
    assert list(row) == ["face", "left", "top", "right", "bottom", "score", "label", "doubt", *LABELS]
    assert (row["face"], row["left"], row["label"]) == (2, small.box[0], small.label)


def test_threads_share_a_reader(faces_only, faces):
    expected = [faces_only.read(pixels)[0].probabilities for pixels in faces.pixels[:20]]
    answers = {}

    def work(offset):
        for index in range(offset, 20, 4):
            answers[index] = faces_only.read(faces.pixels[index])[0].probabilities

    threads = [threading.Thread(target=work, args=(offset,)) for offset in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [answers[index] for index in range(20)] == expected


def test_threads_that_load_and_open_leave_the_process_as_it_was(tmp_path, faces):
    Image.fromarray(faces.pixels[0]).save(tmp_path / "face.png")
    before = os.fstat(2), list(warnings.filters)

    def work(_: int) -> None:
        FaceDetector(threads=1)
        for _ in range(20):
            open_picture(tmp_path / "face.png")

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(8)))
    assert (os.fstat(2), list(warnings.filters)) == before


def test_the_package_offers_the_reader():
    import fer_lightning

    assert fer_lightning.ExpressionReader is ExpressionReader
    with pytest.raises(AttributeError, match="no attribute 'Nothing'"):
        _ = fer_lightning.Nothing


@pytest.mark.parametrize("name", ["nothing", "nothing.tflite", "nothing.ckpt"])
def test_missing_models(tmp_path, name):
    with pytest.raises(FerError, match="nothing"):
        ExpressionReader(tmp_path / name)


@pytest.mark.parametrize("kind", ["rotated", "16-bit", "transparent"])
def test_an_opened_image_is_read_as_its_file(tmp_path, kind):
    picture = Image.open(SKIMAGE / "astronaut.png").convert("RGB")
    path = tmp_path / "picture.png"
    if kind == "rotated":
        path = tmp_path / "picture.jpg"
        exif = Image.Exif()
        exif[0x0112] = 6
        picture.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif)
    elif kind == "16-bit":
        Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257).save(path)
    else:
        picture.putalpha(Image.linear_gradient("L").resize(picture.size))
        picture.save(path)
    opened = Image.open(path)
    size, mode = opened.size, opened.mode
    np.testing.assert_array_equal(np.asarray(as_picture(opened)), np.asarray(as_picture(path)))
    assert (opened.size, opened.mode) == (size, mode)
    np.testing.assert_array_equal(np.asarray(as_picture(opened.copy())), np.asarray(as_picture(path)))


def test_an_opened_image_that_is_cut_off(tmp_path):
    whole = (SKIMAGE / "rocket.jpg").read_bytes()
    (tmp_path / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    with pytest.raises(FerError, match="the image cannot be read"):
        as_picture(Image.open(tmp_path / "cut.jpg"))
