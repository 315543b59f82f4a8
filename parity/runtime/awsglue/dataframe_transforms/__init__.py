"""Transforms of DataFrames."""

from __future__ import annotations

from typing import Any

from pyspark.sql import DataFrame

__all__ = ["ApplyMapping"]


class ApplyMapping:
    """Build a DataFrame of mapped columns."""

    @staticmethod
    def apply(frame: DataFrame, mappings: Any) -> DataFrame:
        """Return the mapped columns: (source, source type, target, target type)."""
        from parity_runtime.content import Content
        from parity_runtime.mapping import apply_mapping

        given = [mappings] if isinstance(mappings, tuple) else list(mappings)
        return apply_mapping(Content.of(frame), given, case_sensitive_names=False).to_df()
