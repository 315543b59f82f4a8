"""Two threads of this process that share what there is to do, where DuckDB itself works on one."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeVar

from stedi.engine import Engine

__all__ = ["side_by_side"]

T = TypeVar("T")


def side_by_side(engine: Engine, tasks: Sequence[Callable[[Engine], T]]) -> list[T]:
    """Return what tasks give, in their order; each gets an engine on the same tables.

    On an engine of one thread, this thread and another take them in turn, each the next that nobody has taken: put the
    long ones first. Where DuckDB has several threads it uses all cores for one task, so they are done one by one. The
    first that fails ends it, and is raised.
    """
    if engine.threads() > 1 or len(tasks) < 2:  # noqa: PLR2004 - one task cannot be shared
        return [task(engine) for task in tasks]
    waiting = deque(enumerate(tasks))
    found: dict[int, T] = {}
    failed: list[BaseException] = []

    def work(own: Engine) -> None:
        while not failed:
            try:
                number, task = waiting.popleft()
            except IndexError:
                return
            found[number] = task(own)

    def help_out(own: Engine) -> None:
        try:
            work(own)
        except BaseException as error:  # noqa: BLE001 - raised again by the thread that waits
            failed.append(error)

    # a daemon, so that nobody waits for it after Ctrl-C
    helper = threading.Thread(target=help_out, args=(engine.beside(),), daemon=True)
    helper.start()
    try:
        work(engine)
    except Exception:
        waiting.clear()
        helper.join()
        raise
    helper.join()
    if failed:
        raise failed[0]
    return [found[number] for number in range(len(tasks))]
