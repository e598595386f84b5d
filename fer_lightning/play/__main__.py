"""fer-play: play Best Actor in a browser on this machine."""

import argparse
import threading
import webbrowser
from pathlib import Path

from fer_lightning.constants import PRETRAINED, PRETRAINED_PHONE
from fer_lightning.errors import FerError, exit_on_user_error
from fer_lightning.inference.bundle_files import model_path
from fer_lightning.play import site
from fer_lightning.play.server import PlayServer

PORT = 8743  # fixed, because browsers store the best scores by address and port
_HIGHEST_PORT = 65535


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="fer-play",
        description=(
            "Serve the game Best Actor on 127.0.0.1 and open it in a browser. The game shows an expression, you mimic "
            "it, and the model scores your face. Pictures never leave the browser."
        ),
    )
    parser.add_argument(
        "--port", type=int, default=PORT, metavar="N", help="0 for any free port (default: %(default)s)"
    )
    parser.add_argument("--no-open", dest="open", action="store_false", help="do not open a browser")
    parser.add_argument(
        "--model",
        metavar="BUNDLE",
        default=PRETRAINED,
        help=f"{PRETRAINED}, {PRETRAINED_PHONE} (a tenth of the size) or a bundle (default: %(default)s)",
    )
    parser.add_argument(
        "--out", type=Path, metavar="DIR", help="write the game as static files for any https host, and exit"
    )
    arguments = parser.parse_args()
    with exit_on_user_error():
        if not 0 <= arguments.port <= _HIGHEST_PORT:
            raise FerError(f"--port must be an integer from 0 to {_HIGHEST_PORT}, got {arguments.port}")
        pages = site.collect(model_path(arguments.model))
        if arguments.out is not None:
            site.write(pages, arguments.out)
            print(f"game: {arguments.out}; serve it over https to play on a phone")
            return
        _serve(PlayServer(pages, arguments.port), open_browser=arguments.open)


def _serve(server: PlayServer, *, open_browser: bool) -> None:
    with server:
        print(f"Best Actor: {server.url} (press Ctrl-C to stop)", flush=True)
        if open_browser:
            # browsers in a terminal return only when they are closed
            threading.Thread(target=webbrowser.open, args=(server.url,), daemon=True).start()
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            print()


if __name__ == "__main__":
    main()
