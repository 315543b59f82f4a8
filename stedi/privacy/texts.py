"""The text in a file: any file, read in pieces."""

from __future__ import annotations

import codecs
import os
import struct
from collections.abc import Iterator
from pathlib import Path

from stedi.escapes import decoded
from stedi.unpacked import unpacked

__all__ = ["footer", "is_parquet", "texts_of"]

_PIECE = 4_000_000
_LONGEST_LINE = 100_000
_OVERLAP = 1000
_MARKS = (b"\xff\xfe", b"\xfe\xff")
_ZEROS = 8  # one in so many bytes: in UTF-16 every second is one of a text in Latin letters
_MAGIC = b"PAR1"
_TAIL = 4 + len(_MAGIC)  # of a Parquet file: the length of its footer, and what it begins with too


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


def footer(file: Path) -> str:
    """Return the footer of a Parquet file as text: schema, statistics, and what its writer put beside them."""
    with file.open("rb") as stream:
        stream.seek(-_TAIL, os.SEEK_END)
        [length] = struct.unpack("<I", stream.read(4))
        stream.seek(-min(length + _TAIL, stream.tell() + 4), os.SEEK_END)
        return stream.read(length).decode("utf-8", errors="replace")
