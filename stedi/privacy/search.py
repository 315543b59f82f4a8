"""The search for personal values in whatever holds none by contract."""

from __future__ import annotations

import base64
import contextlib
import os
import re
from collections import Counter
from collections.abc import Collection, Iterator
from pathlib import Path

from stedi.contracts import TABLES
from stedi.engine import Engine, glob_safe, quoted
from stedi.errors import EnvironmentFault, StediError
from stedi.masking import mask, mask_key
from stedi.privacy.certificate import Check, CoveredFile
from stedi.privacy.texts import dictionaries, is_parquet, outside_columns, texts_of
from stedi.privacy.values import Found
from stedi.privacy.work import TRAINING, Audit, literal, see_file, unreadable
from stedi.storage import faults, open_storage

__all__ = ["mask_names", "search_others", "search_reports", "search_tables", "see_reports"]

_PSEUDONYM = re.compile("[0-9a-f]{64}")


def search_tables(work: Audit) -> None:
    """Search training_curated for personal values, and the metadata of every table's files.

    Its numbers are not searched: the check of training rows has shown each to be what a device and a phone measured.
    """
    check = work.check("values")
    own = {column.name: column.type for column in TABLES[TRAINING].columns}
    if work.tables.get(TRAINING):
        described = work.engine.run(TRAINING, f"describe {quoted(f'{TRAINING}_files')}")
        for column, kind, *_ in described:
            if kind in ("BIGINT", "DOUBLE") and own.get(column) == kind:
                continue
            texts = _distinct(work.engine, quoted(f"{TRAINING}_files"), column, pseudonyms=column in own)
            _report(check, f"{TRAINING}.{mask_key(column)}", work.values.find_all(texts))
    for name, entries in work.tables.items():
        for entry in entries:
            file = work.local[entry.path]
            metadata = _metadata(work.engine, file)
            if name == TRAINING:
                metadata += outside_columns(file, _columns_of(work.engine, file))
                _report(check, f"{entry.path}: a dictionary of it", _in_dictionaries(work, entry.path, file))
            _report(check, f"{entry.path}: its metadata", work.values.find_all(metadata))
            check.counts["metadata"] = check.counts.get("metadata", 0) + 1
    check.counts |= {f"values_of_{column}": count for column, count in sorted(work.values.known.items())}
    check.counts |= {f"passed_over_of_{column}": count for column, count in sorted(work.values.passed_over.items())}


def _distinct(engine: Engine, source: str, column: str, *, pseudonyms: bool) -> Iterator[str]:
    """Yield the values of a column as text, without those that are nothing but a pseudonym's 64 hex digits."""
    text = f"cast({quoted(column)} as varchar)"
    but = f" and not regexp_full_match({text}, '[0-9a-f]{{64}}')" if pseudonyms else ""
    sql = f"select distinct {text} from {source} where {text} is not null{but}"
    yield from (str(value) for (value,) in engine.stream(f"texts of {column}", sql))


def _in_dictionaries(work: Audit, path: str, file: Path) -> Found:
    import pyarrow as pa  # type: ignore[import-untyped]

    try:
        return work.values.find_all({text for text in dictionaries(file) if not _PSEUDONYM.fullmatch(text)})
    except (pa.ArrowException, OSError) as error:  # Arrow has errors of both kinds for what it cannot read
        raise unreadable(path) from error


def _columns_of(engine: Engine, file: Path) -> list[tuple[int, int]]:
    """Return where in a Parquet file columns are: place and length of the pages of each row group."""
    return engine.run(
        file.name,
        "select least(coalesce(dictionary_page_offset, data_page_offset), data_page_offset), total_compressed_size"
        " from parquet_metadata($file)",
        {"file": glob_safe(file)},
    )


def _metadata(engine: Engine, file: Path) -> list[str]:
    """Return the names of a Parquet file's columns and the texts that whoever wrote it put beside them."""
    names = {"file": glob_safe(file)}
    columns = engine.run(file.name, "select name from parquet_schema($file)", names)
    pairs = engine.run(file.name, "select key, value from parquet_kv_metadata($file)", names)
    texts = [bytes(part) for pair in pairs for part in pair if part is not None]
    for key, value in pairs:
        if bytes(key) == b"ARROW:schema":
            with contextlib.suppress(ValueError):  # not as Arrow writes it, and so it is a text like the others
                texts.append(base64.b64decode(value))  # Arrow keeps what is said of single columns there
    return [*(str(name) for (name,) in columns), *(text.decode(errors="replace") for text in texts)]


def search_others(work: Audit) -> None:
    """Search every file of the lake that holds no personal data by contract, and the names of all its files."""
    check = work.check("values")
    for place, entry in work.others:
        if place != "quarantine":
            _search(work, check, place, entry.path, work.local[entry.path])
    for file in work.certificate.files:
        if file.place != "landing":
            _report(check, "the name of a file", work.values.find(file.path))


def see_reports(reports: Collection[str | os.PathLike[str]]) -> None:
    """Raise EnvironmentFault for a report that is not there: better before the audit than after."""
    for report in map(Path, reports):
        with faults(f"cannot read {report}"):
            if not report.exists():
                raise EnvironmentFault(f"{report}: no such file or folder", fix="name a report, or a folder of them")


def search_reports(work: Audit, reports: Collection[str | os.PathLike[str]]) -> None:
    """Search files that lie elsewhere."""
    check = work.check("values")
    for report in map(Path, reports):
        for file in _files_of(report):
            see_file(str(file), is_file=file.is_file())
            work.cover("report", str(file), file)
            _report(check, "the name of a file", work.values.find(str(file)))
            _search(work, check, "report", str(file), file)


def _files_of(report: Path) -> list[Path]:
    """Return the files of a report, through links to folders too; a folder that cannot be looked into is a fault."""
    see_reports([report])  # it may have gone since
    with faults(f"cannot read {report}"):
        return [report / entry.path for entry in open_storage(report).list("")] if report.is_dir() else [report]


def _search(work: Audit, check: Check, place: str, path: str, file: Path) -> None:
    with faults(f"cannot read {path}"):
        found = Counter(work.values.find_all(texts_of(file)))
    if is_parquet(file):
        source = f"read_parquet({literal(glob_safe(file))}, hive_partitioning = false)"
        rows: Counter[tuple[str, str]] = Counter()
        try:
            for column, *_ in work.engine.run(path, f"describe select * from {source}"):
                rows.update(work.values.find_all(_distinct(work.engine, source, column, pseudonyms=False)))
        except StediError as error:
            raise unreadable(path) if type(error) is StediError else error from error
        found.update(rows | Counter(_in_dictionaries(work, path, file)))
    check.counts[f"{place}s"] = check.counts.get(f"{place}s", 0) + 1
    _report(check, path, found)


def _report(check: Check, where: str, found: Found) -> None:
    """Add a violation for each column of which a text holds values."""
    for column in sorted({column for column, _ in found}):
        shown = sorted(value for of, value in found if of == column)
        times = sum(count for (of, _), count in found.items() if of == column)
        line = f"{where} holds {column}, {times:,} {'time' if times == 1 else 'times'}, as {shown[0]}"
        if line not in check.violations:
            check.violations.append(line)


def mask_names(work: Audit) -> None:
    """Mask what the certificate itself says, where the name of a file holds a personal value."""

    def masked(text: str) -> str:
        if not work.values.find(text):
            return text
        parts = [mask(part) if work.values.find(part) else part for part in re.split(r"([/\s])", text)]
        return mask(text) if work.values.find("".join(parts)) else "".join(parts)

    certificate = work.certificate
    certificate.files = [CoveredFile(f.place, masked(f.path), f.size, f.sha256) for f in certificate.files]
    certificate.lake, certificate.landing = masked(certificate.lake), masked(certificate.landing)
    for check in certificate.checks:
        check.violations = [masked(line) for line in check.violations]
