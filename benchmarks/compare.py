"""Measure the comparison of two tables: `stedi parity diff` as a whole process, against datacompy on Polars.

    python -m venv peer && peer/bin/pip install datacompy 'polars<2'
    python benchmarks/compare.py --rows 4400000 --rounds 5 --peer peer/bin/python
    python benchmarks/compare.py --rows 44000000 --rounds 1 --kinds same,few,all,twice

datacompy calls what Polars 2 no longer has, so it gets an environment of its own. Its reading is not counted; beside it
a comparison is measured of tables that have been read, too. The tables are like machine_learning_curated: 8 columns,
one Parquet file a side, the right one in another order. Kinds of right table: `same` rows, a `few` other ones, `all` of
them other in one column, each row `twice`.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

import duckdb

HERE = Path(__file__).parent
PEER = HERE / "peers" / "datacompy_polars.py"

STEP = 1_000_003
"""Coprime to the rows: multiples of it, modulo the rows, are a row each, in an order that looks like none."""

CUSTOMERS = 48_200

OURS, READ = "stedi", "stedi, of Arrow tables"
"""From files, its reading counted; and as datacompy is measured, of what has been read."""

MEASURED = """
import json, sys, time
from parity.compare import compare
sides = sys.argv[1:3]
if sys.argv[3:]:
    import pyarrow.parquet
    sides = [pyarrow.parquet.read_table(file) for file in sides]
started = time.perf_counter()
found = compare(*sides)
print(json.dumps([str(found.verdict), str(found.cause), time.perf_counter() - started]))
"""


def make(file: Path, rows: int, kind: str, *, in_order: bool) -> None:
    """Write a table unless it is there."""
    if file.exists():
        return
    partial = file.with_suffix(".partial")
    x = {"few": "if(j % 1000000 = 7, -1.0, x)", "all": "x + 1e-9"}.get(kind, "x")
    times = 2 if kind == "twice" else 1
    with tempfile.TemporaryDirectory(dir=file.parent) as spill, duckdb.connect() as connection:
        connection.execute("set memory_limit = '2GB'")
        connection.execute(f"set temp_directory = '{spill}'")
        connection.execute(
            f"""
            copy (
                select
                    1655296678763 + j // 3 * 10 as sensorReadingTime,
                    'serial-' || md5((j // 3 * 31 % {CUSTOMERS})::varchar)[:24] as serialNumber,
                    (hash(j // 3) % 300)::bigint as distanceFromObject,
                    'Name' || (j * 17 % {CUSTOMERS}) || '.Surname@example.com' as "user",
                    1655296678763 + j // 3 * 10 as "timestamp",
                    {x} as x,
                    ((hash(j, 2) % 4000)::bigint - 2000) / 89.0 as y,
                    ((hash(j, 3) % 4000)::bigint - 2000) / 83.0 as z
                from (
                    select j, ((hash(j, 1) % 4000)::bigint - 2000) / 97.0 as x
                    from (select {"i" if in_order else f"i * {STEP} % {rows}"} as j from range({rows}) as t(i)),
                        range({times})
                )
            ) to '{partial}' (format parquet, compression zstd)
            """
        )
    partial.rename(file)


def measure(command: Sequence[str]) -> tuple[str, float, float]:
    """Run a process and return what it printed, its seconds and its peak memory in MB."""
    with tempfile.TemporaryFile("w+") as out:
        started = time.perf_counter()
        process = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode not in (0, 1):
            raise SystemExit(f"{command}: exit {process.returncode}")
        out.seek(0)
        return out.read(), seconds, usage.ru_maxrss / 1000


def rows_of(name: str, taken: Sequence[tuple[str, float, float, float]]) -> str:
    """Return a line of the table: what was found, medians of both times, the highest memory."""
    _, inner, whole, memory = zip(*taken, strict=True)
    median, process = statistics.median(inner), statistics.median(whole)
    return f"| {name} | {taken[0][0]} | {median:.2f} | {process:.2f} | {max(memory):,.0f} MB |"


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=4_400_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--kinds", default="same")
    parser.add_argument("--peer", help="a Python that has datacompy, to compare with")
    parser.add_argument("--data", type=Path, default=HERE / "data", help="where the tables are kept")
    options = parser.parse_args()
    options.data.mkdir(parents=True, exist_ok=True)
    left = options.data / f"compare-{options.rows}-left.parquet"
    make(left, options.rows, "same", in_order=True)
    lines, medians, peer = [], {}, ""
    for kind in options.kinds.split(","):
        right = options.data / f"compare-{options.rows}-{kind}.parquet"
        make(right, options.rows, kind, in_order=False)
        taken: dict[str, list[tuple[str, float, float, float]]] = {OURS: [], READ: [], "datacompy": []}
        ours = {OURS: [], READ: ["read"]} if options.peer else {OURS: []}
        for _ in range(options.rounds):
            for who, more in ours.items():
                out, seconds, memory = measure([sys.executable, "-c", MEASURED, str(left), str(right), *more])
                verdict, cause, inner = json.loads(out)
                taken[who].append((verdict if cause == "None" else f"{verdict}: {cause}", inner, seconds, memory))
            if options.peer:
                out, seconds, memory = measure([options.peer, str(PEER), str(left), str(right)])
                matches, inner, peer = out.split(maxsplit=2)
                found = "same" if matches == "True" else "different"
                taken["datacompy"].append((found, float(inner), seconds, memory))
        for who, runs in taken.items():
            if runs:
                lines.append(rows_of(f"{who}, {kind}", runs))
                medians[who, kind] = statistics.median(run[1] for run in runs)
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, duckdb {version('duckdb')}"
    machine += f", {peer.strip()}" if peer else ""
    print(f"{options.rows:,} rows a side. {machine}; {options.rounds} rounds.")
    print("\n| | found | comparing, median s | whole process, median s | peak RSS |")
    print("|---|---|---:|---:|---:|", *lines, sep="\n")
    for (who, kind), median in medians.items():
        if who == "datacompy":
            both, its = (median / medians[side, kind] for side in (READ, OURS))
            print(
                f"\n{kind}: {both:.1f} times as fast as datacompy without the reading of both, {its:.1f} without its."
            )


if __name__ == "__main__":
    main()
