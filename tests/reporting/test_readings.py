import numpy as np
import pytest

from fer_lightning.constants import LABELS
from fer_lightning.errors import FerError
from fer_lightning.inference.reader import Face
from fer_lightning.reporting.readings import CSV_COLUMNS, Readings


def face(**probabilities):
    shares = {label: probabilities.get(label, 0.0) for label in LABELS}
    return Face((1.0, 2.0, 31.0, 42.0), 0.9, shares, "blurred", np.zeros((48, 48), np.uint8))


def test_each_picture_is_printed_when_it_is_read(capsys):
    with Readings(as_json=False, csv_path=None) as readings:
        readings.add_picture("[red]a.jpg", [face(happy=0.8, sad=0.2), face(fear=0.7, angry=0.3)])
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
        readings.add_frame("clip.mp4", [(7, face(happy=1.0)), (2, face(sad=1.0))], 0.5)
        readings.add_frame("clip.mp4", [], 0.6)
    header, *rows = path.read_text().splitlines()
    assert header.split(",") == list(CSV_COLUMNS)
    assert [row.split(",")[:3] for row in rows] == [
        ["clip.mp4", "0.5", "7"],
        ["clip.mp4", "0.5", "2"],
        ["clip.mp4", "0.6"],
    ]


def test_tables_of_earlier_versions_may_be_replaced_and_other_files_not(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("file,seconds,left,top\r\n")
    with Readings(as_json=False, csv_path=path):
        pass
    path.write_text("file;mine")
    with pytest.raises(FerError, match="is not a table"), Readings(as_json=False, csv_path=path):
        pass
