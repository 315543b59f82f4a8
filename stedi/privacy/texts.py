"""The text in a file: any file, read in pieces."""

from __future__ import annotations

import codecs
import os
from collections.abc import Iterable, Iterator
from pathlib import Path

from stedi.escapes import decoded
from stedi.unpacked import unpacked

__all__ = ["dictionaries", "is_parquet", "outside_columns", "texts_of"]

_PIECE = 4_000_000
_LONGEST_LINE = 100_000
_OVERLAP = 1000
_MARKS = (b"\xff\xfe", b"\xfe\xff")
_ZEROS = 8  # one in so many bytes: in UTF-16 every second is one of a text in Latin letters
_MAGIC = b"PAR1"


def texts_of(file: Path) -> Iterator[str]:
    """Yield a file's text in pieces that end with a line, unpacked where it is gzip; other bytes stand as they are."""
    with file.open("rb") as raw:
        zipped = raw.read(2) == b"\x1f\x8b"
    before = encoding = ""
    with unpacked(file, zipped=zipped) as stream:
        while piece := stream.read(_PIECE) + stream.readline(_LONGEST_LINE):
            if not encoding:
                encoding = "utf-16" if piece.startswith(_MARKS) else "utf-8"
                decode = codecs.getincrementaldecoder(encoding)(errors="replace").decode
            text = decode(piece)
            yield before + text
            # of a line too long for a piece: what stands at its end may go on in the next
            before = "" if text.endswith("\n") else text[-_OVERLAP:]
            if encoding == "utf-8" and piece.count(0) * _ZEROS > len(piece):
                yield decoded(piece)  # UTF-16 without a mark


def is_parquet(file: Path) -> bool:
    """Return whether a file is one of Parquet, however it is called."""
    with file.open("rb") as stream:
        if stream.read(len(_MAGIC)) != _MAGIC:
            return False
        stream.seek(-len(_MAGIC), os.SEEK_END)
        return stream.read() == _MAGIC


def outside_columns(file: Path, columns: Iterable[tuple[int, int]]) -> Iterator[str]:
    """Yield the bytes of a Parquet file but those of its columns (place, length) as text.

    So the footer with schema, statistics and what its writer put beside them, indexes, and whatever lies in between.
    """
    with file.open("rb") as stream:
        for start, length in sorted(columns):
            yield stream.read(max(start - stream.tell(), 0)).decode(errors="replace")
            stream.seek(max(start + length, stream.tell()))
        yield stream.read().decode(errors="replace")


def dictionaries(file: Path) -> Iterator[str]:
    """Yield the texts in the dictionaries of a Parquet file's columns, those besides that no row has.

    Whoever takes rows away from a table of categories and writes it with pandas or Arrow writes all categories.
    """
    import pyarrow as pa  # type: ignore[import-untyped]
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    with pq.ParquetFile(file) as parquet:
        kinds = (pa.types.is_string, pa.types.is_large_string, pa.types.is_binary, pa.types.is_large_binary)
        texts = [field.name for field in parquet.schema_arrow if any(is_kind(field.type) for is_kind in kinds)]
    with pq.ParquetFile(file, read_dictionary=texts) as parquet:
        for batch in parquet.iter_batches(columns=texts):
            for column in batch.columns:
                if pa.types.is_dictionary(column.type):
                    for value in column.dictionary.cast(pa.large_binary()).to_pylist():
                        yield value.decode(errors="replace")
