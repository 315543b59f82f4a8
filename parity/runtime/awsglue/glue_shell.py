"""The interactive shell of Glue, which a job has no use for."""

from __future__ import annotations

from typing import Any

from parity_runtime.unsupported import unsupported


def __getattr__(name: str) -> Any:
    if name.startswith("__"):
        raise AttributeError(name)
    unsupported(f"awsglue.glue_shell.{name}", "it is an interactive shell: make the GlueContext in the script")
