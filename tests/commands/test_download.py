"""The real kaggle client against a local stand-in for Kaggle."""

import http.server
import json
import os
import threading
import zipfile
from pathlib import Path

import pytest

from fer_lightning.data import cache, kaggle_csv
from tests.helpers import assert_one_sentence, csv_text, run_command

pytestmark = pytest.mark.slow

KAGGLE_TEST_PORT = 7777  # see download_from_stand_in.py


class StandIn:
    """Answers as Kaggle does, with a list of files, redirects, ranges and refusals."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.refusal = 0
        self.break_off_after: int | None = None
        self.ranges: list[str] = []


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    @property
    def stand_in(self) -> StandIn:
        return self.server.stand_in  # type: ignore[attr-defined]

    def log_message(self, *_: object) -> None:
        pass

    def _json(self, status: int, value: object) -> None:
        content = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if self.stand_in.refusal:
            self._json(self.stand_in.refusal, {"code": self.stand_in.refusal, "message": "refused"})
        elif self.path.endswith("/ListDataFiles"):
            self._json(200, {"files": [{"name": name} for name in self.stand_in.files]})
        else:
            self.send_response(302)
            self.send_header("Location", f"/files/{body['fileName']}?signature=x")
            self.send_header("Content-Length", "0")
            self.end_headers()

    def do_GET(self) -> None:
        self._file()

    def _file(self) -> None:
        content = self.stand_in.files[self.path.split("?")[0].rsplit("/", 1)[1]]
        start = 0
        if wanted := self.headers.get("Range"):
            self.stand_in.ranges.append(wanted)
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        self.send_response(206 if start else 200)
        self.send_header("Accept-Ranges", "bytes")
        self.send_header("ETag", '"1"')
        self.send_header("Last-Modified", "Mon, 01 Jan 2024 00:00:00 GMT")
        self.send_header("Content-Type", "application/octet-stream")
        self.send_header("Content-Length", str(len(content) - start))
        self.end_headers()
        part = content[start:]
        if self.stand_in.break_off_after is not None:
            part, self.stand_in.break_off_after = part[: self.stand_in.break_off_after], None
            self.close_connection = True
        self.wfile.write(part)


@pytest.fixture
def kaggle(faces, tmp_path):
    stand_in = StandIn()
    packed = tmp_path / "packed.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("icml_face_data.csv", csv_text(faces, ("emotion", " Usage", " pixels")))
        archive.writestr("padding", bytes(3 << 20))  # the client keeps whole MiB of what it fetched
    stand_in.files = {
        "icml_face_data.csv.zip": packed.read_bytes(),
        "train.csv": csv_text(faces, ("emotion", "pixels"), '"').encode(),
        "example_submission.csv": b"not ours",
    }
    http.server.ThreadingHTTPServer.allow_reuse_address = True
    server = http.server.ThreadingHTTPServer(("127.0.0.1", KAGGLE_TEST_PORT), Handler)
    server.stand_in = stand_in  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield stand_in
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def download(tmp_path):
    """download(credentials=True): the command, as a user without other Kaggle settings runs it."""

    def run(credentials: bool = True):
        home = tmp_path / "home"
        home.mkdir(exist_ok=True)
        env = {name: value for name, value in os.environ.items() if not name.startswith("KAGGLE_")}
        env |= {"HOME": str(home), "PYTHONPATH": str(Path(__file__).parents[2]), "XDG_CACHE_HOME": str(home / "cache")}
        if credentials:
            env |= {"KAGGLE_USERNAME": "someone", "KAGGLE_KEY": "0" * 32}
        return run_command("tests.commands.download_from_stand_in", f"data.dir={tmp_path}/data", cwd=tmp_path, env=env)

    return run


def names(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if not path.name.endswith(".cache.npy")}


def test_fetches_what_the_project_reads_and_checks_it(kaggle, download, tmp_path, faces):
    process = download()
    assert process.returncode == 0, process.stderr
    assert names(tmp_path / "data") == {"icml_face_data.csv.zip", "train.csv"}
    assert "icml_face_data.csv.zip: 35 faces, complete" in process.stdout
    loaded = cache.load(kaggle_csv.find_training_file(tmp_path / "data"))
    assert (loaded.labels == faces.labels).all()


def test_second_time_writes_nothing(kaggle, download, tmp_path):
    def written() -> dict[str, int]:
        return {path.name: path.stat().st_ctime_ns for path in (tmp_path / "data").iterdir()}

    assert download().returncode == 0
    before = written()
    assert download().returncode == 0
    assert written() == before


def test_goes_on_where_it_broke_off(kaggle, download, tmp_path):
    kaggle.break_off_after = 5 << 19
    process = download()
    assert process.returncode == 0, process.stderr
    assert kaggle.ranges == [f"bytes={2 << 20}-"]
    assert (tmp_path / "data" / "icml_face_data.csv.zip").read_bytes() == kaggle.files["icml_face_data.csv.zip"]


def test_damaged_file_is_named(kaggle, download):
    kaggle.files["train.csv"] = b"emotion,pixels\n0,1 2 3\n"
    process = download()
    assert process.returncode == 1
    last = process.stderr.splitlines()[-1]  # behind the progress bars
    assert "train.csv is damaged; delete it and download it again" in last
    assert "row 1" in last
    assert "Traceback" not in process.stderr


def test_rules_not_accepted(kaggle, download):
    kaggle.refusal = 403
    assert_one_sentence(download(), "accept the competition rules first", "/rules")


def test_rejected_credentials(kaggle, download):
    kaggle.refusal = 401
    assert_one_sentence(download(), "rejected the credentials", "kaggle.json")


def test_no_credentials(kaggle, download, tmp_path):
    process = download(credentials=False)
    assert_one_sentence(process, "Kaggle credentials are missing", "/settings", str(tmp_path / "home" / ".kaggle"))
    assert not (tmp_path / "data").exists()


def test_offline(download):
    assert_one_sentence(download(), "cannot reach Kaggle", "run the command again")
