import pytest

from fer_lightning import files


def test_failure_leaves_the_former_file_and_nothing_else(tmp_path):
    path = tmp_path / "metrics.json"
    path.write_text("old")

    def half_written() -> None:
        with files.replacing(path) as temporary:
            temporary.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        half_written()
    assert path.read_text() == "old"
    assert [file.name for file in tmp_path.iterdir()] == ["metrics.json"]


def test_replaces_and_makes_folders(tmp_path):
    path = tmp_path / "a" / "b" / "metrics.json"
    files.write_json(path, {"x": 1})
    files.write_json(path, {"x": 2})
    assert path.read_text() == '{\n  "x": 2\n}\n'
    files.copy(path, tmp_path / "c" / "copy.json")
    assert (tmp_path / "c" / "copy.json").read_text() == path.read_text()
    assert path.stat().st_mode & 0o044  # others may read
