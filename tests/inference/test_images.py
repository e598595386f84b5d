import os
import struct
import warnings

import numpy as np
import pytest
from PIL import Image

from fer_lightning.constants import GREY_WEIGHTS
from fer_lightning.data.faces import UNKNOWN
from fer_lightning.data.image_folder import load_folder
from fer_lightning.errors import FerError
from fer_lightning.inference import images
from fer_lightning.inference.annotate import annotate
from fer_lightning.inference.images import as_face, open_picture
from fer_lightning.inference.reader import ExpressionReader
from tests.helpers import SKIMAGE, run_command


def read_face(path):
    return as_face(open_picture(path))


def save(path, pixels, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return path


def test_a_face_of_the_right_size_is_read_pixel_by_pixel(tmp_path, faces):
    path = save(tmp_path / "face.png", faces.pixels[0])
    np.testing.assert_array_equal(read_face(path), faces.pixels[0])


def test_colour_becomes_grey_by_our_formula(tmp_path):
    colour = np.broadcast_to(np.array([200, 100, 50], np.uint8), (48, 48, 3)).copy()
    face = read_face(save(tmp_path / "face.png", colour))
    assert abs(int(face[0, 0]) - np.dot(GREY_WEIGHTS, colour[0, 0])) <= 1


def test_takes_the_centre_square(tmp_path):
    wide = np.zeros((96, 192), np.uint8)
    wide[:, 48:144] = 255
    assert (read_face(save(tmp_path / "face.png", wide)) == 255).mean() > 0.95


def test_turns_photos_upright(tmp_path):
    photo = np.zeros((48, 48), np.uint8)
    photo[:24] = 255
    exif = Image.Exif()
    exif[274] = 3  # upside down
    face = read_face(save(tmp_path / "face.jpg", photo, exif=exif, quality=95))
    assert face[40, 24] > 200
    assert face[8, 24] < 50


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n" + b"\0" * 50])
def test_what_is_no_picture_is_named(tmp_path, content):
    path = tmp_path / "face.png"
    path.write_bytes(content)
    with pytest.raises(FerError, match=r"face\.png cannot be read as an image"):
        read_face(path)


def test_a_picture_that_is_cut_off(tmp_path, faces):
    path = save(tmp_path / "face.jpg", faces.pixels[0])
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(FerError, match=r"face\.jpg cannot be read as an image"):
        read_face(path)


def test_a_tag_of_the_wrong_type(tmp_path, faces):
    """Pillow raises a TypeError for a TIFF whose place of the pixels is bytes instead of a number."""
    path = save(tmp_path / "face.tif", faces.pixels[0])
    path.write_bytes(path.read_bytes().replace(struct.pack("<HHI", 273, 4, 1), struct.pack("<HHI", 273, 7, 1)))
    with pytest.raises(FerError, match=r"face\.tif cannot be read as an image"):
        read_face(path)


def test_damaged_exif_data_are_not_warned_about(tmp_path, faces):
    """Pillow's warnings would be several lines on standard error, with the place of the installed package."""
    path = save(tmp_path / "face.jpg", faces.pixels[0], exif=b"Exif\0\0II*\0\x08\0\0\0\x05\0\x12\x01\x03\0")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read_face(path)
    assert caught == []


EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 50 50\n0 0 50 50 rectfill\nshowpage\n%%EOF\n"


@pytest.fixture
def ghostscript(tmp_path, monkeypatch):
    """A stand-in for Ghostscript, first on PATH; the file appears when it is run."""
    mark = tmp_path / "gs_was_run"
    program = tmp_path / "bin" / "gs"
    program.parent.mkdir()
    program.write_text(f"#!/bin/sh\ntouch {mark}\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
    return mark


def test_a_picture_never_runs_an_interpreter(tmp_path, ghostscript):
    """Pillow opens EPS with Ghostscript, which executes the file, whatever its suffix."""
    path = tmp_path / "faces" / "happy" / "1.jpg"
    path.parent.mkdir(parents=True)
    path.write_bytes(EPS)
    with pytest.raises(FerError, match=r"1\.jpg cannot be read as an image; supported formats: JPEG, PNG"):
        open_picture(path)
    with pytest.raises(FerError, match=r"1\.jpg cannot be read as an image"):
        load_folder(tmp_path / "faces")
    process = run_command("fer_lightning.predict", str(path), cwd=tmp_path)
    assert process.returncode == 1
    assert "cannot be read as an image" in process.stderr
    assert not ghostscript.exists()


@pytest.mark.parametrize("form", ["DDS", "ICO", "PDF", "TGA", "SGI", "IM"])
def test_other_formats_are_refused_by_name(tmp_path, form):
    path = tmp_path / "face.png"
    Image.new("RGB", (64, 64)).save(path, format=form)
    with pytest.raises(FerError, match=r"face\.png cannot be read as an image"):
        open_picture(path)


@pytest.mark.parametrize("form", ["JPEG", "PNG", "GIF", "BMP", "PPM", "WEBP", "TIFF"])
def test_formats(tmp_path, form):
    path = tmp_path / "face.jpg"
    Image.new("RGB", (60, 50), (200, 100, 50)).save(path, format=form)
    picture = open_picture(path)
    assert (picture.mode, picture.size) == ("RGB", (60, 50))
    np.testing.assert_allclose(picture.getpixel((30, 25)), (200, 100, 50), atol=8)


def test_transparency_lies_over_white(tmp_path):
    path = tmp_path / "face.png"
    Image.new("RGBA", (60, 50), (200, 100, 0, 51)).save(path)
    np.testing.assert_allclose(open_picture(path).getpixel((30, 25)), (244, 224, 204), atol=1)


def test_what_needs_too_much_memory_is_refused_before_it_is_decoded(tmp_path, monkeypatch):
    path = tmp_path / "face.png"
    Image.fromarray(np.zeros((400, 500), np.uint16)).save(path)
    monkeypatch.setattr(images, "MAX_BYTES", 1_500_000)
    with pytest.raises(FerError, match=r"500 x 400 pixels, which need 2\.0 MB of memory; the limit is 1\.5 MB"):
        open_picture(path)
    monkeypatch.setattr(images, "MAX_BYTES", 2_500_000)
    assert open_picture(path).size == (500, 400)


def test_a_large_jpeg_is_decoded_smaller(tmp_path, monkeypatch):
    path = tmp_path / "face.jpg"
    Image.new("RGB", (600, 400), (200, 100, 50)).save(path)
    monkeypatch.setattr(images, "MAX_BYTES", 150_000)  # of 1.9 MB in full size
    assert open_picture(path).size == (150, 100)
    Image.new("RGB", (600, 400), (200, 100, 50)).save(path, progressive=True)
    with pytest.raises(FerError, match="600 x 400 pixels"):  # all of its coefficients are in memory at once
        open_picture(path)


def test_boxes_are_in_pixels_of_the_file_even_if_it_is_decoded_smaller(tmp_path, bundle, monkeypatch):
    path = tmp_path / "portrait.jpg"
    Image.open(SKIMAGE / "astronaut.png").convert("RGB").resize((1024, 1024)).save(path, quality=95)
    reader = ExpressionReader(bundle)
    (full,) = reader.read(path)
    monkeypatch.setattr(images, "MAX_BYTES", 3_000_000)
    picture = open_picture(path)
    assert picture.size == (512, 512)
    (reduced,) = reader.read(path)
    np.testing.assert_allclose(reduced.box, full.box, atol=25)
    path = tmp_path / "odd.jpg"
    Image.new("RGB", (1001, 801), "gray").save(path)
    (whole,) = ExpressionReader(bundle, detect=False).read(path)
    assert whole.box == (0, 0, 1001, 801)
    (left, top, _, _), drawn = full.box, np.asarray(annotate(picture, [reduced])).astype(int)
    changed = np.argwhere(np.abs(drawn - np.asarray(picture)).sum(axis=2) > 100)
    assert np.abs(changed[:, 0].min() - top / 2) < 15  # the box is drawn at the face, in the smaller picture
    assert changed[:, 1].min() < left / 2 + 15
    (doubled,) = reader.read(picture.resize((1024, 1024)))
    np.testing.assert_allclose(doubled.box, full.box, atol=25)  # in pixels of what was given


@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
def test_the_depth_of_grey_pictures_is_told_by_their_largest_value(tmp_path, bits):
    path = tmp_path / "grey.tif"
    ramp = np.linspace(0, 2**bits - 1, 400).astype(np.uint16).reshape(20, 20)
    Image.fromarray(ramp).save(path)
    grey = np.asarray(open_picture(path))[..., 0]
    np.testing.assert_allclose(grey.ravel(), np.linspace(0, 255, 400), atol=1.1)


def test_only_regular_files_are_opened(tmp_path):
    os.mkfifo(tmp_path / "pipe.jpg")  # opening it would wait for a writer
    with pytest.raises(FerError, match=r"pipe\.jpg is not a regular file"):
        open_picture(tmp_path / "pipe.jpg")
    (tmp_path / "a.jpg").symlink_to("b.jpg")
    (tmp_path / "b.jpg").symlink_to("a.jpg")
    with pytest.raises(FerError, match=r"a\.jpg cannot be read: Too many levels of symbolic links"):
        open_picture(tmp_path / "a.jpg")
    with pytest.raises(FerError, match="cannot be read: File name too long"):
        open_picture(tmp_path / ("a" * 300))


def test_folders_without_splits(tmp_path, faces):
    for row in range(4):
        save(tmp_path / ("happy" if row % 2 else "sad") / f"{row}.png", faces.pixels[row])
    (tmp_path / "happy" / "notes.txt").write_text("not a picture")
    loaded = load_folder(tmp_path)
    assert loaded.labels.tolist() == [3, 3, 4, 4]
    np.testing.assert_array_equal(loaded.pixels, faces.pixels[[1, 3, 0, 2]])
    assert set(loaded.usage.tolist()) == {UNKNOWN}


def test_folders_with_splits(tmp_path, faces):
    for row, split in enumerate(("train", "train", "val", "test")):
        save(tmp_path / split / "fear" / f"{row}.PNG", faces.pixels[row])
    loaded = load_folder(tmp_path)
    assert loaded.usage.tolist() == [0, 0, 1, 2]
    assert loaded.labels.tolist() == [2, 2, 2, 2]


def test_refuses_folders_of_other_names(tmp_path, faces):
    save(tmp_path / "smiling" / "1.png", faces.pixels[0])
    with pytest.raises(FerError, match=r"smiling is not named after one of the classes angry"):
        load_folder(tmp_path)


def test_refuses_an_empty_folder(tmp_path):
    with pytest.raises(FerError, match="contains no images"):
        load_folder(tmp_path)
    with pytest.raises(FerError, match="no such folder"):
        load_folder(tmp_path / "nothing")
