"""The server serves the game's files, and nothing else, to this machine only."""

import gzip
import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request

import pytest

from fer_lightning.errors import FerError
from fer_lightning.inference.bundle_files import MODEL_FILE, shipped_bundle
from fer_lightning.play import site
from fer_lightning.play.server import PlayServer
from tests.helpers import assert_one_sentence, run_command
from tests.play.conftest import ROOT


def ask(server, path, method="GET", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_port, timeout=20)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def test_pages_come_with_their_types_and_policies(server):
    for path, kind in {
        "/": "text/html",
        "/main.js": "text/javascript",
        "/style.css": "text/css",
        "/vendor/litert/litert_wasm_internal.wasm": "application/wasm",
        "/model/FER2013.tflite": "application/octet-stream",
    }.items():
        answer, _ = ask(server, path)
        assert answer.status == 200
        assert answer.headers["Content-Type"].startswith(kind)
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Permissions-Policy"] == "camera=(self)"
        policy = answer.headers["Content-Security-Policy"]
        assert policy.startswith("default-src 'none'")
        assert "unsafe-inline" not in policy
        assert "'unsafe-eval'" not in policy


def test_content_is_the_same_with_and_without_gzip(server):
    for path in ("/vendor/litert/litert_wasm_internal.wasm", "/model/labels.txt"):
        plain, body = ask(server, path)
        packed, packed_body = ask(server, path, **{"Accept-Encoding": "gzip, br"})
        assert plain.headers["Content-Encoding"] is None
        assert packed.headers["Content-Encoding"] == "gzip"
        assert gzip.decompress(packed_body) == body


def test_a_file_that_the_browser_has_is_not_sent_again(server):
    answer, _ = ask(server, "/model/FER2013.tflite")
    again, body = ask(server, "/model/FER2013.tflite", **{"If-None-Match": answer.headers["ETag"]})
    assert (again.status, body) == (304, b"")


def test_head_has_no_body(server):
    answer, body = ask(server, "/style.css", method="HEAD")
    assert (answer.status, body) == (200, b"")
    assert int(answer.headers["Content-Length"]) > 0


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS"])
def test_other_methods_are_refused(server, method):
    answer, _ = ask(server, "/", method=method)
    assert answer.status == 405
    assert answer.headers["Allow"] == "GET, HEAD"


@pytest.mark.parametrize(
    "path",
    [
        "/../server.py",
        "/%2e%2e/server.py",
        "/..%2fserver.py",
        "//etc/passwd",
        "/model/../../site.py",
        "/model/README.md",
        "/vendor/litert/litert_wasm_internal.wasm.gz",
        "/server.py",
        "/%00",
        "/views",
    ],
)
def test_other_files_do_not_exist(server, path):
    assert ask(server, path)[0].status == 404


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil.example:80"])
def test_foreign_hosts_are_refused(server, host):
    assert ask(server, "/", Host=host)[0].status == 421


def test_http_s_own_port_is_left_out_by_browsers(pages):
    with PlayServer(pages, 0) as server:
        server.server_port = 80
        assert {"127.0.0.1", "127.0.0.1:80", "localhost", "localhost:80"} == server.hosts


def test_a_malformed_target_is_not_found(server):
    with socket.create_connection(server.server_address, timeout=20) as connection:
        connection.sendall(f"GET http://[x HTTP/1.1\r\nHost: localhost:{server.server_port}\r\n\r\n".encode())
        assert connection.recv(100).startswith(b"HTTP/1.1 404 ")


def test_localhost_is_served(server):
    assert ask(server, "/", Host=f"localhost:{server.server_port}")[0].status == 200


def test_only_this_machine_is_served(server):
    assert server.server_address[0] == "127.0.0.1"


def test_a_busy_port(server, pages):
    with pytest.raises(FerError, match=rf"port {server.server_port} is in use; choose another port"):
        PlayServer(pages, server.server_port)


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_an_impossible_port(pages, tmp_path, port):
    process = run_command("fer_lightning.play", f"--port={port}", "--no-open", cwd=tmp_path)
    assert_one_sentence(process, "--port must be an integer from 0 to 65535")


def test_a_folder_that_is_no_bundle(pages, tmp_path):
    process = run_command("fer_lightning.play", "--no-open", "--model", str(tmp_path), cwd=tmp_path)
    assert_one_sentence(process, MODEL_FILE)


def test_ctrl_c_ends_it_quietly(pages):
    command = [sys.executable, "-m", "fer_lightning.play", "--port", "0", "--no-open"]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    assert line.startswith("Best Actor: http://127.0.0.1:")
    with urllib.request.urlopen(line.split()[2], timeout=20) as answer:
        assert b"<title>Best Actor</title>" in answer.read()
    process.send_signal(signal.SIGINT)
    out, errors = process.communicate(timeout=20)
    assert (process.returncode, errors.strip()) == (0, "")
    assert "Traceback" not in out


def test_pages_are_served_while_a_browser_in_the_terminal_is_open(pages, tmp_path):
    address = tmp_path / "address"
    (tmp_path / "browser").write_text(f'#!/bin/sh\necho "$1" > {address}\nexec sleep 60\n')
    (tmp_path / "browser").chmod(0o755)
    process = subprocess.Popen(
        [sys.executable, "-m", "fer_lightning.play", "--port", "0"],
        cwd=ROOT,
        env=os.environ | {"BROWSER": f"{tmp_path / 'browser'} %s"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,  # so that the browser can be ended too
    )
    try:
        url = process.stdout.readline().split()[2]
        with urllib.request.urlopen(url, timeout=20) as answer:
            assert b"<title>Best Actor</title>" in answer.read()
        end = time.monotonic() + 20
        while not address.exists():
            assert time.monotonic() < end
            time.sleep(0.02)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def test_the_command_needs_no_torch(pages, tmp_path):
    script = "import sys, fer_lightning.play.__main__; print({'torch', 'lightning', 'ai_edge_litert'} & {*sys.modules})"
    process = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True)
    assert process.stdout.strip() == "set()", process.stderr


class TestStaticFiles:
    def test_all_of_the_site_is_written(self, pages, tmp_path):
        site.write(pages, tmp_path / "game")
        written = {path.relative_to(tmp_path / "game").as_posix() for path in (tmp_path / "game").rglob("*.*")}
        assert written == {*pages, "best_actor.json"}
        model = tmp_path / "game" / "model" / "FER2013.tflite"
        assert model.read_bytes() == (shipped_bundle() / "FER2013.tflite").read_bytes()
        assert (tmp_path / "game" / "vendor/litert/litert_wasm_internal.wasm").read_bytes()[:4] == b"\0asm"

    def test_an_earlier_site_is_replaced(self, pages, tmp_path):
        game = tmp_path / "game"
        site.write(pages, game)
        (game / "main.js").write_text("old")
        site.write(pages, game)
        assert (game / "main.js").read_text() != "old"
        next_version = {f"new_{name}": page for name, page in pages.items()}
        site.write(next_version, game)
        assert not (game / "main.js").exists()
        (game / ".DS_Store").touch()  # by Finder
        site.write(pages, game)
        assert list(tmp_path.iterdir()) == [game]
        (game / "main.js").write_text("mine")
        with pytest.raises(FerError, match=r"contains main\.js, which is not part of the game"):
            site.write(next_version, game)

    def test_a_list_of_files_does_not_make_them_parts_of_the_game(self, pages, tmp_path):
        for name in ("thesis.txt", "best_actor.json"):
            (tmp_path / name).write_text('{"thesis.txt": "0"}')
        with pytest.raises(FerError, match=r"contains thesis\.txt, which is not part of the game"):
            site.write(pages, tmp_path)

    def test_files_of_editors_and_systems_are_left_out(self, pages, tmp_path, monkeypatch):
        shutil.copytree(site._WWW, tmp_path / "www")
        for name in (".DS_Store", ".main.js.swp", "views/round.js~"):
            (tmp_path / "www" / name).write_text("foreign")
        monkeypatch.setattr(site, "_WWW", tmp_path / "www")
        assert set(site.collect(shipped_bundle())) == set(pages)

    def test_foreign_files_are_kept(self, pages, tmp_path):
        (tmp_path / "thesis.txt").write_text("mine")
        with pytest.raises(FerError, match=r"contains thesis\.txt, which is not part of the game"):
            site.write(pages, tmp_path)
        assert list(tmp_path.iterdir()) == [tmp_path / "thesis.txt"]

    def test_a_file_in_the_way(self, pages, tmp_path):
        (tmp_path / "game").write_text("mine")
        with pytest.raises(FerError, match="is a file; choose a folder"):
            site.write(pages, tmp_path / "game")
