"""Where a frame comes from, as `GlueContext.getSource` makes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parity_runtime.unsupported import unsupported

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from awsglue.context import GlueContext
    from awsglue.dynamicframe import DynamicFrame

__all__ = ["DataSource"]


class DataSource:
    """A source: a connection type with options, and a format."""

    def __init__(self, glue_context: GlueContext, connection_type: str, options: dict[str, Any], name: str) -> None:
        self._context = glue_context
        self._type = connection_type
        self._options = dict(options)
        self._format: str | None = None
        self._format_options: dict[str, Any] = {}
        self.name = name

    def setFormat(self, format: str, **options: Any) -> None:
        """Set the format and its options."""
        self._format = format
        self._format_options = options

    def getFrame(self, **options: Any) -> DynamicFrame:
        """Read the source."""
        return self._context.create_dynamic_frame_from_options(
            self._type, {**self._options, **options}, self._format, self._format_options
        )

    def getSampleFrame(self, num: int, **options: Any) -> DynamicFrame:
        """Read some records."""
        return self.getFrame(**options)._limited(num)

    def getDataFrame(self) -> DataFrame:
        """Read the source as a DataFrame."""
        return self.getFrame().toDF()


class StreamingDataSource:
    """A streaming source; there are none here."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        unsupported("getStreamingSource", "parity compares finished tables; read a batch of the stream from s3")
