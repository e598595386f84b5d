"""Serves the game to a browser on this machine. Standard library only."""

import errno
import hashlib
import sys
from collections.abc import Mapping
from functools import cache, cached_property
from http import HTTPStatus
from http.client import HTTP_PORT
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast
from urllib.parse import unquote

from fer_lightning.errors import FerError
from fer_lightning.play.site import INDEX, Resource

ADDRESS = "127.0.0.1"
# LiteRT.js needs wasm-unsafe-eval; saved strips and chosen photos are blobs
CONTENT_POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; img-src 'self' blob:; "
    "style-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)
_HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "Permissions-Policy": "camera=(self)",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-cache",
}


class PlayServer(ThreadingHTTPServer):
    """Answers requests for the files of one site, from this machine only.

    Args:
        site: resources by path, see ``site.collect``.
        port: a port of 127.0.0.1, 0 for any free one.

    Raises:
        FerError: the port is in use or not allowed.
    """

    daemon_threads = True

    def __init__(self, site: Mapping[str, Resource], port: int) -> None:
        self.site = site
        try:
            super().__init__((ADDRESS, port), _Handler)
        except OSError as error:
            if error.errno not in (errno.EADDRINUSE, errno.EACCES):
                raise
            reason = "in use" if error.errno == errno.EADDRINUSE else "not allowed"
            raise FerError(f"port {port} is {reason}; choose another port") from None

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Print the traceback of an error, unless the browser just closed the connection."""
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)

    @property
    def url(self) -> str:
        return f"http://{ADDRESS}:{self.server_port}/"

    @cached_property
    def hosts(self) -> frozenset[str]:
        """The Host headers of requests to this server."""
        names = {ADDRESS, "localhost"}
        hosts = {f"{name}:{self.server_port}" for name in names}
        return frozenset(
            hosts | names if self.server_port == HTTP_PORT else hosts
        )  # browsers leave out http's own port


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "fer-play"
    sys_version = ""
    timeout = 60  # seconds until an idle connection is closed

    def do_GET(self) -> None:
        self._answer()

    def do_HEAD(self) -> None:
        self._answer()

    def _refuse(self) -> None:
        self.close_connection = True  # the body, if any, is left unread
        self._send(HTTPStatus.METHOD_NOT_ALLOWED, b"", {"Allow": "GET, HEAD"})

    do_POST = do_PUT = do_DELETE = do_PATCH = do_OPTIONS = do_TRACE = do_CONNECT = _refuse  # noqa: N815

    def _answer(self) -> None:
        server = cast(PlayServer, self.server)
        # another site could resolve its own host name to this address (DNS rebinding)
        if self.headers.get("Host") not in server.hosts:
            self._send(HTTPStatus.MISDIRECTED_REQUEST, b"open the game at the address that fer-play printed\n")
            return
        resource = server.site.get(unquote(self.path.partition("?")[0]).removeprefix("/") or INDEX)
        if resource is None:
            self._send(HTTPStatus.NOT_FOUND, b"not found\n")
            return
        headers = {"Content-Type": resource.content_type, "ETag": _tag(resource), "Vary": "Accept-Encoding"}
        if self.headers.get("If-None-Match") == headers["ETag"]:
            self._send(HTTPStatus.NOT_MODIFIED, None, headers)
        elif "gzip" in self.headers.get("Accept-Encoding", ""):
            self._send(HTTPStatus.OK, resource.packed(), headers | {"Content-Encoding": "gzip"})
        else:
            self._send(HTTPStatus.OK, resource.content(), headers)

    def _send(self, status: HTTPStatus, body: bytes | None, headers: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in ({"Content-Type": "text/plain; charset=utf-8"} | _HEADERS | dict(headers or {})).items():
            self.send_header(name, value)
        if body is not None:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if body is not None and self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        """Log nothing: players do not need a line for each request."""


@cache
def _tag(resource: Resource) -> str:
    return f'"{hashlib.sha256(resource.packed()).hexdigest()[:24]}"'
