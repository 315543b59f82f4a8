"""No way out: credentials, AWS, the network; landing files of the user; bounds of memory; what ends with what."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from parity_runtime import guard
from parity_runtime.buckets import Buckets

import parity.worker
from parity.java import find_java_home, java_home_for
from parity.worker import JobResult, Worker
from stedi.errors import EnvironmentFault, UsageError

Job = Callable[..., JobResult]
Printed = Callable[..., Any]


@pytest.mark.spark
@pytest.mark.parametrize(
    ("body", "refused"),
    [
        ("import boto3\nboto3.client('s3').put_object(Bucket='b', Key='k', Body=b'')", "s3:PutObject"),
        ("import boto3\nboto3.client('glue').start_job_run(JobName='x')", "glue:StartJobRun"),
        ("import urllib.request\nurllib.request.urlopen('http://example.com')", "example.com"),
        ("import socket\nsocket.create_connection(('192.0.2.1', 80), 1)", "192.0.2.1"),
        ("import os\nos.system('cd / && aws s3 ls')", "the program aws"),
    ],
)
def test_aws_and_the_network_are_refused_by_name(job: Job, body: str, refused: str) -> None:
    result = job(body, head="")
    assert result.state == "failed"
    assert result.error is not None
    assert refused in result.error.message
    assert [note.kind for note in result.notes] == ["refused"]


@pytest.mark.spark
def test_functions_on_rows_have_no_way_out_either(job: Job) -> None:
    result = job("""
    def send(rows):
        import boto3
        boto3.client("s3").put_object(Bucket="b", Key="k", Body=b"")
    spark.range(1).foreachPartition(send)
    """)
    assert result.error is not None
    assert "s3:PutObject was refused" in result.error.message


def test_a_boto3_that_is_not_there_refuses_the_same() -> None:
    code = """
import sys
from parity_runtime import boto, guard
boto.PACKAGES = ("no_boto3", "no_botocore")
guard.install()
import no_boto3, no_boto3.session
from no_botocore.config import Config
from no_botocore.exceptions import ClientError
for service in (no_boto3.client("s3", config=Config(retries=1)), no_boto3.session.Session(region_name="x").client("s3")):
    try:
        service.put_object(Bucket="b")
    except ClientError:
        pass
    except guard.RefusedCallError as error:
        print(error)
"""
    environment = {**os.environ, "PYTHONPATH": str(parity.worker.RUNTIME)}
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert ran.stdout.count("s3:PutObject was refused") == 2


@pytest.mark.parametrize(
    ("command", "programs"),
    [
        (["/usr/bin/curl", "-s"], ["curl"]),
        ([sys.executable, "-m", "pip", "install"], ["pip"]),
        (["/bin/sh", "-c", "cd x && wget y | wc"], ["cd", "wget", "wc"]),
        (["sh", "-c"], []),
        ([], []),
        (b"ls; ssh z", ["ls", "ssh"]),
    ],
)
def test_programs_are_seen_in_commands(command: object, programs: list[str]) -> None:
    assert guard._programs(command) == programs


@pytest.mark.parametrize(
    "path", ["s3://b/../c/x", "s3a://b/x/../../y", "select * from json.`s3n://b/..`", "s3://b/x,s3://c/../y"]
)
def test_a_path_that_leaves_its_bucket_is_refused(path: str, tmp_path: Path) -> None:
    with pytest.raises(guard.RefusedCallError, match="leave the bucket"):
        Buckets(tmp_path / "buckets").note(f"c\no1\njson\ns{path}\ne\n")


def test_what_stays_in_its_bucket_or_in_the_run_is_not(tmp_path: Path) -> None:
    buckets = Buckets(tmp_path / "buckets")
    for path in ("s3://b/x/../y", "s3://b//x..y/...", "s3://b/%2e%2e/x", "here", f"file://{tmp_path}/home/x"):
        buckets.note(f"c\no1\nsave\ns{path}\ne\n")
    buckets.note("c\no1\nload\ns/etc/hosts\ne\n")
    assert [path.name for path in (tmp_path / "buckets").iterdir()] == ["b"]
    for path in ("/elsewhere", "file:/elsewhere", "file:///elsewhere", "../../elsewhere"):
        with pytest.raises(guard.RefusedCallError, match="elsewhere"):
            buckets.note(f"c\no1\nsave\ns{path}\ne\n")
        for words in ("local directory", "DIRECTORY"):
            with pytest.raises(guard.RefusedCallError, match="elsewhere"):
                buckets.note(f"c\no1\nsql\nsinsert overwrite\\n  {words} '{path}' using parquet select 1\ne\n")
    buckets.note("c\no1\nsql\nsinsert overwrite directory 's3://b/x' using parquet select 1\ne\n")
    with pytest.raises(guard.RefusedCallError, match=r"^jdbc:mysql was refused"):
        buckets.note("c\no1\noption\nsurl\nsjdbc:mysql://name:secret@host/db\ne\n")


@pytest.mark.spark
def test_a_job_sees_nothing_of_the_environment_outside(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "outside")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "outside")
    monkeypatch.setenv("SOME_TOKEN", "outside")
    script = tmp_path / "look.py"
    script.write_text(
        "import os\nassert not [v for v in os.environ.values() if v == 'outside']\n"
        "assert not os.path.exists(os.path.expanduser('~/.aws'))\n"
    )
    with Worker(memory="512m") as worker:
        result = worker.run(script, log=tmp_path / "log")
        root = worker.root
        assert root.stat().st_mode & 0o777 == 0o700
    assert result.error is None
    assert not root.exists()


@pytest.mark.spark
def test_landing_files_are_never_written(
    worker: Worker, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    landing = tmp_path / "landing"
    (landing / "below").mkdir(parents=True)
    (landing / "a.json").write_text('{"a": 1}\n')
    (landing / "below" / "b.json").write_text('{"a": 2}\n')
    body = """
    df = spark.read.option("recursiveFileLookup", True).json("s3://b/in/")
    rows = df.collect()
    assert len(rows) == 2
    spark.createDataFrame(rows).write.mode("overwrite").json("s3://b/in/")
    """
    for limit in (1 << 20, 0):  # copied, then linked
        monkeypatch.setattr(parity.worker, "COPY_BYTES", limit)
        worker.clear()
        worker.place("s3://b/in/", landing)
        result = job(body)
        assert result.error is None
        assert (landing / "a.json").read_text() == '{"a": 1}\n'
        assert (landing / "below" / "b.json").read_text() == '{"a": 2}\n'


@pytest.mark.spark
def test_a_landing_file_that_changes_meanwhile_fails_the_job(
    worker: Worker, job: Job, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.json"
    file.write_text('{"a": 1}\n')
    monkeypatch.setattr(parity.worker, "COPY_BYTES", 0)
    worker.place("s3://b/in/", file)
    result = job(f"open({str(file)!r}, 'a').write('x')", head="")
    assert result.error is not None
    assert result.error.type == "LandingChanged"


@pytest.mark.spark
def test_a_job_that_wants_too_much_memory_fails_alone(tmp_path: Path) -> None:
    python = tmp_path / "much.py"
    python.write_text("b'x' * (3 << 30)\n")
    good = tmp_path / "good.py"
    good.write_text("x = 1\n")
    jvm = tmp_path / "jvm.py"
    jvm.write_text(
        textwrap.dedent("""
        from pyspark import SparkContext
        sc = SparkContext()
        held = [sc._jvm.java.nio.ByteBuffer.allocate(64 << 20) for _ in range(64)]
    """)
    )
    with Worker(memory="512m", python_memory="2g") as worker:
        first = worker.run(python, log=tmp_path / "1")
        assert first.error is not None
        assert first.error.type == "MemoryError"
        second = worker.run(jvm, log=tmp_path / "2")
        assert second.error is not None
        assert second.error.type == "SparkEnded"
        assert "512m" in second.error.message
        assert worker.run(good, log=tmp_path / "3").error is None


@pytest.mark.spark
def test_a_killed_job_is_said_and_the_next_one_runs(job: Job, printed: Printed) -> None:
    result = job("import os, signal; os.kill(os.getpid(), signal.SIGKILL)")
    assert result.error is not None
    assert (result.error.type, "signal 9" in result.error.message) == ("JobEnded", True)
    assert printed("print('=>', 1)") == 1


@pytest.mark.spark
@pytest.mark.skipif(sys.platform != "linux", reason="only Linux gives orphans to the worker")
def test_a_process_in_a_session_of_its_own_ends_with_the_job(job: Job, tmp_path: Path) -> None:
    mark = f"30.{os.getpid()}"
    result = job(
        f"""
        import subprocess
        subprocess.Popen(["sleep", "{mark}"], start_new_session=True)
        subprocess.Popen("(setsid nohup sleep {mark} >/dev/null 2>&1 &)", shell=True).wait()
        """,
        head="",
    )
    assert result.error is None
    assert _processes(f"sleep\0{mark}") == []


@pytest.mark.spark
def test_nothing_outlives_the_process_that_asked(tmp_path: Path) -> None:
    script = tmp_path / "sleep.py"
    script.write_text("import time\ntime.sleep(120)\n")
    code = f"""
from pathlib import Path
from parity.worker import Worker
with Worker(memory="512m", root=Path({str(tmp_path / "root")!r})) as worker:
    print("up", flush=True)
    worker.run(Path({str(script)!r}), log=Path({str(tmp_path / "log")!r}))
"""
    root = Path(parity.worker.__file__).parents[1]
    for ending in (signal.SIGINT, signal.SIGKILL):
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env={**os.environ, "PYTHONPATH": str(root)},
            text=True,
        )
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        time.sleep(1)
        process.send_signal(ending)
        process.wait(20)
        process.stdout.close()
        until = time.monotonic() + 20
        while (left := _processes(str(tmp_path / "root"))) and time.monotonic() < until:
            time.sleep(0.1)
        assert left == []


def _processes(mark: str) -> list[str]:
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            text = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if mark.encode() in text and folder.name != str(os.getpid()):
            found.append(folder.name)
    return found


def test_a_path_that_is_none_is_refused() -> None:
    for uri in ("file:///etc", "s3://", "s3://b/../c", "/local"):
        with pytest.raises(UsageError):
            _at_root(Path("/nowhere")).local(uri)


def _at_root(root: Path) -> Worker:
    worker = Worker()
    worker._root = root
    return worker


def test_an_interpreter_without_pyspark_is_named(tmp_path: Path) -> None:
    python = tmp_path / "python"
    python.write_text("#!/bin/sh\nexit 1\n")
    python.chmod(0o700)
    with pytest.raises(EnvironmentFault, match="no PySpark"), Worker(python=python):
        pass


def test_memory_is_written_as_spark_does() -> None:
    with pytest.raises(UsageError, match="amount of memory"):
        Worker(python_memory="much")


def test_the_users_own_java_goes_first(tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "java").write_text("#!/bin/sh\necho java.base@17\n")
    assert find_java_home({"JAVA_HOME": str(tmp_path)}) == tmp_path
    with pytest.raises(EnvironmentFault, match="JAVA_HOME"):
        find_java_home({"JAVA_HOME": str(tmp_path / "bin")})


def test_a_java_without_vectors_is_wrapped_for_spark_4(tmp_path: Path) -> None:
    home = tmp_path / "home"
    (home / "bin").mkdir(parents=True)
    java = home / "bin" / "java"
    java.write_text('#!/bin/sh\n[ "$1" = --list-modules ] && { echo java.base@17; exit; }\nprintf "<%s>" "$@"\n')
    java.chmod(0o700)
    assert java_home_for("3.5.6", home, tmp_path / "scratch") == home
    wrapped = java_home_for("4.1.1", home, tmp_path / "scratch")
    ran = subprocess.run(
        [wrapped / "bin" / "java", "--add-modules=jdk.incubator.vector", "-a b", "c"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stdout == "<-a b><c>"
    java.write_text("#!/bin/sh\necho jdk.incubator.vector@17\n")
    assert java_home_for("4.1.1", home, tmp_path / "scratch") == home
