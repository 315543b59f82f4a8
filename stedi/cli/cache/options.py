"""Options that the commands about the cache share."""

from __future__ import annotations

from stedi.cli.options import folders, option

__all__ = ["bucket", "cache_dir"]

bucket = option("--bucket", metavar="NAME", help="Of this bucket only.")

cache_dir = option(
    "--cache-dir",
    metavar="DIR",
    default="",
    shell_complete=folders,
    help="Folder of the cache. [default: this user's cache folder]",
)
