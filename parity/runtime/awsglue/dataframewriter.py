"""`glueContext.write_data_frame`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from parity_runtime.doors import database_of

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

    from awsglue.context import GlueContext

__all__ = ["DataFrameWriter"]


class DataFrameWriter:
    """Writes DataFrames."""

    def __init__(self, glue_context: GlueContext) -> None:
        self._glue_context = glue_context

    def from_catalog(
        self,
        frame: DataFrame,
        database: str | None = None,
        table_name: str | None = None,
        *arguments: Any,
        **kwargs: Any,
    ) -> Any:
        """Append a DataFrame to a table of the catalog."""
        found = database_of(database, kwargs)
        return self._glue_context.write_data_frame_from_catalog(frame, found, table_name, *arguments, **kwargs)
