"""Drives Debian's Chromium over the DevTools protocol, with the standard library only."""

import base64
import json
import os
import queue
import shutil
import subprocess
import tempfile
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from PIL import Image

EXECUTABLE = shutil.which("chromium")
_FLAGS = ("--headless=new", "--no-sandbox", "--remote-debugging-pipe", "--no-first-run", "--disable-gpu")
_ANSWER = 60  # seconds


class Browser:
    """A browser with a fresh profile; a context manager.

    Args:
        flags: of the command line, besides those that every test needs.
    """

    def __init__(self, *flags: str) -> None:
        assert EXECUTABLE is not None
        self._profile = tempfile.TemporaryDirectory(prefix="chromium.", ignore_cleanup_errors=True)
        commands_out, self._commands = os.pipe()
        self._answers, answers_in = os.pipe()
        # Chromium takes its pipes as descriptors 3 and 4, where bash puts them
        script = f'exec "$@" 3<&{commands_out} 4>&{answers_in}'
        command = [EXECUTABLE, *_FLAGS, f"--user-data-dir={self._profile.name}", *flags, "about:blank"]
        self._process = subprocess.Popen(
            ["bash", "-c", script, "bash", *command], pass_fds=(commands_out, answers_in), stderr=subprocess.DEVNULL
        )
        os.close(commands_out)
        os.close(answers_in)
        self._count = 0
        self._waiting: dict[int, queue.Queue[dict[str, Any]]] = {}
        self._events: dict[str, list[dict[str, Any]]] = {}
        threading.Thread(target=self._listen, daemon=True).start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.terminate()
        self._process.wait(20)
        os.close(self._commands)
        self._profile.cleanup()

    def call(self, method: str, session: str | None = None, **params: Any) -> dict[str, Any]:
        """The answer to one command of the protocol."""
        self._count += 1
        number = self._count
        answer: queue.Queue[dict[str, Any]] = queue.Queue()
        self._waiting[number] = answer
        message = {"id": number, "method": method, "params": params} | ({"sessionId": session} if session else {})
        os.write(self._commands, json.dumps(message).encode() + b"\0")
        result = answer.get(timeout=_ANSWER)
        assert "error" not in result, f"{method}: {result['error']}"
        return result["result"]

    def open(self, url: str, *, width: int = 1280, height: int = 800) -> "Page":
        """A new tab that shows ``url``."""
        return Page(self, url, width, height)

    def events(self, session: str) -> list[dict[str, Any]]:
        return self._events.setdefault(session, [])

    def wait_for_event(self, method: str, **params: Any) -> None:
        """Wait until the browser has reported an event with these parameters."""
        end = time.monotonic() + _ANSWER
        while not any(e["method"] == method and params.items() <= e["params"].items() for e in self.events("")):
            assert time.monotonic() < end, f"no {method}"
            time.sleep(0.02)

    def _listen(self) -> None:
        with os.fdopen(self._answers, "rb") as stream:
            rest = b""
            while chunk := os.read(stream.fileno(), 1 << 16):
                *messages, rest = (rest + chunk).split(b"\0")
                for text in messages:
                    message = json.loads(text)
                    if "id" in message:
                        self._waiting.pop(message["id"]).put(message)
                    else:
                        self.events(message.get("sessionId", "")).append(message)


class Page:
    """One tab, whose requests, console and content-policy violations are recorded from the start."""

    def __init__(self, browser: Browser, url: str, width: int, height: int) -> None:
        self.browser = browser
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        self.target = target
        for domain in ("Page", "Runtime", "Network", "Log"):
            self.call(f"{domain}.enable")
        self.resize(width, height)
        self.call("Page.addScriptToEvaluateOnNewDocument", source=_RECORDER)
        self.call("Page.navigate", url=url)
        self.wait("document.readyState === 'complete'")

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        return self.browser.call(method, self._session, **params)

    def close(self) -> None:
        self.browser.call("Target.closeTarget", targetId=self.target)

    def resize(self, width: int, height: int) -> None:
        mobile = width < 600
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=mobile)

    def evaluate(self, source: str) -> Any:
        """The value of a JavaScript expression, or of the promise that it returns."""
        answer = self.call("Runtime.evaluate", expression=source, awaitPromise=True, returnByValue=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def wait(self, condition: str, seconds: float = 40) -> None:
        """Wait until a JavaScript expression is true."""
        end = time.monotonic() + seconds
        while not self.evaluate(f"Boolean({condition})"):
            assert time.monotonic() < end, f"{condition} did not become true; {self.state()}: {self.text()[:300]}"
            time.sleep(0.03)

    def wait_for(self, state: str, seconds: float = 40) -> None:
        """Wait until the game is in a state of game.js."""
        self.wait(f"document.querySelector('main')?.dataset.state === '{state}'", seconds)

    def state(self) -> str:
        return self.evaluate("document.querySelector('main')?.dataset.state ?? ''")

    def text(self) -> str:
        return self.evaluate("document.querySelector('main')?.innerText ?? ''")

    def click(self, text: str) -> None:
        """Click the button or label that shows ``text``."""
        found = f"(element) => element.innerText.includes({json.dumps(text)})"
        script = f"[...document.querySelectorAll('button, label')].find({found})"
        assert self.evaluate(f"Boolean({script})"), f"no button {text!r} in {self.state()}: {self.text()}"
        self.evaluate(f"{script}.click()")

    def press(self, key: str) -> None:
        """Press Tab, Enter or Space."""
        code, text = {"Tab": (9, ""), "Enter": (13, "\r"), "Space": (32, " ")}[key]
        details = {"key": " " if key == "Space" else key, "code": key, "windowsVirtualKeyCode": code}
        self.call("Input.dispatchKeyEvent", type="keyDown", text=text, **details)
        self.call("Input.dispatchKeyEvent", type="keyUp", **details)

    def hurry(self) -> None:
        """Run the countdown and the burst twenty times as fast."""
        self.evaluate("import('./clock.js').then(({clock}) => { clock.speed = 20 })")

    def choose_file(self, path: Path) -> None:
        """Choose a file in the page's only file input."""
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector="input[type=file]")["nodeId"]
        self.call("DOM.setFileInputFiles", files=[str(path)], nodeId=node)

    def emulate(self, **features: str) -> None:
        """Media features, such as prefers_color_scheme="dark"."""
        named = [{"name": name.replace("_", "-"), "value": value} for name, value in features.items()]
        self.call("Emulation.setEmulatedMedia", features=named)

    def screenshot(self, path: Path) -> None:
        data = self.call("Page.captureScreenshot", format="png")["data"]
        path.write_bytes(base64.b64decode(data))

    def requests(self) -> list[str]:
        """The URLs of all requests so far, blobs left out."""
        events = self.browser.events(self._session)
        sent = [event["params"]["request"]["url"] for event in events if event["method"] == "Network.requestWillBeSent"]
        return [url for url in sent if not url.startswith("blob:")]

    def violations(self) -> list[str]:
        """The requests that the content policy blocked."""
        return self.evaluate("window.violations")

    def problems(self) -> list[str]:
        """Exceptions, and errors in the console."""
        found = []
        for event in self.browser.events(self._session):
            params = event["params"]
            if event["method"] == "Runtime.exceptionThrown":
                found.append(json.dumps(params["exceptionDetails"])[:500])
            if event["method"] == "Log.entryAdded" and params["entry"]["level"] == "error":
                found.append(params["entry"]["text"])
        return found


_RECORDER = """
window.violations = [];
document.addEventListener('securitypolicyviolation', (event) => {
  window.violations.push(`${event.violatedDirective}: ${event.blockedURI}`);
});
"""


class FakeCamera:
    """The picture that a browser's fake camera repeats from its next start on."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "camera.mjpeg"
        self.flags = ("--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={self._path}")

    def show(self, picture: Image.Image) -> None:
        """Show a picture. Its sides are even, and all pictures have the same size."""
        new = self._path.with_suffix(".new")
        with new.open("wb") as stream:
            for _ in range(2):
                picture.convert("RGB").save(stream, format="JPEG", quality=95, subsampling=2)
        new.replace(self._path)
