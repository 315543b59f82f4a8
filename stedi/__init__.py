"""The STEDI lakehouse on one machine: landing JSON to trusted and curated tables, in DuckDB SQL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from stedi.lake import Lake

__all__ = ["Lake", "__version__"]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    # importing stedi must stay cheap, so Lake is loaded when it is asked for (PEP 562)
    if name == "Lake":
        from stedi.lake import Lake

        return Lake
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
