"""Measure `stedi parity run` as a whole process: the rendered jobs on the sample, and what of it is not Spark's.

    python benchmarks/parity.py --rounds 3                    # a table on stdout
    python benchmarks/parity.py --rounds 3 --write            # and into benchmarks/README.md

Start and jobs are as report.json has them: from the start of the worker's process to a JVM that listens, and each job
from its process to its end. "All else" is the whole process without them: starting Python, the DuckDB side, placing
landing data, comparing, the reports. DuckDB's side is made while the JVM starts, so a part of it costs nothing.
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
from importlib.metadata import version
from pathlib import Path

from stedi import __version__

HERE = Path(__file__).parent
README = HERE / "README.md"
START, END = "<!-- results of parity.py -->", "<!-- end -->"

BARS = {"whole process": 40.0, "all else": 6.0}
"""Seconds that a run may take on 2 cores."""


def measure(options: list[str]) -> dict[str, float]:
    """Run once, and return the seconds of each part."""
    with tempfile.TemporaryDirectory(prefix="stedi-bench-") as folder:
        command = [sys.executable, "-m", "stedi.cli", "parity", "run", "--report", folder, *options]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("STEDI_")}
        started = time.perf_counter()
        ran = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
        whole = time.perf_counter() - started
        if ran.returncode:
            raise SystemExit(f"exit {ran.returncode}\n{ran.stdout}{ran.stderr}")
        report = json.loads((Path(folder) / "report.json").read_text(encoding="utf-8"))
    times, [side] = report["times"], report["sides"].values()
    spark = {"Spark's start": times["spark_start"], "Spark's jobs": times["spark_jobs"]}
    jobs = {f"- {job['name'].removesuffix('.py')}": job["seconds"] for job in side["jobs"]}
    rest = {"all else": whole - sum(spark.values()), "- the lake in DuckDB": times["build"]}
    return {"whole process": whole, **spark, **jobs, **rest, "- comparing": times["compare"]}


def table(taken: list[dict[str, float]]) -> str:
    """Return the results as a Markdown table."""
    lines = ["| | median s | min s | bar |", "|---|---:|---:|---:|"]
    for name in taken[0]:
        seconds = [run[name] for run in taken]
        bar = f"{BARS[name]:.0f}" if name in BARS else ""
        lines.append(f"| {name} | {statistics.median(seconds):.1f} | {min(seconds):.1f} | {bar} |")
    return "\n".join(lines)


def main() -> None:
    """Measure, print the table, and say where a bar is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--write", action="store_true", help="put the table into benchmarks/README.md")
    options, passed = parser.parse_known_args()
    taken = []
    for number in range(options.rounds):
        taken.append(measure(passed))
        print(f"round {number + 1}: {json.dumps(taken[-1])}", file=sys.stderr)
    machine = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    versions = ", ".join(f"{name} {version(name)}" for name in ("duckdb", "pyspark"))
    text = f"{machine}, stedi {__version__}, {versions}; {options.rounds} rounds.\n\n{table(taken)}\n"
    print(text)
    if options.write:
        before, _, after = README.read_text(encoding="utf-8").partition(START)
        README.write_text(f"{before}{START}\n{text}{END}{after.partition(END)[2]}", encoding="utf-8")
    for name, bar in BARS.items():
        median = statistics.median(run[name] for run in taken)
        if median > bar:
            raise SystemExit(f"{name}: {median:.1f} s, {bar:.0f} s are allowed")


if __name__ == "__main__":
    main()
