"""python -m benchmarks.play: how fast the game paints, loads and reads a camera, in headless Chromium.

The fake camera shows one smiling face at 640x480.
"""

import argparse
import statistics
import tempfile
import threading
import time
from pathlib import Path

from rich.console import Console

from benchmarks.arguments import positive
from fer_lightning.inference.bundle_files import shipped_bundle
from fer_lightning.play import site
from fer_lightning.play.server import PlayServer
from fer_lightning.utils.environment import describe
from fer_lightning.utils.terminal import make_table
from tests.play.chromium import EXECUTABLE, Browser, FakeCamera
from tests.play.pictures import smiling

_PAINT = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime"
_RATE = "document.querySelector('main').innerText.match(/([0-9]+) frames per second/)?.[1]"
_WARM_UP = 5  # seconds of Mirror before the rate is read


def measure(browser: Browser, url: str) -> tuple[float, float, float]:
    """First paint in seconds, seconds from the start button to the menu, and Mirror's frames per second."""
    page = browser.open(url)
    page.evaluate("localStorage.clear()")
    page.wait(_PAINT)
    paint = page.evaluate(_PAINT) / 1000
    started = time.monotonic()
    page.click("Raise the curtain")
    page.wait_for("menu")
    ready = time.monotonic() - started
    page.click("Mirror")
    page.wait(_RATE)
    time.sleep(_WARM_UP)
    rate = float(page.evaluate(_RATE))
    page.close()
    return paint, ready, rate


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.play", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeat", type=positive, default=3, help="number of loads (default %(default)s)")
    arguments = parser.parse_args()
    if EXECUTABLE is None:
        raise SystemExit("error: needs Chromium: apt-get install chromium")
    with tempfile.TemporaryDirectory() as folder, PlayServer(site.collect(shipped_bundle()), 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        camera = FakeCamera(Path(folder))
        camera.show(smiling())
        with Browser(*camera.flags) as browser:
            browser.call("Browser.setPermission", permission={"name": "camera"}, setting="granted")
            loads = [measure(browser, server.url) for _ in range(arguments.repeat)]
        server.shutdown()
    title = f"The game, {arguments.repeat} loads"
    table = make_table(title, ("what", "median", "lowest", "highest"), caption=describe())
    names = ("first paint, s", "start button to menu, s", "Mirror, frames per second")
    for name, values in zip(names, zip(*loads, strict=True), strict=True):
        table.add_row(name, *(f"{value:.2f}" for value in (statistics.median(values), min(values), max(values))))
    Console().print(table)


if __name__ == "__main__":
    main()
