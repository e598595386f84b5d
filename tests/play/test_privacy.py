"""Nothing leaves the page, which also works from any folder of any host."""

import functools
import http.server
import threading

import pytest

from fer_lightning.play import site
from tests.play.conftest import Recorded, open_game, score, serving

pytestmark = pytest.mark.slow

MOST_BYTES = 9_000_000  # of one load, compressed


def test_nothing_is_requested_after_loading(browser, pages):
    recorded = Recorded(pages)
    with serving(recorded) as running:
        page = open_game(browser, running.url)
        asked = list(recorded.asked)
        sizes = {name: len(pages[name or "index.html"].packed()) for name in asked}
        assert sum(sizes.values()) <= MOST_BYTES
        assert {name for name in asked if asked.count(name) > 1} <= {"icon.svg"}  # the tab asks for it once more
        before = page.requests()
        assert all(url.startswith(running.url) for url in before)
    # the server is gone now, and so is the network
    page.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
    page.click("Classic")
    page.wait_for("ready")
    page.click("I am ready")
    page.wait_for("result")
    page.click("Menu")
    page.click("Mirror")
    page.wait("document.querySelector('.reading')")
    assert page.requests() == before
    assert recorded.asked == asked
    assert page.violations() == []
    assert page.problems() == []
    page.close()


@pytest.fixture
def host(pages, tmp_path):
    """The port of a plain server with the written files at /sub/path/."""
    site.write(pages, tmp_path / "sub" / "path")

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *words):
            pass

    handler = functools.partial(Handler, directory=tmp_path)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running.server_port
        running.shutdown()


def test_static_files_below_a_path(browser, host):
    page = open_game(browser, f"http://127.0.0.1:{host}/sub/path/")
    page.click("Classic")
    page.wait_for("ready")
    page.click("I am ready")
    page.wait_for("result")
    assert score(page) > 50
    assert page.violations() == []
    assert page.problems() == []
    page.close()
    # without https, another name than this machine's own may not use the camera
    page = open_game(browser, f"http://stage.test:{host}/sub/path/")
    assert page.evaluate("document.querySelector('#photos').checked")
    page.click("Use photos")
    page.click("Classic")
    page.wait_for("trouble")
    assert "This address cannot use a camera." in page.text()
    page.close()
