"""Serves a home's pages: the front page at `/`, the documentation below `/docs/`,
the published release's stories below `/stories/`.

Nothing else of the home can be reached; nothing is written.
"""

import sys
from collections.abc import Mapping
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from threading import Thread
from typing import BinaryIO

from exposition import front_page
from tradehouse.home.paths import Home
from tradehouse.publish import releases
from tradehouse.terminal import exits

DOCS = "/docs/"
STORIES = "/stories/"


def serve(home: Home, host: str, port: int, addresses: Mapping[str, str]) -> ThreadingHTTPServer:
    """Serve the pages of a home from a thread until `shutdown` is called.

    Args:
        home: the home.
        host: where to listen.
        port: where to listen.
        addresses: what the front page says of `assets` and `docs`.
    """
    stories = home.releases / releases.CURRENT / "stories"
    folders = {DOCS: home.docs, STORIES: stories}

    class Handler(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Say nothing of requests."""

        def send_head(self) -> BytesIO | BinaryIO | None:
            if self.path.partition("?")[0] == "/":
                return self._send_front_page()
            for prefix, folder in folders.items():
                if self.path.startswith(prefix):
                    self.directory = str(folder)
                    self.path = self.path.removeprefix(prefix.rstrip("/"))
                    return super().send_head()
            self.send_error(404)
            return None

        def _send_front_page(self) -> BytesIO | None:
            try:
                content = front_page.render(home, addresses).encode("utf-8", "replace")
            except Exception as error:  # The last handler of a page, as commands have one.
                self.send_error(500, explain=f"The page cannot be made; see {exits.keep(error)}.")
                return None
            self.send_response(200)
            self.send_header("Content-Type", "text/html; charset=utf-8")
            self.send_header("Content-Length", str(len(content)))
            self.send_header("Cache-Control", "no-store")
            self.end_headers()
            return BytesIO(content)

        def list_directory(self, path: object) -> None:
            """List no directory."""
            self.send_error(404)

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Keep what went wrong in the log, unless a reader only went away."""
            error = sys.exc_info()[1]
            if isinstance(error, Exception) and not isinstance(error, ConnectionError):
                exits.keep(error)

    home.docs.mkdir(parents=True, exist_ok=True)
    server = Server((host, port), Handler)
    Thread(target=server.serve_forever, daemon=True).start()
    return server
