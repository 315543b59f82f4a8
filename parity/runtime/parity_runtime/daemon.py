"""The parent of Spark's Python workers, in which functions of a script run: no way out from there either.

Spark starts it by `spark.python.daemon.module`. Its workers are forks of it, so that what holds here holds in them.
"""

from __future__ import annotations

import os
import resource

from parity_runtime import guard

__all__ = ["MEMORY"]

MEMORY = "PARITY_PYTHON_MEMORY"

if __name__ == "__main__":
    from pyspark.daemon import manager

    limit = int(os.environ[MEMORY])
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    guard.install()
    manager()  # type: ignore[no-untyped-call]
