"""A sample written to a local folder."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from stedi.contracts import FEEDS
from stedi.errors import UsageError
from stedi.sample.files import DEFAULT_SEED, Sample, SampleFile

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
    target: Path,
    *,
    scale: int = 1,
    seed: int = DEFAULT_SEED,
    serial_defect: bool = False,
    dirty: float = 0.0,
    progress: Callable[[int], None] | None = None,
) -> SampleReport:
    """Write landing data with known results under `target`, which is made where it does not exist.

    `scale` is how many times the published size; `dirty` (0..0.5) the share of lines made bad;
    `progress` is given the lines written since its last call. expected.json comes last: where it
    stands, the sample is whole.

    Raises UsageError for a setting out of its range and for landing folders that hold files already,
    OSError where the target cannot be written. A file that fails leaves nothing under its name.
    """
    sample = Sample(scale=scale, seed=seed, serial_defect=serial_defect, dirty=dirty)
    _check_empty(target)
    paths = []
    size = 0
    for file in sample.files():
        size += _write(target / file.path, file, progress)
        paths.append(file.path)
    return SampleReport(tuple(paths), size, sample.rows, sample.expected, sample.quarantined)


def _check_empty(target: Path) -> None:
    """Refuse a target that holds landing data: two samples in one folder would be neither."""
    if target.exists() and not target.is_dir():
        raise UsageError(f"{target} is not a folder", fix="name a folder for the sample")
    for table in FEEDS:
        folder = target / table.prefix
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise UsageError(
                f"{folder} already holds files", fix="name another folder, or remove the landing data first"
            )


def _write(path: Path, file: SampleFile, progress: Callable[[int], None] | None) -> int:
    """Write one file under another name, then give it its own; returns its bytes."""
    path.parent.mkdir(parents=True, exist_ok=True)
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
