"""The worker: jobs by themselves in one JVM, bounded, with nothing of the outside in reach."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from parity.worker import JobResult, Worker

pytestmark = pytest.mark.spark

Job = Callable[..., JobResult]


def test_jobs_share_one_jvm_and_nothing_else(job: Job, printed: Callable[..., Any]) -> None:
    first = """
    import os, builtins, json
    spark.range(3).createOrReplaceTempView("left_behind")
    spark.range(3).createOrReplaceGlobalTempView("left_behind")
    spark.sql("create database left_behind")
    spark.range(3).write.saveAsTable("left_behind")
    spark.range(3).cache().count()
    spark.conf.set("spark.sql.shuffle.partitions", "77")
    sc._jsc.hadoopConfiguration().set("left.behind", "yes")
    zones = sc._jvm.java.util.TimeZone
    zones.setDefault(zones.getTimeZone("Asia/Tokyo"))
    builtins.left_behind = sys.modules["left_behind"] = os.environ["LEFT_BEHIND"] = "yes"
    os.chdir("/")
    print("=>", sc._jvm.java.lang.ProcessHandle.current().pid())
    """
    jvm = printed(first)
    second = """
    import os, builtins, json
    print("=>", json.dumps({
        "jvm": sc._jvm.java.lang.ProcessHandle.current().pid(),
        "tables": [t.name for t in spark.catalog.listTables()],
        "globals": [t.name for t in spark.catalog.listTables("global_temp")],
        "databases": [d.name for d in spark.catalog.listDatabases()],
        "cached": sc._jsc.getPersistentRDDs().size(),
        "partitions": spark.conf.get("spark.sql.shuffle.partitions"),
        "zone": sc._jvm.java.util.TimeZone.getDefault().getID(),
        "hadoop": sc._jsc.hadoopConfiguration().get("left.behind"),
        "python": [hasattr(builtins, "left_behind"), "left_behind" in sys.modules, "LEFT_BEHIND" in os.environ],
        "folder": os.getcwd() == "/",
    }))
    """
    assert printed(second) == {
        "jvm": jvm,
        "tables": [],
        "globals": [],
        "databases": ["default"],
        "cached": 0,
        "partitions": "4",
        "zone": "UTC",
        "hadoop": None,
        "python": [False, False, False],
        "folder": False,
    }


def test_a_job_that_takes_too_long_is_stopped_and_the_next_one_runs(job: Job, printed: Callable[..., Any]) -> None:
    result = job("import time; time.sleep(60)", timeout=3)
    assert (result.state, result.error and result.error.type) == ("timeout", "TimeoutError")
    assert result.seconds < 20
    assert printed("print('=>', spark.range(5).count())") == 5


def test_a_script_ends_as_python_ends_it(job: Job) -> None:
    body = """
    import atexit, os, sys, threading, time
    from concurrent.futures import ThreadPoolExecutor
    def late(name):
        time.sleep(0.2)
        os.write(1, f"{name} was waited for\\n".encode())
    threading.Thread(target=late, args=["thread"]).start()
    ThreadPoolExecutor(1).submit(late, "pool")
    atexit.register(os.write, 1, b"atexit was called\\n")
    if os.fork() == 0:
        sys.exit(3)
    os.wait()
    sys.stdout.close()
    sys.stderr = None
    """
    result = job(body, head="")
    assert result.error is None
    assert sorted(result.log.read_text().splitlines()) == [
        "atexit was called",
        "atexit was called",
        "pool was waited for",
        "thread was waited for",
    ]


def test_an_error_names_the_line_of_the_script(job: Job) -> None:
    result = job(
        "x = 1\nspark.sql('select nothing from nowhere')\n",
        head="from pyspark.sql import SparkSession\nspark = SparkSession.builder.getOrCreate()\n",
    )
    assert result.state == "failed"
    assert result.error is not None
    assert (result.error.type, result.error.line) == ("AnalysisException", 4)
    assert "nowhere" in result.error.message


def test_a_script_that_does_not_parse_is_named_with_its_line(job: Job) -> None:
    result = job("x = (\n", head="")
    assert result.error is not None
    assert (result.error.type, result.error.line) == ("SyntaxError", 1)


def test_paths_of_s3_are_private_folders(worker: Worker, job: Job) -> None:
    result = job("""
    name = "made-" + "up"
    spark.range(3).write.parquet(f"s3a://{name}/table/")
    assert spark.sql(f"select * from parquet.`s3://{name}/table`").count() == 3
    """)
    assert result.state == "succeeded", result.error
    folder = worker.local("s3://made-up/table/")
    assert list(folder.glob("*.parquet"))
    assert folder.parent.stat().st_mode & 0o777 == 0o700
