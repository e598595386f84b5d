from pathlib import Path

from PIL import Image

from benchmarks import photos
from benchmarks.photos import Photo


def test_counts():
    """A face that is found twice counts once; what is found in a face or in an unjudged box is never false."""
    face, unjudged = (10.0, 10.0, 50.0, 50.0), (100.0, 10.0, 140.0, 50.0)
    hair, brow_to_chin, elsewhere = (5.0, 0.0, 55.0, 52.0), (20.0, 20.0, 42.0, 48.0), (200.0, 10.0, 240.0, 50.0)
    known = [
        Photo(Path("group.jpg"), [face, (300.0, 10.0, 340.0, 50.0)], [["happy", "surprise"], []], [unjudged]),
        Photo(Path("crowd.jpg"), [], [], crowd=True),
    ]
    read = [[(hair, "surprise"), (brow_to_chin, "sad"), (unjudged, "sad"), (elsewhere, "sad")], [(face, "sad")] * 3]
    assert photos.score(known, read) == {"faces": 2, "found": 1, "false": 1, "asked": 1, "right": 1, "crowds": 3}


def test_groups_are_made_of_one_portrait(tmp_path):
    made = photos.made(tmp_path)
    assert {len(photo.faces) > 0 for photo in made} == {True, False}
    for photo in made:
        width, height = Image.open(photo.path).size
        assert all(
            left >= 0 and top >= 0 and right <= width and bottom <= height for left, top, right, bottom in photo.faces
        )
