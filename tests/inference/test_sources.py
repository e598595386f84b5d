import errno
import os
from pathlib import Path

import pytest
from matplotlib.figure import Figure
from PIL import Image, ImageCms

from fer_lightning.errors import FerError
from fer_lightning.inference import sources
from fer_lightning.inference.annotate import annotate
from fer_lightning.inference.copies import Copies, Crops
from fer_lightning.inference.images import open_picture
from fer_lightning.reporting.style import save


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for name in ("p/a.jpg", "p/sub/b.PNG", "p/clip.mp4", "p/._a.jpg", "p/.hidden/c.jpg", "p/x.heic", "p/y.heic", "p/z"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    return tmp_path


def annotated(path):
    Copies(path.parent, {path: path}).save(Image.new("RGB", (60, 60)), path)


def test_a_folder_and_what_is_skipped_in_it(folder):
    annotated(folder / "p" / "a.jpg")
    found = sources.find(["p"])
    assert found.names == {
        Path("p/a.jpg"): Path("a.jpg"),
        Path("p/clip.mp4"): Path("clip.mp4"),
        Path("p/sub/b.PNG"): Path("sub/b.PNG"),
    }
    kinds = {".heic": 2, "without a suffix": 1, "hidden": 1, "annotated copy or chart": 1}
    assert found.skipped == {"p": kinds}
    assert (found.pictures(), found.videos()) == ([Path("p/a.jpg"), Path("p/sub/b.PNG")], [Path("p/clip.mp4")])


def test_only_files_that_were_written_here_count_as_copies(folder):
    annotated(folder / "p" / "a.jpg")
    Image.new("RGB", (60, 60)).save(folder / "p" / "facial_expressions.jpg")
    found = sources.find(["p/*.jpg"])
    assert list(found.names) == [Path("p/a.jpg"), Path("p/facial_expressions.jpg")]
    assert found.skipped == {"p/*.jpg": {"annotated copy or chart": 1}}


def test_names_never_leave_the_folder(folder):
    """They are where crops are written."""
    (folder / "x.jpg").touch()
    assert sources.find(["p/su*/../../*.jpg"]).names == {Path("p/sub/../../x.jpg"): Path("x.jpg")}


def test_two_stars_at_the_end_match_files(folder):
    assert set(sources.find(["p/**"]).names) >= {Path("p/a.jpg"), Path("p/sub/b.PNG")}


def test_a_file_that_is_named_is_not_skipped(folder):
    annotated(folder / "p" / "a.jpg")
    assert list(sources.find(["p/a_expressions.jpg", "p/x.heic"]).names) == [
        Path("p/a_expressions.jpg"),
        Path("p/x.heic"),
    ]


def test_words_that_name_nothing(folder):
    (folder / "empty").mkdir()
    found = sources.find(["", "empty", "*.bmp", "a**b.jpg", "x" * 5000, "0"])
    assert list(found.names) == [Path("x" * 5000), 0]
    assert len(found.complaints) == 4
    assert found.complaints[3].startswith("a**b.jpg is not a pattern") or "nothing matches" in found.complaints[3]


def test_a_folder_is_left_out(folder):
    assert list(sources.find(["p"], leave_out=Path("p/sub")).names) == [Path("p/a.jpg"), Path("p/clip.mp4")]
    assert list(sources.find(["p/*.jpg", "p/*/*.PNG"], leave_out=Path("p/sub")).names) == [Path("p/a.jpg")]


@pytest.mark.parametrize("place", ["p", "."])
def test_what_is_named_itself_is_not_left_out(folder, place):
    found = sources.find(["p", "p/sub/*"], leave_out=Path(place))
    assert list(found.names) == [Path("p/a.jpg"), Path("p/clip.mp4"), Path("p/sub/b.PNG")]


def test_copies_do_not_differ_in_capitals_alone(tmp_path):
    names = {Path("IMG_1.JPG"): Path("IMG_1.JPG"), Path("img_1.png"): Path("img_1.png")}
    paths = [str(Copies(tmp_path, names).path(source, "expressions", ".jpg")) for source in names]
    assert len({path.casefold() for path in paths}) == 2
    crops = Crops(tmp_path / "crops", names)
    for source in names:
        crops.save(Image.new("L", (48, 48)), source, 1, 1)
    written = [path.name.casefold() for path in (tmp_path / "crops").iterdir()]
    assert len(set(written)) == 2


@pytest.mark.slow
def test_many_files_of_one_name_are_numbered_in_linear_time():
    """Two hundred thousand, which took hours when each name was compared with all others."""
    names = {Path(f"{number}/img.jpg"): Path(f"{number}/img.jpg") for number in range(200_000)}
    names |= {Path("x/img_2.jpg"): Path("img_2.jpg")}
    copies = Copies(Path("out"), names)
    stems = {copies.path(source, "expressions", ".jpg").name for source in names}
    assert len(stems) == len(names)
    assert {"img_expressions.jpg", "img_2_expressions.jpg", "img_200000_expressions.jpg"} <= stems


def test_a_long_name_leaves_room_for_its_ending():
    source = Path("é" * 125 + ".jpg")
    assert len(Copies(Path("out"), {source: source}).path(source, "over_time", ".png").name.encode()) < 255


def test_links_in_the_place_of_copies_and_crops_are_refused(tmp_path):
    """What they point to would be overwritten."""
    source, letter = Path("a.jpg"), tmp_path / "letter.txt"
    letter.write_text("dear")
    (tmp_path / "a_expressions.jpg").symlink_to(letter)
    (tmp_path / "a.png").symlink_to(tmp_path / "new.png")
    picture = Image.new("RGB", (60, 60))
    with pytest.raises(FerError, match=r"a_expressions.jpg is a symbolic link"):
        Copies(tmp_path, {source: source}).save(picture, source)
    with pytest.raises(FerError, match=r"a.png is a symbolic link"):
        Crops(tmp_path, {source: source}).save(picture, source, 1, 1)
    assert letter.read_text() == "dear"
    assert not (tmp_path / "new.png").exists()


@pytest.mark.parametrize(("what", "suffix"), [("expressions", ".jpg"), ("chart", ".png"), ("over_time", ".png")])
def test_only_copies_and_charts_of_earlier_runs_are_replaced(tmp_path, what, suffix):
    source = Path("a.jpg")
    copies = Copies(tmp_path, {source: source})
    own = copies.path(source, what, suffix)
    for _ in range(2):
        if what == "expressions":
            copies.save(Image.new("RGB", (60, 60)), source)
        else:
            save(Figure(), copies.path(source, what, suffix))
    Image.new("RGB", (60, 60)).save(own)
    before = own.read_bytes()
    with pytest.raises(FerError, match=f"{own.name} exists and has no mark of fer_lightning"):
        copies.path(source, what, suffix)
    assert own.read_bytes() == before


def test_a_copy_has_the_colour_profile_of_its_source(tmp_path):
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    large = profile + bytes(200_000)  # behind which the mark is found all the same
    for mode, given, kept in (("RGB", profile, profile), ("RGB", large, large), ("CMYK", profile, None)):
        source = tmp_path / f"{mode}{len(given)}.jpg"
        Image.new(mode, (60, 60)).save(source, icc_profile=given)
        copies = Copies(tmp_path / "out", {source: source})
        copies.save(annotate(open_picture(source), []), source)
        with Image.open(copies.path(source, "expressions", ".jpg")) as copy:
            assert copy.info.get("icc_profile") == kept


def test_a_colour_profile_of_the_wrong_type_is_dropped(tmp_path):
    source = tmp_path / "a.tif"
    Image.new("RGB", (60, 60)).save(source, tiffinfo={34675: 7})
    copies = Copies(tmp_path / "out", {source: source})
    copies.save(annotate(open_picture(source), []), source)
    assert copies.written == 1


def test_a_folder_that_cannot_be_read_is_one_complaint(tmp_path, monkeypatch):
    """Root may read every folder, so the system's refusal is a stand-in."""
    (tmp_path / "locked").mkdir()

    def refuse(path):
        raise PermissionError(errno.EACCES, "Permission denied", str(path))

    monkeypatch.setattr(os, "scandir", refuse)
    found = sources.find([str(tmp_path / "locked")])
    assert found.complaints == [f"{tmp_path}/locked cannot be read: Permission denied"]
    assert not found.names
