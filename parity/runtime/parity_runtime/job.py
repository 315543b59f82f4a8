"""One job, in a process of its own: the script runs as `__main__`, on a session of the shared Spark context.

A script says `SparkContext()` as if it were alone. It gets a context object of its own over the one that the JVM
has, and a new session: temp views and settings are its own. What else it may have left in the JVM (databases, cached
data, Hadoop settings) is cleared before the next one.
"""

from __future__ import annotations

import ast
import atexit
import contextlib
import os
import sys
import threading
import traceback
import types
from pathlib import Path
from typing import Any

from parity_runtime import guard, notes, sql
from parity_runtime.buckets import Buckets
from parity_runtime.unsupported import UnsupportedGlueCallError

__all__ = ["run"]

_LONGEST = 20_000  # characters of a message: an exception may hold the data


def run(job: dict[str, Any], root: Path) -> dict[str, Any]:
    """Run a script with its arguments; return state, error and notes as plain data, whatever it does."""
    script = Path(job["script"])
    notes.start(str(script))
    guard.install()
    _own_context(Buckets(root / "buckets"))
    sql.install()
    os.chdir(root / "home")
    process = os.getpid()
    error = _execute(script, job["arguments"])
    _finish()
    if os.getpid() != process:  # a fork that the script has made, and not the job
        os._exit(1 if error else 0)
    notes.finish()
    _leave()
    return {"state": "failed" if error else "succeeded", "error": error, "notes": notes.taken()}


def _execute(script: Path, arguments: list[str]) -> dict[str, Any] | None:
    sys.argv = [str(script), *arguments]
    sys.path.insert(0, str(script.parent))
    main = types.ModuleType("__main__")
    main.__file__ = str(script)
    sys.modules["__main__"] = main
    try:
        source = script.read_bytes()
        _local_modules(source, script.parent)
        exec(compile(source, str(script), "exec", dont_inherit=True), main.__dict__)  # noqa: S102 - that is the job
    except SystemExit as end:
        if end.code in (None, 0):
            return None
        return {**_error(end, script), "message": f"the script ended with sys.exit({end.code!r})"}
    except BaseException as error:  # noqa: BLE001 - whatever it was, it is the job's result
        with contextlib.suppress(OSError, ValueError, AttributeError):  # it has printed all it may, or closed stderr
            traceback.print_exc()
        return _error(_refusal(error), script)
    return None


def _refusal(error: BaseException) -> BaseException:
    """Return what refuses a name by itself, where a script took it for one that `awsglue.transforms import *` gives."""
    if isinstance(error, NameError) and error.name:
        import awsglue.transforms

        try:
            getattr(awsglue.transforms, error.name)
        except UnsupportedGlueCallError as refusal:
            return refusal.with_traceback(error.__traceback__)
        except AttributeError:
            pass
    return error


def _finish() -> None:
    """Do what Python does at the end of a script: wait for the threads that are no daemons, call what atexit holds."""
    with contextlib.suppress(BaseException):  # Python, too, prints what comes of it and goes on
        threading._shutdown()  # type: ignore[attr-defined]
        atexit._run_exitfuncs()


def _error(error: BaseException, script: Path) -> dict[str, Any]:
    """Describe an exception: type, message, and the last line of the script that led to it."""
    line = None
    for frame in traceback.extract_tb(error.__traceback__):
        if frame.filename == str(script):
            line = frame.lineno
    if isinstance(error, SyntaxError) and error.filename == str(script):
        line = error.lineno
    name = type(error).__name__
    message = name
    with contextlib.suppress(Exception):  # its own __str__ may raise
        message = str(error) if not isinstance(error, KeyError) else f"there is no key {error}"
    java = getattr(error, "java_exception", None)
    if java is not None:
        with contextlib.suppress(Exception):
            message = f"{java.getClass().getName()}: {java.getMessage()}"
            cause = java.getCause()
            if cause is not None:
                message += f"; caused by {cause.getClass().getName()}: {cause.getMessage()}"
    message = message.strip().split("\n\nJVM stacktrace")[0][:_LONGEST]
    return {"type": name, "message": message, "file": str(script), "line": line}


def _local_modules(source: bytes, folder: Path) -> None:
    """Let Spark's Python workers find modules beside the script, where it imports some."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError):
        return  # compiling it says so
    named: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            named.update(alias.name.split(".")[0] for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            named.add(node.module.split(".")[0])
    if any((folder / f"{name}.py").is_file() or (folder / name).is_dir() for name in named):
        os.environ["PARITY_MODULES"] = str(folder)


def _own_context(buckets: Buckets) -> None:
    """Have `SparkContext()` join the JVM's context, and see every command on its way there."""
    from py4j.java_gateway import GatewayClient
    from pyspark import SparkContext

    send = GatewayClient.send_command

    def watched(client: Any, command: str, *arguments: Any, **options: Any) -> Any:
        buckets.note(command)
        return send(client, command, *arguments, **options)

    def joined(context: Any, jconf: Any) -> Any:
        jvm = context._jvm
        shared = jvm.org.apache.spark.SparkContext.getOrCreate(jconf)
        java_context = jvm.org.apache.spark.api.java.JavaSparkContext.fromSparkContext(shared)
        _fresh_session(jvm, java_context, _own_settings(jvm, shared, jconf))
        buckets.configure = java_context.hadoopConfiguration().set
        buckets.note("")
        return java_context

    def ended(context: Any) -> None:
        """Stop for the script; the JVM's context goes on for the next job.

        The server of accumulators ends with this process: to shut it down takes half a second, each job.
        """
        if getattr(context, "_jsc", None) is not None:
            context._jsc = None
        SparkContext._active_spark_context = None

    begin = SparkContext.__init__

    def begun(context: Any, *arguments: Any, **options: Any) -> None:
        begin(context, *arguments, **options)
        if modules := os.environ.get("PARITY_MODULES"):
            context.environment["PYTHONPATH"] = os.pathsep.join([modules, os.environ["PYTHONPATH"]])

    GatewayClient.send_command = watched
    SparkContext.__init__ = begun  # type: ignore[method-assign,assignment]
    SparkContext._initialize_context = joined  # type: ignore[method-assign,assignment]
    SparkContext.stop = ended  # type: ignore[method-assign,assignment]


def _own_settings(jvm: Any, shared: Any, jconf: Any) -> dict[str, str]:
    """Return what the script's own SparkConf sets for SQL and differs from the run's; note what cannot be set."""
    # the context changes some settings of its own when it starts: what it was started with counts, too
    given = (_pairs(jvm.org.apache.spark.SparkConf(True)), _pairs(shared.conf()))
    changed = {key: value for key, value in _pairs(jconf).items() if value not in (g.get(key) for g in given)}
    for key in list(changed):
        if not key.startswith("spark.sql.") or jvm.org.apache.spark.sql.internal.SQLConf.isStaticConfigKey(key):
            if key != "spark.app.name":
                notes.note("ignored", f"{key}: a setting of the whole Spark context, which the jobs of a run share")
            del changed[key]
    return changed


def _fresh_session(jvm: Any, java_context: Any, settings: dict[str, str]) -> None:
    """Make the session that the script will find, and clear what an earlier job has left in the JVM."""
    four = int(java_context.version().split(".")[0]) >= 4  # noqa: PLR2004 - where Spark 4 keeps its sessions
    sessions = jvm.org.apache.spark.sql.classic.SparkSession if four else jvm.org.apache.spark.sql.SparkSession
    default = sessions.getDefaultSession()
    if default.isDefined():
        last = default.get()
        _clear(jvm, last, java_context)
        session = last.newSession()
    else:
        session = sessions.builder().getOrCreate()
        _remember(jvm, java_context)
    for key, value in settings.items():
        session.conf().set(key, value)
    sessions.setDefaultSession(session)
    sessions.setActiveSession(session)


def _pairs(conf: Any) -> dict[str, str]:
    return {pair._1(): pair._2() for pair in conf.getAll()}


_ORIGINAL = "parity.hadoop.original"


def _remember(jvm: Any, java_context: Any) -> None:
    original = jvm.org.apache.hadoop.conf.Configuration(java_context.hadoopConfiguration())
    jvm.java.lang.System.getProperties().put(_ORIGINAL, original)


def _clear(jvm: Any, session: Any, java_context: Any) -> None:
    context = java_context.sc()
    for query in session.streams().active():
        query.stop()
    context.cancelAllJobs()
    session.sharedState().cacheManager().clearCache()
    for rdd in java_context.getPersistentRDDs().values():
        rdd.unpersist(False)
    hadoop = java_context.hadoopConfiguration()
    hadoop.clear()
    hadoop.addResource(jvm.java.lang.System.getProperties().get(_ORIGINAL))
    java_context.setLogLevel("WARN")
    jvm.java.util.TimeZone.setDefault(jvm.java.util.TimeZone.getTimeZone("UTC"))
    _forget_tables(session)
    session.sharedState().globalTempViewManager().clear()


def _forget_tables(session: Any) -> None:
    """Empty Spark's catalog and leave the files of its tables: Spark removes the folder of a database it drops."""
    catalog = session.sharedState().externalCatalog()
    for name in _strings(catalog.listDatabases()):
        known = catalog.getDatabase(name)
        if name == "default" and not catalog.listTables(name).size():
            continue
        session.sql(f"alter database `{name}` set location 'file://{os.environ['PARITY_ROOT']}/nowhere/{name}'")
        catalog.dropDatabase(name, True, True)
        if name == "default":
            catalog.createDatabase(known, True)


def _strings(sequence: Any) -> list[str]:
    return [sequence.apply(i) for i in range(sequence.size())]


def _leave() -> None:
    """Give back to the JVM what this process has held of it."""
    from py4j.clientserver import JavaClient
    from py4j.finalizer import ThreadSafeFinalizer
    from py4j.java_gateway import GatewayClient
    from pyspark import SparkContext

    context = SparkContext._active_spark_context
    gateway = SparkContext._gateway
    if gateway is None:
        return
    with contextlib.suppress(Exception):  # the job is over: nothing of it may fail now
        if context is not None:
            context.stop()
        client = gateway._gateway_client
        start = len(f"{client.address}{client.port}")
        held = {key[start:] for key in ThreadSafeFinalizer.finalizers}
        if isinstance(client, JavaClient):
            held |= {target for _, target in list(client.finalizer_deque)}
        for target in held:
            GatewayClient.garbage_collect_object(client, target)
