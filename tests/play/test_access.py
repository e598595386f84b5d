"""The game is accessible: by keyboard, to screen readers, on a small phone, in light and dark."""

import pytest

from tests.play.conftest import ROOT, score
from tests.play.tour import tour

pytestmark = pytest.mark.slow

AXE = ROOT / "tests" / "javascript" / "node_modules" / "axe-core" / "axe.min.js"
BEFORE_A_ROUND = {"welcome", "loading", "broken", "menu", "asking", "trouble"}
IN_A_ROUND = {"ready", "countdown", "looking", "missed", "paused", "result", "curtain", "mirror"}


@pytest.mark.parametrize(("scheme", "width", "height"), [("light", 1280, 800), ("dark", 360, 740)])
def test_every_state(browser, server, tmp_path, scheme, width, height):
    """axe-core finds nothing, an element has the focus, and nothing is wider than the screen."""
    if not AXE.is_file():
        pytest.skip("needs axe-core: make setup")
    page = browser.open(server.url, width=width, height=height)
    page.emulate(prefers_color_scheme=scheme, prefers_reduced_motion="reduce")
    page.evaluate(AXE.read_text())
    seen = set()
    for state in tour(page, tmp_path):
        seen.add(page.state())
        found = page.evaluate("axe.run().then(({violations}) => violations)")
        assert [(each["id"], [node["html"][:200] for node in each["nodes"]]) for each in found] == [], state
        assert page.evaluate("document.activeElement.closest('main') !== null"), state
        assert page.evaluate("document.documentElement.scrollWidth") <= width, state
    assert seen == BEFORE_A_ROUND | IN_A_ROUND
    assert page.violations() == []
    assert page.problems() == []
    page.close()


def test_a_round_by_the_keyboard(browser, server):
    page = browser.open(server.url)
    page.evaluate("Math.random = () => 0.5")
    page.hurry()
    page.press("Enter")
    page.wait_for("menu")
    page.press("Tab")
    page.press("Space")
    page.wait_for("ready")
    assert "Act 1 of 5" in page.text()
    page.press("Enter")
    page.wait_for("result")
    said = page.evaluate("document.querySelector('#announcer').textContent")
    assert said.startswith(f"{score(page):.2f} out of 100, happy.")
    page.press("Enter")
    page.wait("document.querySelector('main').innerText.includes('Act 2 of 5')")
    page.wait_for("result")
    page.close()


def test_sound_is_off_until_it_is_switched_on(game):
    assert "Sound: off" in game.evaluate("document.querySelector('#sound').innerText")
    game.click("Sound: off")
    assert "Sound: on" in game.evaluate("document.querySelector('#sound').innerText")
