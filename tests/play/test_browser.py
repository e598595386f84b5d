"""The game in Chromium, with a fake camera."""

import functools
import http.server
import json
import threading

import pytest
from PIL import Image, ImageOps

from fer_lightning.constants import LABELS
from fer_lightning.inference.tflite_model import shipped_bundle
from fer_lightning.play import site
from fer_lightning.play.server import PlayServer
from tests.helpers import SKIMAGE
from tests.play.chromium import EXECUTABLE, FAKE_CAMERA, GRANTED, Browser, film
from tests.play.conftest import ROOT

pytestmark = pytest.mark.skipif(EXECUTABLE is None, reason="needs Chromium: apt-get install chromium")

AXE = ROOT / "tests" / "javascript" / "node_modules" / "axe-core" / "axe.min.js"
MOST_BYTES = 9_000_000  # of one load, compressed
# the countdown's seconds, but not the camera's patience, pass eight times as fast
HURRY = "{const wait = setTimeout; window.setTimeout = (what, ms) => wait(what, ms > 900 && ms < 3000 ? ms / 8 : ms)}"
HAPPY_FIRST = "Math.random = () => 0.5"  # draws happy first, then fear, sad, disgust, surprise


def smiling() -> Image.Image:
    return Image.open(SKIMAGE / "astronaut.png").convert("RGB").crop((60, 0, 420, 270)).resize((640, 480))


def two_faces() -> Image.Image:
    scene = Image.new("RGB", (640, 480), (70, 70, 70))
    portrait = Image.open(SKIMAGE / "astronaut.png").convert("RGB").crop((80, 0, 400, 320))
    scene.paste(portrait.resize((360, 360)), (0, 60))
    scene.paste(ImageOps.mirror(portrait).resize((270, 270)), (365, 100))
    return scene


class Recorded(dict):
    """A site that notes what is asked of it."""

    def __init__(self, pages):
        super().__init__(pages)
        self.asked = []

    def get(self, name, default=None):
        self.asked.append(name)
        return super().get(name, default)


@pytest.fixture
def server(pages):
    with PlayServer(Recorded(pages), 0) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield running
        running.shutdown()


def browser_with(picture, folder):
    return Browser(FAKE_CAMERA, GRANTED, film([picture] * 10, folder / "camera.mjpeg"))


@pytest.fixture(scope="module")
def happy(tmp_path_factory):
    """A browser whose camera shows a smiling face."""
    with browser_with(smiling(), tmp_path_factory.mktemp("happy")) as running:
        yield running


@pytest.fixture(scope="module")
def bare():
    """A browser without a camera."""
    with Browser() as running:
        yield running


def opened(browser, url, **size):
    """The game at its menu, in a hurry."""
    page = browser.open(url, **size)
    page.evaluate(HURRY)
    page.evaluate(HAPPY_FIRST)
    page.click("Raise the curtain")
    page.wait_for("menu")
    return page


def score(page):
    return float(page.evaluate("document.querySelector('.score strong').textContent"))


def bars(page):
    found = page.evaluate("[...document.querySelectorAll('.bars .value')].map((each) => Number(each.textContent))")
    return dict(zip(LABELS, found, strict=True))


def assert_clean(page):
    assert page.violations() == []
    assert page.problems() == []


class TestRounds:
    def test_classic(self, happy, server):
        page = opened(happy, server.url)
        assert "7 drawn faces checked" in page.text()
        page.click("Classic")
        page.wait_for("ready")
        assert "Look happy" in page.text()
        page.click("I am ready")
        page.wait_for("result")
        assert score(page) > 50
        values = bars(page)
        assert values["happy"] == pytest.approx(score(page), abs=0.06)
        assert sum(values.values()) == pytest.approx(100, abs=0.5)
        assert "of the 895 faces that people called happy" in page.text()
        page.click("Another one")
        page.wait_for("ready")
        page.click("Menu")
        page.wait_for("menu")
        assert "Best: happy" in page.text()
        assert page.evaluate("document.querySelector('video')?.srcObject ?? null") is None
        assert_clean(page)

    def test_five_acts(self, happy, server):
        page = opened(happy, server.url)
        page.click("Five acts")
        page.wait_for("ready")
        page.click("I am ready")
        scores = {}
        for act in range(1, 6):
            page.wait_for("result")
            assert f"Act {act} of 5" in page.text()
            asked = page.evaluate("document.querySelector('.chosen .name').textContent.replace(' (asked)', '')")
            scores[asked] = score(page)
            page.click("Next: look" if act < 5 else "Curtain call")
        page.wait_for("curtain")
        assert set(scores) == {"happy", "afraid", "sad", "disgusted", "surprised"}
        assert scores["happy"] > 50
        assert score(page) == pytest.approx(sum(scores.values()), abs=0.03)
        assert "Your best act: happy" in page.text()
        assert page.evaluate("document.querySelector('.strip canvas').width") > 1000
        kept = json.loads(page.evaluate("localStorage.getItem('best-actor')"))
        assert set(kept) == {"classic", "acts", "tutorialSeen"}
        assert page.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 1
        page.click("Play again")
        page.wait_for("ready")
        assert_clean(page)

    def test_a_strip_is_saved_on_a_click(self, happy, server, tmp_path):
        page = opened(happy, server.url)
        happy.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path))
        page.evaluate("navigator.mediaDevices.getUserMedia = null")
        page.click("Use photos")
        page.click("Five acts")
        smiling().save(tmp_path / "me.png")
        for act in range(5):
            page.wait_for("ready")
            page.choose_file(tmp_path / "me.png")
            page.wait_for("result")
            page.click("Next: look" if act < 4 else "Curtain call")
        page.wait_for("curtain")
        assert not (tmp_path / "best-actor.png").exists()
        page.click("Save the strip")
        page.wait("true")
        saved = tmp_path / "best-actor.png"
        deadline = 200
        while not saved.exists() and deadline:
            page.evaluate("new Promise((resolve) => setTimeout(resolve, 50))")
            deadline -= 1
        assert Image.open(saved).format == "PNG"
        assert_clean(page)

    def test_a_wall_scores_nothing(self, server, tmp_path):
        with browser_with(Image.new("RGB", (640, 480), (128, 128, 128)), tmp_path) as browser:
            page = opened(browser, server.url)
            for mode in ("Classic", "Five acts"):
                page.click(mode)
                page.wait_for("ready")
                page.click("I am ready")
                page.wait_for("missed")
                assert "No face, no score." in page.text()
                assert page.evaluate("document.querySelector('.score')") is None
                page.click("Menu")
            assert json.loads(page.evaluate("localStorage.getItem('best-actor')"))["classic"] == {}
            assert_clean(page)

    def test_the_largest_of_two_faces_plays(self, server, tmp_path):
        with browser_with(two_faces(), tmp_path) as browser:
            page = opened(browser, server.url)
            page.click("Classic")
            page.wait_for("ready")
            page.click("I am ready")
            page.wait_for("result")
            assert "There are 2 faces in the picture. The largest one plays." in page.text()
            page.click("Menu")
            page.click("Mirror")
            page.wait("document.querySelectorAll('.reading').length === 2")
            page.wait("/[0-9] frames per second/.test(document.querySelector('.rate').innerText)")
            assert_clean(page)

    def test_photos_without_a_camera(self, bare, server, tmp_path):
        page = opened(bare, server.url)
        page.click("Use photos")
        page.click("Classic")
        page.wait_for("ready")
        (tmp_path / "text.png").write_text("not a picture")
        page.choose_file(tmp_path / "text.png")
        page.wait("document.querySelector('[role=alert]')")
        Image.new("RGB", (400, 300), "white").save(tmp_path / "empty.png")
        page.choose_file(tmp_path / "empty.png")
        page.wait_for("missed")
        page.click("Try again")
        page.wait_for("ready")
        smiling().save(tmp_path / "me.jpg")
        page.choose_file(tmp_path / "me.jpg")
        page.wait_for("result")
        assert score(page) > 50
        assert_clean(page)

    def test_a_flat_picture_gets_a_hint(self, bare, server, tmp_path):
        page = opened(bare, server.url)
        page.click("Use photos")
        page.click("Classic")
        page.wait_for("ready")
        Image.eval(smiling(), lambda value: 60 + value // 16).save(tmp_path / "dark.png")
        page.choose_file(tmp_path / "dark.png")
        page.wait("['result', 'missed'].includes(document.querySelector('main').dataset.state)")
        assert "light" in page.text()


class TestTroubles:
    def test_no_camera(self, bare, server):
        page = opened(bare, server.url)
        page.click("Classic")
        page.wait_for("trouble")
        assert "There is no camera here." in page.text()
        page.click("Use photos instead")
        page.wait_for("ready")
        assert_clean(page)

    @pytest.mark.parametrize(
        ("setting", "sentence"),
        [("denied", "The camera is blocked for this page."), ("prompt", "The question about the camera was closed.")],
    )
    def test_denied_and_dismissed(self, server, setting, sentence):
        with Browser(FAKE_CAMERA) as browser:
            browser.call(
                "Browser.setPermission", permission={"name": "camera"}, setting=setting, origin=server.url.rstrip("/")
            )
            page = opened(browser, server.url)
            page.click("Classic")
            page.wait_for("trouble")
            assert sentence in page.text()
            assert {"Try again", "Use photos instead"} <= set(page.text().split("\n"))

    def test_a_busy_camera(self, happy, server):
        page = opened(happy, server.url)
        page.evaluate(
            "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotReadableError') }"
        )
        page.click("Mirror")
        page.wait_for("trouble")
        assert "The camera is busy." in page.text()

    @pytest.mark.parametrize("mode", ["Classic", "Mirror"])
    def test_a_camera_that_is_unplugged(self, happy, server, mode):
        page = opened(happy, server.url)
        page.click(mode)
        page.wait("['ready', 'mirror'].includes(document.querySelector('main').dataset.state)")
        page.evaluate(
            "{const [track] = document.querySelector('video').srcObject.getTracks(); track.stop();"
            "track.dispatchEvent(new Event('ended'))}"
        )
        page.wait_for("trouble")
        assert "The camera went away." in page.text()
        page.click("Try again")
        page.wait("['ready', 'mirror'].includes(document.querySelector('main').dataset.state)")
        assert_clean(page)

    def test_a_hidden_tab_pauses_the_round(self, happy, server):
        page = opened(happy, server.url)
        page.click("Classic")
        page.wait_for("ready")
        page.click("I am ready")
        page.wait_for("countdown")
        page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
        page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
        page.wait_for("paused")
        page.evaluate("delete document.hidden")
        page.click("Go on")
        page.wait_for("ready")
        page.click("I am ready")
        page.wait_for("result")
        assert_clean(page)

    def test_leaving_while_the_browser_asks(self, happy, server):
        page = opened(happy, server.url)
        page.evaluate(
            "{const media = navigator.mediaDevices, ask = media.getUserMedia.bind(media);"
            "const answer = new Promise((resolve) => { window.allow = resolve });"
            "media.getUserMedia = async (wish) => { await answer; return window.late = await ask(wish) }}"
        )
        page.click("Classic")
        page.wait_for("asking")
        page.click("Menu")
        page.evaluate("window.allow()")
        page.wait("window.late?.getTracks()[0].readyState === 'ended'")
        assert page.state() == "menu"

    @pytest.mark.parametrize(
        ("script", "sentence"),
        [
            ("delete globalThis.WebAssembly", "This browser cannot run the model."),
            ("WebAssembly.validate = () => false", "This browser is too old for the model."),
        ],
    )
    def test_a_browser_without_the_runtime(self, bare, server, script, sentence):
        page = bare.open(server.url)
        page.evaluate(script)
        page.click("Raise the curtain")
        page.wait_for("broken")
        assert sentence in page.text()
        assert "Check again" in page.text()

    def test_a_model_that_did_not_arrive(self, bare, server):
        page = bare.open(server.url)
        resource = dict.pop(server.site, "model/FER2013.tflite")
        page.click("Raise the curtain")
        page.wait_for("broken")
        assert "Some parts of the game did not arrive." in page.text()
        server.site["model/FER2013.tflite"] = resource
        page.click("Try again")
        page.wait_for("menu")

    def test_a_model_that_answers_otherwise(self, bare, pages, tmp_path):
        golden = json.loads((shipped_bundle() / "golden.json").read_text())
        golden["faces"][3]["pixels"].reverse()
        (tmp_path / "golden.json").write_text(json.dumps(golden))
        spoiled = pages | {"model/golden.json": site.Resource(tmp_path / "golden.json", "application/json", False)}
        with PlayServer(spoiled, 0) as running:
            threading.Thread(target=running.serve_forever, daemon=True).start()
            page = bare.open(running.url)
            page.click("Raise the curtain")
            page.wait_for("broken")
            assert "The model does not answer as it should." in page.text()
            running.shutdown()

    def test_an_older_bundle_has_no_percentile_and_the_default_framing(self, happy, pages, tmp_path):
        manifest = json.loads((shipped_bundle() / "model.json").read_text())
        del manifest["documents"]["score_table.json"], manifest["preprocessing"]["framing"]
        (tmp_path / "model.json").write_text(json.dumps(manifest))
        older = pages | {"model/model.json": site.Resource(tmp_path / "model.json", "application/json", False)}
        with PlayServer(older, 0) as running:
            threading.Thread(target=running.serve_forever, daemon=True).start()
            page = opened(happy, running.url)
            page.click("Classic")
            page.wait_for("ready")
            page.click("I am ready")
            page.wait_for("result")
            assert score(page) > 50
            assert "people called" not in page.text()
            running.shutdown()


class TestRuntime:
    def test_a_browser_without_relaxed_simd_takes_the_other_build(self, bare, server, tmp_path):
        refuse = (
            "{const make = WebAssembly.instantiate; WebAssembly.instantiate = async (source, ...more) => {"
            "if (source.byteLength < 200) throw new Error('relaxed SIMD'); return make(source, ...more) }}\n"
        )
        worker = server.site["vendor/worker.js"]
        (tmp_path / "worker.js").write_bytes(refuse.encode() + worker.content())
        server.site["vendor/worker.js"] = site.Resource(tmp_path / "worker.js", worker.content_type, False)
        page = opened(bare, server.url)
        assert "vendor/litert/litert_wasm_compat_internal.wasm" in server.site.asked
        assert "vendor/litert/litert_wasm_internal.wasm" not in server.site.asked
        assert "7 drawn faces checked" in page.text()
        page.click("Use photos")
        page.click("Classic")
        page.wait_for("ready")
        smiling().save(tmp_path / "me.png")
        page.choose_file(tmp_path / "me.png")
        page.wait_for("result")
        assert score(page) > 50


class TestPrivacy:
    def test_nothing_is_requested_after_loading(self, happy, server):
        page = opened(happy, server.url)
        asked = list(server.site.asked)
        sizes = [len(dict.get(server.site, name or "index.html").packed()) for name in asked]
        assert sum(sizes) <= MOST_BYTES
        assert {name for name in asked if asked.count(name) > 1} <= {"icon.svg"}  # the tab asks for it once more
        page.call("Network.emulateNetworkConditions", offline=True, latency=0, downloadThroughput=0, uploadThroughput=0)
        server.shutdown()
        before = page.requests()
        assert all(url.startswith(server.url) for url in before)
        page.click("Classic")
        page.wait_for("ready")
        page.click("I am ready")
        page.wait_for("result")
        page.click("Menu")
        page.click("Mirror")
        page.wait("document.querySelector('.reading')")
        assert page.requests() == before
        assert server.site.asked == asked
        assert_clean(page)
        threading.Thread(target=server.serve_forever, daemon=True).start()


class TestStaticHost:
    @pytest.fixture
    def host(self, pages, tmp_path):
        """The written files at /sub/path/ of a plain server."""
        site.write(pages, tmp_path / "sub" / "path")

        class Handler(http.server.SimpleHTTPRequestHandler):
            def log_message(self, *words):
                pass

        handler = functools.partial(Handler, directory=tmp_path)
        with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as running:
            threading.Thread(target=running.serve_forever, daemon=True).start()
            yield running.server_port
            running.shutdown()

    def test_a_round_below_a_path(self, happy, host):
        page = opened(happy, f"http://127.0.0.1:{host}/sub/path/")
        page.click("Classic")
        page.wait_for("ready")
        page.click("I am ready")
        page.wait_for("result")
        assert score(page) > 50
        assert_clean(page)

    def test_an_address_that_may_not_use_the_camera(self, host):
        with Browser(FAKE_CAMERA, GRANTED, "--host-resolver-rules=MAP stage.test 127.0.0.1") as browser:
            page = opened(browser, f"http://stage.test:{host}/sub/path/")
            assert page.evaluate("document.querySelector('#photos').checked")
            page.click("Use photos")
            page.click("Classic")
            page.wait_for("trouble")
            assert "This address cannot use a camera." in page.text()


class TestAccess:
    def check(self, page):
        """Axe finds nothing on what is shown now, and something has the focus."""
        page.wait("document.getAnimations().every((each) => each.playState !== 'running')")
        found = page.evaluate("axe.run().then(({violations}) => violations)")
        told = [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found]
        assert told == [], page.state()
        assert page.evaluate("document.activeElement.closest('main') !== null"), page.state()

    @pytest.mark.parametrize(("scheme", "width", "height"), [("light", 1280, 800), ("dark", 360, 740)])
    def test_axe_on_every_state(self, happy, server, tmp_path, scheme, width, height):
        if not AXE.is_file():
            pytest.skip("needs axe-core: make setup")
        page = happy.open(server.url, width=width, height=height)
        page.emulate(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
        page.evaluate(AXE.read_text())
        page.evaluate(HAPPY_FIRST)
        self.check(page)
        page.evaluate(
            "{const validate = WebAssembly.validate; WebAssembly.validate = () => false;"
            "window.mend = () => { WebAssembly.validate = validate }}"
        )
        page.click("Raise the curtain")
        page.wait_for("broken")
        self.check(page)
        page.evaluate("window.mend()")
        page.click("Check again")
        page.wait_for("menu")
        self.check(page)
        page.evaluate("window.ask = navigator.mediaDevices.getUserMedia.bind(navigator.mediaDevices)")
        page.evaluate("navigator.mediaDevices.getUserMedia = () => new Promise(() => {})")
        page.click("Classic")
        page.wait_for("asking")
        self.check(page)
        page.click("Menu")
        page.evaluate("navigator.mediaDevices.getUserMedia = window.ask")
        page.click("Classic")
        page.wait_for("ready")
        self.check(page)
        page.click("I am ready")
        page.wait("document.querySelector('.count')?.textContent === '3'")
        self.check(page)
        page.wait_for("result")
        self.check(page)
        page.evaluate("document.querySelector('details').open = true")
        self.check(page)
        page.click("Menu")
        page.click("Mirror")
        page.wait("document.querySelector('.reading')")
        self.check(page)
        page.click("Use a photo instead")
        self.check(page)
        page.click("Menu")
        page.click("Use photos")
        page.click("Five acts")
        page.wait_for("ready")
        Image.new("RGB", (400, 300), "white").save(tmp_path / "empty.png")
        page.choose_file(tmp_path / "empty.png")
        page.wait_for("missed")
        self.check(page)
        page.click("Try again")
        two_faces().save(tmp_path / "two.png")
        for act in range(5):
            page.wait_for("ready")
            page.choose_file(tmp_path / "two.png")
            page.wait_for("result")
            page.click("Next: look" if act < 4 else "Curtain call")
        page.wait_for("curtain")
        self.check(page)
        assert_clean(page)

    def test_a_round_by_the_keyboard(self, happy, server):
        page = happy.open(server.url)
        page.evaluate(HURRY)
        page.evaluate(HAPPY_FIRST)
        page.press("Enter")
        page.wait_for("menu")
        page.press("Tab")
        page.press("Space")
        page.wait_for("ready")
        assert "Act 1 of 5" in page.text()
        page.press("Enter")
        page.wait_for("result")
        said = page.evaluate("document.querySelector('#announcer').textContent")
        assert said.startswith(f"{score(page):.2f} of 100, happy.")
        page.press("Enter")
        page.wait_for("countdown")
        page.wait_for("result")
        assert "Act 2 of 5" in page.text()

    def test_only_the_preview_is_mirrored(self, happy, server):
        page = opened(happy, server.url)
        page.click("Classic")
        page.wait_for("ready")
        assert page.evaluate("getComputedStyle(document.querySelector('video')).transform").startswith("matrix(-1")
        page.click("I am ready")
        page.wait_for("result")
        assert page.evaluate("getComputedStyle(document.querySelector('.selfie canvas')).transform") == "none"

    def test_sound_is_off_until_it_is_switched_on(self, happy, server):
        page = opened(happy, server.url)
        assert "Sound: off" in page.evaluate("document.querySelector('#sound').innerText")
        page.click("Sound: off")
        assert page.evaluate("document.querySelector('#sound').getAttribute('aria-pressed')") == "true"

    def test_nothing_is_wider_than_a_small_phone(self, happy, server):
        page = opened(happy, server.url, width=360, height=740)
        for card in ("Classic", "Five acts", "Mirror"):
            page.click(card)
            page.wait("['ready', 'mirror'].includes(document.querySelector('main').dataset.state)")
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
            page.click("Menu")
