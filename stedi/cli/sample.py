"""`stedi sample`."""

from __future__ import annotations

import click

from stedi.cli.options import as_json, on_s3, option
from stedi.cli.output import by_reason, print_json, print_table, shown, write
from stedi.cli.progress import Rows
from stedi.contracts import TABLES
from stedi.storage import Options, open_storage

__all__ = ["sample"]


@click.command(
    epilog="""\b
Examples:
  stedi sample data                                the published size: 956 customers, 81,273 phone readings
  stedi sample big --scale 1000                    956,000 customers, 11 GB
  stedi sample bad --dirty 0.01                    1 line in 100 is bad; dirty.json says how many of each kind
  stedi build --landing data --lake lake
""",
)
@click.argument("target", metavar="DIR")
@option(
    "--scale", type=click.IntRange(min=1), metavar="N", default=1, show_default=True, help="Times the published size."
)
@option("--seed", type=int, metavar="N", help="Another seed, other data. [default: that of the bundled sample]")
@option("--serial-defect", is_flag=True, help="Have all customers share 30 serial numbers, as the fulfilment site did.")
@option(
    "--dirty", type=float, metavar="RATE", default=0.0, show_default=True, help="Share of lines made bad, up to 0.5."
)
@on_s3("sse_kms_key")
@as_json
def sample(
    *,
    target: str,
    scale: int,
    seed: int | None,
    serial_defect: bool,
    dirty: float,
    options: Options,
    as_json: bool,
) -> None:
    """Write landing data of any size, with known results.

    DIR may be s3://bucket/prefix. Everybody in it is invented. The rows every table will have are in expected.json,
    which `stedi verify` uses. The same options always give the same bytes.
    """
    from stedi.sample import DEFAULT_SEED, Sample, write_sample

    seed = DEFAULT_SEED if seed is None else seed
    total = sum(Sample(scale=scale, seed=seed, serial_defect=serial_defect, dirty=dirty).rows.values())
    with Rows(f"writing {shown(target)}", total) as progress:
        report = write_sample(
            target,
            scale=scale,
            seed=seed,
            serial_defect=serial_defect,
            dirty=dirty,
            progress=progress,
            options=options,
        )
    place = open_storage(target, options).uri
    if as_json:
        print_json(
            {
                "folder": place,
                "files": report.files,
                "bytes": report.bytes,
                "rows": report.rows,
                "expected": report.expected,
                "quarantined": report.quarantined,
            }
        )
        return
    print_table(("feed", "lines"), [(feed, f"{rows:,}") for feed, rows in report.rows.items()], right=("lines",))
    for feed, reasons in report.quarantined.items():
        write(f"bad lines of {TABLES[feed].feed if feed in TABLES else feed}: {by_reason(reasons)}\n")
    write(f"\n{len(report.files)} files, {report.bytes:,} bytes in {shown(place)}\n")
    write(f"next: stedi build --landing {shown(target)}\n")
