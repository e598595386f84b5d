import numpy as np
import pytest
from PIL import Image, ImageEnhance

from fer_lightning.constants import LABELS
from fer_lightning.inference.reader import ExpressionReader, Face
from fer_lightning.inference.tracking import Follower
from tests.helpers import SKIMAGE

SCENE = Image.open(SKIMAGE / "coffee.png").convert("RGB").resize((320, 180))
OTHER_SCENE = Image.open(SKIMAGE / "astronaut.png").convert("RGB").resize((320, 180))


def face(box, **probabilities):
    shares = {label: probabilities.get(label, 0.0) for label in LABELS}
    return Face(box, 0.9, shares, None, np.zeros((48, 48), np.uint8))


class Scripted(ExpressionReader):
    """A reader that returns given faces for each frame."""

    def __init__(self):
        self.asked = []
        self.faces = []

    def read(self, image, **options):
        self.asked.append(options)
        return self.faces


class Script:
    """A follower whose frames are faces."""

    def __init__(self, **options):
        self.reader = Scripted()
        self._follower = Follower(self.reader, **options)

    def read(self, faces, time, frame=SCENE):
        self.reader.faces = faces
        return [(face.number, face) for face in self._follower.read(frame, time)]


def test_smooths_over_time():
    follower = Script(seconds=0.3)
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
    follower = Script()
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
    follower = Script()
    reader = follower.reader
    box = (0.0, 0.0, 10.0, 10.0)
    for step in range(12):
        follower.read([face(box)] if step < 3 else [], step / 10)
    assert [step for step, asked in enumerate(reader.asked) if asked["small_faces"]] == [0, 5, 10]
    # where a face was is looked at for half a second more
    assert [len(asked["known"]) for asked in reader.asked] == [0, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0, 0]


def test_a_slow_camera():
    """A search that takes half a second runs only every few seconds, and faces keep their numbers."""
    follower = Script(live=True)
    reader = follower.reader
    time, numbers, searches = 0.0, [], []
    for _ in range(60):
        ((number, _),) = follower.read([face((0.0, 0.0, 10.0, 10.0))], time)
        numbers.append(number)
        if reader.asked[-1]["small_faces"]:
            searches.append(time)
        time += 0.6 if reader.asked[-1]["small_faces"] else 0.1
    assert set(numbers) == {1}
    assert np.diff(searches) == pytest.approx(3.0, abs=0.11)


def test_gaps_do_not_make_searches_rare():
    """A file's times say nothing about how long a search takes, and a camera may be suspended."""
    for live, expected in ((False, [0, 1, 2, 3, 4]), (True, [0, 1])):
        follower = Script(live=live)
        for step in range(5):
            follower.read([], float(step) if not live else [0.0, 60.0, 61.0, 62.0, 64.0][step])
        assert [step for step, asked in enumerate(follower.reader.asked) if asked["small_faces"]] == expected


def test_a_scene_cut_ends_a_track():
    follower = Script()
    box = (0.0, 0.0, 10.0, 10.0)
    follower.read([face(box, angry=1.0)], 0.0)
    ((number, read),) = follower.read([face(box, happy=1.0)], 0.04, OTHER_SCENE)
    assert number == 2
    assert read.probabilities["happy"] == 1.0
    assert follower.reader.asked[-1]["small_faces"]
    assert follower.reader.asked[-1]["known"] == []


@pytest.mark.parametrize("change", ["brighter", "moved", "the same"])
def test_the_same_scene_keeps_its_tracks(change):
    after = SCENE
    if change == "brighter":
        after = ImageEnhance.Brightness(SCENE).enhance(1.8)
    elif change == "moved":
        after = Image.fromarray(np.roll(np.asarray(SCENE), 8, axis=1))
    follower = Script()
    box = (0.0, 0.0, 10.0, 10.0)
    follower.read([face(box, angry=1.0)], 0.0)
    ((number, _),) = follower.read([face(box, happy=1.0)], 0.04, after)
    assert number == 1


def test_a_small_face_is_followed():
    """A face that only the first frame's search finds."""
    portrait = Image.open(SKIMAGE / "astronaut.png").convert("RGB").crop((140, 30, 320, 240)).resize((60, 70))
    follower = Follower(ExpressionReader())
    seen = []
    for number in range(5):
        frame = Image.new("RGB", (640, 480), (90, 110, 140))
        frame.paste(portrait, (60 + 4 * number, 300))
        seen.append([face.number for face in follower.read(frame, number / 25)])
    assert seen == [[1]] * 5
    assert not ExpressionReader().read(frame, small_faces=False)
