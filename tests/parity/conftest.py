"""One Spark for all tests of a pytest process: the worker, and what the tests of the runtime ask of it."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
import small_lake
import studio

from parity.engines.spark import Spark
from parity.outcome import Outcome
from parity.run import ParityRun, run
from parity.worker import JobResult, Table, Worker
from stedi.contracts import FEEDS

JOBS = Path(__file__).parent / "jobs"
BUCKET = "s3://test-lakehouse"

# what every generated job begins with
HEAD = """
import sys
from awsglue.transforms import *
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue import DynamicFrame
args = getResolvedOptions(sys.argv, ["JOB_NAME"])
sc = SparkContext()
glueContext = GlueContext(sc)
spark = glueContext.spark_session
job = Job(glueContext)
job.init(args["JOB_NAME"], args)
"""

Rows = list[dict[str, Any]]


@pytest.fixture(scope="session")
def spark_worker() -> Iterator[Worker]:
    """Return the one worker of this pytest process; STEDI_PARITY_PYTHON names the Python whose PySpark it is."""
    landing = {feed.name: Table(f"{BUCKET}/{feed.prefix}") for feed in FEEDS}
    python = os.environ.get("STEDI_PARITY_PYTHON") or sys.executable
    with Worker(python=python, catalog=landing, master="local[2]", memory="1g") as worker:
        yield worker


@pytest.fixture
def worker(spark_worker: Worker) -> Worker:
    """Return the worker with empty buckets."""
    spark_worker.clear()
    return spark_worker


@pytest.fixture
def put(worker: Worker) -> Callable[..., None]:
    """Return `put("s3://bucket/prefix/", lines)`: lines are text or objects, written as one JSON file."""

    def write(uri: str, lines: Iterable[object], name: str = "data.json") -> None:
        folder = worker.local(uri)
        folder.mkdir(parents=True, exist_ok=True)
        text = [line if isinstance(line, str) else json.dumps(line) for line in lines]
        (folder / name).write_text("\n".join(text) + "\n", encoding="utf-8")

    return write


@pytest.fixture
def job(worker: Worker, tmp_path: Path) -> Callable[..., JobResult]:
    """Return `job(body)`: runs a script of this body, after the head that Glue Studio writes."""

    def run(
        body: str, arguments: Mapping[str, str] | None = None, *, head: str = HEAD, timeout: float | None = None
    ) -> JobResult:
        script = tmp_path / "a_job.py"
        script.write_text(head + textwrap.dedent(body), encoding="utf-8")
        return worker.run(script, arguments, log=tmp_path / "a_job.log", timeout=timeout)

    return run


@pytest.fixture
def rows(worker: Worker) -> Callable[[str], Rows]:
    """Return `rows("s3://bucket/prefix/")`: what was written there, read without Spark, sorted."""

    def read(uri: str) -> Rows:
        files = [path for path in worker.local(uri).rglob("part-*") if path.stat().st_size]
        if not files:
            return []
        if files[0].suffix == ".json":
            found = [json.loads(line) for path in files for line in path.read_text("utf-8").splitlines()]
        else:
            found = [row for path in files for row in pq.ParquetFile(path).read().to_pylist()]
        return sorted(found, key=repr)

    return read


@pytest.fixture
def printed(job: Callable[..., JobResult]) -> Callable[..., Any]:
    """Return `printed(body)`: runs a script that must succeed, and gives what it printed last, as JSON."""

    def run(body: str, **options: Any) -> Any:
        result = job(body, **options)
        text = result.log.read_text(encoding="utf-8")
        assert result.state == "succeeded", text
        lines = [line for line in text.splitlines() if line.startswith("=> ")]
        return json.loads(lines[-1][3:])

    return run


@pytest.fixture(scope="session")
def small_landing(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the landing data of the small lake."""
    return small_lake.write_landing(tmp_path_factory.mktemp("landing"))


@pytest.fixture
def parity(small_landing: Path, spark_worker: Worker, tmp_path: Path) -> Callable[..., Outcome]:
    """Return `parity({"a.py": text}, parity_toml=text)`: the outcome of running these scripts over the small lake."""

    def go(scripts: dict[str, str], **files: str) -> Outcome:
        folder = studio.put(tmp_path / "jobs", scripts)
        for name, text in files.items():
            (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
        asked = ParityRun(
            str(small_landing),
            folder,
            engine=lambda asked, glue: Spark(
                asked.chosen[glue], asked.folder / glue, parameters=asked.parameters, worker=spark_worker
            ),
            known_file=tmp_path / "parity-known.toml",
        )
        return run(asked)

    return go


@pytest.fixture(scope="session")
def real_landing() -> Path:
    """Return the published landing data, which are no part of the project; skips where they are not."""
    folder = os.environ.get("STEDI_LANDING")
    if not folder:
        pytest.skip("STEDI_LANDING does not say where the published landing data are")
    return Path(folder)
