"""A walk through every state of the game, which stops at each."""

from collections.abc import Iterator
from pathlib import Path

from tests.play.chromium import Page
from tests.play.pictures import two_faces, wall

HOLD = """
window.hold = (object, name) => {
  window.release = null; // that of an earlier hold would release nothing
  const real = object[name];
  object[name] = async function (...words) {
    object[name] = real;
    await new Promise((resolve) => { window.release = resolve });
    return real.apply(this, words);
  };
}
"""


def tour(page: Page, folder: Path) -> Iterator[str]:
    """Yield the name of each state while a page shows it.

    Args:
        page: at its first screen, with a camera that shows a face.
        folder: for the photos that are played.
    """
    wall().save(folder / "wall.png")
    two_faces().save(folder / "two.png")
    page.evaluate("Math.random = () => 0.5")
    page.evaluate(HOLD)
    page.evaluate(
        "import('./clock.js').then(({clock}) => { clock.wait = () => new Promise((go) => { window.go = go }) })"
    )
    yield "welcome"
    page.evaluate("window.validate = WebAssembly.validate; WebAssembly.validate = () => false")
    page.click("Raise the curtain")
    page.wait_for("broken")
    yield "broken"
    page.evaluate("WebAssembly.validate = window.validate; hold(window, 'fetch')")
    page.click("Check again")
    page.wait_for("loading")
    page.wait("document.querySelector('progress').value === 1")
    yield "loading"
    page.evaluate("release()")
    page.wait_for("menu")
    yield "menu"
    yield from _troubles(page)
    yield from _classic(page)
    page.click("Menu")
    page.click("Mirror")
    page.wait("document.querySelector('.reading')")
    yield "mirror"
    page.click("Use photos instead")
    page.choose_file(folder / "two.png")
    page.wait("document.querySelectorAll('.reading').length === 2")
    yield "mirror-photo"
    page.click("Menu")
    page.click("Use photos")
    yield from _acts_on_photos(page, folder)


def _troubles(page: Page) -> Iterator[str]:
    page.evaluate("hold(navigator.mediaDevices, 'getUserMedia')")
    page.click("Classic")
    page.wait_for("asking")
    yield "asking"
    page.click("Menu")
    page.evaluate("navigator.mediaDevices.getUserMedia = async () => { throw new DOMException('', 'NotFoundError') }")
    page.click("Classic")
    page.wait_for("trouble")
    yield "trouble"
    page.click("Menu")
    page.evaluate("delete navigator.mediaDevices.getUserMedia")


def _classic(page: Page) -> Iterator[str]:
    page.click("Classic")
    page.wait_for("ready")
    yield "ready"
    page.click("I am ready")
    page.wait_for("countdown")
    yield "countdown-face"
    page.evaluate("go()")
    page.wait("document.querySelector('.count').textContent === '3'")
    yield "countdown"
    page.evaluate("Object.defineProperty(document, 'hidden', {value: true, configurable: true})")
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    page.wait_for("paused")
    yield "paused"
    page.evaluate("delete document.hidden")
    page.click("Continue")
    page.wait_for("ready")
    page.click("I am ready")
    page.evaluate("import('./reader.js').then(({Reader}) => hold(Reader.prototype, 'read'))")
    page.evaluate("import('./clock.js').then(({clock}) => { clock.wait = async () => {} })")
    page.evaluate("go()")
    page.wait_for("looking")
    page.wait("window.release")
    yield "looking"
    page.evaluate("release()")
    page.wait_for("result")
    yield "result"
    page.evaluate("document.querySelector('details').open = true")
    yield "result-details"


def _acts_on_photos(page: Page, folder: Path) -> Iterator[str]:
    page.click("Five acts")
    page.wait_for("ready")
    yield "ready-photo"
    page.choose_file(folder / "wall.png")
    page.wait_for("missed")
    yield "missed"
    page.click("Try again")
    for act in range(5):
        page.wait_for("ready")
        page.choose_file(folder / "two.png")
        page.wait_for("result")
        if act == 0:
            yield "result-two"
        page.click("Next: look" if act < 4 else "Curtain call")
    page.wait_for("curtain")
    yield "curtain"
