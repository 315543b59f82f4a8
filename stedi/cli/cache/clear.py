"""`stedi cache clear`."""

from __future__ import annotations

import click

from stedi.cli.cache.options import bucket, cache_dir
from stedi.cli.options import as_json
from stedi.cli.output import print_json, print_lines, shown
from stedi.counted import counted

__all__ = ["clear"]


@click.command(
    epilog="""\b
Examples:
  stedi cache clear                    all of it
  stedi cache clear --bucket NAME      what came from one bucket
""",
)
@bucket
@cache_dir
@as_json
def clear(*, bucket: str | None, cache_dir: str, as_json: bool) -> None:
    """Remove what is kept.

    That costs nothing but the time to fetch it again.
    """
    from stedi.cache import open_cache

    opened = open_cache(cache_dir)
    objects, size = opened.clear(bucket)
    if as_json:
        print_json({"folder": str(opened.folder), "removed": objects, "bytes": size})
    else:
        print_lines(f"{counted(objects, 'object')}, {counted(size, 'byte')} removed from {shown(str(opened.folder))}")
