from pathlib import Path

import pytest

from fer_lightning.errors import FerError
from fer_lightning.utils import atomic_dir


def folder_with(path, text="old"):
    path.mkdir()
    (path / "model").write_text(text)
    return path


def test_replaces_a_former_folder_when_whole(tmp_path):
    out = folder_with(tmp_path / "app")
    with atomic_dir.building(out) as folder:
        assert (out / "model").read_text() == "old"
        (folder / "model").write_text("new")
    assert {path.name for path in out.iterdir()} == {"model"}
    assert [path.name for path in tmp_path.iterdir()] == ["app"]


def test_keeps_the_former_folder_on_failure(tmp_path):
    out = folder_with(tmp_path / "app")

    def interrupted() -> None:
        with atomic_dir.building(out) as folder:
            (folder / "model").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert (out / "model").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["app"]


def test_keeps_both_folders_when_another_process_is_faster(tmp_path):
    out = folder_with(tmp_path / "app")
    setting_aside = atomic_dir._set_aside(out)
    setting_aside.__enter__()
    folder_with(tmp_path / "app", "faster")
    failure = OSError("not empty")
    with pytest.raises(OSError, match="not empty"):
        setting_aside.__exit__(OSError, failure, failure.__traceback__)
    assert (out / "model").read_text() == "faster"
    (aside,) = tmp_path.glob(".app.old.*")
    assert (aside / "app" / "model").read_text() == "old"


def test_a_link_stays_a_link(tmp_path):
    out = folder_with(tmp_path / "app")
    (tmp_path / "link").symlink_to(out)
    with atomic_dir.building(tmp_path / "link") as folder:
        (folder / "model").write_text("new")
    assert (tmp_path / "link").is_symlink()
    assert (out / "model").read_text() == "new"


def test_puts_the_former_folder_back_when_the_last_step_fails(tmp_path):
    out = folder_with(tmp_path / "app")

    def vanished() -> None:
        with atomic_dir.building(out) as folder:
            folder.rmdir()

    with pytest.raises(FileNotFoundError):
        vanished()
    assert (out / "model").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["app"]


def test_a_mount_point_is_refused():
    with pytest.raises(FerError, match="/ is a mount point, which cannot be replaced; choose a folder in it"):
        atomic_dir.building(Path("/")).__enter__()


@pytest.mark.parametrize("place", [".", ".."])
def test_the_working_directory_is_not_replaced(tmp_path, monkeypatch, place):
    (tmp_path / "app").mkdir()
    monkeypatch.chdir(tmp_path / "app")
    with (
        pytest.raises(FerError, match="is or contains the working directory, which cannot be replaced"),
        atomic_dir.building(Path(place)),
    ):
        pass
    assert (tmp_path / "app").is_dir()
