"""The clean proof: that every line of a file is a row of its feed, at the speed of a regular expression.

A proven file needs no diagnosis: the engine's own typed reader gives the same values for it as any other engine
would. The proof says nothing about a file it cannot prove; that one goes through the sieve.
"""

from __future__ import annotations

import gzip
import sys
import zlib
from collections.abc import Sequence
from pathlib import Path

from stedi import rule
from stedi.contracts import Table
from stedi.engine import MAX_OBJECT_BYTES, Engine, glob_safe
from stedi.errors import StediError

__all__ = ["ARROW_FROM_BYTES", "Proofs", "prove"]

ARROW_FROM_BYTES = 48_000_000
"""From so many bytes on Arrow proves, in a third of DuckDB's time; below, importing it costs more than it saves."""

_BLOCK = 1 << 20
_BOM = b"\xef\xbb\xbf"

Proofs = dict[Path, int | None]
"""Rows of each file, or None where it is not proven clean."""

_DUCKDB = """
select
    filename,
    count(*),
    count(*) filter (
        json is null or length(json::varchar) > $longest or not regexp_full_match(json::varchar, $ordered)
    )
from read_json_objects(
    $files, format = 'newline_delimited', ignore_errors = true, filename = true, maximum_object_size = $size,
    hive_partitioning = false
)
group by filename
"""


def prove(
    engine: Engine, feed: Table, files: Sequence[Path], size: int, *, arrow_from: int = ARROW_FROM_BYTES
) -> Proofs:
    """Return the rows of each file that is proven clean, None for the others; `size` is their bytes in all."""
    if not files:
        return {}
    for file in files:
        glob_safe(file)  # whoever proves them, it is DuckDB that reads them: refuse what it cannot
    proofs: Proofs = {}
    if size >= arrow_from or "pyarrow.compute" in sys.modules:
        from stedi.blocks import prove_blocks

        proofs = prove_blocks(feed, files, engine.threads())
    # what is not proven so gets a second opinion: blocks know nothing of blank lines and gzip
    rest = [file for file in files if proofs.get(file) is None]
    proofs |= _by_duckdb(engine, feed, rest) if rest else {}
    return {file: rows if rows is None or _is_whole(file) else None for file, rows in proofs.items()}


def _is_whole(file: Path) -> bool:
    """Return whether DuckDB reads all of a file in which every line it sees is good.

    It unpacks a .gz without looking at its checksum. And on several threads it forgets a last read buffer of a single
    byte, which takes the last line with it where that byte is no line feed.
    """
    zipped = file.suffix.lower() == ".gz"
    last, size = b"", 0
    try:
        with gzip.open(file) if zipped else file.open("rb") as stream:
            if stream.read(len(_BOM)) == _BOM:
                return False  # from 2.0.1 on DuckDB passes over it, before it does not; the sieve does
            stream.seek(0)
            if not zipped:
                stream.seek(max(file.stat().st_size - 1, 0))
                size = stream.tell()
            while block := stream.read(_BLOCK):
                last, size = block[-1:], size + len(block)
    except (OSError, EOFError, zlib.error):
        return False
    return last == b"\n" or size < MAX_OBJECT_BYTES


def _by_duckdb(engine: Engine, feed: Table, files: Sequence[Path]) -> Proofs:
    names = {glob_safe(file): file for file in files}
    try:
        counted = engine.run(
            f"proof of {feed.name}",
            _DUCKDB,
            {
                "files": list(names),
                "ordered": rule.ordered(feed),
                "longest": rule.MAX_LINE_CHARS,
                "size": MAX_OBJECT_BYTES,
            },
        )
    except StediError:
        # one line longer than a read buffer, or one damaged .gz, fails the whole read; the sieve will say what it is
        if len(files) == 1:
            return {files[0]: None}
        middle = len(files) // 2
        return _by_duckdb(engine, feed, files[:middle]) | _by_duckdb(engine, feed, files[middle:])
    found = {Path(name): (None if bad else int(rows)) for name, rows, bad in counted}
    # a file without lines is in no group; of any other that is not, nothing is proven
    return {file: found.get(file, None if file.stat().st_size else 0) for file in files}
