import json
import shutil

import numpy as np
import pytest
from PIL import Image

from fer_lightning.constants import LABELS
from fer_lightning.errors import FerError
from fer_lightning.inference import video
from fer_lightning.inference.reader import ExpressionReader, Face
from fer_lightning.inference.video import Follower, VideoSource
from tests.helpers import SKIMAGE, run_command


def face(box, **probabilities):
    shares = {label: probabilities.get(label, 0.0) for label in LABELS}
    return Face(box, 0.9, shares, None, np.zeros((48, 48), np.uint8))


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A second and a half at ten frames a second: a face that moves, and nothing at the end."""
    path = tmp_path_factory.mktemp("video") / "clip.mp4"
    portrait = Image.open(SKIMAGE / "astronaut.png").convert("RGB").crop((100, 0, 400, 300))
    with video.writing(path, 10) as writer:
        for number in range(15):
            frame = Image.new("RGB", (480, 320), (90, 110, 140))
            if number < 12:
                frame.paste(portrait, (5 * number, 10))
            writer.write(frame)
    return path


def test_reads_what_was_written(clip):
    with VideoSource(clip) as frames:
        assert (frames.rate, frames.frames) == (10, 15)
        pictures = list(frames)
    assert len(pictures) == 15
    colour = np.asarray(pictures[-1])[100, 240].astype(int)
    assert np.abs(colour - (90, 110, 140)).max() < 12  # RGB, and not BGR


class Scripted(ExpressionReader):
    """Reads, in place of a picture, the faces that it is given."""

    def __init__(self):
        self.asked = []

    def read(self, image, **options):
        self.asked.append(options)
        return image


def test_smooths_over_time():
    follower = Follower(Scripted(), seconds=0.3)
    box = (0.0, 0.0, 10.0, 10.0)
    follower.read([face(box, happy=1.0)], 0.0)
    ((number, once),) = follower.read([face(box, sad=1.0)], 0.3)
    assert number == 1
    assert once.probabilities["sad"] == pytest.approx(1 - np.exp(-1))
    assert sum(once.probabilities.values()) == pytest.approx(1)
    for step in range(20):
        ((_, later),) = follower.read([face(box, sad=1.0)], 0.6 + 0.3 * step)
    assert later.label == "sad"
    assert later.probabilities["sad"] > 0.999


def test_follows_each_face_and_forgets_those_that_left():
    follower = Follower(Scripted())
    left, right = (0.0, 0.0, 10.0, 10.0), (50.0, 0.0, 60.0, 10.0)
    first = follower.read([face(left, happy=1.0), face(right, sad=1.0)], 0.0)
    second = follower.read([face((51.0, 0.0, 61.0, 10.0), sad=1.0), face((1.0, 0.0, 11.0, 10.0), happy=1.0)], 0.04)
    assert [number for number, _ in first] == [1, 2]
    assert [number for number, _ in second] == [2, 1]
    assert [read.label for _, read in second] == ["sad", "happy"]
    assert follower.read([], 1.0) == []
    ((number, read),) = follower.read([face(left, fear=1.0)], 2.0)
    assert number == 3
    assert read.probabilities["fear"] == 1.0  # nothing of the one before it


def test_searches_for_small_faces_from_time_to_time():
    reader = Scripted()
    follower = Follower(reader)
    box = (0.0, 0.0, 10.0, 10.0)
    for step in range(12):
        follower.read([face(box)] if step < 3 else [], step / 10)
    assert [step for step, asked in enumerate(reader.asked) if asked["small_faces"]] == [0, 5, 10]
    # where a face was is looked at for half a second more
    assert [len(asked["known"]) for asked in reader.asked] == [0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0]


def test_a_slow_camera():
    """A search that takes half a second is made every few seconds, and faces keep their numbers."""
    reader = Scripted()
    follower = Follower(reader)
    time, numbers, searches = 0.0, [], []
    for _ in range(60):
        ((number, _),) = follower.read([face((0.0, 0.0, 10.0, 10.0))], time)
        numbers.append(number)
        if reader.asked[-1]["small_faces"]:
            searches.append(time)
        time += 0.6 if reader.asked[-1]["small_faces"] else 0.1
    assert set(numbers) == {1}
    assert np.diff(searches) == pytest.approx(3.0, abs=0.11)


def test_a_small_face_is_followed():
    """One that is lost on the detector but for the first frame's search."""
    portrait = Image.open(SKIMAGE / "astronaut.png").convert("RGB").crop((140, 30, 320, 240)).resize((60, 70))
    follower = Follower(ExpressionReader())
    seen = []
    for number in range(5):
        frame = Image.new("RGB", (640, 480), (90, 110, 140))
        frame.paste(portrait, (60 + 4 * number, 300))
        seen.append([read for read, _ in follower.read(frame, number / 25)])
    assert seen == [[1]] * 5
    assert not ExpressionReader().read(frame, small_faces=False)


def test_the_command_reads_a_video_to_its_end(clip, bundle, tmp_path):
    words = (str(clip), "--model", str(bundle), "--json", "--out", "out")
    process = run_command("fer_lightning.predict", *words, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    frames = [json.loads(line) for line in process.stdout.splitlines()]
    assert [frame["seconds"] for frame in frames] == [number / 10 for number in range(15)]
    assert [len(frame["faces"]) for frame in frames] == [1] * 12 + [0] * 3
    assert {frame["faces"][0]["face"] for frame in frames[:12]} == {1}
    assert "15 frames" in process.stderr
    assert "face 1 in 12 of them" in process.stderr
    with VideoSource(tmp_path / "out" / "clip_expressions.mp4") as copy:
        assert len(list(copy)) == 15
    assert Image.open(tmp_path / "out" / "clip_over_time.png").width > 500


@pytest.mark.parametrize("content", [None, b"", b"no video"])
def test_what_is_no_video(tmp_path, bundle, content):
    if content is not None:
        (tmp_path / "clip.mp4").write_bytes(content)
    process = run_command("fer_lightning.predict", "clip.mp4", "--model", str(bundle), cwd=tmp_path)
    assert process.returncode == 1
    (line,) = process.stderr.splitlines()
    assert line.startswith("error: ")
    assert "clip.mp4" in line


def test_files_of_one_name_get_copies_of_their_own(clip, bundle, tmp_path):
    for folder in ("a", "b"):
        (tmp_path / folder).mkdir()
        shutil.copy(clip, tmp_path / folder / "clip.mp4")
    words = ("a/clip.mp4", "b/clip.mp4", "a/clip.mp4", "--model", str(bundle), "--json", "--out", "out")
    process = run_command("fer_lightning.predict", *words, cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert len(process.stdout.splitlines()) == 30  # what is named twice is read once
    assert sorted(path.name for path in (tmp_path / "out").glob("*.mp4")) == [
        "clip_2_expressions.mp4",
        "clip_expressions.mp4",
    ]


def test_an_interrupted_copy_is_not_left_behind(tmp_path):
    def half_written() -> None:
        with video.writing(tmp_path / "copy.mp4", 10) as writer:
            writer.write(Image.new("RGB", (64, 64)))
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half_written()
    assert list(tmp_path.iterdir()) == []


def test_no_such_camera():
    with pytest.raises(FerError, match="camera 99999999999: there is no camera of that number"):
        VideoSource(99999999999)
    with pytest.raises(FerError, match="camera 97: there is no camera of that number"):
        VideoSource(97)
