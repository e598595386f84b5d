import os
import threading
import zipfile
from pathlib import Path

import numpy as np
import pytest

from fer_lightning.data import cache, kaggle_csv
from fer_lightning.data.faces import UNKNOWN, Faces, occurs_in
from fer_lightning.data.splits import official_splits, random_splits
from fer_lightning.errors import FerError
from tests.helpers import csv_text, random_images, tar_gz

ROW = " ".join(["7"] * 2304)


def write(folder: Path, name: str, faces: Faces, columns=("emotion", "pixels", "Usage"), quote: str = "") -> Path:
    path = folder / name
    path.write_text(csv_text(faces, columns, quote))
    return path


def tar_of(text: bytes) -> bytes:
    """fer2013.tar.gz as Kaggle packs it."""
    return tar_gz({"fer2013/README": b"hello", "fer2013/fer2013.csv": text})


def assert_same(got: Faces, expected: Faces, usage: bool = True) -> None:
    np.testing.assert_array_equal(got.pixels, expected.pixels)
    np.testing.assert_array_equal(got.labels, expected.labels)
    if usage:
        np.testing.assert_array_equal(got.usage, expected.usage)


class TestForms:
    @pytest.mark.parametrize(
        ("name", "columns", "quote"),
        [
            ("fer2013.csv", ("emotion", "pixels", "Usage"), ""),
            ("icml_face_data.csv", ("emotion", " Usage", " pixels"), ""),
            ("train.csv", ("emotion", "pixels"), '"'),
        ],
    )
    @pytest.mark.parametrize("zipped", [False, True])
    def test_csv_forms(self, tmp_path, faces, name, columns, quote, zipped):
        path = write(tmp_path, name, faces, columns, quote)
        if zipped:
            archive = tmp_path / f"{name}.zip"
            with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as file:
                file.write(path, f"folder/{name}")
            path.unlink()
            path = archive
        assert kaggle_csv.find_training_file(tmp_path) == path
        assert_same(cache.load(path), faces, usage="train" not in name)

    @pytest.mark.parametrize("zipped", [False, True])
    def test_tar(self, tmp_path, faces, zipped):
        path = tmp_path / "fer2013.tar.gz"
        path.write_bytes(tar_of(csv_text(faces).encode()))
        if zipped:
            with zipfile.ZipFile(tmp_path / "fer2013.tar.gz.zip", "w") as file:
                file.write(path, path.name)
            path.unlink()
            path = tmp_path / "fer2013.tar.gz.zip"
        assert_same(cache.load(kaggle_csv.find_training_file(tmp_path)), faces)

    def test_order_of_preference(self, tmp_path, faces):
        write(tmp_path, "train.csv", faces, ("emotion", "pixels"))
        write(tmp_path, "icml_face_data.csv", faces)
        assert kaggle_csv.find_training_file(tmp_path).name == "icml_face_data.csv"
        write(tmp_path, "fer2013.csv", faces)
        assert kaggle_csv.find_training_file(tmp_path).name == "fer2013.csv"

    def test_test_csv_has_no_labels(self, tmp_path, faces):
        path = write(tmp_path, "test.csv", faces, ("pixels",), '"')
        loaded = cache.load(path)
        np.testing.assert_array_equal(loaded.pixels, faces.pixels)
        assert not loaded.has_labels

    def test_nothing_there(self, tmp_path):
        with pytest.raises(FerError, match=r"contains none of fer2013\.csv"):
            kaggle_csv.find_training_file(tmp_path)
        with pytest.raises(FerError, match="no such folder"):
            kaggle_csv.find_training_file(tmp_path / "nowhere")

    def test_lenient_where_the_meaning_is_clear(self, tmp_path, faces):
        """Windows line endings, a byte-order mark, double spaces and leading zeros are accepted."""
        text = csv_text(faces).replace("\n", "\r\n").replace(" 0 ", "  000 ")
        path = tmp_path / "fer2013.csv"
        path.write_bytes(b"\xef\xbb\xbf" + text.encode())
        assert_same(cache.load(path), faces)

    def test_every_value_at_every_length(self, tmp_path):
        pixels = np.resize(np.arange(256, dtype=np.uint8), (3, 48, 48))
        pixels[1] = pixels[1].T
        expected = Faces(pixels, np.zeros(3, np.uint8), np.zeros(3, np.uint8), "")
        assert_same(cache.load(write(tmp_path, "fer2013.csv", expected)), expected)

    def test_rows_across_blocks(self, tmp_path):
        """More rows than fit into one read."""
        images = random_images(200)
        expected = Faces(images, np.arange(200, dtype=np.uint8) % 7, np.zeros(200, np.uint8), "")
        path = write(tmp_path, "fer2013.csv", expected)
        assert path.stat().st_size > 4 * kaggle_csv._READ_BYTES
        assert_same(cache.load(path), expected)


MALFORMED = {
    "empty": (b"", "the file is empty"),
    "header only": (b"emotion,pixels,Usage\n", "no rows"),
    "binary": (bytes(range(256)) * 9, "a binary file"),
    "wrong header": (b"label,image\n0,1\n", "the header 'label,image'"),
    "few pixels": (
        b"emotion,pixels\n0," + ROW.encode() + b"\n1,1 2 3\n",
        r"row 2 \(line 3\): expected 2304 pixels, found 3",
    ),
    "many pixels": (b"emotion,pixels\n0," + ROW.encode() + b" 1\n", "row 1 .*: expected 2304 pixels, found 2305"),
    "too large": (
        b"emotion,pixels\n0," + ROW.encode().replace(b"7", b"256", 1) + b"\n",
        "row 1 .*pixel 1 must be an integer from 0 to 255, got '256'",
    ),
    "four digits": (
        b"emotion,pixels\n0," + ROW.encode().replace(b"7", b"1007", 1) + b"\n",
        "pixel 1 must .* got '1007'",
    ),
    "negative": (b"emotion,pixels\n0," + ROW.encode()[:-1] + b"-7\n", "pixel 2304 must .* got '-7'"),
    "fraction": (b"emotion,pixels\n0," + ROW.encode()[:-1] + b"0.5\n", "pixel 2304 must .* got '0.5'"),
    "word": (b"emotion,pixels\n0," + ROW.encode()[:-1] + b"abc\n", "pixel 2304 must .* got 'abc'"),
    "label": (b"emotion,pixels\n7," + ROW.encode() + b"\n", "row 1 .*emotion must be 0..6, got '7'"),
    "label word": (b"emotion,pixels\nhappy," + ROW.encode() + b"\n", "emotion must be 0..6, got 'happy'"),
    "usage": (
        b"emotion,pixels,Usage\n0," + ROW.encode() + b",Testing\n",
        "row 1 .*Usage must be one of .* got 'Testing'",
    ),
    "columns": (b"emotion,pixels\n0," + ROW.encode() + b",Training\n", "expected 2 columns as in the header, found 3"),
    "blank line": (b"emotion,pixels\n\n0," + ROW.encode() + b"\n", r"row 1 \(line 2\): expected 2 columns .* found 1"),
    "cut in pixels": (
        b'emotion,pixels\n0,"' + ROW.encode()[:-4],
        "row 1 .*(no newline|the quote around the pixels is not closed)",
    ),
    "cut in a number": (
        b"emotion,pixels\n0," + ROW.encode(),
        "row 1 .*last line has no newline: the file may be truncated",
    ),
    "cut in usage": (
        b"emotion,pixels,Usage\n0," + ROW.encode() + b",Train",
        "row 1 .*Usage must be one of .* got 'Train'",
    ),
    "long header": (b"a" * 100_000 + b"\n0,1\n", "the header: the line is longer than"),
    "endless header": (b"a" * 1_000_000, "the header: the line is longer than"),
    "endless line": (b"emotion,pixels\n0," + b"1 " * 100_000, "row 1 .*longer than"),
}


class TestMalformed:
    @pytest.mark.parametrize("name", MALFORMED)
    def test_names_file_row_and_reason(self, tmp_path, name):
        content, reason = MALFORMED[name]
        path = tmp_path / "fer2013.csv"
        path.write_bytes(content)
        with pytest.raises(FerError, match=reason) as error:
            cache.load(path)
        assert "fer2013.csv" in str(error.value)
        assert len(str(error.value)) < 400
        assert [file.name for file in tmp_path.iterdir()] == ["fer2013.csv"]  # nothing cached, nothing left over

    def test_row_number_in_a_later_block(self, tmp_path):
        good = f"0,{ROW},Training\n"
        path = tmp_path / "fer2013.csv"
        path.write_text("emotion,pixels,Usage\n" + good * 300 + f"9,{ROW},Training\n" + good)
        with pytest.raises(FerError, match=r"row 301 \(line 302\): emotion must be 0..6, got '9'"):
            cache.load(path)

    def test_no_zip(self, tmp_path):
        path = tmp_path / "train.csv.zip"
        path.write_bytes(b"PK but not really")
        with pytest.raises(FerError, match=r"train\.csv\.zip: the archive is broken"):
            cache.load(path)

    def test_damaged_zip(self, tmp_path, faces):
        path = tmp_path / "fer2013.csv.zip"
        with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
            file.writestr("fer2013.csv", csv_text(faces))
        content = bytearray(path.read_bytes())
        content[len(content) // 2] ^= 0xFF
        path.write_bytes(content)
        with pytest.raises(FerError, match="fer2013"):
            cache.load(path)
        assert [file.name for file in tmp_path.iterdir()] == [path.name]

    def test_zip_without_the_csv(self, tmp_path):
        path = tmp_path / "fer2013.csv.zip"
        with zipfile.ZipFile(path, "w") as file:
            file.writestr("other.csv", "x")
        with pytest.raises(FerError, match=r"expected one fer2013\.csv in the archive, found 0"):
            cache.load(path)

    @pytest.mark.parametrize("place", [0.3, 0.5, 0.7, 0.9])
    def test_flipped_bit_in_a_tar(self, tmp_path, faces, place):
        """gzip's checksum comes last, after the rows have been parsed."""
        content = bytearray(tar_of(csv_text(faces).encode()))
        content[int(len(content) * place)] ^= 4
        path = tmp_path / "fer2013.tar.gz"
        path.write_bytes(content)
        with pytest.raises(FerError, match=r"fer2013\.tar\.gz"):
            cache.load(path)
        assert [file.name for file in tmp_path.iterdir()] == [path.name]

    def test_truncated_tar(self, tmp_path, faces):
        content = tar_of(csv_text(faces).encode())
        path = tmp_path / "fer2013.tar.gz"
        path.write_bytes(content[: len(content) // 2])
        with pytest.raises(FerError, match=r"fer2013\.tar\.gz"):
            cache.load(path)


class TestCache:
    def test_second_load_maps_the_first_ones_result(self, tmp_path, faces, monkeypatch):
        path = write(tmp_path, "fer2013.csv", faces)
        cache.load(path)
        monkeypatch.setattr(cache, "parse", lambda _: pytest.fail("parsed again"))
        loaded = cache.load(path)
        assert isinstance(loaded.pixels, np.memmap)
        assert_same(loaded, faces)

    def test_changed_file_is_read_anew(self, tmp_path, faces):
        path = write(tmp_path, "fer2013.csv", faces)
        cache.load(path)
        half = Faces(faces.pixels[:9], faces.labels[:9], faces.usage[:9], "")
        write(tmp_path, "fer2013.csv", half)
        assert_same(cache.load(path), half)

    @pytest.mark.parametrize("damage", ["truncated", "flipped", "emptied", "text"])
    def test_damaged_cache_is_rebuilt(self, tmp_path, faces, damage):
        path = write(tmp_path, "fer2013.csv", faces)
        cache.load(path)
        (cached,) = tmp_path.glob("*.cache.npy")
        content = bytearray(cached.read_bytes())
        if damage == "truncated":
            content = content[: len(content) // 2]
        elif damage == "flipped":
            content[len(content) // 2] ^= 1
        elif damage == "emptied":
            content = bytearray()
        else:
            content = bytearray(b"no numbers here" * 100)
        cached.write_bytes(content)
        assert_same(cache.load(path), faces)
        assert_same(cache.load(path), faces)

    def test_read_only_folder_uses_the_users_cache(self, tmp_path, faces, monkeypatch):
        path = write(tmp_path, "fer2013.csv", faces)
        monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
        build = cache._build_cache

        def read_only(source, place, key):  # file permissions do not stop root, who runs CI
            if place.parent == tmp_path:
                raise PermissionError(13, "Permission denied", str(place))
            build(source, place, key)

        monkeypatch.setattr(cache, "_build_cache", read_only)
        assert_same(cache.load(path), faces)
        assert len(list((tmp_path / "user" / "fer_lightning").iterdir())) == 1
        monkeypatch.setattr(cache, "parse", lambda _: pytest.fail("parsed again"))
        assert_same(cache.load(path), faces)

    def test_no_place_at_all_parses_in_memory(self, tmp_path, faces, monkeypatch):
        path = write(tmp_path, "fer2013.csv", faces)

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(cache, "_build_cache", full)
        assert_same(cache.load(path), faces)

    def test_built_by_several_at_once(self, tmp_path, faces):
        path = write(tmp_path, "fer2013.csv", faces)
        results = []
        threads = [threading.Thread(target=lambda: results.append(cache.load(path))) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(results) == 6
        for result in results:
            assert_same(result, faces)
        assert len(list(tmp_path.iterdir())) == 2  # the file and one cache

    def test_file_that_changes_while_it_is_read(self, tmp_path, faces, monkeypatch):
        path = write(tmp_path, "fer2013.csv", faces)
        parse = kaggle_csv.parse

        def slow(source):
            yield from parse(source)
            os.utime(source, (1, 1))

        monkeypatch.setattr(cache, "parse", slow)
        with pytest.raises(FerError, match="changed while it was being read"):
            cache.load(path)
        assert not list(tmp_path.glob("*.cache.npy"))


class TestSplits:
    def test_official(self, faces):
        splits = official_splits(faces)
        assert [len(splits.train), len(splits.val), len(splits.test)] == [21, 7, 7]
        assert set(faces.usage[splits.val]) == {1}

    def test_official_needs_usage(self, faces):
        bare = Faces(faces.pixels, faces.labels, np.full(len(faces), UNKNOWN, np.uint8), "train.csv")
        with pytest.raises(FerError, match=r"data\.split=random, or put fer2013\.csv"):
            official_splits(bare)

    def test_random_is_seeded_disjoint_and_leaves_public_and_private_alone(self, faces):
        splits = random_splits(faces, 0.2, seed=1)
        again = random_splits(faces, 0.2, seed=1)
        other = random_splits(faces, 0.2, seed=2)
        np.testing.assert_array_equal(splits.val, again.val)
        assert not np.array_equal(splits.val, other.val)
        assert sorted([*splits.train, *splits.val]) == sorted(faces.rows_of("Training"))
        assert len(splits.val) == 4
        np.testing.assert_array_equal(splits.test, faces.rows_of("PrivateTest"))

    def test_occurs_in(self, faces):
        images = random_images(4)
        others = np.concatenate([faces.pixels, images[[2]]])
        np.testing.assert_array_equal(occurs_in(images, others), [False, False, True, False])


def test_real_file(real_data):
    """The known counts of FER2013."""
    faces = cache.load(kaggle_csv.find_training_file(real_data))
    splits = official_splits(faces)
    assert np.bincount(faces.labels[splits.train]).tolist() == [3995, 436, 4097, 7215, 4830, 3171, 4965]
    assert (len(splits.val), len(splits.test)) == (3589, 0)
    assert occurs_in(faces.pixels[splits.val], faces.pixels[splits.train]).sum() == 280
