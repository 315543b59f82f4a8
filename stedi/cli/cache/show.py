"""`stedi cache show`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from stedi.cli.cache.options import bucket, cache_dir
from stedi.cli.options import as_json, option
from stedi.cli.output import print_json, print_lines, print_table, shown

if TYPE_CHECKING:
    from stedi.cache import Held

__all__ = ["show"]


@click.command(
    epilog="""\b
Examples:
  stedi cache show
  stedi cache show --bucket NAME --json
""",
)
@bucket
@cache_dir
@option("--cache-size", metavar="SIZE", default="", help="Bytes kept at most, as 20GB. [default: 50GB]")
@as_json
def show(*, bucket: str | None, cache_dir: str, cache_size: str, as_json: bool) -> None:
    """Show what is kept, bucket by bucket.

    Builds keep landing data and tables they fetched from S3, for this user alone, so that an object that has not
    changed is never fetched again. It holds personal data.
    """
    from stedi.cache import open_cache

    opened = open_cache(cache_dir, cache_size)
    held = [entry for entry in opened.held() if bucket in (None, entry.bucket)]
    if as_json:
        print_json(
            {
                "folder": str(opened.folder),
                "limit": opened.limit,
                "buckets": [asdict(entry) | {"used": _time(entry)} for entry in held],
            },
        )
        return
    rows = [(entry.bucket, f"{entry.objects:,}", f"{entry.bytes:,}", _time(entry)) for entry in held]
    print_table(("bucket", "objects", "bytes", "last used"), rows, right=("objects", "bytes"))
    total = sum(entry.bytes for entry in held)
    print_lines("", f"{total:,} of {opened.limit:,} bytes in {shown(str(opened.folder))}")


def _time(entry: Held) -> str:
    """Return when an object of a bucket was last used."""
    return datetime.fromtimestamp(entry.used, UTC).isoformat(timespec="seconds")
