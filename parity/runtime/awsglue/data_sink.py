"""Where a frame goes: a path with a format, and a table of the run's catalog where the sink is told of one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parity_runtime.notes import note
from parity_runtime.reading import flag
from parity_runtime.unsupported import unsupported
from parity_runtime.writing import register, write
from pyspark.sql import DataFrame

from awsglue.dynamicframe import DynamicFrame, DynamicFrameCollection

if TYPE_CHECKING:
    from awsglue.context import GlueContext

__all__ = ["DataSink"]


class DataSink:
    """A sink, as `GlueContext.getSink` makes it: S3 only."""

    def __init__(self, glue_context: GlueContext, connection_type: str, options: dict[str, Any]) -> None:
        if connection_type != "s3":
            unsupported(f'getSink(connection_type="{connection_type}")', "write to s3, and load from there")
        self._context = glue_context
        self._options = dict(options)
        self._format = ""
        self._format_options: dict[str, Any] = {}
        self._table: tuple[str, str] | None = None

    def setFormat(self, format: str, **options: Any) -> None:
        """Set the format and its options."""
        self._format = format
        self._format_options = options

    def setAccumulableSize(self, size: int) -> None:
        """Do nothing: it bounds what Glue collects of errors."""

    def setCatalogInfo(self, catalogDatabase: str, catalogTableName: str, catalogId: str = "") -> None:
        """Set the table that the output is registered as."""
        self._table = (catalogDatabase, catalogTableName)

    def writeFrame(self, dynamic_frame: DynamicFrame, info: str = "") -> DynamicFrame:
        """Append a frame's records, register the table; return a frame of errors, empty."""
        if not self._format:
            raise ValueError("the sink has no format: call setFormat before writeFrame")
        path = self._options.get("path")
        if not path:
            raise ValueError('the sink has no path: getSink(path="s3://...", connection_type="s3", ...)')
        partitions = list(self._options.get("partitionKeys") or ())
        content = dynamic_frame._content
        write(
            content,
            path,
            self._format,
            partitions=partitions,
            options=self._format_options,
            compression=self._options.get("compression"),
        )
        if self._table is not None and flag(self._options.get("enableUpdateCatalog")):
            register(*self._table, content, path, self._format, partitions)
        elif self._table is not None:
            note("ignored", f"table {'.'.join(self._table)}: getSink was not told enableUpdateCatalog=True")
        return dynamic_frame._empty(f"{dynamic_frame.name}_errors")

    def writeDataFrame(self, data_frame: DataFrame, glue_context: GlueContext, info: str = "") -> DataFrame:
        """Append a DataFrame's rows."""
        return self.writeFrame(DynamicFrame.fromDF(data_frame, glue_context, "frame")).toDF()

    def write(self, dynamic_frame_or_dfc: Any, info: str = "") -> Any:
        """Append a frame, or each frame of a collection."""
        if isinstance(dynamic_frame_or_dfc, DynamicFrame):
            return self.writeFrame(dynamic_frame_or_dfc, info)
        if isinstance(dynamic_frame_or_dfc, DynamicFrameCollection):
            written = [self.writeFrame(frame) for frame in dynamic_frame_or_dfc.values()]
            return DynamicFrameCollection(written, self._context)
        raise TypeError(f"a sink writes a DynamicFrame or a collection, not {type(dynamic_frame_or_dfc).__name__}")
