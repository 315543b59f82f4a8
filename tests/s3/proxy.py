"""An HTTP proxy between a client of S3 and the server, that writes down every request and does harm when told to.

    fault = proxy.add(Fault(on("GET", r"/customer/landing/"), answer(503, "SlowDown"), times=2))

A rule applies to the next `times` requests it matches; the first rule that applies is the one that acts. Everything
else goes through as it came: raw paths, streamed bodies, ranges, conditions.
"""

from __future__ import annotations

import os
import re
import socket
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPResponse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Self
from urllib.parse import parse_qsl, unquote, urlsplit

__all__ = ["Action", "Exchange", "Fault", "Proxy", "Request", "on"]

BLOCK = 1 << 16
_OF_THIS_HOP = {"connection", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade", "expect"}
_OF_INTEREST = ("If-Match", "If-None-Match", "Range", "Content-Type", "x-amz-copy-source", "x-amz-request-payer")
_NO_BODY = {204, 304}


@dataclass(frozen=True)
class Request:
    """One request as it came: `target` is the raw path with its query, the names of `headers` are in lower case."""

    method: str
    target: str
    headers: Mapping[str, str]
    at: float = field(default_factory=time.monotonic)

    @property
    def path(self) -> str:
        """The decoded path: /bucket/key."""
        return unquote(urlsplit(f"http://s3{self.target}").path)

    @property
    def bucket(self) -> str:
        return self.path.removeprefix("/").partition("/")[0]

    @property
    def key(self) -> str:
        return self.path.removeprefix("/").partition("/")[2]

    @property
    def query(self) -> dict[str, str]:
        return dict(parse_qsl(urlsplit(f"http://s3{self.target}").query, keep_blank_values=True))

    @property
    def kind(self) -> str:
        """What is asked for, in a word: LIST and COPY are a GET and a PUT to HTTP."""
        if self.method == "GET" and not self.key:
            return "LIST" if "list-type" in self.query else "GET OF BUCKET"
        if self.method == "PUT" and "x-amz-copy-source" in self.headers:
            return "COPY"
        return self.method

    @property
    def changes(self) -> bool:
        """Whether it may change the bucket."""
        return self.method not in ("GET", "HEAD")

    def __str__(self) -> str:
        shown = [f"{name}: {self.headers[name.lower()]}" for name in _OF_INTEREST if name.lower() in self.headers]
        return " ".join([self.method, self.target, *shown])


class Exchange:
    """A request that waits for its answer."""

    def __init__(self, handler: _Handler, request: Request, server: tuple[str, int]) -> None:
        self.request = request
        self._handler = handler
        self._server = server

    def drain(self) -> None:
        """Read the body of the request and forget it."""
        for _ in self._body():
            pass

    def answer(self, status: int, headers: Mapping[str, str], body: bytes) -> None:
        """Answer without asking the server."""
        self.drain()
        self.send_head(status, {**headers, "Content-Length": str(len(body))}.items())
        if self.request.method != "HEAD":
            self.send(body)

    def forward(self) -> None:
        """Have the server answer."""
        with self.ask() as response:
            self.relay_head(response)
            for block in blocks(response):
                self.send(block)
            if self._chunked:
                self._handler.wfile.write(b"0\r\n\r\n")

    @contextmanager
    def ask(self) -> Iterator[HTTPResponse]:
        """Send the request on and give the server's answer."""
        connection = HTTPConnection(*self._server)
        try:
            connection.putrequest(self.request.method, self.request.target, skip_host=True, skip_accept_encoding=True)
            chunked = "chunked" in self.request.headers.get("transfer-encoding", "").lower()
            for name, value in self._handler.headers.items():
                if name.lower() not in _OF_THIS_HOP:
                    connection.putheader(name, value)
            if chunked:
                connection.putheader("Transfer-Encoding", "chunked")
            connection.endheaders()
            for block in self._body():
                connection.send(b"%x\r\n%b\r\n" % (len(block), block) if chunked else block)
            if chunked:
                connection.send(b"0\r\n\r\n")
            with connection.getresponse() as response:
                yield response
        finally:
            connection.close()

    def relay_head(self, response: HTTPResponse) -> None:
        """Send status and headers of the server's answer, its length included."""
        headers = [(name, value) for name, value in response.msg.items() if name.lower() not in _OF_THIS_HOP]
        has_body = self.request.method != "HEAD" and response.status not in _NO_BODY
        self._chunked = has_body and response.headers["Content-Length"] is None
        if self._chunked:
            headers.append(("Transfer-Encoding", "chunked"))
        self.send_head(response.status, headers)

    _chunked = False

    def send_head(self, status: int, headers: Any) -> None:
        self._handler.send_response_only(status)
        for name, value in headers:
            self._handler.send_header(name, value)
        self._handler.end_headers()

    def send(self, block: bytes) -> None:
        self._handler.wfile.write(b"%x\r\n%b\r\n" % (len(block), block) if self._chunked else block)

    def close(self) -> None:
        """End the connection after this answer, in good order."""
        self._handler.close_connection = True

    def reset(self) -> None:
        """End the connection at once: the client is told that it was reset."""
        connection = self._handler.connection
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(connection.detach())
        self._handler.close_connection = True

    def _body(self) -> Iterator[bytes]:
        body, headers = self._handler.rfile, self.request.headers
        if "chunked" in headers.get("transfer-encoding", "").lower():
            while size := int(body.readline().partition(b";")[0], 16):
                yield body.read(size)
                body.readline()
            while body.readline().strip():  # trailers
                pass
            return
        left = int(headers.get("content-length", 0))
        while left:
            block = body.read(min(left, BLOCK))
            if not block:
                raise ConnectionResetError("the client has gone")
            left -= len(block)
            yield block


Action = Callable[[Exchange], None]
"""What happens to a request instead of being passed on."""


@dataclass
class Fault:
    """A rule: what happens to which requests, how often (None: always); `hits` says how often it has."""

    match: Callable[[Request], bool]
    action: Action
    times: int | None = 1
    hits: int = 0


class Proxy:
    """A proxy in front of a server, on this machine; `url` is where clients find it."""

    def __init__(self, server: tuple[str, int]) -> None:
        self.errors: list[BaseException] = []
        self.most_at_once = 0
        self._at_once = 0
        self._log: list[Request] = []
        self._faults: list[Fault] = []
        self._lock = threading.RLock()  # rules may look at the log
        self._http = _Server(("127.0.0.1", 0), _Handler)
        self._http.proxy = self
        self._server = server
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_address[1]}"

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()

    def add(self, fault: Fault) -> Fault:
        """Add a rule, and return it."""
        with self._lock:
            self._faults.append(fault)
        return fault

    def clear(self) -> None:
        """Forget all rules and requests."""
        with self._lock:
            self._faults.clear()
            self._log.clear()
            self.errors.clear()
            self.most_at_once = 0

    def requests(self) -> list[Request]:
        """Return the requests so far, in the order in which they came."""
        with self._lock:
            return list(self._log)

    def wait_until_idle(self, seconds: float = 10) -> None:
        """Wait until no request is under way, as after its client was killed."""
        end = time.monotonic() + seconds
        while self._at_once and time.monotonic() < end:
            time.sleep(0.005)
        assert not self._at_once, "a request does not end"

    def serve(self, handler: _Handler) -> None:
        headers = {name.lower(): value for name, value in handler.headers.items()}
        # the handler's own path has lost a second slash at its start
        request = Request(handler.command, handler.requestline.split(" ")[1], headers)
        with self._lock:
            self._log.append(request)
            self._at_once += 1
            self.most_at_once = max(self.most_at_once, self._at_once)
            action = self._action_for(request)
        try:
            action(Exchange(handler, request, self._server))
        finally:
            with self._lock:
                self._at_once -= 1

    def _action_for(self, request: Request) -> Action:
        for fault in self._faults:
            if (fault.times is None or fault.hits < fault.times) and fault.match(request):
                fault.hits += 1
                return fault.action
        return Exchange.forward


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    server: _Server

    def _serve(self) -> None:
        self.server.proxy.serve(self)

    do_GET = do_HEAD = do_PUT = do_POST = do_DELETE = _serve  # noqa: N815 - the library's names

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128
    proxy: Proxy

    def handle_error(self, request: object, client_address: object) -> None:
        error = sys.exception()
        # clients that are killed, or have seen enough, go without a word
        if error is not None and not isinstance(error, ConnectionError | ValueError):
            self.proxy.errors.append(error)


def on(kind: str, path: str = "") -> Callable[[Request], bool]:
    """Match requests of a kind (a method, LIST, COPY; * for all) whose decoded path holds a regular expression."""
    pattern = re.compile(path)
    return lambda request: kind in ("*", request.kind, request.method) and bool(pattern.search(request.path))


def blocks(response: HTTPResponse) -> Iterator[bytes]:
    """Yield the body of a response as it comes."""
    while block := response.read(BLOCK):
        yield block
