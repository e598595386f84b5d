"""Every problem in the browser ends with a message that says what to do."""

import json

import pytest

from fer_lightning.inference.bundle_files import shipped_bundle
from fer_lightning.play import site
from tests.play.chromium import EXECUTABLE, Browser
from tests.play.conftest import open_game, score, serving
from tests.play.pictures import smiling, wall

pytestmark = pytest.mark.slow

IN_ROUND = "['ready', 'mirror'].includes(document.querySelector('main').dataset.state)"


def assert_ways_out(page, sentence):
    assert sentence in page.text()
    assert {"Try again", "Use photos instead"} <= set(page.text().split("\n"))


@pytest.mark.skipif(EXECUTABLE is None, reason="needs Chromium: apt-get install chromium")
def test_no_camera(server):
    with Browser() as bare:
        page = open_game(bare, server.url)
        page.click("Classic")
        page.wait_for("trouble")
        assert_ways_out(page, "There is no camera here.")
        page.click("Use photos instead")
        page.wait_for("ready")
        assert page.problems() == []


def test_denied_and_dismissed(browser, pages):
    with serving(pages) as running:  # another port is another origin, with permissions of its own
        page = open_game(browser, running.url)
        for setting, sentence in {
            "denied": "The camera is blocked for this page.",
            "prompt": "The camera request was dismissed.",
        }.items():
            permission = {"permission": {"name": "camera"}, "setting": setting, "origin": running.url.rstrip("/")}
            browser.call("Browser.setPermission", **permission)
            page.click("Classic")
            page.wait_for("trouble")
            assert_ways_out(page, sentence)
            page.click("Menu")
        page.close()


def test_a_busy_camera(game):
    game.evaluate(
        "navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotReadableError') }"
    )
    game.click("Mirror")
    game.wait_for("trouble")
    assert_ways_out(game, "The camera is busy.")


@pytest.mark.parametrize("mode", ["Classic", "Mirror"])
def test_a_camera_that_is_unplugged(game, mode):
    game.click(mode)
    game.wait(IN_ROUND)
    game.evaluate(
        "{const [track] = document.querySelector('video').srcObject.getTracks(); track.stop();"
        "track.dispatchEvent(new Event('ended'))}"
    )
    game.wait_for("trouble")
    assert "The camera was disconnected." in game.text()
    game.click("Try again")
    game.wait(IN_ROUND)


def test_a_camera_without_frames_is_opened_again(game):
    game.evaluate("window.wait = setTimeout; window.frames = HTMLVideoElement.prototype.requestVideoFrameCallback")
    game.click("Mirror")
    game.wait("document.querySelector('.reading')")
    game.evaluate(
        "window.stuck = document.querySelector('video').srcObject.getTracks()[0];"
        "HTMLVideoElement.prototype.requestVideoFrameCallback = () => {};"
        "window.setTimeout = (call, time) => wait(call, Math.min(time, 50))"
    )
    game.wait_for("trouble")
    assert_ways_out(game, "The camera is busy.")
    assert game.evaluate("window.stuck.readyState") == "ended"
    game.evaluate("window.setTimeout = wait; HTMLVideoElement.prototype.requestVideoFrameCallback = window.frames")
    game.click("Try again")
    game.wait("document.querySelector('.reading')")


@pytest.mark.parametrize("mode", ["Classic", "Mirror"])
def test_a_photo_that_cannot_be_searched(game, tmp_path, mode):
    """The picture opens, and its pixels are refused when the faces are searched, as on a phone out of memory."""
    smiling().save(tmp_path / "me.png")
    game.evaluate(
        "{const canvas = CanvasRenderingContext2D.prototype, read = canvas.getImageData; let calls = 0;"
        "canvas.getImageData = function (...area) {"
        "calls += 1; if (calls === 1) throw new RangeError('memory'); return read.apply(this, area) }}"
    )
    game.click("Use photos")
    game.click(mode)
    game.wait(IN_ROUND)
    game.choose_file(tmp_path / "me.png")
    game.wait("document.querySelector('[role=alert]')")
    assert game.state() == ("ready" if mode == "Classic" else "mirror")
    assert "This browser cannot read that file." in game.text()
    game.choose_file(tmp_path / "me.png")
    game.wait("document.querySelector('.selfie, .reading')")


def test_a_slow_photo_does_not_play_in_the_next_round(game, tmp_path):
    smiling().save(tmp_path / "me.png")
    game.evaluate(
        "{const open = createImageBitmap, held = new Promise((resolve) => { window.release = resolve });"
        "window.createImageBitmap = async (...all) => {"
        "await held; const bitmap = await open(...all); setTimeout(() => { window.opened = true }); return bitmap }}"
    )
    game.click("Use photos")
    game.click("Classic")
    game.wait_for("ready")
    game.choose_file(tmp_path / "me.png")
    game.click("Menu")
    game.click("Classic")
    game.wait_for("ready")
    game.evaluate("window.release()")
    game.wait("window.opened")
    assert game.state() == "ready"


def test_the_last_of_two_photos_counts(game, tmp_path):
    smiling().save(tmp_path / "me.png")
    wall().save(tmp_path / "wall.png")
    game.evaluate(
        "{const open = createImageBitmap; let calls = 0; window.createImageBitmap = async (...all) => {"
        "calls += 1; const bitmap = open(...all); if (calls > 1) return bitmap;"
        "await new Promise((resolve) => { window.release = resolve });"
        "setTimeout(() => { window.opened = true }); return bitmap }}"
    )
    game.evaluate(
        "{const announcer = document.getElementById('announcer'); window.said = [];"
        "new MutationObserver(() => said.push(announcer.textContent)).observe(announcer, {childList: true})}"
    )
    game.click("Use photos")
    game.click("Mirror")
    game.wait_for("mirror")
    game.choose_file(tmp_path / "me.png")
    game.choose_file(tmp_path / "wall.png")
    game.wait("document.querySelector('main').innerText.includes('No face found.')")
    assert game.evaluate("window.said") == ["Mirror.", "One moment…", "No face found."]
    game.evaluate("window.release()")
    game.wait("window.opened")
    assert "No face found." in game.text()


def test_a_hidden_tab_pauses_the_round(game):
    game.click("Classic")
    game.wait_for("ready")
    game.evaluate("import('./clock.js').then(({clock}) => { clock.speed = 0.1 })")
    game.click("I am ready")
    game.wait_for("countdown")
    game.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    game.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    game.wait_for("paused")
    game.evaluate("delete document.hidden")
    game.hurry()
    game.click("Continue")
    game.wait_for("ready")
    game.click("I am ready")
    game.wait_for("result")


def test_a_hidden_tab_is_given_time_for_the_first_frame(game):
    game.evaluate(
        "{const wait = setTimeout; window.setTimeout = (call, time) => wait(call, time === 8000 ? 200 : time);"
        "const video = HTMLVideoElement.prototype, frame = video.requestVideoFrameCallback;"
        "video.requestVideoFrameCallback = function (call) {"
        "window.frame = () => { video.requestVideoFrameCallback = frame; frame.call(this, call) } }}"
    )
    game.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    game.click("Classic")
    game.wait("window.frame")
    game.evaluate("new Promise((resolve) => setTimeout(resolve, 500))")
    assert game.state() == "asking"
    game.evaluate("delete document.hidden; window.frame(); document.dispatchEvent(new Event('visibilitychange'))")
    game.wait_for("ready")


def test_an_upright_camera_has_an_upright_preview(game):
    game.evaluate(
        "navigator.mediaDevices.getUserMedia = async () => {"
        "const canvas = Object.assign(document.createElement('canvas'), {width: 480, height: 640});"
        "const context = canvas.getContext('2d');"
        "setInterval(() => context.fillRect(0, 0, Math.random() * 480, 640), 30);"
        "return canvas.captureStream(30) }"
    )
    game.click("Classic")
    game.wait_for("ready")
    ratio = "{const {width, height} = document.querySelector('.preview').getBoundingClientRect(); width / height}"
    assert game.evaluate(ratio) == pytest.approx(480 / 640, abs=0.01)


def test_a_refusal_after_leaving_does_not_end_the_next_round(game):
    game.evaluate(
        "{const media = navigator.mediaDevices, ask = media.getUserMedia.bind(media); let calls = 0;"
        "media.getUserMedia = async (wish) => {"
        "calls += 1; if (calls > 1) return ask(wish);"
        "await new Promise((resolve) => { window.refuse = resolve });"
        "window.refused = true; throw new DOMException('', 'NotAllowedError') }}"
    )
    game.click("Classic")
    game.wait_for("asking")
    game.click("Menu")
    game.click("Classic")
    game.wait_for("ready")
    game.evaluate("window.refuse()")
    game.wait("window.refused")
    assert game.state() == "ready"


def test_leaving_while_the_browser_asks(game):
    game.evaluate(
        "{const media = navigator.mediaDevices, ask = media.getUserMedia.bind(media);"
        "const answer = new Promise((resolve) => { window.allow = resolve });"
        "media.getUserMedia = async (wish) => { await answer; return window.late = await ask(wish) }}"
    )
    game.click("Classic")
    game.wait_for("asking")
    game.click("Menu")
    game.evaluate("window.allow()")
    game.wait("window.late?.getTracks()[0].readyState === 'ended'")
    assert game.state() == "menu"


def test_a_browser_without_the_runtime(browser, server):
    page = browser.open(server.url)
    page.evaluate("WebAssembly.validate = () => false")
    page.click("Raise the curtain")
    page.wait_for("broken")
    assert "This browser is too old for the model." in page.text()
    page.evaluate("delete globalThis.WebAssembly")
    page.click("Check again")
    page.wait("document.body.innerText.includes('This browser cannot run the model.')")
    assert "Check again" in page.text()
    page.close()


def test_a_browser_without_relaxed_simd_takes_the_other_build(browser, server, pages, tmp_path):
    refuse = (
        "{const make = WebAssembly.instantiate; WebAssembly.instantiate = async (source, ...more) => {"
        "if (source.byteLength < 200) throw new Error('relaxed SIMD'); return make(source, ...more) }}\n"
    )
    worker = pages["vendor/worker.js"]
    (tmp_path / "worker.js").write_bytes(refuse.encode() + worker.content())
    smiling().save(tmp_path / "me.png")
    old = type(server.site)(
        pages | {"vendor/worker.js": site.Resource(tmp_path / "worker.js", worker.content_type, False)}
    )
    with serving(old) as running:
        page = open_game(browser, running.url)
        assert "vendor/litert/litert_wasm_compat_internal.wasm" in old.asked
        assert "vendor/litert/litert_wasm_internal.wasm" not in old.asked
        assert "7 drawn faces checked" in page.text()
        page.click("Use photos")
        page.click("Classic")
        page.wait_for("ready")
        page.choose_file(tmp_path / "me.png")
        page.wait_for("result")
        assert score(page) > 50
        page.close()


def test_a_model_that_did_not_arrive(browser, pages):
    partial = {name: each for name, each in pages.items() if name != "model/FER2013.tflite"}
    with serving(partial) as running:
        page = browser.open(running.url)
        page.click("Raise the curtain")
        page.wait_for("broken")
        assert "Part of the game failed to load." in page.text()
        partial["model/FER2013.tflite"] = pages["model/FER2013.tflite"]
        page.click("Try again")
        page.wait_for("menu")
        page.close()


def test_a_model_that_answers_otherwise(browser, pages, tmp_path):
    golden = json.loads((shipped_bundle() / "golden.json").read_text())
    golden["faces"][3]["pixels"].reverse()
    (tmp_path / "golden.json").write_text(json.dumps(golden))
    spoiled = pages | {"model/golden.json": site.Resource(tmp_path / "golden.json", "application/json", False)}
    with serving(spoiled) as running:
        page = browser.open(running.url)
        page.click("Raise the curtain")
        page.wait_for("broken")
        assert "The model does not answer as it should." in page.text()
        page.close()
