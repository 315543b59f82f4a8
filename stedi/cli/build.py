"""`stedi build`."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from typing import Any

import click

from stedi.build import Run
from stedi.build import build as build_lake
from stedi.cli.options import as_json, clock_skew_ms, folders, lake, memory_limit, on_s3, option
from stedi.cli.output import by_reason, note, print_json, print_lines, print_table, shown, write
from stedi.cli.progress import Parts
from stedi.contracts import FEEDS, TABLES
from stedi.errors import UsageError
from stedi.listing import named
from stedi.manifest import THE_LAKE, Manifest
from stedi.parameters import read_key
from stedi.settings import bundled_sample
from stedi.storage import Options, open_storage

__all__ = ["build"]


@click.command(
    epilog="""\b
Examples:
  stedi build                                     the bundled sample, into ./lake
  stedi build --landing DIR --lake DIR            your landing data: DIR/customer/landing/*.json, ...
  stedi build --strict --json                     for a script: exit 1 where a line is bad
  stedi build --memory-limit 1GB                  big data on a small machine
  stedi build --lake s3://bucket/prefix           landing data and tables in a bucket
""",
)
@lake
@option(
    "--landing",
    metavar="URI",
    shell_complete=folders,
    help="Folder of the landing data. [default: the lake itself where it holds landing data, else where it was last"
    " built from, else the bundled sample]",
)
@option("--strict", is_flag=True, help="Publish nothing and exit 1 where a line is quarantined.")
@option("--force", is_flag=True, help="Make every table again, changed or not.")
@memory_limit
@option(
    "--pseudonym-key-file",
    metavar="FILE",
    type=click.Path(dir_okay=False),
    help="Key of the pseudonyms in training_curated, a line of text. [default: the key in $STEDI_PSEUDONYM_KEY, else a"
    " random one for this build]",
)
@clock_skew_ms()
@on_s3("sse_kms_key", "break_lock")
@as_json
def build(
    *,
    lake: str,
    landing: str | None,
    strict: bool,
    force: bool,
    memory_limit: str | None,
    pseudonym_key_file: str | None,
    clock_skew_ms: int,
    options: Options,
    as_json: bool,
) -> None:
    """Build the lakehouse from landing data.

    Reads the three feeds, quarantines lines that are no rows, makes the trusted and curated tables, audits them, and
    publishes all of them or none. Tables whose inputs have not changed are left as they are.
    """
    with Parts() as progress:
        run = build_lake(
            lake,
            default_landing(lake, options) if landing is None else landing,
            strict=strict,
            force=force,
            memory_limit=memory_limit,
            pseudonym_key=read_key(pseudonym_key_file),
            clock_skew_ms=clock_skew_ms,
            options=options,
            progress=progress,
        )
    for text in run.notes:
        note(f"note: {shown(text)}")
    if as_json:
        print_json(_document(run, progress.seconds))
    else:
        _print(run, progress.seconds)


def default_landing(lake: str, options: Options | None = None) -> str:
    """Return where landing data are looked for when nobody says.

    In the lake itself, else where the lake was last built from (so that a plain `stedi build` never replaces a lake
    with the sample), else in the bundled sample.
    """
    storage = open_storage(lake, options)
    published = Manifest.load(storage)
    if published is not None and published.landing == THE_LAKE:
        return lake
    if any(storage.list(feed.prefix) for feed in FEEDS):
        return lake
    if published is not None:
        return published.landing_of(storage)
    sample = bundled_sample()
    if sample is None:
        raise UsageError(
            f"{storage.uri}: holds no landing data, and this installation has no sample", fix="give --landing"
        )
    return str(sample)


def _print(run: Run, parts: Mapping[str, float]) -> None:
    manifest = _manifest(run)
    if not run.stale:
        write(f"nothing changed since {manifest.finished}\n\n")
    rows = []
    seconds = _seconds(run, manifest)
    for name, count in manifest.rows().items():
        took = f"{seconds[name]:.2f}" if name in seconds else "as before"
        rows.append((TABLES[name].zone, name, f"{count:,}", took))
    print_table(("zone", "table", "rows", "seconds"), rows, right=("rows", "seconds"))
    print_lines("", *map(str, manifest.ledger), *_left_out(manifest), *_quarantine_lines(run, manifest))
    print_lines("", shown(f"lake {run.lake.uri}, from {run.landing.uri}"))
    if run.stale:
        took = ", ".join(f"{verb} {seconds:.2f} s" for verb, seconds in _by_step(parts).items())
        print_lines(f"{len(run.audits)} audits passed; {took}; {manifest.seconds:.2f} s in all")


def _manifest(run: Run) -> Manifest:
    if run.manifest is None:
        raise RuntimeError("a build that ends has a manifest")
    return run.manifest


def _seconds(run: Run, manifest: Manifest) -> dict[str, float]:
    """Return how long each table took that this run read or made."""
    read = {name: landed.seconds for name, landed in run.landed.items()}
    return read | {name: manifest.tables[name].seconds for name in run.made}


def _by_step(parts: Mapping[str, float]) -> dict[str, float]:
    """Return the seconds by the first word of each part: `making customer_trusted` counts as `making`."""
    found: dict[str, float] = {}
    for part, seconds in parts.items():
        step = part.partition(" ")[0]
        found[step] = found.get(step, 0.0) + seconds
    return found


def _left_out(manifest: Manifest) -> list[str]:
    return [
        f"not in {name}: " + ", ".join(f"{count:,} {why}" for why, count in table.left_out.items())
        for name, table in manifest.tables.items()
        if table.left_out
    ]


def _quarantine_lines(run: Run, manifest: Manifest) -> list[str]:
    lines = []
    for name, feed in manifest.feeds.items():
        if feed.quarantined:
            lines.append(f"{TABLES[name].feed} quarantined: {by_reason(feed.reasons)}")
    if lines:
        lines.append(f'see them: stedi query --lake {shlex.quote(shown(run.lake.uri))} "from quarantine"')
    unknown = [
        f"{shown(file.path)}: unknown keys {', '.join(file.unknown_keys)} (values not kept)"
        for feed in manifest.feeds.values()
        for file in feed.files
        if file.unknown_keys
    ]
    lines += named(unknown)
    return ["", *lines] if lines else []


def _document(run: Run, parts: Mapping[str, float]) -> dict[str, Any]:
    manifest = _manifest(run)
    seconds = _seconds(run, manifest)
    builds = {name: feed.build for name, feed in manifest.feeds.items()}
    builds |= {name: table.build for name, table in manifest.tables.items()}
    tables = {
        name: {
            "rows": rows,
            "zone": TABLES[name].zone,
            "build": builds[name],
            "seconds": round(seconds[name], 3) if name in seconds else None,
            "made": run.stale.get(name),
            "left_out": manifest.tables[name].left_out if name in manifest.tables else {},
        }
        for name, rows in manifest.rows().items()
    }
    return {
        "lake": run.lake.uri,
        "landing": run.landing.uri,
        "build": manifest.build,
        "changed": bool(run.stale),
        "seconds": manifest.seconds,
        "steps": {step: round(seconds, 3) for step, seconds in _by_step(parts).items()},
        "tables": tables,
        "ledger": {
            entry.feed: {
                "lines": entry.lines,
                "kept": entry.kept,
                "dropped": entry.dropped,
                "why": entry.why,
                "forgotten": entry.forgotten,
                "quarantined": entry.quarantined,
            }
            for entry in manifest.ledger
        },
        "quarantine": {
            TABLES[name].feed: {
                "lines": feed.quarantined,
                "reasons": feed.reasons,
                "files": [file.path for file in feed.quarantine],
            }
            for name, feed in manifest.feeds.items()
        },
        "unknown_keys": {
            file.path: list(file.unknown_keys)
            for feed in manifest.feeds.values()
            for file in feed.files
            if file.unknown_keys
        },
        "notes": run.notes,
        "audits": run.audits,
    }
