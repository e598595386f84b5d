"""Tests of the command ``fer-predict``."""

import csv
import json
import os
import shutil
import struct
import subprocess
import sys
import zlib

import numpy as np
import pytest
from PIL import Image

from fer_lightning.constants import LABELS
from tests.helpers import SKIMAGE, run_command


@pytest.fixture
def folder(tmp_path):
    """An image with a face and one without, with awkward file names."""
    shutil.copy(SKIMAGE / "astronaut.png", tmp_path / "a [b] = $c,d.png")
    shutil.copy(SKIMAGE / "rocket.jpg", tmp_path / "rocket.jpg")
    return tmp_path


@pytest.fixture
def predict(folder):
    def run(*words):
        return run_command("fer_lightning.predict", *words, cwd=folder)

    return run


def bomb(path):
    """A PNG that claims 60,000 x 60,000 pixels."""
    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 0, 0, 0, 0)
    chunks = b""
    for kind, data in ((b"IHDR", header), (b"IDAT", zlib.compress(b"\0" * 60_001)), (b"IEND", b"")):
        chunks += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + chunks)


def test_a_table_of_every_face(predict):
    process = predict("a [b] = $c,d.png", "rocket.jpg")
    assert (process.returncode, process.stderr) == (0, "")
    assert "a [b] = $c,d.png" in process.stdout
    assert any(label in process.stdout for label in LABELS)
    assert "no face found" in process.stdout


def test_json_lines(predict):
    process = predict("a [b] = $c,d.png", "rocket.jpg", "--json")
    first, second = map(json.loads, process.stdout.splitlines())
    (face,) = first["faces"]
    assert first["file"] == "a [b] = $c,d.png"
    assert list(face["probabilities"]) == list(LABELS)
    assert sum(face["probabilities"].values()) == pytest.approx(1, abs=1e-3)
    assert face["label"] == max(face["probabilities"], key=face["probabilities"].get)
    assert face["score"] > 0.8
    left, top, right, bottom = face["box"]
    assert 0 < left < right < 512
    assert 0 < top < bottom < 512
    assert second == {"file": "rocket.jpg", "faces": []}


def test_csv_and_annotated_copies(predict, folder):
    process = predict(".", "--csv", "out.csv", "--out", "copies")
    assert process.returncode == 0, process.stderr
    with (folder / "out.csv").open() as file:
        face, nothing = csv.DictReader(file)
    assert face["label"] in LABELS
    assert float(face[face["label"]]) == max(float(face[label]) for label in LABELS)
    assert face["face"] == "1"
    assert nothing == dict.fromkeys(face, "") | {"file": "rocket.jpg"}
    original = np.asarray(Image.open(folder / "a [b] = $c,d.png").convert("RGB"))
    copy = np.asarray(Image.open(folder / "copies" / "a [b] = $c,d_expressions.jpg")).astype(int)
    changed = (np.abs(original - copy) > 40).any(axis=2)
    assert copy.shape == original.shape
    assert changed[60:100, 220].any()  # the box's upper edge
    assert not changed[60:100, 150].any()
    assert 0.02 < changed.mean() < 0.3
    assert [line for line in process.stderr.splitlines() if "annotated" in line] == ["annotated copies: 2 in copies"]


def test_one_picture_gets_a_chart(predict, folder):
    assert predict("a [b] = $c,d.png", "--out", "o").returncode == 0
    assert Image.open(folder / "o" / "a [b] = $c,d_chart.png").width > 500


def test_one_bad_file_does_not_stop_the_others(predict, folder):
    (folder / "empty.jpg").touch()
    (folder / "text.png").write_text("hello")
    whole = (folder / "rocket.jpg").read_bytes()
    (folder / "cut.jpg").write_bytes(whole[: len(whole) // 2])
    bomb(folder / "bomb.png")
    process = predict("empty.jpg", "text.png", "missing.jpg", "cut.jpg", "bomb.png", "a [b] = $c,d.png", "--json")
    assert process.returncode == 1
    assert [json.loads(line)["file"] for line in process.stdout.splitlines()] == ["a [b] = $c,d.png"]
    complaints = process.stderr.splitlines()
    assert len(complaints) == 5, process.stderr
    for complaint, name in zip(
        complaints, ("empty.jpg", "text.png", "missing.jpg", "cut.jpg", "bomb.png"), strict=True
    ):
        assert complaint.startswith("error: ")
        assert name in complaint
    assert "more than 178,956,970 pixels" in complaints[4]


@pytest.mark.parametrize(
    "kind", ["CMYK", "16-bit", "16-bit float", "palette", "alpha", "grey alpha", "bilevel", "animated"]
)
def test_every_kind_of_picture(predict, folder, kind):
    picture = Image.open(SKIMAGE / "astronaut.png").convert("RGB")
    path = folder / "odd.png"
    if kind == "CMYK":
        path = folder / "odd.jpg"
        picture.convert("CMYK").save(path)
    elif kind == "16-bit":
        Image.fromarray(np.asarray(picture.convert("L")).astype(np.uint16) * 257).save(path)
    elif kind == "16-bit float":
        path = folder / "odd.tif"
        Image.fromarray(np.asarray(picture.convert("L")).astype(np.float32) / 255).save(path)
    elif kind == "palette":
        picture.quantize(64).save(path, transparency=0)
    elif kind == "alpha":
        picture.putalpha(Image.linear_gradient("L").resize(picture.size).point(lambda value: 255 - value // 3))
        picture.save(path)
    elif kind == "grey alpha":
        picture.convert("LA").save(path)
    elif kind == "bilevel":
        picture.convert("1").save(path)
    else:
        path = folder / "odd.gif"
        picture.save(path, save_all=True, append_images=[Image.new("RGB", picture.size)])
    process = predict(path.name, "--json")
    assert (process.returncode, process.stderr) == (0, "")
    assert len(json.loads(process.stdout)["faces"]) == 1


def test_faces_that_are_faces_already(predict, folder, faces):
    Image.fromarray(faces.pixels[0]).save(folder / "crop.png")
    Image.new("L", (48, 48), 90).save(folder / "flat.png")
    crop, flat = map(json.loads, predict("crop.png", "flat.png", "--no-detect", "--json").stdout.splitlines())
    assert crop["faces"][0]["box"] == [0, 0, 48, 48]
    assert crop["faces"][0]["score"] is None
    assert flat["faces"][0]["doubt"] == "flat"


def test_patterns(predict):
    assert json.loads(predict("rock*.jp?", "--json").stdout)["file"] == "rocket.jpg"
    process = predict("*.bmp", "rocket.jpg", "--json")
    assert (process.returncode, process.stderr) == (1, "error: nothing matches *.bmp\n")
    assert json.loads(process.stdout)["file"] == "rocket.jpg"  # which is read all the same


def test_a_folder_without_pictures(predict, folder):
    (folder / "empty").mkdir()
    process = predict("empty")
    assert process.returncode == 1
    assert process.stderr.startswith("error: empty contains no pictures")


@pytest.mark.parametrize("words", [["--model", "nothing"], ["--model", "rocket.jpg"]])
def test_wrong_models(folder, words):
    process = run_command("fer_lightning.predict", "rocket.jpg", *words, cwd=folder)
    assert process.returncode == 1
    assert process.stderr.startswith("error: ")
    assert len(process.stderr.splitlines()) == 1


def test_a_former_csv_survives_a_failure(folder, predict):
    (folder / "out.csv").write_text("mine")
    process = predict("*.bmp", "--csv", "out.csv")
    assert process.returncode == 1
    assert (folder / "out.csv").read_text() == "mine"


@pytest.mark.parametrize("name", ["rocket.jpg", "notes.csv"])
def test_a_csv_does_not_overwrite_other_files(folder, predict, name):
    (folder / "notes.csv").write_text("name,grade\nAda,1\n")
    before = (folder / name).read_bytes()
    process = predict("a [[]b] = $c,d.png", "--csv", name)
    assert process.returncode == 1
    assert process.stderr == f"error: {name} exists and was not written by fer-predict; choose another file\n"
    assert (folder / name).read_bytes() == before


def test_a_former_table_is_replaced(folder, predict):
    for _ in range(2):
        assert predict("rocket.jpg", "--csv", "out.csv").returncode == 0
    assert len((folder / "out.csv").read_text().splitlines()) == 2


def test_no_word_and_no_pipe(folder, predict):
    os.mkfifo(folder / "pipe.jpg")
    process = predict("", "pipe.jpg", "rocket.jpg", "--json")
    assert process.returncode == 1
    assert process.stderr.splitlines() == [
        "error: a path must not be empty; use . for the working directory",
        "error: pipe.jpg is not a regular file",
    ]
    assert json.loads(process.stdout)["file"] == "rocket.jpg"


def test_links_in_a_circle(folder, predict):
    for name in ("one", "two"):
        (folder / "loop" / name).mkdir(parents=True)
        (folder / "loop" / name / "again").symlink_to(folder / "loop")
    shutil.copy(folder / "rocket.jpg", folder / "loop" / "rocket.jpg")
    for word in ("loop", "loop/**/*.jpg"):
        assert len(predict(word, "--json").stdout.splitlines()) == 1


def test_names_do_not_steer_the_terminal(folder, predict):
    name = "\x1b[31m\x1b]0;title\x07\u202egpj.jpg"
    shutil.copy(folder / "rocket.jpg", folder / name)
    (folder / "\x1b[2J.png").write_text("hello")
    process = predict(name, "\x1b[2J.png")
    assert process.returncode == 1
    assert "\x1b" not in process.stdout + process.stderr
    assert "\\x1b[2J.png cannot be read as an image" in process.stderr
    assert "\u202e" not in process.stdout


def test_a_users_file_in_the_place_of_a_copy_is_kept(folder, predict):
    shutil.copy(folder / "rocket.jpg", folder / "smile.jpg")
    shutil.copy(folder / "rocket.jpg", folder / "smile_expressions.jpg")
    before = (folder / "smile_expressions.jpg").read_bytes()
    process = predict("smile.jpg", "smile_expressions.jpg", "--out", ".")
    assert process.returncode == 1
    assert "error: smile_expressions.jpg exists and has no mark of fer_lightning" in process.stderr
    assert (folder / "smile_expressions.jpg").read_bytes() == before
    assert (folder / "smile_expressions_expressions.jpg").exists()


def test_a_name_that_the_charts_font_lacks(folder, predict):
    shutil.copy(SKIMAGE / "astronaut.png", folder / "写真.png")
    process = predict("写真.png", "--out", "out")
    assert process.returncode == 0
    assert "Warning" not in process.stderr


def test_a_name_that_is_not_utf_8(folder, predict):
    shutil.copy(folder / "rocket.jpg", os.fsencode(folder) + b"/caf\xe9.jpg")
    process = predict(".", "--csv", "out.csv", "--out", "copies")
    assert process.returncode == 0, process.stderr
    assert b"caf\xe9.jpg" in (folder / "out.csv").read_bytes()


def test_a_bundle_needs_neither_torch_nor_lightning(folder):
    code = (
        "import sys; from fer_lightning import predict; sys.argv = ['x', 'rocket.jpg']; "
        "predict.main(); heavy = {'torch', 'lightning', 'tensorflow', 'matplotlib', 'cv2', 'pandas', 'hydra'}; "
        "print('imported', sorted(heavy & set(sys.modules)))"
    )
    process = subprocess.run([sys.executable, "-c", code], cwd=folder, capture_output=True, text=True)
    assert process.stdout.splitlines()[-1] == "imported []", process.stderr


def test_a_reader_that_has_had_enough(folder):
    for number in range(20):
        shutil.copy(folder / "rocket.jpg", folder / f"rocket{number}.jpg")
    words = f"{sys.executable} -m fer_lightning.predict 'rocket*.jpg' --json"
    process = subprocess.run(f"{words} | head -1", shell=True, cwd=folder, capture_output=True, text=True)
    assert json.loads(process.stdout)["file"] == "rocket.jpg"
    assert process.stderr == ""
