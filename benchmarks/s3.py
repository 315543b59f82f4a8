"""Measure `stedi` on S3: whole processes against moto's server on this machine, in turn.

    python benchmarks/s3.py --scale 100 --rounds 3          # a build from S3
    python benchmarks/s3.py --objects 10000 --rounds 3      # many small objects

What counts are the ratios of the medians of one run. The server shares the machine with what is measured.
"""

from __future__ import annotations

import argparse
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import boto3  # type: ignore[import-untyped]

HERE = Path(__file__).parent
STEDI = [sys.executable, "-m", "stedi.cli"]
SERVERS = 2
"""Processes that answer for small objects, of which one alone would be what is measured."""


@contextmanager
def server(objects: int = 0, processes: int = 1) -> Iterator[None]:
    """Run moto's server on a free port, holding small objects, and have the environment lead to it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    os.environ |= {
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_ACCESS_KEY_ID": "benchmark",
        "AWS_SECRET_ACCESS_KEY": "benchmark",
        "AWS_DEFAULT_REGION": "us-east-1",
    }
    words = [port, objects, processes]
    command = [sys.executable, str(HERE / "moto_server.py"), *map(str, words)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout
            if process.stdout.readline() != "ready\n":
                raise SystemExit("the server does not start")
            yield
        finally:
            process.terminate()


def seconds(command: list[str], *fresh: Path) -> float:
    """Run a command and return its wall time."""
    for folder in fresh:
        shutil.rmtree(folder, ignore_errors=True)
    started = time.perf_counter()
    ran = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, check=False)
    if ran.returncode:
        raise SystemExit(f"{command}: exit {ran.returncode}\n{ran.stderr}")
    return time.perf_counter() - started


def build(scale: int, rounds: int, data: Path) -> None:
    """Compare a build from S3 with a plain download and a local build."""
    landing, work = data / f"scale-{scale}", data / "work-s3"
    if not (landing / "expected.json").exists():
        subprocess.run([*STEDI, "sample", str(landing), "--scale", str(scale)], check=True)
    client = boto3.client("s3")
    client.create_bucket(Bucket="landing")
    client.create_bucket(Bucket="lake")
    for file in sorted(landing.rglob("*.json")):
        client.upload_file(str(file), "landing", file.relative_to(landing).as_posix())
    work.mkdir(exist_ok=True)
    download = [sys.executable, str(HERE / "peers" / "boto3_download.py"), "landing", str(work / "download")]
    local = [*STEDI, "build", "--landing", str(landing), "--lake", str(work / "lake")]
    remote = [*STEDI, "build", "--landing", "s3://landing", "--lake", "s3://lake", "--force"]
    remote += ["--cache-dir", str(work / "cache")]
    taken: dict[str, list[float]] = {"download": [], "local build": [], "build from S3": [], "nothing changed": []}
    for _ in range(rounds):
        taken["download"].append(seconds(download, work / "download"))
        taken["local build"].append(seconds(local, work / "lake"))
        for item in client.list_objects_v2(Bucket="lake").get("Contents", ()):
            client.delete_object(Bucket="lake", Key=item["Key"])
        taken["build from S3"].append(seconds(remote, work / "cache"))
        taken["nothing changed"].append(seconds([arg for arg in remote if arg != "--force"]))
    found = {name: statistics.median(times) for name, times in taken.items()}
    plain = found["download"] + found["local build"]
    report(f"Scale {scale}, {rounds} rounds", found | {"download + local build": plain}, plain)


def objects(count: int, rounds: int, data: Path) -> None:
    """Compare many small objects, fetched into an empty cache, with DuckDB reading them through s3fs.

    Each round has a folder of its own, and all go at the end: ext4 takes ten times as long to make files where as many
    have just been removed.
    """
    s3fs, fetched = "DuckDB through s3fs", "fetched as by a build"
    peers = {s3fs: "duckdb_s3fs.py", fetched: "stedi_fetch.py"}
    taken: dict[str, list[float]] = {name: [] for name in peers}
    data.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="caches-", dir=data) as caches:
        for number in range(rounds):
            for name, peer in peers.items():
                command = [sys.executable, str(HERE / "peers" / peer), "small"]
                cache = [str(Path(caches, str(number)))] if name == fetched else []
                taken[name].append(seconds([*command, *cache]))
    found = {name: statistics.median(times) for name, times in taken.items()}
    report(f"{count:,} objects of 8 KB, {rounds} rounds", found, found[fetched])


def report(head: str, found: dict[str, float], unit: float) -> None:
    """Print medians and their ratios as a table."""
    rows = "\n".join(f"| {name} | {taken:.2f} | {taken / unit:.2f} |" for name, taken in found.items())
    sys.stdout.write(f"{head}\n\n| | median s | ratio |\n|---|---:|---:|\n{rows}\n\n")


def main() -> None:
    """Measure what is asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--scale", type=int)
    parser.add_argument("--objects", type=int)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--data", type=Path, default=HERE / "data", help="where data and results go")
    options = parser.parse_args()
    if options.scale:
        with server():
            build(options.scale, options.rounds, options.data)
    if options.objects:
        with server(options.objects, SERVERS):
            objects(options.objects, options.rounds, options.data)


if __name__ == "__main__":
    main()
