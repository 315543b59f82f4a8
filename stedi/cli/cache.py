"""`stedi cache`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

from stedi.cli.options import as_json, folders, option
from stedi.cli.output import print_json, print_lines, print_table, shown

if TYPE_CHECKING:
    from stedi.cache import Cache

__all__ = ["cache"]

_folder = option(
    "--cache-dir",
    metavar="DIR",
    default="",
    shell_complete=folders,
    help="Folder of the cache. [default: this user's cache folder]",
)


@click.command(
    epilog="""\b
Examples:
  stedi cache show                     what is kept, bucket by bucket, and where
  stedi cache clear                    remove all of it
  stedi cache clear --bucket NAME      remove what came from one bucket
""",
)
@click.argument("action", metavar="show|clear", type=click.Choice(["show", "clear"]))
@option("--bucket", metavar="NAME", help="Of this bucket only.")
@_folder
@option("--cache-size", metavar="SIZE", default="", help="Bytes kept at most, as 20GB. [default: 50GB]")
@as_json
def cache(*, action: str, bucket: str | None, cache_dir: str, cache_size: str, as_json: bool) -> None:
    """Show or clear what was fetched from S3.

    Builds keep landing data and tables they fetched, for this user alone, so that an object that has not changed is
    never fetched again. It holds personal data; clearing it costs nothing but the time to fetch.
    """
    from stedi.cache import open_cache

    opened = open_cache(cache_dir, cache_size)
    if action == "clear":
        objects, size = opened.clear(bucket)
        if as_json:
            print_json({"folder": str(opened.folder), "removed": objects, "bytes": size})
        else:
            print_lines(f"{objects:,} objects, {size:,} bytes removed from {shown(str(opened.folder))}")
        return
    _show(opened, bucket, as_json=as_json)


def _show(opened: Cache, bucket: str | None, *, as_json: bool) -> None:
    held = [entry for entry in opened.held() if bucket in (None, entry.bucket)]
    if as_json:
        print_json(
            {"folder": str(opened.folder), "limit": opened.limit, "buckets": [asdict(entry) for entry in held]},
        )
        return
    rows = [
        (e.bucket, f"{e.objects:,}", f"{e.bytes:,}", datetime.fromtimestamp(e.used, UTC).isoformat(timespec="seconds"))
        for e in held
    ]
    print_table(("bucket", "objects", "bytes", "last used"), rows, right=("objects", "bytes"))
    total = sum(entry.bytes for entry in held)
    print_lines("", f"{total:,} of {opened.limit:,} bytes in {shown(str(opened.folder))}")
