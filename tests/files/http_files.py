"""A web server in a thread that serves bytes, and can be told to misbehave."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Site:
    """What a server serves and how; ``ranges`` lists the Range header of each request, None where there was none.

    ``send_at_most`` cuts the connection after so many bytes; ``wait`` is kept before answering, in seconds.
    ``answer`` gives, for the byte that is asked for, the answer to the letter, after which the connection is held open
    for ``hold`` seconds.
    """

    content: bytes
    ranged: bool = True
    status: int = 200
    send_at_most: int | None = None
    location: str | None = None
    wait: float = 0.0
    answer: Callable[[int], bytes] | None = None
    hold: float = 0.0
    url: str = ""
    ranges: list[str | None] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    """The site, with its ``url``, until the block is left."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(site))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}/file.bin"
    try:
        yield site
    finally:
        site.stopped.set()
        server.shutdown()
        thread.join()
        server.server_close()


def _handler(site: Site) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            site.ranges.append(asked := self.headers.get("Range"))
            site.stopped.wait(site.wait)
            begin = int(asked.removeprefix("bytes=").rstrip("-")) if asked and site.ranged else 0
            if site.answer is not None:
                self._send_to_the_letter(site.answer(begin))
                return
            status = 206 if begin and site.status == 200 else site.status
            if begin and begin >= len(site.content):
                status = 416
            body = site.content[begin:] if status in (200, 206) else b""
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            if site.location:
                self.send_header("Location", site.location)
            if status == 206:
                self.send_header("Content-Range", f"bytes {begin}-{len(site.content) - 1}/{len(site.content)}")
            self.end_headers()
            with suppress(ConnectionError):
                self.wfile.write(body[: site.send_at_most])

        def _send_to_the_letter(self, answer: bytes) -> None:
            with suppress(ConnectionError):
                self.wfile.write(answer)
            site.stopped.wait(site.hold)

        def log_message(self, *_: object) -> None:
            pass

    return Handler
