"""A sample written to a folder or a bucket."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from stedi.contracts import FEEDS
from stedi.errors import UsageError
from stedi.sample.files import DEFAULT_SEED, Sample, SampleFile
from stedi.storage import Options, Storage, faults, open_storage

__all__ = ["SampleReport", "write_sample"]


@dataclass(frozen=True, slots=True)
class SampleReport:
    """What was written: paths under the target, bytes of all files, lines by feed (good and bad).

    `expected` and `quarantined` are what expected.json and dirty.json hold; `quarantined` (feed ->
    reason -> lines) is empty unless the sample is dirty.
    """

    files: tuple[str, ...]
    bytes: int
    rows: dict[str, int]
    expected: dict[str, int]
    quarantined: dict[str, dict[str, int]]


def write_sample(
    target: str | os.PathLike[str],
    *,
    scale: int = 1,
    seed: int = DEFAULT_SEED,
    serial_defect: bool = False,
    dirty: float = 0.0,
    progress: Callable[[int], None] | None = None,
    options: Options | None = None,
) -> SampleReport:
    """Write landing data with known results under `target`, a folder (made where it does not exist) or an S3 URI.

    `scale` is how many times the published size; `dirty` (0..0.5) the share of lines made bad;
    `progress` is given the lines written since its last call. expected.json comes last: where it
    stands, the sample is whole.

    Raises UsageError for a setting out of its range and for landing folders that hold files already,
    EnvironmentFault where the target cannot be written. A file that fails leaves nothing under its name.
    """
    sample = Sample(scale=scale, seed=seed, serial_defect=serial_defect, dirty=dirty)
    storage = open_storage(target, options)
    _check_empty(storage)
    paths = []
    size = 0
    for file in sample.files():
        path = PurePosixPath(file.path)
        with faults(f"cannot write {storage.uri}/{path}"):
            size += _write(storage.workspace(str(path.parent)) / path.name, file, progress)
        storage.stage([file.path])
        paths.append(file.path)
    return SampleReport(tuple(paths), size, sample.rows, sample.expected, sample.quarantined)


def _check_empty(storage: Storage) -> None:
    """Refuse a target that holds landing data: two samples in one place would be neither."""
    for table in FEEDS:
        if storage.list(table.prefix):
            raise UsageError(
                f"{storage.uri}/{table.prefix} already holds files",
                fix="name another folder, or remove the landing data first",
            )


def _write(path: Path, file: SampleFile, progress: Callable[[int], None] | None) -> int:
    """Write one file under another name, then give it its own; returns its bytes."""
    part = path.with_name(f".{path.name}.part")
    size = 0
    try:
        with part.open("wb") as out:
            for chunk in file.chunks:
                size += out.write(chunk.data)
                if progress and chunk.rows:
                    progress(chunk.rows)
        part.replace(path)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return size
