"""The clean proof of large files, by Arrow: RE2 over blocks of many lines, without taking them apart into lines."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.compute as pc  # type: ignore[import-untyped]

from stedi import rule
from stedi.contracts import Table

__all__ = ["prove_blocks"]

_BLOCK = 1 << 22
"""Bytes that RE2 looks at in one go: few enough for a cache, many enough for the call not to count."""

_PART = 1 << 24
"""Bytes of a file that one thread proves."""

_LINE_FEED = ord("\n")
_LINE_FEED_BYTE = pa.scalar(_LINE_FEED, pa.uint8())


def prove_blocks(feed: Table, files: Sequence[Path], threads: int) -> dict[Path, int | None]:
    """Return the rows of each file that is proven clean, None for the others.

    Blank lines are not proven, nor is anything packed.
    """
    lines = rf"\A(?:{rule.ordered(feed)}\n)*\z"
    plain = [file for file in files if file.suffix.lower() != ".gz"]
    with ThreadPoolExecutor(threads) as pool:
        try:
            parts = {file: [pool.submit(_rows, file, *part, lines) for part in _parts(file)] for file in plain}
            counted = {file: [part.result() for part in found] for file, found in parts.items()}
        except BaseException:  # Ctrl-C: what has not begun is not begun
            pool.shutdown(cancel_futures=True)
            raise
    return {file: None if None in rows else sum(filter(None, rows)) for file, rows in counted.items()}


def _parts(file: Path) -> Iterator[tuple[int, int]]:
    """Return where the parts of a file begin and end, which is where lines do."""
    try:
        size = file.stat().st_size
        with file.open("rb") as stream:
            start = 0
            while start < size:
                stream.seek(min(start + _PART, size))
                stream.readline(rule.MAX_LINE_CHARS)
                yield start, stream.tell()
                start = stream.tell()
    except OSError:
        yield 0, -1


def _rows(file: Path, start: int, end: int, lines: str) -> int | None:
    """Return how many lines stand between two places of a file, None where one of them is not proven."""
    buffer = bytearray(_BLOCK + 1)
    view, shared = memoryview(buffer), pa.py_buffer(buffer)
    rows = held = 0
    try:
        with file.open("rb", buffering=0) as stream:
            stream.seek(start)
            while start < end:
                got = stream.readinto(view[held : min(_BLOCK, held + end - start)])
                if not got:
                    return None  # the file has become shorter
                start, filled = start + got, held + got
                if start == end and buffer[filled - 1] != _LINE_FEED:
                    buffer[filled] = _LINE_FEED
                    filled += 1
                whole = buffer.rfind(b"\n", 0, filled) + 1
                if not _all_short(buffer, filled) or not _all_good(shared, whole, lines):
                    return None
                rows += _lines(shared, whole)
                held = filled - whole
                view[:held] = view[whole:filled]
    except OSError:
        return None
    return rows


def _lines(shared: pa.Buffer, whole: int) -> int:
    """Count the line feeds by Arrow: other threads go on meanwhile, which they do not while `bytes.count` works."""
    found: int = pc.equal(pa.Array.from_buffers(pa.uint8(), whole, [None, shared]), _LINE_FEED_BYTE).true_count
    return found


def _all_short(buffer: bytearray, filled: int) -> bool:
    """Return whether no line is over-long: a line end stands in every half of the greatest length."""
    half = rule.MAX_LINE_CHARS // 2
    return all(buffer.find(b"\n", at, at + half) >= 0 for at in range(0, filled - half + 1, half))


def _all_good(shared: pa.Buffer, whole: int, lines: str) -> bool:
    block = pa.Array.from_buffers(pa.string(), 1, [None, pa.py_buffer(struct.pack("=ii", 0, whole)), shared])
    try:
        block.validate(full=True)  # that it is UTF-8: RE2 lets byte sequences pass that are not
    except pa.ArrowInvalid:
        return False
    return bool(pc.match_substring_regex(block, lines)[0].as_py())
