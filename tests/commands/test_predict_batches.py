"""Batches with bad files: nothing is lost, and nothing half-written is left."""

import csv
import json
import os
import pty
import resource
import shlex
import shutil
import signal
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import torch
from PIL import Image

from fer_lightning.inference import video
from tests.helpers import SKIMAGE, assert_one_sentence, run_command

PREDICT = (sys.executable, "-m", "fer_lightning.predict")


@pytest.fixture
def folder(tmp_path):
    """An image with a face and a small one without."""
    shutil.copy(SKIMAGE / "astronaut.png", tmp_path / "face.png")
    Image.new("RGB", (60, 40), "navy").save(tmp_path / "none.jpg")
    return tmp_path


def predict(folder, *words, **options):
    return subprocess.run([*PREDICT, *words], cwd=folder, capture_output=True, text=True, timeout=120, **options)


def test_bad_names_and_bad_files_are_one_line_each(folder):
    long_name = "é" * 121 + ".jpg"  # 246 bytes of the 255 that a name may have
    shutil.copy(folder / "none.jpg", folder / long_name)
    shutil.copy(folder / "none.jpg", os.fsencode(folder) + b"/caf\xe9.jpg")
    shutil.copy(folder / "none.jpg", folder / "$x$ and $y.jpg")
    (folder / os.fsdecode(b"caf\xe9.mp4")).write_bytes(b"no video")
    avif = bytearray(b"\0\0\0\x1cftypavif\0\0\0\0avifmif1miaf" + bytes(200))
    (folder / "picture.avif").write_bytes(avif)
    too_long = "x" * 300 + ".jpg"
    words = (".", "picture.avif", too_long, f"none.jpg/{too_long}", "face.png/inside.jpg")
    process = predict(folder, *words, "--csv", "rows.csv", "--out", "out")
    assert process.returncode == 1
    errors = [line for line in process.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 5, process.stderr
    assert "Traceback" not in process.stderr
    rows = list(csv.DictReader((folder / "rows.csv").read_text(errors="surrogateescape").splitlines()))
    assert sorted(row["file"] for row in rows) == sorted(
        [long_name, os.fsdecode(b"caf\xe9.jpg"), "$x$ and $y.jpg", "face.png", "none.jpg"]
    )
    assert len(list((folder / "out").glob("*_expressions.jpg"))) == 5
    assert not list((folder / "out").glob(".*"))


def test_titles_that_look_like_formulas(folder):
    shutil.copy(folder / "face.png", os.fsencode(folder) + b"/$x_$ \xe9.png")
    process = predict(folder, os.fsdecode(b"$x_$ \xe9.png"), "--out", "out")
    assert process.returncode == 0, process.stderr
    assert len(list((folder / "out").glob("*_chart.png"))) == 1


@pytest.mark.parametrize("encoding", ["ascii", "latin-1"])
def test_standard_output_that_is_not_utf_8(folder, encoding):
    shutil.copy(folder / "face.png", folder / "世界 é.png")
    env = {**os.environ, "PYTHONIOENCODING": encoding, "COLUMNS": "20", "TERM": "dumb"}
    process = subprocess.run([*PREDICT, "世界 é.png"], cwd=folder, env=env, capture_output=True, timeout=120)
    assert process.returncode == 0, process.stderr
    name, row = process.stdout.decode(encoding).splitlines()[1:]
    assert name == ("\\u4e16\\u754c é.png" if encoding == "latin-1" else "\\u4e16\\u754c \\xe9.png")
    assert row.split()[0] == "1"


def test_without_standard_error(folder):
    shell = f"{shlex.join([*PREDICT, 'face.png'])} 2>&-"
    process = subprocess.run(shell, shell=True, cwd=folder, stdout=subprocess.PIPE, text=True, timeout=120)
    assert process.returncode == 0
    assert "99x99" in process.stdout


def test_names_are_no_emoji(folder):
    shutil.copy(folder / "face.png", folder / "a:smile:.png")
    process = predict(folder, "a:smile:.png", "no:smile:.jpg")
    assert "a:smile:.png" in process.stdout
    assert "no:smile:.jpg" in process.stderr


def test_crops_never_replace_pictures_of_their_form(folder):
    (folder / "crops").mkdir()
    Image.new("L", (48, 48)).save(folder / "crops" / "face.png")
    before = (folder / "crops" / "face.png").read_bytes()
    process = predict(folder, "face.png", "--crops", "crops")
    assert process.returncode == 1
    assert "crops/face.png exists and has no mark of fer_lightning" in process.stderr
    assert (folder / "crops" / "face.png").read_bytes() == before


def test_a_terminal_for_messages_does_not_swallow_the_answers(folder):
    """rich's progress bar would redirect standard output to standard error."""
    master, slave = pty.openpty()
    process = subprocess.run(
        [*PREDICT, "face.png", "none.jpg", "--json"], cwd=folder, stdout=subprocess.PIPE, stderr=slave, timeout=120
    )
    os.close(slave)
    os.close(master)
    assert [json.loads(line)["file"] for line in process.stdout.splitlines()] == ["face.png", "none.jpg"]


def test_a_second_run_does_not_read_the_copies_of_the_first(folder):
    for _ in range(2):
        process = predict(folder, ".", "--out", ".", "--json")
        assert process.returncode == 0, process.stderr
        assert [json.loads(line)["file"] for line in process.stdout.splitlines()] == ["face.png", "none.jpg"]
    assert "skipped in .: annotated copy or chart (2)" in process.stderr


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_a_signal_leaves_nothing_half_written(folder, number):
    for index in range(300):
        shutil.copy(folder / "none.jpg", folder / f"{index}.jpg")
    words = (".", "--csv", "rows.csv", "--json")
    process = subprocess.Popen(
        [*PREDICT, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(number, signal.SIG_DFL),  # nohup around the tests would be inherited
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(number)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 143, said
    assert said.splitlines() == ["interrupted"]
    assert not list(folder.glob(".*"))
    assert not (folder / "rows.csv").exists()


def test_nohup_is_obeyed(folder):
    words = ("face.png", "none.jpg", "--json")
    process = subprocess.Popen(
        [*PREDICT, *words],
        cwd=folder,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
    )
    assert process.stdout is not None
    process.stdout.readline()
    process.send_signal(signal.SIGHUP)
    out, said = process.communicate(timeout=60)
    assert (process.returncode, len(out.splitlines())) == (0, 1), said


def test_a_full_disk_ends_an_annotated_video_in_a_sentence(folder):
    """A limit on file sizes stands in for a full disk."""
    noise = np.random.default_rng(0).integers(0, 256, (12, 96, 128, 3), dtype=np.uint8)
    with video.writing(folder / "clip.mp4", 10) as writer:
        for frame in noise:
            writer.write(Image.fromarray(frame))
    limit = 20_000
    assert (folder / "clip.mp4").stat().st_size > 2 * limit
    shutil.copy(folder / "clip.mp4", folder / "other.mp4")
    process = predict(
        folder,
        "clip.mp4",
        "other.mp4",
        "--out",
        "out",
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
    )
    assert process.returncode == 1
    (line,) = (line for line in process.stderr.splitlines() if line.startswith("error: "))
    assert line.endswith("out/clip_expressions.mp4")
    assert "annotated video" not in process.stderr
    assert list((folder / "out").iterdir()) == []


def test_a_reader_that_has_had_enough_of_videos(folder):
    with video.writing(folder / "clip.mp4", 10) as writer:
        for _ in range(40):
            writer.write(Image.new("RGB", (64, 48)))
    shutil.copy(folder / "clip.mp4", folder / "other.mp4")
    command = f"{shlex.join(PREDICT)} clip.mp4 other.mp4 --json --out out | head -n 1"
    process = subprocess.run(["bash", "-c", command], cwd=folder, capture_output=True, text=True, timeout=120)
    assert (len(process.stdout.splitlines()), process.stderr) == (1, "")


@pytest.mark.parametrize(
    ("signal_number", "opened", "status"), [(signal.SIGTERM, [0], 143), (signal.SIGINT, [0, 1], 0)]
)
def test_sigterm_ends_all_cameras_and_ctrl_c_the_current_one(folder, signal_number, opened, status):
    script = f"""
        import os, sys
        from PIL import Image
        from fer_lightning.inference import video
        from fer_lightning import predict

        class Camera:
            rate, frames = 30, None
            def __init__(self, number):
                print("camera", number, flush=True)
            def __enter__(self):
                return self
            def __exit__(self, *_):
                pass
            def __iter__(self):
                for number in range(50):
                    if number == 3:
                        os.kill(os.getpid(), {int(signal_number)})
                    yield number / 30, Image.new("RGB", (64, 48))

        video.VideoSource = Camera
        sys.argv = ["fer-predict", "0", "1"]
        predict.main()
    """
    command = [sys.executable, "-c", textwrap.dedent(script)]
    process = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)
    assert process.returncode == status, process.stderr
    lines = process.stdout.splitlines()
    assert [line for line in lines if line.startswith("camera ") and len(line) == 8] == [f"camera {n}" for n in opened]


def test_a_table_in_the_place_of_a_folder(folder):
    process = predict(folder, "face.png", "--csv", ".")
    assert_one_sentence(process, "Is a directory")


def test_weights_that_are_not_numbers(folder, checkpoint):
    content = torch.load(checkpoint, weights_only=True)
    for value in content["state_dict"].values():
        if value.is_floating_point():
            value.fill_(torch.nan)
    torch.save(content, folder / "nan.ckpt")
    process = run_command("fer_lightning.predict", "face.png", "--json", "--model", "nan.ckpt", cwd=folder)
    assert process.stdout == ""
    assert_one_sentence(process, "the model's answers are not finite numbers")


def test_the_shipped_bundle_has_a_name(folder):
    named = predict(folder, "face.png", "--json", "--model", "pretrained")
    assert named.returncode == 0, named.stderr
    assert named.stdout == predict(folder, "face.png", "--json").stdout


def test_the_shipped_phone_network_has_a_name_of_its_own(folder):
    process = predict(folder, "face.png", "--json", "--model", "pretrained-phone")
    assert process.returncode == 0, process.stderr
    assert len(json.loads(process.stdout)["faces"]) == 1
    assert process.stdout != predict(folder, "face.png", "--json").stdout


def test_crops_keep_names_and_sub_folders(folder):
    (folder / "photos" / "happy").mkdir(parents=True)
    shutil.copy(folder / "face.png", folder / "photos" / "happy" / "1.png")
    shutil.copy(folder / "none.jpg", folder / "photos" / "happy" / "2.jpg")
    pair = Image.new("RGB", (1024, 512))
    for left in (0, 512):
        pair.paste(Image.open(folder / "face.png").convert("RGB"), (left, 0))
    pair.save(folder / "photos" / "happy" / "3.png")
    for _ in range(2):
        process = predict(folder, "photos", "--crops", "photos/faces")  # and does not read its own crops
        assert process.returncode == 0, process.stderr
        assert "crops of faces: 3 in photos/faces" in process.stderr
    crops = folder / "photos" / "faces"
    found = {str(path.relative_to(crops)) for path in crops.rglob("*") if path.is_file()}
    assert found == {"happy/1.png", "happy/3_face1.png", "happy/3_face2.png"}
    assert {(Image.open(crops / name).size, Image.open(crops / name).mode) for name in found} == {((48, 48), "L")}


@pytest.mark.parametrize(
    "words", [["photos/happy", "photos/sad"], ["photos/*/*.png"], ["photos/happy/1.png", "photos/sad/1.png"]]
)
def test_crops_keep_the_folders_that_name_the_classes(folder, words):
    for name in ("happy", "sad"):
        (folder / "photos" / name).mkdir(parents=True)
        shutil.copy(folder / "face.png", folder / "photos" / name / "1.png")
    process = predict(folder, *words, "nowhere/1.png", "--crops", "faces")
    assert process.returncode == 1
    assert "nowhere/1.png" in process.stderr
    found = {path.relative_to(folder / "faces").as_posix() for path in (folder / "faces").rglob("*.png")}
    assert found == {"happy/1.png", "sad/1.png"}


def test_crops_never_replace_photos(folder):
    before = (folder / "face.png").read_bytes()
    assert_one_sentence(predict(folder, "face.png", "--crops", "."), "face.png is in .", "choose another folder")
    (folder / "other").mkdir()
    (folder / "other" / "face.png").write_bytes(before)
    process = predict(folder, "face.png", "--crops", "other")
    assert process.returncode == 1
    assert "error: other/face.png exists and has no mark of fer_lightning" in process.stderr
    assert (folder / "other" / "face.png").read_bytes() == before
