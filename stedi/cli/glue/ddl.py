"""`stedi glue ddl`."""

from __future__ import annotations

import click

from stedi.cli.glue.options import database, lake
from stedi.cli.options import as_json
from stedi.cli.output import print_json, write

__all__ = ["ddl"]


@click.command(
    epilog="""\b
Examples:
  stedi glue ddl --lake s3://bucket/stedi > tables.sql
  stedi glue ddl --lake s3://bucket/stedi --database stedi_test --json
""",
)
@lake
@database
@as_json
def ddl(*, lake: str, database: str, as_json: bool) -> None:
    """Print the statements that make the tables in Athena.

    A database, a table for each of the lakehouse (landing reads the JSON lines, the others Parquet) and one a feed for
    its quarantined lines; each column with its type and what it holds. Nothing is asked of AWS. `stedi glue release`
    makes the same tables; with --json these are printed as it sends them, too.
    """
    from stedi.glue import ddl as tables
    from stedi.glue import names

    place, name = names.lake(lake), names.database(database)
    shapes = tables.shapes().values()
    statements = {shape.name: tables.create_table(shape, place, name) for shape in shapes}
    if as_json:
        inputs = {shape.name: tables.table_input(shape, place) for shape in shapes}
        print_json({"database": tables.create_database(name), "statements": statements, "tables": inputs})
    else:
        write("\n\n".join(f"{text};" for text in (tables.create_database(name), *statements.values())) + "\n")
