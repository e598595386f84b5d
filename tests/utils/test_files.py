import os
import stat
import threading
from pathlib import Path

import pytest

from fer_lightning.utils import files


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


def test_a_folder_is_not_replaced(tmp_path):
    def into_a_folder() -> None:
        with files.replacing(tmp_path):
            pytest.fail("the block must not begin")

    with pytest.raises(IsADirectoryError, match=tmp_path.name):
        into_a_folder()


def test_a_link_stays_and_what_it_points_to_is_replaced(tmp_path):
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.csv").write_text("old")
    link = tmp_path / "a.csv"
    link.symlink_to("there/a.csv")
    files.write_text(link, "new")
    assert link.is_symlink()
    assert (tmp_path / "there" / "a.csv").read_text() == "new"
    assert [file.name for file in (tmp_path / "there").iterdir()] == ["a.csv"]


def test_a_pipe_is_written_and_not_replaced(tmp_path):
    """/dev/null and /dev/stdout must be written directly."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    files.write_text(pipe, "rows")
    reader.join()
    assert read == ["rows"]
    assert pipe.is_fifo()


def test_a_pipe_behind_a_link_that_has_no_path(tmp_path):
    """Such a link is /dev/stdout if the output goes to a pipe."""
    end, other_end = os.pipe()
    try:
        (tmp_path / "stdout").symlink_to(f"/proc/self/fd/{other_end}")
        files.write_text(tmp_path / "stdout", "rows")
        assert os.read(end, 100) == b"rows"
    finally:
        os.close(end)
        os.close(other_end)


def test_permissions_follow_the_umask_and_the_former_file(tmp_path):
    former = os.umask(0o077)
    try:
        files.write_text(tmp_path / "new", "x")
        (tmp_path / "old").touch(mode=0o600)
        (tmp_path / "old").chmod(0o640)
        files.write_text(tmp_path / "old", "x")
    finally:
        os.umask(former)
    assert (tmp_path / "new").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "old").stat().st_mode & 0o777 == 0o640


def test_permissions_are_kept_if_a_writer_renames_a_private_file(tmp_path):
    with files.replacing(tmp_path / "weights.safetensors") as temporary:
        (tmp_path / "private").touch(mode=0o600)
        (tmp_path / "private").replace(temporary)
    assert (tmp_path / "weights.safetensors").stat().st_mode & 0o777 == 0o666 & ~files.umask()


def test_content_and_name_are_on_the_disk_when_the_block_ends(tmp_path, monkeypatch):
    done = []
    replace = Path.replace

    def renamed(self, target):
        done.append("renamed")
        return replace(self, target)

    monkeypatch.setattr(Path, "replace", renamed)
    monkeypatch.setattr(os, "fsync", lambda descriptor: done.append(stat.S_ISDIR(os.fstat(descriptor).st_mode)))
    files.write_text(tmp_path / "metrics.json", "new")
    assert done == [False, "renamed", True]  # the file's content, its name, the folder's names


def test_a_name_as_long_as_names_can_be(tmp_path):
    path = tmp_path / ("é" * 125 + ".json")
    files.write_text(path, "x")
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("content", ["", "{", "[1]", '"text"', "[" * 100_000])
def test_damaged_json_counts_as_missing_and_is_named(tmp_path, caplog, content):
    path = tmp_path / "done.json"
    assert files.read_json(path) is None
    assert caplog.text == ""
    path.write_text(content)
    assert files.read_json(path) is None
    assert f"ignoring {path}: the file is damaged" in caplog.text
