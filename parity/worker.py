"""A process of its own that runs Glue job scripts on Spark: one JVM for all jobs of a run, each job by itself.

    with Worker() as worker:
        worker.place("s3://lake/customer/landing/", landing / "customer" / "landing")
        result = worker.run(Path("customer_landing_to_trusted.py"), {"LAKE": "s3://lake"}, log=Path("job.log"))
        worker.local("s3://lake/customer/trusted/")  # where its output is

`s3://` paths are folders of the worker's private folder. No job sees credentials, the network, or another job.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Literal, Self

from parity.java import FIX, find_java_home, java_home_for
from stedi.cache import default_folder
from stedi.errors import EnvironmentFault, UsageError
from stedi.masking import scrub

__all__ = ["RUNTIME", "JobError", "JobNote", "JobResult", "Table", "Worker", "pyspark_version"]

RUNTIME = Path(__file__).parent / "runtime"

State = Literal["succeeded", "failed", "timeout"]

COPY_BYTES = 64 << 20
"""Landing data up to this size are copied into the private folder; larger ones are linked, file by file."""

GRACE_SECONDS = 5.0
_MEGA = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}


@dataclass(frozen=True)
class JobError:
    """Why a job failed: the exception's type and message, and the script's file and line, where they are known."""

    type: str
    message: str
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True)
class JobNote:
    """What the runtime has to say about a job; the kinds are `parity_runtime.notes.KINDS`."""

    kind: str
    message: str
    line: int | None = None


@dataclass(frozen=True)
class JobResult:
    """How a job ended, after how many seconds; what it printed is in `log`."""

    script: Path
    state: State
    seconds: float
    log: Path
    error: JobError | None = None
    notes: tuple[JobNote, ...] = ()


@dataclass(frozen=True)
class Table:
    """A table of the run's catalog: an S3 path, its format, its columns in lower case, and as SQL lists them."""

    location: str
    format: Literal["json", "parquet", "csv"] = "json"
    columns: tuple[str, ...] = ()
    partitions: tuple[str, ...] = field(default=())
    schema: str = ""


class Worker:
    """A process that runs job scripts, as a context manager.

    `python` is the interpreter whose PySpark runs them (Glue 6.0 wants another environment than Glue 5.1), `memory`
    bounds Spark's JVM and `python_memory` each job's own process. `catalog` holds the tables that the jobs find
    though none of them makes them: `"database.table"`, or `"table"` for any database. `settings` are the choices of
    `parity_runtime.settings`. `large` has the JVM compile and collect for hours of work, which costs seconds at the
    start; give it, and more `shuffle_partitions`, for gigabytes. `root` is the private folder, made and removed when
    none is given.
    """

    def __init__(
        self,
        *,
        python: str | os.PathLike[str] = sys.executable,
        master: str = "local[*]",
        memory: str = "2g",
        python_memory: str = "4g",
        catalog: Mapping[str, Table] | None = None,
        settings: Mapping[str, str] | None = None,
        conf: Mapping[str, str] | None = None,
        shuffle_partitions: int = 4,
        large: bool = False,
        root: Path | None = None,
    ) -> None:
        self.spark = ""
        self.keeps_classes = False
        self._python = os.fspath(python)
        self._master = master
        self._memory = memory
        _bytes(memory)
        self._python_memory = _bytes(python_memory)
        self._catalog = dict(catalog or {})
        self._settings = dict(settings or {})
        self._conf = dict(conf or {})
        self._shuffle_partitions = shuffle_partitions
        self._large = large
        self._given = root
        self._root: Path | None = None
        self._process: subprocess.Popen[str] | None = None
        self._linked: dict[Path, tuple[int, int]] = {}

    @property
    def root(self) -> Path:
        """The private folder."""
        assert self._root is not None, "the worker has not been entered"
        return self._root

    def __enter__(self) -> Self:
        self._root = self._given or Path(tempfile.mkdtemp(prefix="stedi-parity-"))
        self._root.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._root = self._root.resolve()
        try:
            self._start()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process, its JVM and whatever a job has started; remove the private folder."""
        process, self._process = self._process, None
        if process is not None:
            for pipe in (process.stdin, process.stdout):
                with contextlib.suppress(OSError):
                    _open(pipe).close()
            try:
                process.wait(GRACE_SECONDS)
            except (subprocess.TimeoutExpired, KeyboardInterrupt):
                process.kill()
                process.wait()
        if self._root is not None and self._given is None:
            shutil.rmtree(self._root, ignore_errors=True)

    def run(
        self, script: Path, arguments: Mapping[str, str] | None = None, *, log: Path, timeout: float | None = None
    ) -> JobResult:
        """Run a script as the Glue job of its file's name and wait for its end; what it prints goes to `log`.

        `arguments` come after `--JOB_NAME`. A script that fails, hangs or ends Spark is a result; EnvironmentFault is
        raised only when no job can run at all. After a time-out the next job has a new JVM.
        """
        given = {"JOB_NAME": script.stem, **(arguments or {})}
        log.parent.mkdir(parents=True, exist_ok=True)
        answer = self._ask(
            op="run",
            script=str(script.resolve()),
            arguments=[part for name, value in given.items() for part in (f"--{name}", value)],
            log=str(log.resolve()),
            timeout=timeout,
        )
        state, error = answer["state"], answer.get("error")
        changed = self._changed_landing()
        if changed is not None and error is None:
            message = f"{changed}: a landing file was changed while the job ran"
            state, error = "failed", {"type": "LandingChanged", "message": message}
        return JobResult(
            script,
            state,
            answer["seconds"],
            log,
            JobError(**error) if error else None,
            tuple(JobNote(**found) for found in answer.get("notes", ())),
        )

    def local(self, uri: str) -> Path:
        """Return where an S3 path lies on this machine; UsageError for what is no S3 path."""
        bucket, _, key = uri.partition("://")[2].partition("/")
        parts = [part for part in key.split("/") if part]
        if not bucket or bucket in (".", "..") or ".." in parts or uri.partition("://")[0] not in ("s3", "s3a", "s3n"):
            raise UsageError(f"{uri!r} is no S3 path", fix="name it s3://bucket/prefix")
        return self.root.joinpath("buckets", bucket, *parts)

    def place(self, uri: str, source: Path) -> None:
        """Make local files readable under an S3 path: a folder with all below it, or one file.

        What a job writes there lands beside them, and what it overwrites is a copy or a link, never the file itself.
        """
        target = self.local(uri)
        files = [source] if source.is_file() else sorted(path for path in source.rglob("*") if path.is_file())
        whole = sum(path.stat().st_size for path in files) <= COPY_BYTES
        target.mkdir(mode=0o700, parents=True, exist_ok=True)
        for file in files:
            place = target / (file.name if source.is_file() else file.relative_to(source))
            place.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            if whole:
                shutil.copyfile(file, place)
            else:
                place.symlink_to(file.resolve())
                self._linked[file.resolve()] = _fingerprint(file)

    def register(self, tables: Mapping[str, Table]) -> None:
        """Add tables to the run's catalog: `"database.table"`, or `"table"` for any database."""
        rows = []
        for name, table in tables.items():
            database, _, own = name.rpartition(".")
            row = {"location": table.location, "format": table.format, "schema": table.schema}
            rows.append({**row, "columns": table.columns, "partitions": table.partitions, "table": own})
            rows[-1]["database"] = database or "*"
        self._ask(op="register", tables=rows)

    def clear(self) -> None:
        """Empty all buckets and the catalog but for the tables given at the start: a new run in the same JVM."""
        shutil.rmtree(self.root / "buckets", ignore_errors=True)
        self._linked.clear()
        self._ask(op="clear")
        self.register(self._catalog)

    def keep_classes(self) -> bool:
        """Leave the classes that Spark's JVM has loaded to later workers; return whether it did.

        Where `keeps_classes` is true it takes some seconds, and it wants a handful of jobs to have run.
        """
        return bool(self._ask(op="keep_classes")["kept"])

    def _start(self) -> None:
        if os.name != "posix":
            raise EnvironmentFault("Glue jobs run on Linux and macOS only", fix="use WSL")
        spark = pyspark_version(self._python)
        if spark is None:
            raise EnvironmentFault(f"{self._python} has no PySpark", fix=FIX)
        jdk = find_java_home()
        config = {
            "root": str(self.root),
            "jdk": str(jdk),
            "java_home": str(java_home_for(spark, jdk, self.root)),
            "class_archives": _class_archives(),
            "keeps_classes": not os.environ.get("CI"),  # where machines are new each time it would not pay
            "master": self._master,
            "memory": self._memory,
            "python_memory": self._python_memory,
            "settings": self._settings,
            "conf": self._conf,
            "shuffle_partitions": self._shuffle_partitions,
            "large": self._large,
        }
        path = os.pathsep.join(filter(None, [str(RUNTIME.resolve()), os.environ.get("PYTHONPATH")]))
        with open(os.open(self.root / "worker.log", os.O_WRONLY | os.O_CREAT, 0o600), "w", encoding="utf-8") as log:
            self._process = subprocess.Popen(  # noqa: S603 - our own process
                [self._python, "-m", "parity_runtime.supervisor"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
                text=True,
                env={**os.environ, "PYTHONPATH": path},
                start_new_session=True,  # Ctrl-C is for the harness; this process ends when its stdin does
            )
        self._send(config)
        ready = self._receive()
        if not ready["ready"]:
            local = self._master.startswith("local")
            fix = FIX if local else f"see that {self._master} is a Spark master that this machine reaches"
            raise EnvironmentFault(f"Spark does not start: {ready['error']}", fix=fix)
        self.spark = ready["spark"]
        self.keeps_classes = ready["keeps_classes"]
        self.register(self._catalog)

    def _changed_landing(self) -> Path | None:
        for file, known in self._linked.items():
            if not file.exists() or _fingerprint(file) != known:
                return file
        return None

    def _ask(self, **request: Any) -> dict[str, Any]:
        try:
            self._send(request)
            return self._receive()
        except KeyboardInterrupt:
            self.close()  # an answer to come would be taken for that of the next request
            raise

    def _send(self, value: Mapping[str, Any]) -> None:
        if self._process is None:
            raise EnvironmentFault("the parity worker has ended", fix="start another one")
        pipe = _open(self._process.stdin)
        with contextlib.suppress(BrokenPipeError):  # `_receive` says what happened
            pipe.write(json.dumps(value) + "\n")
            pipe.flush()

    def _receive(self) -> dict[str, Any]:
        assert self._process is not None
        line = _open(self._process.stdout).readline()
        if not line:
            code = self._process.wait()
            said = (self.root / "worker.log").read_text(encoding="utf-8", errors="replace").strip().splitlines()
            why = scrub(said[-1]) if said else "it said nothing"  # Spark's last words may quote rows
            raise EnvironmentFault(
                f"the parity worker ended with {code}: {why}",
                fix="-9 is the system's: it had not enough memory; give Spark less with --spark-memory",
            )
        answer: dict[str, Any] = json.loads(line)
        return answer


def _class_archives() -> str:
    """Return where Spark's classes are kept for this user; empty where the user has no home."""
    try:
        return str(default_folder() / ".spark")  # no bucket has such a name
    except UsageError:
        return ""


def pyspark_version(python: str) -> str | None:
    """Return the version of the PySpark of an interpreter, which need not be ours; None where it has none."""
    if python == sys.executable:
        try:
            return importlib.metadata.version("pyspark")
        except importlib.metadata.PackageNotFoundError:
            return None
    code = "import importlib.metadata as m; print(m.version('pyspark'))"
    try:
        ran = subprocess.run(  # noqa: S603 - the interpreter that the caller names
            [python, "-c", code], capture_output=True, text=True, check=False, timeout=60
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise EnvironmentFault(
            f"{python} does not run: {type(error).__name__}",
            fix="name the Python of an environment, as venv/bin/python",
        ) from error
    return ran.stdout.strip() if ran.returncode == 0 else None


def _open(pipe: IO[str] | None) -> IO[str]:
    assert pipe is not None
    return pipe


def _fingerprint(file: Path) -> tuple[int, int]:
    found = file.stat()
    return found.st_size, found.st_mtime_ns


def _bytes(size: str) -> int:
    """Read `2g` as Spark does; UsageError for anything else."""
    number, unit = size[:-1], size[-1:].lower()
    if not number.isdigit() or unit not in _MEGA:
        raise UsageError(f"{size!r} is no amount of memory", fix="write it as 2g or 512m")
    return int(number) * _MEGA[unit]
