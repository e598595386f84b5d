import csv

import numpy as np
import pytest

from fer_lightning.data import audit, ferplus
from fer_lightning.data.faces import Faces
from fer_lightning.data.row_numbers import read_row_numbers
from fer_lightning.errors import FerError
from tests.helpers import assert_one_sentence, csv_text, run_command


@pytest.fixture
def flawed(faces):
    """Drawn faces with one flaw of each kind, by row."""
    pixels, labels = faces.pixels.copy(), faces.labels.copy()
    pixels[1], labels[1] = pixels[0], labels[0]  # a repetition
    pixels[3], labels[3] = pixels[2], (labels[2] + 1) % 7  # under another label
    pixels[22], labels[22] = pixels[4], labels[4]  # of a training row, in PublicTest
    pixels[5] = np.clip(pixels[6].astype(int) + 3, 0, 255)  # a little brighter
    pixels[7] = pixels[8][:, ::-1]  # mirrored
    pixels[9] = 128
    return Faces(pixels, labels, faces.usage, "fer2013.csv")


def groups(findings, name):
    (finding,) = (each for each in findings if each.name == name)
    return [group.tolist() for group in finding.groups]


def test_finds_each_flaw(flawed):
    votes = np.zeros((len(flawed), 10), np.uint8)
    votes[:, 0] = 10
    votes[10] = [4, 0, 0, 0, 0, 0, 0, 0, 0, 6]
    votes[11] = [5, 0, 0, 0, 0, 0, 0, 0, 0, 5]
    findings = audit.examine(flawed, votes)
    assert groups(findings, "repeated") == [[0, 1], [2, 3], [4, 22]]
    assert groups(findings, "conflicting") == [[2, 3]]
    assert groups(findings, "across_splits") == [[4, 22]]
    near = groups(findings, "near")
    assert [5, 6] in near
    assert [7, 8] in near
    assert not {0, 1, 9} & {row for group in near for row in group}
    assert groups(findings, "flat") == [[9]]
    assert groups(findings, "no_face") == [[10]]


def test_nothing_wrong(faces):
    findings = audit.examine(faces, None)
    assert [finding.name for finding in findings if len(finding.rows)] == []


def test_the_command_writes_what_the_datamodule_takes(flawed, tmp_path):
    (tmp_path / "fer2013.csv").write_text(csv_text(flawed))
    process = run_command("fer_lightning.audit", f"data.dir={tmp_path}", f"hydra.run.dir={tmp_path}/out", cwd=tmp_path)
    assert process.returncode == 0, process.stderr
    assert "1 of 7 PublicTest rows have the same pixels as a row in Training" in process.stdout
    assert "put FER+'s fer2013new.csv next to the data" in process.stdout
    with (tmp_path / "out" / "findings.csv").open() as file:
        found = list(csv.DictReader(file))
    (leak,) = (each for each in found if each["problem"] == "across_splits" and each["row"] == "22")
    assert (leak["group"], leak["usage"]) == ("1", "PublicTest")
    assert read_row_numbers(tmp_path / "out" / "exclude.csv", len(flawed)).tolist() == [1, 2, 3, 9, 22]
    assert {path.stem for path in (tmp_path / "out" / "sheets").iterdir()} == {
        *("repeated", "conflicting", "across_splits", "near", "flat")
    }


def test_votes_are_used_where_they_are(flawed, tmp_path):
    (tmp_path / "fer2013.csv").write_text(csv_text(flawed))
    lines = [",".join(["0"] * 9 + ["10"])] * len(flawed)
    (tmp_path / ferplus.VOTES_FILE).write_text("\n".join([",".join(ferplus.COLUMNS), *lines]) + "\n")
    process = run_command("fer_lightning.audit", f"data.dir={tmp_path}", f"hydra.run.dir={tmp_path}/out", cwd=tmp_path)
    assert "no face, according to most" in process.stdout, process.stderr
    assert len(read_row_numbers(tmp_path / "out" / "exclude.csv", len(flawed))) == len(flawed)


def test_missing_data(tmp_path):
    process = run_command("fer_lightning.audit", f"data.dir={tmp_path}/nothing", cwd=tmp_path)
    assert_one_sentence(process, "no such folder: data.dir=")


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("number\n1\n", "has no column named row"),
        ("row\n1\nx\n", r"line 3: row must be an integer 0..9, got 'x'"),
        ("row\n10\n", "line 2: row must be an integer 0..9, got '10'"),
        ("row\n-1\n", "line 2: .* got '-1'"),
        (f"row\n{'9' * 5000}\n", f"line 2: .* got '{'9' * 30}'$"),
    ],
)
def test_wrong_lists_of_rows(tmp_path, text, part):
    (tmp_path / "exclude.csv").write_text(text)
    with pytest.raises(FerError, match=rf"exclude\.csv.*{part}"):
        read_row_numbers(tmp_path / "exclude.csv", 10)
    with pytest.raises(FerError, match=r"no such file: data\.exclude="):
        read_row_numbers(tmp_path / "nothing.csv", 10)


def test_a_list_of_rows_with_a_byte_order_mark(tmp_path):
    """Excel starts the file with a byte-order mark."""
    (tmp_path / "exclude.csv").write_text("row\n3\n", encoding="utf-8-sig")
    assert read_row_numbers(tmp_path / "exclude.csv", 10).tolist() == [3]


def test_nothing_but_flat_faces(tmp_path):
    pixels = np.full((4, 48, 48), 7, np.uint8)
    faces = Faces(pixels, np.zeros(4, np.uint8), np.array([0, 0, 1, 2], np.uint8), "flat")
    (found,) = (each for each in audit.examine(faces, None) if each.name == "near")
    assert not len(found.rows)
