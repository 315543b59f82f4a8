"""What the proxy may do to a request instead of passing it on: refuse, cut, corrupt, stall, lose."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from s3.proxy import Action, Exchange, Request

__all__ = ["answer", "before", "corrupt", "cut", "hang_up", "lose", "reset", "stall"]

SECONDS_TO_ARRIVE = 0.05
"""A reset throws away what the client has not read yet, so it gets this long to read."""


def answer(status: int, code: str, message: str = "as the test wishes") -> Action:
    """Answer as S3 does where it refuses: `answer(503, "SlowDown")`."""
    body = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
    headers = {"Content-Type": "application/xml", "x-amz-request-id": "0"}
    return lambda exchange: exchange.answer(status, headers, body.encode())


def reset(after: int) -> Action:
    """Reset the connection after some bytes of the body."""

    def act(exchange: Exchange) -> None:
        _begin(exchange, after)
        time.sleep(SECONDS_TO_ARRIVE)
        exchange.reset()

    return act


def cut(after: int) -> Action:
    """Close the connection after some bytes of the body, as if that were all."""

    def act(exchange: Exchange) -> None:
        _begin(exchange, after)
        exchange.close()

    return act


def corrupt(at: int = 0) -> Action:
    """Change one byte of the body; its length stays, and so do the headers."""

    def act(exchange: Exchange) -> None:
        with exchange.ask() as response:
            exchange.relay_head(response)
            body = bytearray(response.read())
            body[at] ^= 1
            exchange.send(bytes(body))

    return act


def stall(after: int, seconds: float = 30, released: threading.Event | None = None) -> Action:
    """Send some bytes of the body, then nothing more until `seconds` are over or it is released; then close."""

    def act(exchange: Exchange) -> None:
        _begin(exchange, after)
        (released or threading.Event()).wait(seconds)
        exchange.close()

    return act


def before(call: Callable[[Request], object]) -> Action:
    """Do something else first, as replacing the object in the bucket."""

    def act(exchange: Exchange) -> None:
        call(exchange.request)
        exchange.forward()

    return act


def lose() -> Action:
    """Have the server do what it is asked, and lose its answer."""

    def act(exchange: Exchange) -> None:
        with exchange.ask() as response:
            response.read()
        exchange.reset()

    return act


def hang_up() -> Action:
    """Reset the connection instead of answering; the server is not asked."""

    def act(exchange: Exchange) -> None:
        exchange.drain()
        exchange.reset()

    return act


def _begin(exchange: Exchange, size: int) -> None:
    """Send the head of the server's answer, whole, and the first bytes of its body."""
    with exchange.ask() as response:
        exchange.relay_head(response)
        exchange.send(response.read(size))
