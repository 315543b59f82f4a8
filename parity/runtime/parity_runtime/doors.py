"""The names by which scripts read and write: each takes what the GlueContext's own method takes, and calls it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parity_runtime.unsupported import unsupported

if TYPE_CHECKING:
    from awsglue.context import GlueContext
    from awsglue.dynamicframe import DynamicFrame
    from pyspark.sql import DataFrame

__all__ = ["DataFrameReader", "DataFrameWriter", "DynamicFrameReader", "DynamicFrameWriter"]


class _Door:
    def __init__(self, glue_context: GlueContext) -> None:
        self._glue_context = glue_context


class DynamicFrameReader(_Door):
    """`glueContext.create_dynamic_frame`."""

    def from_rdd(self, data: Any, name: str, schema: Any = None, sampleRatio: Any = None) -> DynamicFrame:
        """Return a frame of an RDD."""
        return self._glue_context.create_dynamic_frame_from_rdd(data, name, schema, sampleRatio)

    def from_options(self, *arguments: Any, **options: Any) -> DynamicFrame:
        """Return a frame of files."""
        return self._glue_context.create_dynamic_frame_from_options(*arguments, **options)

    def from_catalog(self, *arguments: Any, **options: Any) -> DynamicFrame:
        """Return a frame of a table of the catalog."""
        return self._glue_context.create_dynamic_frame_from_catalog(*arguments, **options)


class DynamicFrameWriter(_Door):
    """`glueContext.write_dynamic_frame`."""

    def from_options(self, *arguments: Any, **options: Any) -> DynamicFrame:
        """Append a frame to a path."""
        return self._glue_context.write_dynamic_frame_from_options(*arguments, **options)

    def from_catalog(self, *arguments: Any, **options: Any) -> DynamicFrame:
        """Append a frame to a table of the catalog."""
        return self._glue_context.write_dynamic_frame_from_catalog(*arguments, **options)

    def from_jdbc_conf(self, *arguments: Any, **options: Any) -> DynamicFrame:
        """Not supported."""
        unsupported("write_dynamic_frame.from_jdbc_conf", "write to s3, and load from there")


class DataFrameReader(_Door):
    """`glueContext.create_data_frame`."""

    def from_options(self, *arguments: Any, **options: Any) -> DataFrame:
        """Return files as a DataFrame."""
        return self._glue_context.create_data_frame_from_options(*arguments, **options)

    def from_catalog(self, *arguments: Any, **options: Any) -> DataFrame:
        """Return a table of the catalog as a DataFrame."""
        return self._glue_context.create_data_frame_from_catalog(*arguments, **options)


class DataFrameWriter(_Door):
    """`glueContext.write_data_frame`."""

    def from_catalog(self, *arguments: Any, **options: Any) -> Any:
        """Append a DataFrame to a table of the catalog."""
        return self._glue_context.write_data_frame_from_catalog(*arguments, **options)
