"""Rounds of the game in Chromium, with a fake camera and with photos."""

import json

import pytest
from PIL import Image

from fer_lightning.constants import LABELS
from fer_lightning.inference.bundle_files import shipped_bundle
from fer_lightning.play import site
from tests.play.conftest import open_game, score, serving
from tests.play.pictures import dim, smiling, two_faces, wall

pytestmark = pytest.mark.slow


@pytest.fixture
def show(camera):
    """Let the camera show another picture until the end of the test."""
    yield camera.show
    camera.show(smiling())


def bars(page):
    found = page.evaluate("[...document.querySelectorAll('.bars .value')].map((each) => Number(each.textContent))")
    return dict(zip(LABELS, found, strict=True))


def test_classic(game):
    assert "7 drawn faces checked" in game.text()
    game.click("Classic")
    game.wait_for("ready")
    assert "Look happy" in game.text()
    mirrored = "getComputedStyle(document.querySelector('{}')).transform"
    assert game.evaluate(mirrored.format("video")).startswith("matrix(-1")
    game.click("I am ready")
    game.wait_for("result")
    assert score(game) > 50
    values = bars(game)
    assert values["happy"] == pytest.approx(score(game), abs=0.06)
    assert sum(values.values()) == pytest.approx(100, abs=0.5)
    assert "of the 895 faces that people called happy" in game.text()
    assert game.evaluate(mirrored.format(".selfie canvas")) == "none"
    game.click("Another one")
    game.wait_for("ready")
    game.click("Menu")
    game.wait_for("menu")
    assert "Best: happy" in game.text()
    assert game.evaluate("document.querySelector('video')?.srcObject ?? null") is None


def test_five_acts(game):
    game.click("Five acts")
    game.wait_for("ready")
    game.click("I am ready")
    scores = {}
    for act in range(1, 6):
        game.wait_for("result")
        assert f"Act {act} of 5" in game.text()
        asked = game.evaluate("document.querySelector('.chosen .name').textContent.replace(' (requested)', '')")
        scores[asked] = score(game)
        game.click("Next: look" if act < 5 else "Curtain call")
    game.wait_for("curtain")
    assert set(scores) == {"happy", "afraid", "sad", "disgusted", "surprised"}
    assert scores["happy"] > 50
    assert score(game) == pytest.approx(sum(scores.values()), abs=0.03)
    assert "Your best act: happy" in game.text()
    assert game.evaluate("document.querySelector('.strip canvas').width") > 1000
    kept = json.loads(game.evaluate("localStorage.getItem('best-actor')"))
    assert set(kept) == {"classic", "acts", "tutorialSeen"}
    assert game.evaluate("localStorage.length + sessionStorage.length + document.cookie.length") == 1
    game.click("Play again")
    game.wait_for("ready")


def test_a_strip_is_saved_on_a_click(browser, game, tmp_path):
    browser.call("Browser.setDownloadBehavior", behavior="allow", downloadPath=str(tmp_path), eventsEnabled=True)
    game.click("Use photos")
    game.click("Five acts")
    smiling().save(tmp_path / "me.png")
    for act in range(5):
        game.wait_for("ready")
        game.choose_file(tmp_path / "me.png")
        game.wait_for("result")
        game.click("Next: look" if act < 4 else "Curtain call")
    game.wait_for("curtain")
    assert not (tmp_path / "best-actor.png").exists()
    game.click("Save the strip")
    browser.wait_for_event("Browser.downloadProgress", state="completed")
    with Image.open(tmp_path / "best-actor.png") as saved:
        assert (saved.format, saved.width > 1000) == ("PNG", True)


def test_a_wall_scores_nothing(game, show):
    show(wall())
    for mode in ("Classic", "Five acts"):
        game.click(mode)
        game.wait_for("ready")
        game.click("I am ready")
        game.wait_for("missed")
        assert "No face, no score." in game.text()
        assert game.evaluate("document.querySelector('.score')") is None
        game.click("Menu")
    assert json.loads(game.evaluate("localStorage.getItem('best-actor')"))["classic"] == {}


def test_the_largest_of_two_faces_plays(game, show):
    show(two_faces())
    game.click("Classic")
    game.wait_for("ready")
    game.click("I am ready")
    game.wait_for("result")
    assert "There are 2 faces in the picture. Only the largest one is scored." in game.text()
    game.click("Menu")
    game.click("Mirror")
    game.wait("document.querySelectorAll('.reading').length === 2")
    game.wait("/[0-9] frames per second/.test(document.querySelector('.rate').innerText)")


def test_photos(game, tmp_path):
    game.click("Use photos")
    game.click("Classic")
    game.wait_for("ready")
    (tmp_path / "text.png").write_text("not a picture")
    game.choose_file(tmp_path / "text.png")
    game.wait("document.querySelector('[role=alert]')")
    wall().save(tmp_path / "wall.png")
    game.choose_file(tmp_path / "wall.png")
    game.wait_for("missed")
    game.click("Try again")
    game.wait_for("ready")
    smiling().save(tmp_path / "me.jpg")
    game.choose_file(tmp_path / "me.jpg")
    game.wait_for("result")
    assert score(game) > 50
    game.click("Another one")
    game.wait_for("ready")
    dim().save(tmp_path / "dim.png")
    game.choose_file(tmp_path / "dim.png")
    game.wait_for("result")
    assert "The picture has little contrast. More light" in game.text()


def test_a_bundle_without_score_table_and_framing(browser, pages, tmp_path):
    manifest = json.loads((shipped_bundle() / "model.json").read_text())
    del manifest["documents"]["score_table.json"], manifest["preprocessing"]["framing"]
    (tmp_path / "model.json").write_text(json.dumps(manifest))
    older = pages | {"model/model.json": site.Resource(tmp_path / "model.json", "application/json", False)}
    with serving(older) as running:
        page = open_game(browser, running.url)
        page.click("Classic")
        page.wait_for("ready")
        page.click("I am ready")
        page.wait_for("result")
        assert score(page) > 50
        assert "people called" not in page.text()
        page.close()
