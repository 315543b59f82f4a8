"""Measure `stedi` against its peers: whole processes, same input, same tables, in turn.

    python benchmarks/run.py --scale 1 --scale 100 --rounds 5        # a table on stdout
    python benchmarks/run.py --scale 1000 --rounds 1 --memory-limit 1GB
    python benchmarks/run.py ... --write                             # and into benchmarks/README.md

The peers run in turn within each round, so that a slow minute of the machine hits all of them; what counts are the
ratios of the medians of one run. Data is made once per scale with `stedi sample`, under --data.
"""

from __future__ import annotations

import argparse
import importlib.metadata
import importlib.util
import os
import platform
import shutil
import statistics
import subprocess
import sys
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

HERE = Path(__file__).parent
STEDI = [sys.executable, "-m", "stedi.cli"]
START, END = "<!-- results of run.py, scale {} -->", "<!-- end -->"


@dataclass
class Command:
    """One thing to measure: what to run, what to remove before each round, and what came out."""

    name: str
    arguments: list[str]
    fresh: Path | None = None
    seconds: list[float] = field(default_factory=list)
    peak: int = 0

    def run(self) -> None:
        """Run once and note wall time and the peak of resident memory over the process and its children."""
        if self.fresh and self.fresh.exists():
            shutil.rmtree(self.fresh)
        started = time.perf_counter()
        with subprocess.Popen(self.arguments, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as process:
            watch = _Peak(process.pid)
            _, errors = process.communicate()
            self.seconds.append(time.perf_counter() - started)
            self.peak = max(self.peak, watch.stop())
        if process.returncode:
            raise SystemExit(f"{self.name}: exit {process.returncode}\n{errors.decode()}")

    @property
    def median(self) -> float:
        """Median seconds over the rounds."""
        return statistics.median(self.seconds)


class _Peak(threading.Thread):
    """Peak resident bytes of a process, as Linux counts them (VmHWM), with its children's; 0 elsewhere."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self._pid = pid
        self._ended = threading.Event()
        self._peaks: dict[int, int] = {}
        self.start()

    def run(self) -> None:
        while not self._ended.wait(0.02):
            for pid in [self._pid, *_children(self._pid)]:
                try:
                    status = Path(f"/proc/{pid}/status").read_text()
                except OSError:
                    continue
                for line in status.splitlines():
                    if line.startswith("VmHWM"):
                        self._peaks[pid] = int(line.split()[1]) * 1024

    def stop(self) -> int:
        self._ended.set()
        self.join()
        return sum(self._peaks.values())


def _children(pid: int) -> list[int]:
    try:
        return [int(p) for p in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


def commands(landing: Path, work: Path, memory_limit: str | None, *, peers: bool) -> list[Command]:
    """Return what is measured on one scale, the bare DuckDB script first."""
    limit = ["--memory-limit", memory_limit] if memory_limit else []
    bare = [memory_limit] if memory_limit else []
    lake = work / "lake"
    build = [*STEDI, "build", "--landing", str(landing), "--lake", str(lake), *limit]

    def peer(name: str) -> list[str]:
        return [sys.executable, str(HERE / "peers" / f"{name}.py"), str(landing), str(work / name)]

    found = [
        Command("bare DuckDB script", [*peer("duckdb_script"), *bare], work / "duckdb_script"),
        Command("stedi build, first", build, lake),
        Command("stedi build --force, proofs remembered", [*build, "--force"]),
        Command("stedi build, nothing changed", build),
        Command("stedi --help", [*STEDI, "--help"]),
        Command("python -c pass", [sys.executable, "-c", "pass"]),
    ]
    if peers:
        found.insert(1, Command("Polars, lazy", peer("polars_lazy"), work / "polars_lazy"))
        if importlib.util.find_spec("pyspark"):
            found.insert(2, Command("PySpark 3.5, local[2]", peer("spark_local"), work / "spark_local"))
    return found


def table(measured: list[Command]) -> str:
    """Return the results as a Markdown table, ratios to the bare script."""
    first = measured[0].median
    lines = ["| | median s | min s | ratio to bare DuckDB | peak RSS |", "|---|---:|---:|---:|---:|"]
    lines += [
        f"| {c.name} | {c.median:.3f} | {min(c.seconds):.3f} | {c.median / first:.2f} | {c.peak / 1e6:,.0f} MB |"
        for c in measured
    ]
    return "\n".join(lines)


def machine(rounds: int) -> str:
    """Return what the numbers depend on, in one line."""
    versions = [f"{name} {importlib.metadata.version(name)}" for name in ("stedi", "duckdb", "polars")]
    if importlib.util.find_spec("pyspark"):
        versions.append(f"pyspark {importlib.metadata.version('pyspark')}")
    system = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return f"{system}, {', '.join(versions)}; {rounds} rounds"


def main() -> None:
    """Measure each scale and print its table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=int, action="append", required=True)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--memory-limit")
    parser.add_argument("--data", type=Path, default=HERE / "data", help="where data and results go")
    parser.add_argument("--no-peers", action="store_true", help="the bare DuckDB script only")
    parser.add_argument("--write", action="store_true", help="put the tables into benchmarks/README.md")
    options = parser.parse_args()
    for scale in options.scale:
        landing = options.data / f"scale-{scale}"
        if not (landing / "expected.json").exists():
            subprocess.run([*STEDI, "sample", str(landing), "--scale", str(scale)], check=True)
        work = options.data / f"work-{scale}"
        work.mkdir(exist_ok=True)
        measured = commands(landing, work, options.memory_limit, peers=not options.no_peers)
        for _ in range(options.rounds):
            for command in measured:
                command.run()
        limit = f", memory limit {options.memory_limit}" if options.memory_limit else ""
        text = f"Scale {scale}{limit}. {machine(options.rounds)}.\n\n{table(measured)}\n"
        sys.stdout.write(text + "\n")
        if options.write:
            write(scale, text)


def write(scale: int, text: str) -> None:
    """Replace the table of one scale in benchmarks/README.md."""
    readme = HERE / "README.md"
    content = readme.read_text(encoding="utf-8")
    before, mark, after = content.partition(START.format(scale))
    if not mark:
        raise SystemExit(f"{readme}: has no place for scale {scale}: {START.format(scale)}")
    _, end, rest = after.partition(END)
    readme.write_text(f"{before}{mark}\n{text}{end}{rest}", encoding="utf-8")


if __name__ == "__main__":
    main()
