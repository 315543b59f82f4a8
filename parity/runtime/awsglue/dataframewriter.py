"""`glueContext.write_data_frame`."""

from __future__ import annotations

from parity_runtime.doors import DataFrameWriter

__all__ = ["DataFrameWriter"]
