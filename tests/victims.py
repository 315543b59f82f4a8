"""Processes that are killed: at any step that changes a file, before, halfway or after it, or at a random time.

Every kill is real: a process ends at once, in the middle of what it does. To be fast the processes are forked from one
that has imported everything and opened nothing.
"""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from contextlib import suppress
from os import kill

__all__ = ["Victims"]

_SERVER = """
import os, sys, traceback
from pathlib import Path
import stedi.audit, stedi.engine, stedi.landing, stedi.relations, stedi.sieve, filelock
from stedi.local import LocalStorage

def half_written(storage, path, data):
    file = storage.local(path)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.with_name(file.name + ".partial").write_bytes(data[: len(data) // 2])

def half_moved(storage, source, target):
    storage.local(target).parent.mkdir(parents=True, exist_ok=True)

def half_deleted(storage, path):
    pass

def half_cleared(storage, path):
    folder = storage.local(path)
    files = sorted(file for file in folder.rglob("*") if file.is_file()) if folder.is_dir() else []
    for file in files[::2]:
        file.unlink()

def dying(method, halfway, name):
    def step(self, *values):
        Dying.steps += 1
        now = Dying.steps == Dying.last
        if now or Dying.last < 0:
            print(f"{name} {values[0]}", flush=True)
        if now and Dying.moment == "before":
            os._exit(9)
        if now and Dying.moment == "halfway":
            halfway(self, *values)
            os._exit(9)
        method(self, *values)
        if now:
            os._exit(9)
    return step

class Dying(LocalStorage):
    # of all places of a process together: a forget changes landing data too
    steps, last, moment = 0, 0, "-"
    write = dying(LocalStorage.write, half_written, "write")
    move = dying(LocalStorage.move, half_moved, "move")
    delete = dying(LocalStorage.delete, half_deleted, "delete")
    clear = dying(LocalStorage.clear, half_cleared, "clear")

WORK

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        try:
            work(*line.rstrip("\\n").split("\\t"))
            os._exit(0)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
    print(child, flush=True)
    _, status = os.waitpid(child, 0)
    print("ended", os.waitstatus_to_exitcode(status), flush=True)
"""
"""Forks a process for each line it is told: the words of a `work`, which is defined in the text put for WORK."""


class Victims:
    """The processes that are killed; `work` is the Python text of a function `work(action, lake, ..., last, moment)`.

    It has `Dying` at hand, a LocalStorage in which a process dies at a step, and says to it when.
    """

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

    def _read(self) -> str:
        assert self._server.stdout
        line = self._server.stdout.readline()
        assert line, "the server has died"
        return line.rstrip("\n")

    def start(self, *words: object) -> None:
        assert self._server.stdin
        self._server.stdin.write("\t".join(map(str, words)) + "\n")
        self._server.stdin.flush()

    def step(self, *words: object) -> str:
        """Have a process die at a step, as its words say; return what the step was, "" where it came to its end."""
        steps, ended = self._run(*words)
        assert ended == ("ended 9" if steps else "ended 0")
        return steps[0] if steps else ""

    def steps(self, *words: object) -> list[str]:
        """Have a process work to its end, its words saying that -1 is its last step; return all of its steps."""
        steps, ended = self._run(*words)
        assert ended == "ended 0"
        return steps

    def _run(self, *words: object) -> tuple[list[str], str]:
        self.start(*words)
        lines = [self._read()]
        while not lines[-1].startswith("ended"):
            lines.append(self._read())
        return [line for line in lines if not line.isdigit() and not line.startswith("ended")], lines[-1]

    def kill_after(self, seconds: float, *words: object) -> bool:
        """Kill a process after some seconds; return whether it was there yet to be killed."""
        self.start(*words)
        pid = int(self._read())
        time.sleep(seconds)
        with suppress(ProcessLookupError):
            kill(pid, signal.SIGKILL)
        ended = self._read()
        assert ended in ("ended 0", f"ended {-signal.SIGKILL}")
        return ended != "ended 0"
