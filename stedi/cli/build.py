"""`stedi build`."""

from __future__ import annotations

from typing import Any

import click

from stedi.build import Run
from stedi.build import build as build_lake
from stedi.cli.options import as_json, lake, memory_limit, option
from stedi.cli.output import note, print_json, print_table, shown, write
from stedi.cli.progress import Parts
from stedi.contracts import FEEDS, TABLES
from stedi.errors import UsageError
from stedi.manifest import Manifest
from stedi.masking import mask_key
from stedi.settings import bundled_sample
from stedi.storage import open_storage

__all__ = ["build"]


@click.command(
    epilog="""\b
Examples:
  stedi build                                     the bundled sample, into ./lake
  stedi build --landing DIR --lake DIR            your landing data: DIR/customer/landing/*.json, ...
  stedi build --strict --json                     for a script: exit 1 where a line is bad
  stedi build --memory-limit 1GB                  big data on a small machine
""",
)
@lake
@option(
    "--landing",
    metavar="URI",
    help="Folder of the landing data. [default: the lake itself where it holds landing data, else the bundled sample]",
)
@option("--strict", is_flag=True, help="Publish nothing and exit 1 where a line is quarantined.")
@option("--force", is_flag=True, help="Make every table again, changed or not.")
@memory_limit
@as_json
def build(lake: str, landing: str | None, strict: bool, force: bool, memory_limit: str | None, as_json: bool) -> None:
    """Build the lakehouse from landing data.

    Reads the three feeds, quarantines lines that are no rows, makes the trusted and curated tables, audits them, and
    publishes all of them or none. Tables whose inputs have not changed are left as they are.
    """
    with Parts() as progress:
        run = build_lake(
            lake,
            landing or default_landing(lake),
            strict=strict,
            force=force,
            memory_limit=memory_limit,
            progress=progress,
        )
    for text in run.notes:
        note(f"note: {shown(text)}")
    assert run.manifest is not None
    seconds = {name: progress.seconds.get(f"reading {name}") for name in run.landed}
    if as_json:
        print_json(_document(run, run.manifest, seconds))
    else:
        _print(run, run.manifest, seconds)


def default_landing(lake: str) -> str:
    """Return where landing data are looked for when nobody says: in the lake, else in the bundled sample."""
    storage = open_storage(lake)
    if any(storage.list(feed.prefix) for feed in FEEDS):
        return lake
    sample = bundled_sample()
    if sample is None:
        raise UsageError(f"{storage.uri}: holds no landing data, and this installation has no sample", fix="give --landing")
    return str(sample)


def _print(run: Run, manifest: Manifest, seconds: dict[str, float | None]) -> None:
    if not run.stale:
        write(f"nothing changed since {manifest.finished}\n\n")
    rows = []
    for name, count in manifest.rows().items():
        took = manifest.tables[name].seconds if name in run.made else seconds.get(name)
        rows.append((TABLES[name].zone, name, f"{count:,}", "as before" if took is None else f"{took:.2f}"))
    print_table(("zone", "table", "rows", "seconds"), rows, right=("rows", "seconds"))
    write("\n" + "".join(f"{line}\n" for line in manifest.ledger))
    write("".join(f"{line}\n" for line in _quarantine_lines(run, manifest)))
    where = f"lake {run.lake.uri}, from {manifest.landing}"
    write(f"\n{shown(where)}\n{_done(run, manifest)}\n")


def _quarantine_lines(run: Run, manifest: Manifest) -> list[str]:
    lines = []
    for name, feed in manifest.feeds.items():
        if feed.quarantined:
            reasons = ", ".join(f"{count:,} {reason}" for reason, count in feed.reasons.items())
            lines.append(f"{TABLES[name].feed} quarantined: {reasons}")
            lines += [f"  in {shown(run.lake.uri)}/{file.path}" for file in feed.quarantine]
        lines += [
            f"{shown(file.path)}: unknown keys {', '.join(map(mask_key, file.unknown_keys))}"
            for file in feed.files
            if file.unknown_keys
        ]
    return ["", *lines] if lines else []


def _done(run: Run, manifest: Manifest) -> str:
    if not run.stale:
        return "nothing to do"
    return f"{len(run.audits)} audits passed, {manifest.seconds:.2f} s"


def _document(run: Run, manifest: Manifest, seconds: dict[str, float | None]) -> dict[str, Any]:
    tables: dict[str, dict[str, Any]] = {
        name: {"rows": feed.rows, "zone": "landing", "build": feed.build, "seconds": seconds.get(name)}
        for name, feed in manifest.feeds.items()
    }
    for name, table in manifest.tables.items():
        tables[name] = {
            "rows": table.rows,
            "zone": TABLES[name].zone,
            "build": table.build,
            "seconds": table.seconds,
            "made": run.stale.get(name),
        }
    return {
        "lake": run.lake.uri,
        "landing": manifest.landing,
        "build": manifest.build,
        "changed": bool(run.stale),
        "seconds": manifest.seconds,
        "tables": tables,
        "ledger": {
            entry.feed: {
                "lines": entry.lines,
                "kept": entry.kept,
                "dropped": entry.dropped,
                "why": entry.why,
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
            file.path: [mask_key(key) for key in file.unknown_keys]
            for feed in manifest.feeds.values()
            for file in feed.files
            if file.unknown_keys
        },
        "notes": run.notes,
        "audits": run.audits,
    }
