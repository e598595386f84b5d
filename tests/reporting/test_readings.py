import numpy as np
import pytest

from fer_lightning.constants import LABELS
from fer_lightning.errors import FerError
from fer_lightning.inference.reader import Face
from fer_lightning.reporting.readings import CSV_COLUMNS, Readings


def face(number=1, **probabilities):
    shares = {label: probabilities.get(label, 0.0) for label in LABELS}
    return Face((1.0, 2.0, 31.0, 42.0), 0.9, shares, "blurred", np.zeros((48, 48), np.uint8), number)


def test_each_picture_is_printed_when_it_is_read(capsys):
    with Readings(as_json=False, csv_path=None) as readings:
        readings.add_picture("[red]a.jpg", [face(happy=0.8, sad=0.2), face(2, fear=0.7, angry=0.3)])
        _, name, first, second = capsys.readouterr().out.splitlines()
        assert name == "[red]a.jpg"
        assert " ".join(first.split()) == "1 happy 80% sad 20% 30x40 at 1,2 blurred: not to be trusted"
        assert second.split()[:2] == ["2", "fear"]
        readings.add_picture("b.jpg", [])
        assert capsys.readouterr().out == "b.jpg: no face found\n"


def test_a_narrow_terminal_cuts_nothing(capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "20")
    with Readings(as_json=False, csv_path=None) as readings:
        readings.add_picture("a long name of a file.jpg", [face(surprise=1.0)])
    assert capsys.readouterr().out.splitlines()[1] == "a long name of a file.jpg"


def test_faces_of_a_frame_have_their_numbers(tmp_path):
    path = tmp_path / "rows.csv"
    with Readings(as_json=False, csv_path=path) as readings:
        readings.add_frame("clip.mp4", [face(7, happy=1.0), face(2, sad=1.0)], 0.5)
        readings.add_frame("clip.mp4", [], 0.6)
    header, *rows = path.read_text().splitlines()
    assert header.split(",") == list(CSV_COLUMNS)
    assert [row.split(",")[:3] for row in rows] == [
        ["clip.mp4", "0.5", "7"],
        ["clip.mp4", "0.5", "2"],
        ["clip.mp4", "0.6", ""],
    ]
    assert all(row.count(",") == header.count(",") for row in rows)


def test_a_video_is_summed_up_face_by_face(capsys):
    happy, sad = ([float(label == name) for label in LABELS] for name in ("happy", "sad"))
    with Readings(as_json=False, csv_path=None) as readings:
        readings.sum_up("clip.mp4", [{1: happy, 2: sad}, {1: happy}, {1: sad}, {}], 30.0)
        readings.sum_up("empty.mp4", [{}], 30.0)
    assert capsys.readouterr().out.splitlines() == [
        "clip.mp4: 4 frames, 30 a second; 2 faces",
        "  face 1 in 3 frames: happy 67%, sad 33%",
        "  face 2 in 1 frame: sad 100%",
        "empty.mp4: 1 frame, 30 a second; no face found",
    ]


def test_tables_of_earlier_versions_may_be_replaced_and_other_files_not(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("file,seconds,left,top\r\n")
    with Readings(as_json=False, csv_path=path):
        pass
    path.write_text("file;mine")
    with (
        pytest.raises(FerError, match="was not written by fer-predict; choose another file"),
        Readings(as_json=False, csv_path=path),
    ):
        pass
