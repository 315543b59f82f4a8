"""Processes that are killed before a change of theirs reaches S3: the proxy ends them in the middle of the request.

To be fast they are forked from one that has imported everything and opened nothing.
"""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

from s3.proxy import Exchange, Fault, Request

if TYPE_CHECKING:
    from s3.bucket import Bucket

__all__ = ["Killer", "Victims", "die"]


class Place(Protocol):
    """A lake in a bucket."""

    s3: Bucket
    uri: str


_SERVER = """
import json, os, sys, traceback
import stedi.audit, stedi.engine, stedi.landing, stedi.relations, stedi.sieve, stedi.s3, stedi.s3.upload

WORK

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            task = json.loads(line)
            os.environ.update(task["environment"])
            stedi.s3.upload.PART = task["part"]
            work(task["lake"])
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    print(child, flush=True)
    sys.stdin.readline()
    _, status = os.waitpid(child, 0)
    print(os.waitstatus_to_exitcode(status), flush=True)
"""
"""Forks a process for each lake it is told of, to do there what the text put for WORK defines as `work`.

It prints the id of the process and, when it is asked to, how that ended. Until then the id is that of the process, dead
or alive, so that a kill never comes too late and hits nobody else.
"""


class Victims:
    """The processes that are killed; `work` is the Python text of a function of that name, of the URI of a lake."""

    def __init__(self, work: str) -> None:
        self._server = subprocess.Popen(
            [sys.executable, "-W", "error", "-c", _SERVER.replace("WORK", work)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def close(self) -> None:
        assert self._server.stdin
        assert self._server.stdout
        self._server.stdin.close()
        self._server.wait(20)
        self._server.stdout.close()

    def start(self, lake: str, part: int) -> int:
        """Begin the work in a process of its own, and return its id."""
        environment = {name: value for name, value in os.environ.items() if name.startswith(("AWS_", "STEDI_"))}
        return self._ask(json.dumps({"lake": lake, "part": part, "environment": environment}))

    def end(self) -> int:
        """Return how the process ended."""
        return self._ask("")

    def _ask(self, line: str) -> int:
        assert self._server.stdin
        self._server.stdin.write(f"{line}\n")
        self._server.stdin.flush()
        assert self._server.stdout
        line = self._server.stdout.readline()
        assert line, "the server has died"
        return int(line)


class Killer:
    """Kills a process before one of its requests reaches S3."""

    def __init__(self, lake: Place, match: Callable[[Request], bool], last: int) -> None:
        self.step = ""
        self._left = last
        self._match = match
        self._pid = 0
        self._known = threading.Event()
        lake.s3.proxy.add(Fault(self._is_last, self._kill, times=None))

    def kill(self, pid: int) -> None:
        """Say which process it is."""
        self._pid = pid
        self._known.set()

    def _is_last(self, request: Request) -> bool:
        # what was under way beside the last request does not arrive either
        self._left -= self._match(request)
        return self._left <= 0

    def _kill(self, exchange: Exchange) -> None:
        if not self.step:
            self.step = f"{exchange.request.kind} {exchange.request.key}"
        assert self._known.wait(10)
        os.kill(self._pid, signal.SIGKILL)
        exchange.reset()


def die(lake: Place, victims: Victims, last: int, part: int = 32 << 20) -> str:
    """Have a process die before its change number `last`; return what that was, "" where it came to its end."""
    lake.s3.proxy.clear()
    killer = Killer(lake, lambda request: request.changes, last)
    killer.kill(victims.start(lake.uri, part))
    code = victims.end()
    assert code == (-signal.SIGKILL if killer.step else 0)
    lake.s3.proxy.wait_until_idle()
    lake.s3.proxy.clear()
    return killer.step
