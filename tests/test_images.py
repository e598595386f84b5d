import numpy as np
import pytest
from PIL import Image

from fer_lightning.errors import FerError
from fer_lightning.fer2013 import UNKNOWN
from fer_lightning.folder import load_folder
from fer_lightning.images import as_face, open_picture
from fer_lightning.preprocessing import GREY_WEIGHTS


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
    with pytest.raises(FerError, match=r"face\.png is no picture that can be read"):
        read_face(path)


def test_a_picture_that_is_cut_off(tmp_path, faces):
    path = save(tmp_path / "face.jpg", faces.pixels[0])
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(FerError, match=r"face\.jpg is no picture"):
        read_face(path)


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
    with pytest.raises(FerError, match=r"smiling is named after none of the classes angry"):
        load_folder(tmp_path)


def test_refuses_an_empty_folder(tmp_path):
    with pytest.raises(FerError, match="holds no pictures"):
        load_folder(tmp_path)
    with pytest.raises(FerError, match="is no folder"):
        load_folder(tmp_path / "nothing")
