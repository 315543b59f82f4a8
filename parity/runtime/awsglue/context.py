"""GlueContext: a Spark SQL context that makes and writes DynamicFrames."""

from __future__ import annotations

import time
import warnings
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from parity_runtime.catalog import Catalog
from parity_runtime.content import Content
from parity_runtime.doors import DataFrameReader, DataFrameWriter, DynamicFrameReader, DynamicFrameWriter
from parity_runtime.notes import note
from parity_runtime.purge import purge
from parity_runtime.reading import flag, partition_keys, read
from parity_runtime.settings import current
from parity_runtime.unsupported import unsupported
from pyspark import SparkContext
from pyspark.errors import AnalysisException
from pyspark.sql import DataFrame, SparkSession, SQLContext
from pyspark.sql import functions as F
from pyspark.sql import types as spark

from awsglue.data_sink import DataSink
from awsglue.data_source import DataSource, StreamingDataSource
from awsglue.dynamicframe import DynamicFrame, DynamicFrameCollection

__all__ = ["GlueContext", "register"]

_STREAMS = ("kinesis", "kafka")
# options that change how Glue lists and groups files, and not what is in them
_HARMLESS = {
    "paths",
    "path",
    "recurse",
    "partitionKeys",
    "groupFiles",
    "groupSize",
    "maxBand",
    "maxFilesInBand",
    "useS3ListImplementation",
    "compressionType",
    "isFailFast",
    "enableUpdateCatalog",
    "updateBehavior",
    "catalogPartitionPredicate",
}


def register(sc: SparkContext) -> None:
    """Do nothing: on Glue it loads the classes of the JVM."""


class GlueContext(SQLContext):
    """The context of a job; `spark_session` is its Spark session."""

    Spark_SQL_Formats: frozenset[str] = frozenset({"parquet", "orc"})
    Unsupported_Compression_Types: frozenset[str] = frozenset({"lzo"})

    def __init__(self, sparkContext: SparkContext | SparkSession | None = None, **options: Any) -> None:
        given = isinstance(sparkContext, SparkSession)
        session: Any = sparkContext if given else SparkSession.builder.getOrCreate()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # Spark's SQLContext is old; Glue's context is one
            super().__init__(session.sparkContext, session)
        self.spark_session = session
        self.create_dynamic_frame = DynamicFrameReader(self)
        self.create_data_frame = DataFrameReader(self)
        self.write_dynamic_frame = DynamicFrameWriter(self)
        self.write_data_frame = DataFrameWriter(self)

    def getSource(
        self,
        connection_type: str,
        format: str | None = None,
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        **options: Any,
    ) -> DataSource:
        """Return a source."""
        source = DataSource(self, connection_type, options, transformation_ctx)
        if format is not None:
            source.setFormat(format)
        return source

    def getStreamingSource(self, connection_type: str, *arguments: Any, **options: Any) -> StreamingDataSource:
        """Not supported."""
        return StreamingDataSource()

    def get_catalog_schema_as_spark_schema(
        self, database: str | None = None, table_name: str | None = None, catalog_id: str | None = None
    ) -> spark.StructType:
        """Return the schema of a table of the catalog, as its data have it."""
        return self.create_data_frame_from_catalog(database, table_name).schema

    def create_dynamic_frame_from_rdd(
        self, data: Any, name: str, schema: Any = None, sample_ratio: Any = None, transformation_ctx: str = ""
    ) -> DynamicFrame:
        """Return a frame of an RDD."""
        return DynamicFrame.fromDF(self.spark_session.createDataFrame(data, schema, sample_ratio), self, name)

    def create_dynamic_frame_from_catalog(
        self,
        database: str | None = None,
        table_name: str | None = None,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        additional_options: Mapping[str, Any] | None = None,
        catalog_id: str | None = None,
        **kwargs: Any,
    ) -> DynamicFrame:
        """Return a frame of a table of the catalog; TableNotFoundError where there is none."""
        name = _named(table_name)
        table = Catalog.of_run().get(_database(database, kwargs), name)
        _say_ignored(additional_options or {})
        names = "lower" if current().catalog_names == "lower" else "as written"
        content = read(self.spark_session, [table.location], table.format, {}, recurse=True, names=names)
        return DynamicFrame(
            _pushed_down(content, push_down_predicate, [table.location]), self, transformation_ctx or name
        )

    def create_data_frame_from_catalog(
        self, database: str | None = None, table_name: str | None = None, *arguments: Any, **kwargs: Any
    ) -> DataFrame:
        """Return a table of the catalog as a DataFrame."""
        return self.create_dynamic_frame_from_catalog(database, table_name, *arguments, **kwargs).toDF()

    def create_dynamic_frame_from_options(
        self,
        connection_type: str,
        connection_options: Mapping[str, Any] | None = None,
        format: str | None = None,
        format_options: Mapping[str, Any] | None = None,
        transformation_ctx: str = "",
        push_down_predicate: str = "",
        **kwargs: Any,
    ) -> DynamicFrame:
        """Return a frame of the files under `paths`."""
        _only_s3(connection_type)
        options = dict(connection_options or {})
        paths = options.get("paths") or options.get("path")
        if not paths:
            raise ValueError('connection_options holds no "paths": {"paths": ["s3://..."], "recurse": True}')
        if not format:
            raise ValueError("format is missing: json, parquet, csv, orc")
        for option in ("exclusions", "attachFilename", "boundedFiles", "boundedSize"):
            if options.get(option):
                unsupported(f'connection_options["{option}"]', "name the paths that are wanted")
        _say_ignored(options)
        listed = [paths] if isinstance(paths, str) else list(paths)
        recurse = flag(options.get("recurse"))
        content = read(self.spark_session, listed, format, format_options or {}, recurse=recurse)
        return DynamicFrame(_pushed_down(content, push_down_predicate, listed), self, transformation_ctx)

    def create_data_frame_from_options(self, connection_type: str, *arguments: Any, **kwargs: Any) -> DataFrame:
        """Return files as a DataFrame."""
        return self.create_dynamic_frame_from_options(connection_type, *arguments, **kwargs).toDF()

    def create_sample_dynamic_frame_from_catalog(
        self,
        database: str | None = None,
        table_name: str | None = None,
        num: int | None = None,
        sample_options: Mapping[str, Any] | None = None,
        *arguments: Any,
        **kwargs: Any,
    ) -> DynamicFrame:
        """Return some records of a table of the catalog."""
        return self.create_dynamic_frame_from_catalog(database, table_name, *arguments, **kwargs)._limited(num or 0)

    def create_sample_dynamic_frame_from_options(
        self,
        connection_type: str,
        connection_options: Mapping[str, Any] | None = None,
        num: int | None = None,
        sample_options: Mapping[str, Any] | None = None,
        *arguments: Any,
        **kwargs: Any,
    ) -> DynamicFrame:
        """Return some records of files."""
        frame = self.create_dynamic_frame_from_options(connection_type, connection_options, *arguments, **kwargs)
        return frame._limited(num or 0)

    def getSink(
        self, connection_type: str, format: str | None = None, transformation_ctx: str = "", **options: Any
    ) -> DataSink:
        """Return a sink."""
        sink = DataSink(self, connection_type, options)
        if format is not None:
            sink.setFormat(format)
        return sink

    def write_dynamic_frame_from_options(
        self,
        frame: DynamicFrame,
        connection_type: str,
        connection_options: Mapping[str, Any] | None = None,
        format: str | None = None,
        format_options: Mapping[str, Any] | None = None,
        transformation_ctx: str = "",
    ) -> DynamicFrame:
        """Append a frame to a path."""
        written: DynamicFrame = self.write_from_options(
            frame, connection_type, connection_options, format, format_options, transformation_ctx
        )
        return written

    def write_from_options(
        self,
        frame_or_dfc: Any,
        connection_type: str,
        connection_options: Mapping[str, Any] | None = None,
        format: Any = None,
        format_options: Mapping[str, Any] | None = None,
        transformation_ctx: str = "",
        **kwargs: Any,
    ) -> Any:
        """Append a frame, or each frame of a collection, to a path."""
        if not isinstance(frame_or_dfc, DynamicFrame | DynamicFrameCollection):
            kind = type(frame_or_dfc).__name__
            raise TypeError(
                f"what is written is a DynamicFrame or a collection, not a {kind}: DynamicFrame.fromDF makes one"
            )
        options = dict(connection_options or {})
        _say_ignored({name: value for name, value in options.items() if name != "compression"})
        sink = self.getSink(connection_type, **options)
        if not format:
            raise ValueError("format is missing: json, glueparquet, parquet, csv, orc")
        sink.setFormat(format, **(format_options or {}))
        return sink.write(frame_or_dfc)

    def write_dynamic_frame_from_catalog(
        self,
        frame: DynamicFrame,
        database: str | None = None,
        table_name: str | None = None,
        redshift_tmp_dir: str = "",
        transformation_ctx: str = "",
        additional_options: Mapping[str, Any] | None = None,
        catalog_id: str | None = None,
        **kwargs: Any,
    ) -> DynamicFrame:
        """Append a frame to a table of the catalog."""
        found, name = _database(database, kwargs), _named(table_name)
        table = Catalog.of_run().get(found, name)
        options = {"partitionKeys": list(table.partitions), **(additional_options or {})}
        sink = self.getSink("s3", path=table.location, **options)
        sink.setFormat(table.format)
        if flag(options.get("enableUpdateCatalog")):
            sink.setCatalogInfo(found, name)
        return sink.writeFrame(frame)

    def write_data_frame_from_catalog(
        self,
        frame: DataFrame,
        database: str | None = None,
        table_name: str | None = None,
        *arguments: Any,
        **kwargs: Any,
    ) -> Any:
        """Append a DataFrame to a table of the catalog."""
        made = DynamicFrame.fromDF(frame, self, table_name or "")
        return self.write_dynamic_frame_from_catalog(made, database, table_name, *arguments, **kwargs).toDF()

    def write_dynamic_frame_from_jdbc_conf(
        self, frame: DynamicFrame, catalog_connection: str, *a: Any, **k: Any
    ) -> Any:
        """Not supported."""
        unsupported("write_dynamic_frame_from_jdbc_conf", "write to s3, and load from there")

    def write_from_jdbc_conf(self, frame_or_dfc: Any, catalog_connection: str, *a: Any, **k: Any) -> Any:
        """Not supported."""
        unsupported("write_from_jdbc_conf", "write to s3, and load from there")

    def convert_resolve_option(self, path: str, action: str, target: Any) -> tuple[str, str]:
        """Return what `DynamicFrame.resolveChoice` takes for an option of `toDF`."""
        if action == "KeepAsStruct":
            return path, "make_struct"
        if action not in ("Project", "Cast") or target is None:
            raise ValueError(f"{action!r} with target {target}: Project and Cast need a type, KeepAsStruct none")
        return path, f"{action.lower()}:{target.simpleString()}"

    def extract_jdbc_conf(self, connection_name: str, catalog_id: str | None = None) -> dict[str, str]:
        """Not supported."""
        unsupported("extract_jdbc_conf", "a parity run has no connections; read from s3")

    def purge_table(
        self,
        database: str,
        table_name: str,
        options: Mapping[str, Any] | None = None,
        transformation_ctx: str = "",
        catalog_id: str | None = None,
    ) -> None:
        """Delete the files of a table that are older than `retentionPeriod` hours (168)."""
        self.purge_s3_path(Catalog.of_run().get(database, table_name).location, options)

    def purge_s3_path(
        self, s3_path: str, options: Mapping[str, Any] | None = None, transformation_ctx: str = ""
    ) -> None:
        """Delete the files under a path that are older than `retentionPeriod` hours (168)."""
        purge(self.spark_session, s3_path, float((options or {}).get("retentionPeriod", 168)))

    def transition_table(self, database: str, table_name: str, transition_to: str, *a: Any, **k: Any) -> None:
        """Not supported."""
        unsupported("transition_table", "storage classes change no rows; leave the call out")

    def transition_s3_path(self, s3_path: str, transition_to: str, *a: Any, **k: Any) -> None:
        """Not supported."""
        unsupported("transition_s3_path", "storage classes change no rows; leave the call out")

    def get_logger(self) -> _Logger:
        """Return the job's logger: it prints into the job's log."""
        return _Logger()

    def currentTimeMillis(self) -> int:
        """Return the time, in epoch milliseconds."""
        return time.time_ns() // 1_000_000

    def getSampleStreamingDynamicFrame(self, frame: Any, options: Any = None, batch_function: Any = None) -> Any:
        """Not supported."""
        unsupported("getSampleStreamingDynamicFrame", "parity compares finished tables; run the batch function alone")

    def forEachBatch(self, frame: Any, batch_function: Any, options: Any = None) -> None:
        """Not supported."""
        unsupported("forEachBatch", "parity compares finished tables; run the batch function alone")

    def add_ingestion_time_columns(self, frame: DataFrame, time_granularity: str) -> DataFrame:
        """Add columns ingest_year to ingest_hour or _minute, of now."""
        now = datetime.now(UTC)
        parts = ("year", "month", "day", "hour", "minute")
        if time_granularity not in parts[2:]:
            raise ValueError(f"time_granularity {time_granularity!r} is none of day, hour, minute")
        for part in parts[: parts.index(time_granularity) + 1]:
            frame = frame.withColumn(f"ingest_{part}", F.lit(f"{getattr(now, part):02}"))
        return frame

    def start_transaction(self, read_only: bool) -> str:
        """Not supported."""
        unsupported("start_transaction", "AWS has ended governed tables; write without transactions")

    def commit_transaction(self, transaction_id: str, wait_for_commit: bool = True) -> bool:
        """Not supported."""
        unsupported("commit_transaction", "AWS has ended governed tables; write without transactions")

    def cancel_transaction(self, transaction_id: str) -> None:
        """Not supported."""
        unsupported("cancel_transaction", "AWS has ended governed tables; write without transactions")


class _Logger:
    """The logger that `get_logger` gives: lines in the job's log."""

    def info(self, message: str) -> None:
        """Print a line."""
        print(f"INFO {message}", flush=True)  # noqa: T201 - the job's log is its output

    def warn(self, message: str, *arguments: Any) -> None:
        """Print a line."""
        print(f"WARN {message}", flush=True)  # noqa: T201 - as above

    def error(self, message: str, *arguments: Any) -> None:
        """Print a line."""
        print(f"ERROR {message}", flush=True)  # noqa: T201 - as above

    def debug(self, message: str, *arguments: Any) -> None:
        """Print a line."""
        print(f"DEBUG {message}", flush=True)  # noqa: T201 - as above


def _database(database: str | None, options: dict[str, Any]) -> str:
    """Return the database, which old scripts call name_space; ValueError for both or neither."""
    if database is not None and "name_space" in options:
        raise ValueError("name_space and database are both given, choose one")
    found = database if database is not None else options.pop("name_space", None)
    if found is None:
        raise ValueError("database is missing")
    return str(found)


def _named(table_name: str | None) -> str:
    if table_name is None:
        raise ValueError("table_name is missing")
    return table_name


def _only_s3(connection_type: str) -> None:
    if connection_type == "s3":
        return
    if connection_type in _STREAMS:
        unsupported(f'connection_type="{connection_type}"', "parity compares finished tables; read from s3")
    unsupported(f'connection_type="{connection_type}"', "a parity run has no databases; put the data on s3")


def _say_ignored(options: Mapping[str, Any]) -> None:
    for name in options:
        if name not in _HARMLESS:
            note("ignored", f"connection option {name}")


def _pushed_down(content: Content, predicate: str, paths: Sequence[str]) -> Content:
    """Keep the records whose partitions fulfil a predicate; ValueError where it asks for anything else, as in Glue."""
    if not predicate.strip() or not content.fields:
        return content
    keys = partition_keys(content.df.sparkSession, paths)
    fields = [F.col(field.column).alias(field.name) for field in content.fields if field.name.lower() in keys]
    try:
        content.df.select(*fields).where(predicate)
    except AnalysisException as error:
        has = f"those are {', '.join(sorted(keys))}" if keys else "there is none"
        said = f"cannot be resolved against the partition columns, {has}; filter the frame"
        raise ValueError(f"push_down_predicate={predicate!r}: {said}") from error
    kept = content.df.select("*", *fields).where(predicate).select(*content.df.columns)
    return content.map_df(lambda _: kept)
