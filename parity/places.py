"""Places by name: S3 paths in one spelling, and which of our tables a path, a catalog name or a script's name means."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from functools import cache

from stedi.contracts import TABLES, Table

__all__ = ["bucket_of", "holds", "is_one_file", "likeness", "meant", "normal", "overlap", "zone_of"]

_ALSO: Mapping[str, tuple[str, ...]] = {
    "machinelearning": ("ml",),
    "accelerometer": ("accel",),
    "steptrainer": ("trainer",),
}
"""What people also call the subject of a table."""

_ZONES: Mapping[str, tuple[str, ...]] = {
    "landing": ("landing", "raw", "bronze"),
    "trusted": ("trusted", "silver"),
    "curated": ("curated", "gold"),
}

SURE = 3
"""The likeness of a name that gives both subject and zone of a table."""


def normal(path: str) -> str:
    """Return an S3 path in the spelling that paths are compared in: s3://, no glob, no doubled or final slash."""
    scheme, separator, place = path.partition("://")
    if not separator:
        return path.rstrip("/")
    parts = [part for part in place.split("/") if part]
    kept: list[str] = []
    for part in parts:
        if "*" in part:
            break
        kept.append(part)
    return f"{'s3' if scheme.lower() in ('s3a', 's3n') else scheme.lower()}://{'/'.join(kept)}"


def bucket_of(path: str) -> str:
    """Return the bucket of an S3 path, "" where it is none."""
    place = normal(path)
    return place.removeprefix("s3://").split("/")[0] if place.startswith("s3://") else ""


def is_one_file(path: str) -> bool:
    """Return whether a path names one file of landing data, and no folder."""
    return normal(path).lower().endswith((".json", ".jsonl", ".json.gz", ".jsonl.gz", ".parquet", ".csv"))


def holds(outer: str, inner: str) -> bool:
    """Return whether a place is another, or a folder that the other is in."""
    return f"{normal(inner)}/".startswith(f"{normal(outer)}/")


def likeness(name: str, contract: Table) -> int:
    """Return how far a path, catalog name or script name means a table: 0, 1 (the subject) or SURE (the zone too).

    Of several zones in a name the last counts: `customer_landing_to_trusted` makes a trusted table.
    """
    # the bucket counts only where the rest of a path says nothing: it is of one name for all tables, mostly
    bucket, _, prefix = name.partition("://")[2].partition("/")
    # a folder within another's: accelerometer/step_trainer_trusted
    last = prefix.rstrip("/").rpartition("/")[2]
    if _says_all(last):
        return _likeness(last, contract)
    return (_likeness(prefix, contract) if prefix else 0) or _likeness(
        f"{bucket}/{prefix}" if bucket else name, contract
    )


def _says_all(name: str) -> bool:
    """Return whether a name gives a subject and a zone by itself."""
    words = _words(name)
    subjects = [subject for found in _subjects().values() for subject in found]
    return _last_zone(words) is not None and _speaks_of(words, "".join(words), subjects)


def zone_of(name: str) -> str | None:
    """Return the zone that a name gives."""
    return _last_zone(_words(name))


def _likeness(name: str, contract: Table) -> int:
    words = _words(name)
    compact = "".join(words)
    if not _speaks_of(words, compact, _subjects()[contract.name]):
        return 0
    # "machine_learning_from_step_trainer" is of the longer subject that stands first
    others = {s for subjects in _subjects().values() for s in subjects} - set(_subjects()[contract.name])
    places = {subject: compact.find(subject) for subject in others if _speaks_of(words, compact, (subject,))}
    own = min(compact.find(s) for s in _subjects()[contract.name] if s in compact)
    if any(0 <= place < own for place in places.values()):
        return 0
    zone = _last_zone(words)
    return 1 if zone is None else SURE if zone == contract.zone else 0


def meant(name: str, among: Iterable[Table]) -> Table | None:
    """Return the table that a name means: the only one of the greatest likeness."""
    scores = {contract.name: likeness(name, contract) for contract in among}
    best = max(scores.values(), default=0)
    found = [table for table, score in scores.items() if score == best]
    return TABLES[found[0]] if best and len(found) == 1 else None


def overlap(columns: Collection[str], contract: Table) -> float:
    """Return how alike the names of columns are to those of a table, from 0 to 1, whatever their case."""
    ours = {column.name.lower() for column in contract.columns}
    theirs = {name.lower() for name in columns}
    return len(ours & theirs) / len(ours | theirs) if theirs else 0.0


def _words(text: str) -> list[str]:
    spaced = re.sub(r"(?<=[a-z])(?=[A-Z])", " ", text)
    return [_singular(word) for word in re.findall(r"[a-z]+", spaced.lower())]


def _singular(word: str) -> str:
    return word[:-1] if word.endswith("s") and len(word) > 3 else word  # noqa: PLR2004 - not of `ss`, `as`


@cache
def _subjects() -> Mapping[str, tuple[str, ...]]:
    """Return what each table is about, by its name and by its prefix, as words run together: `steptrainer`."""
    found: dict[str, tuple[str, ...]] = {}
    for name, contract in TABLES.items():
        texts = (name.removesuffix(f"_{contract.zone}"), contract.feed)
        subjects = {"".join(_words(text)) for text in texts}
        found[name] = tuple(sorted({also for s in subjects for also in (s, *_ALSO.get(s, ()))}))
    return found


def _speaks_of(words: list[str], compact: str, subjects: Iterable[str]) -> bool:
    return any(subject in words or (len(subject) > 2 and subject in compact) for subject in subjects)  # noqa: PLR2004


def _last_zone(words: list[str]) -> str | None:
    found = None
    for word in words:
        for zone, names in _ZONES.items():
            if any(name in word for name in names):
                found = zone
    return found
