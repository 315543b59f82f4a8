"""Streaming sources, which the parity runtime does not have."""

from __future__ import annotations

from awsglue.data_source import StreamingDataSource

__all__ = ["StreamingDataSource"]
