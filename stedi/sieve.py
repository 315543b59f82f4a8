"""A landing file line by line: good lines to one side, bad lines with their reason to the other.

The slow path, for files that are not proven clean. It streams, so a file of any size takes little memory.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from stedi import rule
from stedi.contracts import Column, Table
from stedi.storage import faults
from stedi.unpacked import is_zipped, unpacked

if TYPE_CHECKING:
    from stedi.mentions import Mentions

__all__ = ["BadLine", "Judge", "Sieved", "sieve"]

RAW_BYTES_KEPT = 1_000_000
"""Of a `too_long` line, so much is kept in quarantine; the rest stays in the landing file."""

UNKNOWN_KEYS_KEPT = 20

_BOM = b"\xef\xbb\xbf"
_TRIM = rule.TRIM.encode()
_LONGEST = 4 * rule.MAX_LINE_CHARS  # bytes, in UTF-8


@dataclass(frozen=True, slots=True)
class BadLine:
    """A quarantined line: number in its file from 1, reason, bytes without the line break."""

    number: int
    reason: str
    raw: bytes


@dataclass(slots=True)
class Sieved:
    """What a file held: good rows, bad lines by reason, keys that no contract knows, whose lines were passed over.

    `forgotten` holds the numbers of the lines of forgotten customers, which are neither good nor bad any more.
    """

    rows: int = 0
    reasons: Counter[str] = field(default_factory=Counter)
    unknown_keys: set[str] = field(default_factory=set)
    forgotten: list[int] = field(default_factory=list)


class _ColumnCheck:
    """What the rule asks of one column in a flat line."""

    def __init__(self, column: Column, *, required: bool) -> None:
        self._name = column.name
        self._required = required
        self._null_or_empty = _compile(rule.has_null_or_empty(column))
        self._typed = _compile(rule.has_typed(column))

    def reason(self, text: str, present: set[str]) -> str | None:
        if self._name not in present:
            return f"missing:{self._name}" if self._required else None
        if self._required and self._null_or_empty.search(text):
            return f"empty:{self._name}"
        return None if self._typed.search(text) else f"bad_type:{self._name}"


class Judge:
    """The reading rule of one feed, ready to be asked about lines."""

    def __init__(self, feed: Table) -> None:
        self._feed = feed
        self._ordered = _compile(rule.ordered(feed))
        self._flat = _compile(rule.FLAT)
        self._known = {column.name for column in feed.columns}
        self._checks = [_ColumnCheck(column, required=column.name in feed.required) for column in feed.columns]

    def reason(self, line: bytes, unknown_keys: set[str]) -> str | None:
        """Return why a trimmed line is bad, None for a good one; adds a good one's keys that no contract knows."""
        try:
            text = line.decode()
        except UnicodeDecodeError:
            text = line.decode(errors="replace")  # the replacement character is in no good line
        if len(text) > rule.MAX_LINE_CHARS:
            return "too_long"
        if self._ordered.fullmatch(text):
            return None
        if not self._flat.fullmatch(text):
            return "not_flat_json"
        keys = [key for key, _ in json.loads(text, object_pairs_hook=list, parse_int=str)]
        present = set(keys)
        if len(present) != len(keys):
            return "dup_key"
        reason = next(filter(None, (check.reason(text, present) for check in self._checks)), None)
        if reason is None and len(unknown_keys) < UNKNOWN_KEYS_KEPT:
            unknown_keys |= set(sorted(present - self._known)[: UNKNOWN_KEYS_KEPT - len(unknown_keys)])
        return reason


def sieve(
    judge: Judge, file: Path, good: IO[bytes], bad: Callable[[BadLine], None], mentions: Mentions | None = None
) -> Sieved:
    """Read one file to its end: each good line goes to `good`, trimmed, each other one to `bad`.

    A line of somebody forgotten, as `mentions` knows it, goes nowhere.

    Blank lines and a byte order mark at the start are read as if they were not there. Raises EnvironmentFault where
    the file cannot be read to its end.
    """
    found = Sieved()
    for number, (raw, cut) in enumerate(_lines(file), 1):
        line = raw.removeprefix(_BOM) if number == 1 else raw
        text = line.strip(_TRIM)
        if not text and not cut:
            continue
        if mentions is not None and mentions.owns(text):
            found.forgotten.append(number)
            continue
        reason = "too_long" if cut or len(text) > _LONGEST else judge.reason(text, found.unknown_keys)
        if reason is not None and mentions is not None and mentions.in_bad(line):
            found.forgotten.append(number)
        elif reason is None:
            good.write(text + b"\n")
            found.rows += 1
        else:
            found.reasons[reason] += 1
            bad(BadLine(number, reason, line[:RAW_BYTES_KEPT] if reason == "too_long" else line))
    return found


def _lines(file: Path) -> Iterator[tuple[bytes, bool]]:
    """Yield the lines of a file without their line feed, and whether one was cut because it is endless."""
    bound = _LONGEST + 64 * 1024  # room for a byte order mark and some blanks around a line that is long enough
    with faults(f"cannot read {file}"), unpacked(file, zipped=is_zipped(file)) as stream:
        while piece := stream.readline(bound):
            line, cut = piece, False
            while len(piece) == bound and not piece.endswith(b"\n"):
                piece = stream.readline(bound)
                if not line.strip(_TRIM):
                    line = piece
                elif piece.strip(_TRIM + b"\n"):
                    cut = True
            yield line.removesuffix(b"\n"), cut


def _compile(expression: str) -> re.Pattern[str]:
    return re.compile(rule.python(expression))
