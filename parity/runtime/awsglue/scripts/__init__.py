"""Scripts of Glue's operators, which a job has no use for."""

from __future__ import annotations

from typing import Any

from parity_runtime.unsupported import unsupported


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    unsupported(f"awsglue.scripts.{name}", "they repair the catalog of crawlers on AWS: run them outside of a job")
