"""`glueContext.create_data_frame`: as create_dynamic_frame, but DataFrames."""

from __future__ import annotations

from parity_runtime.doors import DataFrameReader

__all__ = ["DataFrameReader"]
