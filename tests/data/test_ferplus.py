import numpy as np
import pytest

from fer_lightning.constants import LABELS
from fer_lightning.data import ferplus
from fer_lightning.data.faces import UNKNOWN
from fer_lightning.errors import FerError

# Microsoft's order of columns, which is not ours
HEADER = "Usage,Image name,neutral,happiness,surprise,sadness,anger,disgust,fear,contempt,unknown,NF"


def votes_of(**given):
    return np.array([[given.get(column, 0) for column in ferplus.COLUMNS]], np.uint8)


@pytest.fixture
def path(tmp_path):
    path = tmp_path / ferplus.VOTES_FILE
    path.write_text(f"{HEADER}\nTraining,fer0.png,4,0,0,1,3,2,0,0,0,0\nPublicTest,,0,0,0,0,0,0,0,0,0,10\n")
    return path


def test_columns_are_found_by_name(path):
    votes = ferplus.read_votes(path)
    assert votes.dtype == np.uint8
    assert dict(zip(ferplus.COLUMNS, votes[0].tolist(), strict=True)) == {
        **dict.fromkeys(ferplus.COLUMNS, 0),
        **{"neutral": 4, "sadness": 1, "anger": 3, "disgust": 2},
    }
    assert votes[1].tolist() == [0] * 9 + [10]


def test_our_seven_classes_come_first_and_in_our_order():
    assert ferplus.FERPLUS_LABELS[:7] == LABELS
    names = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral", "contempt")
    assert names == ferplus.EXPRESSIONS


def test_distribution(path):
    shares = ferplus.distribution(ferplus.read_votes(path), ferplus.EXPRESSIONS)
    np.testing.assert_allclose(shares[0], [0.3, 0.2, 0, 0, 0.1, 0, 0.4, 0])
    assert not shares[1].any()  # no votes for any expression


@pytest.mark.parametrize(
    ("votes", "label"),
    [
        (votes_of(anger=6, neutral=4), 0),
        (votes_of(anger=5, neutral=5), UNKNOWN),  # half is no majority
        (votes_of(anger=4, neutral=3, fear=1, sadness=1, disgust=1), 0),  # single votes are slips
        (votes_of(anger=4, neutral=3, fear=3), UNKNOWN),
        (votes_of(NF=7, happiness=3), UNKNOWN),
        (votes_of(unknown=6, happiness=4), UNKNOWN),
        (votes_of(contempt=10), 7),
    ],
)
def test_majority(votes, label):
    assert ferplus.majority(votes).tolist() == [label]


def test_most_voted():
    rows = [votes_of(anger=4, fear=3, neutral=3), votes_of(NF=6, happiness=4), votes_of(unknown=5, sadness=5)]
    assert ferplus.most_voted(np.concatenate(rows)).tolist() == [0, UNKNOWN, 4]


@pytest.mark.parametrize(
    ("text", "part"),
    [
        ("Usage,neutral\nTraining,1\n", "has no column NF"),
        (
            f"{HEADER}\nTraining,a.png,4,0,0,1,3,2,0,0,0,eleven\n",
            "row 1: NF must be an integer from 0 to 10, got 'eleven'",
        ),
        (f"{HEADER}\nTraining,a.png,4,0,0,1,3,2,0,0,0,11\n", "row 1: NF must .* got '11'"),
        (f"{HEADER}\nTraining,a.png,4,0,0,1,3,2,0,0,0,{'1' * 5000}\n", f"row 1: NF must .* got '{'1' * 30}'$"),
        (f"{HEADER}\nTraining,a.png,4,0\n", "row 1: .* got None"),
        ("\xff\xfe", "is not a CSV file"),
    ],
)
def test_malformed_files_are_named_with_row_and_column(path, text, part):
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(FerError, match=rf"fer2013new\.csv.*{part}"):
        ferplus.read_votes(path)


def test_missing_file_says_where_to_get_it(tmp_path):
    with pytest.raises(FerError, match="Microsoft's FERPlus"):
        ferplus.read_votes(tmp_path / ferplus.VOTES_FILE)


def test_votes_of_another_file(path, faces):
    with pytest.raises(FerError, match=r"has 2 rows, but .* has 35: FER\+ needs"):
        ferplus.read_votes_of(faces, path.parent)
