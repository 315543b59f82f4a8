"""A file opened for reading, through gzip where it is packed; damage is an error that names the file."""

from __future__ import annotations

import contextlib
import gzip
import zlib
from collections.abc import Iterator
from io import BufferedIOBase
from pathlib import Path

from stedi.errors import EnvironmentFault

__all__ = ["is_zipped", "unpacked"]


def is_zipped(file: Path) -> bool:
    """Return whether the name of a landing file says that it is packed."""
    return file.suffix.lower() == ".gz"


@contextlib.contextmanager
def unpacked(file: Path, *, zipped: bool) -> Iterator[BufferedIOBase]:
    """Open a file whose content is packed by gzip, or is not; EnvironmentFault where it cannot be read to its end."""
    with gzip.open(file) if zipped else file.open("rb") as stream:
        try:
            yield stream
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise EnvironmentFault(
                f"{file}: is damaged or cut off, it cannot be unpacked to its end",
                fix="put a whole file in its place, or move it away",
            ) from error
