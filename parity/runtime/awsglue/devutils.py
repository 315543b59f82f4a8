"""Tools that change jobs on AWS, which a parity run has none of."""

from __future__ import annotations

from typing import Any

from parity_runtime.unsupported import unsupported


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    unsupported(f"awsglue.devutils.{name}", "it creates and changes Glue jobs on AWS: run it outside of a job")
