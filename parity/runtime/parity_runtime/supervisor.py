"""The worker process: one JVM, and a fresh Python for every job, forked from this one.

It speaks JSON, a line each way, on the stdin and stdout it was started with. The first line configures it; each
later one is a job. It never talks to the JVM itself and starts no thread, so that a fork of it is a clean start:
PySpark is imported, nothing else has happened. A job that is killed, or takes the JVM with it, costs a new JVM.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import select
import shutil
import signal
import struct
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any, TextIO

from parity_runtime import guard
from parity_runtime.buckets import WAREHOUSE, spark_conf
from parity_runtime.catalog import CATALOG, Catalog, CatalogTable
from parity_runtime.class_archive import ClassArchive
from parity_runtime.daemon import MEMORY
from parity_runtime.processes import adopt_orphans, end_orphans, end_with_parent
from parity_runtime.settings import VARIABLE

__all__ = ["main"]

JVM_SECONDS = 120
FILE_BYTES = 1 << 30  # of a log, or of any file a script writes itself: one that prints for ever fills no disk
JOBS_PER_JVM = 400  # what jobs leave in a JVM is small, and never nothing
ENDING_SECONDS = 5
LOST = {"Py4JError", "Py4JNetworkError", "ConnectionRefusedError", "ConnectionResetError"}
"""Errors of a job whose JVM may be about to end: its connections are gone before the process is."""


class Jvm:
    """The JVM of Spark: started once, and again when it has gone."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.root = Path(config["root"])
        self.config = config
        self.log = self.root / "spark.log"
        self.process: subprocess.Popen[bytes] | None = None
        self.jobs = 0
        self.address: tuple[int, str] = (0, "")
        self.archive: ClassArchive | None = None

    def ensure(self) -> None:
        """Have a JVM that is alive; RuntimeError says why there is none."""
        if self.process is not None and self.process.poll() is None and self.jobs < JOBS_PER_JVM:
            return
        self.stop()
        self._start()

    def wait_for_end(self) -> None:
        """Wait a little for a JVM that may be ending; one that goes on, goes on."""
        if self.process is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(ENDING_SECONDS)

    def stop(self) -> None:
        """End the JVM, and whatever else runs below this process."""
        if self.process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()
            self.process = None
        end_orphans()

    @property
    def keeps_classes(self) -> bool:
        """Whether `keep_classes` is worth a call."""
        return self.archive is not None and self.archive.making

    def keep_classes(self) -> bool:
        """Leave what it has loaded to JVMs to come; return whether it did."""
        if self.process is None or self.process.poll() is not None or self.archive is None:
            return False
        return self.archive.keep(self.process.pid, self.jobs)

    def let_go(self) -> None:
        """Give up its stdin, in a fork: the JVM ends with the process that started it, and not later."""
        if self.process is not None and self.process.stdin is not None:
            os.close(self.process.stdin.fileno())

    def _start(self) -> None:
        import pyspark

        home = Path(pyspark.__file__).parent
        if self.config["master"].startswith("local-cluster"):
            home = self._own_home(home)
        else:
            jdk, cache = Path(self.config["jdk"]), self.config["class_archives"]
            self.archive = ClassArchive.of(cache, jdk, home, making=self.config["keeps_classes"])
        folder = Path(tempfile.mkdtemp(dir=self.root))
        answer = folder / "connection"
        environment = {
            **os.environ,
            "_PYSPARK_DRIVER_CONN_INFO_PATH": str(answer),
            "JAVA_HOME": self.config["java_home"],
            "SPARK_HOME": str(home),
            "SPARK_LOCAL_DIRS": str(self.root / "tmp"),
            # the first of the class path: an archive is of one class path, and of no folder with files
            "SPARK_CONF_DIR": str(self.archive.conf if self.archive else folder),
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_PYTHON": sys.executable,
            "PYSPARK_DRIVER_PYTHON": sys.executable,
        }
        properties = folder / "spark.properties"
        lines = [f"{key} {value}\n" for key, value in self._conf().items()]
        properties.write_text("".join(lines), encoding="utf-8")
        command = [str(home / "bin" / "spark-submit"), "--properties-file", str(properties), "pyspark-shell"]
        with self.log.open("ab") as log:
            # its stdin is ours to hold: it ends when this process does, however that ends
            self.process = subprocess.Popen(  # noqa: S603 - Spark's own launcher
                command,
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=log,
                env=environment,
                cwd=self.root / "home",  # as the job's: a path without a root is the same file in both
                start_new_session=True,
            )
        until = time.monotonic() + JVM_SECONDS
        while not answer.is_file():
            if self.process.poll() is not None or time.monotonic() > until:
                self.stop()
                said = self.log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
                raise RuntimeError(f"its JVM said {_reason(said)!r}")
            time.sleep(0.02)
        with answer.open("rb") as file:
            # a port, then a secret: each after four bytes, of which the second four say the secret's length
            port, length = struct.unpack("!ii", file.read(8))
            self.address = (port, file.read(length).decode())
        shutil.rmtree(folder, ignore_errors=True)
        self.jobs = 0

    def _own_home(self, home: Path) -> Path:
        """Return a Spark home in the private folder: executors of a local cluster write into the one they have."""
        own = self.root / "spark-home"
        if not own.exists():
            own.mkdir(mode=0o700)
            for file in home.iterdir():
                if file.name != "work":
                    (own / file.name).symlink_to(file)
        return own

    def _conf(self) -> dict[str, str]:
        master = self.config["master"]
        # for data of minutes the best compiler is the one that is soon done, and a collector without threads
        quick = "" if self.config["large"] else "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC "
        archive = " ".join(self.archive.options()) if self.archive else ""
        conf = {
            "spark.master": master,
            "spark.app.name": "parity",
            "spark.driver.memory": self.config["memory"],
            "spark.driver.extraJavaOptions": f"{quick}{archive} -XX:+ExitOnOutOfMemoryError -XX:-UsePerfData "
            f"-Djava.io.tmpdir={self.root / 'tmp'} -Duser.timezone=UTC -Dhttp.proxyHost=127.0.0.1 -Dhttp.proxyPort=9 "
            f"-Dhttps.proxyHost=127.0.0.1 -Dhttps.proxyPort=9",
            "spark.executor.extraJavaOptions": f"{quick}-Duser.timezone=UTC",
            "spark.ui.enabled": "false",
            "spark.ui.showConsoleProgress": "false",
            # what the UI would show is kept in memory even without one
            "spark.ui.retainedJobs": "20",
            "spark.ui.retainedStages": "20",
            "spark.ui.retainedTasks": "500",
            "spark.sql.ui.retainedExecutions": "5",
            "spark.eventLog.enabled": "false",
            "spark.locality.wait": "0",
            "spark.sql.catalogImplementation": "in-memory",
            "spark.sql.warehouse.dir": f"file://{self.root / 'buckets' / WAREHOUSE}",
            "spark.sql.legacy.createHiveTableByDefault": "false",  # there is no Hive here
            "spark.sql.session.timeZone": "UTC",
            "spark.sql.shuffle.partitions": str(self.config["shuffle_partitions"]),
            "spark.executorEnv.PYTHONPATH": os.environ["PYTHONPATH"],
            f"spark.executorEnv.{MEMORY}": str(self.config["python_memory"]),
            "spark.python.daemon.module": "parity_runtime.daemon",
            **spark_conf(),
        }
        if master.startswith("local"):
            conf |= {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
        own: dict[str, str] = self.config["conf"]
        return conf | own


def _reason(said: list[str]) -> str:
    """Return the line of a log that says why a JVM did not start: the last that is no part of a stack trace."""
    lines = [line.strip() for line in said if line.strip() and not line.lstrip().startswith(("at ", "... "))]
    told = [line for line in lines if "Exception" in line or "rror" in line]
    return (told or lines or ["nothing"])[-1]


def main() -> None:
    """Serve jobs until stdin ends."""
    requests, answers = _take_stdio()
    adopt_orphans()
    config = json.loads(requests.readline())
    _prepare(config)
    jvm = Jvm(config)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        try:
            import pyspark
            import pyspark.sql

            jvm.ensure()
        except (ImportError, RuntimeError) as error:
            _answer(answers, {"ready": False, "error": f"{error}"})
            return
        _answer(answers, {"ready": True, "spark": pyspark.__version__, "keeps_classes": jvm.keeps_classes})
        while line := requests.readline():
            request = json.loads(line)
            match request.pop("op"):
                case "run":
                    _answer(answers, _run(request, config, jvm, requests, answers))
                case "register":
                    _register(Path(config["root"]), request["tables"])
                    _answer(answers, {})
                case "clear":
                    Catalog(Path(config["root"]) / CATALOG).clear()
                    _answer(answers, {})
                case "keep_classes":
                    _answer(answers, {"kept": jvm.keep_classes()})
    except (BrokenPipeError, EOFError):
        pass  # whoever asked is gone
    finally:
        jvm.stop()


def _take_stdio() -> tuple[TextIO, TextIO]:
    """Move the two pipes out of the way of everything that prints."""
    requests = os.fdopen(os.dup(0), "r", encoding="utf-8")
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.dup2(2, 1)
    return requests, answers


def _prepare(config: dict[str, Any]) -> None:
    os.umask(0o077)
    root = Path(config["root"])
    for name in ("buckets", "tmp", "home"):
        (root / name).mkdir(mode=0o700, parents=True, exist_ok=True)
    kept = os.environ["PYTHONPATH"]
    inner = guard.environment(os.environ, str(root / "home"))
    os.environ.clear()
    os.environ.update(inner)
    os.environ["PYTHONPATH"] = kept
    os.environ[VARIABLE] = json.dumps(config["settings"])
    os.environ["PARITY_ROOT"] = str(root)
    os.environ[MEMORY] = str(config["python_memory"])
    time.tzset()


def _register(root: Path, rows: list[dict[str, Any]]) -> None:
    entries = {
        (row["database"], row["table"]): CatalogTable(
            row["location"], row["format"], tuple(row["columns"]), tuple(row["partitions"]), row["schema"]
        )
        for row in rows
    }
    if entries:
        Catalog(root / CATALOG).put_all(entries)


def _answer(answers: TextIO, value: dict[str, Any]) -> None:
    answers.write(json.dumps(value) + "\n")
    answers.flush()


def _run(job: dict[str, Any], config: dict[str, Any], jvm: Jvm, requests: TextIO, answers: TextIO) -> dict[str, Any]:
    started = time.monotonic()
    try:
        jvm.ensure()
    except RuntimeError as error:
        return {"state": "failed", "error": {"type": "SparkDidNotStart", "message": str(error)}, "seconds": 0.0}
    jvm.jobs += 1
    log_from = jvm.log.stat().st_size
    _empty(Path(config["root"]) / "home")
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # what ends with this process must not be held open by the job: the answers, and the stdin of the JVM
        os.close(reading)
        os.close(requests.fileno())
        os.close(answers.fileno())
        jvm.let_go()
        _child(job, config, jvm, writing)
    os.close(writing)
    state, answer = _wait(child, reading, job["timeout"], requests)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    end_orphans([] if jvm.process is None else [jvm.process.pid])  # whatever it started
    if answer is not None and (answer.get("error") or {}).get("type") in LOST:
        jvm.wait_for_end()
    result = _result(state, answer, status, job, config, jvm)
    if result["state"] != "succeeded" and (answer is None or jvm.process is None or jvm.process.poll() is not None):
        jvm.stop()  # it may still be at work for a job that is gone
    with contextlib.suppress(OSError):
        _append_spark_log(jvm.log, log_from, job["log"])
    result["seconds"] = time.monotonic() - started
    return result


def _wait(child: int, reading: int, timeout: float | None, requests: TextIO) -> tuple[str, dict[str, Any] | None]:
    """Wait for the child's one line; also for its end, the time-out, and the end of whoever asked."""
    until = None if timeout is None else time.monotonic() + timeout
    collected = b""
    while True:
        left = None if until is None else max(0.0, until - time.monotonic())
        ready, _, _ = select.select([reading, requests.fileno()], [], [], left)
        if requests.fileno() in ready:  # nobody asks for a second job before the first is answered: it is the end
            os.killpg(child, signal.SIGKILL)
            raise EOFError
        if reading in ready:
            block = os.read(reading, 1 << 16)
            collected += block
            if not block or collected.endswith(b"\n"):
                os.close(reading)
                return ("ended", json.loads(collected) if collected.endswith(b"\n") else None)
        elif until is not None and time.monotonic() >= until:
            os.close(reading)
            return ("timeout", None)


def _result(
    state: str, answer: dict[str, Any] | None, status: int, job: dict[str, Any], config: dict[str, Any], jvm: Jvm
) -> dict[str, Any]:
    if state == "timeout":
        message = f"took longer than {job['timeout']:g} s and was stopped"
        return {"state": "timeout", "error": {"type": "TimeoutError", "message": message}}
    if jvm.process is None or jvm.process.poll() is not None:
        message = f"Spark's JVM ended while it ran; it may use {config['memory']} of memory"
        return {**(answer or {}), "state": "failed", "error": {"type": "SparkEnded", "message": message}}
    if answer is None:
        how = f"signal {os.WTERMSIG(status)}" if os.WIFSIGNALED(status) else f"exit code {os.WEXITSTATUS(status)}"
        message = f"the job's process ended with {how} before it had an answer"
        return {"state": "failed", "error": {"type": "JobEnded", "message": message}}
    return answer


def _empty(folder: Path) -> None:
    """Remove all that is in a folder; the folder stays: the JVM lives in it."""
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()


def _append_spark_log(source: Path, start: int, log: str) -> None:
    """Put what Spark's JVM has said during the job at the end of the job's log."""
    with source.open("rb") as file:
        file.seek(start)
        said = file.read()
    if said.strip():
        with open(log, "ab") as file:
            file.write(b"--- said by Spark ---\n" + said)


def _child(job: dict[str, Any], config: dict[str, Any], jvm: Jvm, writing: int) -> None:
    """Be a job: never returns."""
    code = 1
    try:
        os.setsid()
        end_with_parent()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        signal.signal(signal.SIGINT, signal.SIG_DFL)
        output = os.open(job["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        os.dup2(output, 1)
        os.dup2(output, 2)
        limit = int(config["python_memory"])
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        resource.setrlimit(resource.RLIMIT_FSIZE, (FILE_BYTES, FILE_BYTES))
        os.environ["PYSPARK_GATEWAY_PORT"] = str(jvm.address[0])
        os.environ["PYSPARK_GATEWAY_SECRET"] = jvm.address[1]
        from parity_runtime.job import run

        answer = run(job, Path(config["root"]))
        for stream in (sys.stdout, sys.stderr):
            with contextlib.suppress(Exception):  # the script has closed it, or printed all it may
                stream.flush()
        os.write(writing, json.dumps(answer).encode() + b"\n")
        code = 0
    except BaseException:  # noqa: BLE001 - a fork must never come back into the loop of its parent
        import traceback

        with contextlib.suppress(Exception):
            traceback.print_exc()
            sys.stderr.flush()
    finally:
        os._exit(code)


if __name__ == "__main__":
    main()
