"""DynamicFrame: records whose fields are found in the data, over a Spark DataFrame."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from parity_runtime import combining, mapping
from parity_runtime.collection import DynamicFrameCollection
from parity_runtime.content import Content
from parity_runtime.doors import DynamicFrameReader, DynamicFrameWriter
from parity_runtime.notes import at_end, note, script_line
from parity_runtime.records import counted, filtered, mapped, records
from parity_runtime.unsupported import unsupported
from pyspark.sql import DataFrame
from pyspark.sql import types as spark

from awsglue.gluetypes import DynamicRecord, StructType

if TYPE_CHECKING:
    from awsglue.context import GlueContext

__all__ = ["DynamicFrame", "DynamicFrameCollection", "DynamicFrameReader", "DynamicFrameWriter", "ResolveOption"]


class ResolveOption:
    """How `toDF` settles a field of several types: Project, KeepAsStruct or Cast, to a Spark type."""

    def __init__(self, path: str, action: str, target: Any = None) -> None:
        self.path = path
        self.action = action
        self.target = target


def _listed(paths: str | Iterable[str]) -> list[str]:
    return [paths] if isinstance(paths, str) else list(paths)


class DynamicFrame:
    """A frame of records; every transform gives a new one.

    `transformation_ctx`, `info`, `stageThreshold` and `totalThreshold` are taken everywhere. The thresholds hold when
    `assertErrorThreshold` is called.
    """

    def __init__(self, content: Content | DataFrame, glue_ctx: GlueContext, name: str = "") -> None:
        self._content = content if isinstance(content, Content) else Content.of(content)
        self.glue_ctx = glue_ctx
        self.name = name
        self._threshold = 0

    def _with(self, content: Content, name: str | None = None, total: int = 0) -> DynamicFrame:
        frame = DynamicFrame(content, self.glue_ctx, self.name if name is None else name)
        frame._threshold = total
        return frame

    def _empty(self, name: str) -> DynamicFrame:
        return DynamicFrame(self.glue_ctx.spark_session.createDataFrame([], spark.StructType([])), self.glue_ctx, name)

    def _limited(self, num: int) -> DynamicFrame:
        return self._with(self._content.map_df(lambda df: df.limit(num)))

    def with_frame_schema(self, schema: StructType) -> DynamicFrame:
        """Return the frame; its schema is known already."""
        return self

    def schema(self) -> StructType:
        """Return the schema, choices and all."""
        return self._content.schema()

    def printSchema(self) -> None:
        """Print the schema as a tree."""
        print("root\n" + "\n".join(_tree(self.schema(), 0)) + "\n")  # noqa: T201 - that is what it is for

    def show(self, num_rows: int = 20) -> None:
        """Print records as JSON, a line each."""
        for record in records(self._content).take(num_rows):
            print(json.dumps(record, default=str))  # noqa: T201 - as above

    def count(self) -> int:
        """Count the records."""
        return int(self._content.df.count())

    def filter(
        self,
        f: Callable[[DynamicRecord], Any],
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """Keep the records for which `f` is true.

        KeyError, ValueError and TypeError of `f` count a record out; any other exception makes it an error record.
        """
        content, counts = filtered(self._content, f)
        _say_exceptions("Filter", counts, swallowed=True)
        return self._with(content, total=totalThreshold)

    def map(
        self,
        f: Callable[[DynamicRecord], Any],
        preservesPartitioning: bool = False,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """Replace each record by what `f` makes of it."""
        content, counts = mapped(self._content, f)
        _say_exceptions("Map", counts, swallowed=False)
        return self._with(content, total=totalThreshold)

    def mapPartitions(
        self, f: Any, preservesPartitioning: bool = True, *arguments: Any, **options: Any
    ) -> DynamicFrame:
        """Not supported: it hands out Glue's own envelopes of records."""
        unsupported("DynamicFrame.mapPartitions", "use map or filter, or toDF() and Spark's own mapPartitions")

    def mapPartitionsWithIndex(
        self, f: Any, preservesPartitioning: bool = False, *arguments: Any, **options: Any
    ) -> DynamicFrame:
        """Not supported: it hands out Glue's own envelopes of records."""
        unsupported("DynamicFrame.mapPartitionsWithIndex", "use map or filter, or toDF() and Spark's own function")

    def toDF(self, options: Sequence[ResolveOption] | None = None) -> DataFrame:
        """Return a DataFrame: absent fields become null, a field of several types a struct with a field a type."""
        content = self._content
        for option in options or ():
            if option.action == "KeepAsStruct":
                continue
            if option.target is None:
                raise ValueError(f"toDF: {option.action} of {option.path} needs a target type")
            spec = (option.path, f"{option.action.lower()}:{option.target.simpleString()}")
            content = mapping.resolve_choice(content, [spec])
        return content.to_df()

    @classmethod
    def fromDF(cls, dataframe: DataFrame, glue_ctx: GlueContext, name: str = "") -> DynamicFrame:
        """Return a frame of a DataFrame's rows; nulls are there, as null. Of columns with one name one is kept."""
        return cls(Content.of(dataframe), glue_ctx, name)

    def drop_fields(
        self,
        paths: str | Iterable[str],
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """Drop fields."""
        return self._with(mapping.drop_fields(self._content, _listed(paths)))

    def select_fields(
        self,
        paths: str | Iterable[str],
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """Keep fields."""
        return self._with(mapping.select_fields(self._content, _listed(paths)))

    def split_fields(
        self,
        paths: str | Iterable[str],
        name1: str,
        name2: str,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrameCollection:
        """Return two frames: the named fields, and the others."""
        named = mapping.select_fields(self._content, _listed(paths), "SplitFields")
        others = mapping.drop_fields(self._content, _listed(paths), "SplitFields")
        frames = {name1: self._with(named, name1), name2: self._with(others, name2)}
        return DynamicFrameCollection(frames, self.glue_ctx)

    def split_rows(
        self,
        comparison_dict: Mapping[str, Mapping[str, Any]],
        name1: str,
        name2: str,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrameCollection:
        """Return two frames: the records that fulfil all comparisons, and the others."""
        met, others = mapping.split_rows(self._content, comparison_dict)
        return DynamicFrameCollection({name1: self._with(met, name1), name2: self._with(others, name2)}, self.glue_ctx)

    def rename_field(
        self,
        oldName: str,
        newName: str,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """Rename a field."""
        return self._with(mapping.rename_field(self._content, oldName, newName))

    def join(
        self,
        paths1: str | Sequence[str],
        paths2: str | Sequence[str],
        frame2: DynamicFrame,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """Join with another frame on equal keys; its fields whose names this one has get a dot before the name."""
        content = combining.join(self._content, frame2._content, _listed(paths1), _listed(paths2))
        return self._with(content, self.name + frame2.name)

    def applyMapping(self, *args: Any, **kwargs: Any) -> DynamicFrame:
        """Map fields, as `apply_mapping`."""
        given = args[1:] if args and isinstance(args[0], DynamicFrame) else args
        return self.apply_mapping(*given, **kwargs)

    def apply_mapping(
        self,
        mappings: tuple[str, ...] | Sequence[tuple[str, ...]],
        case_sensitive: bool = False,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """Build a frame of mapped fields: (source, source type, target, target type)."""
        given = [mappings] if isinstance(mappings, tuple) else list(mappings)
        return self._with(mapping.apply_mapping(self._content, given, case_sensitive_names=case_sensitive))

    def resolveChoice(
        self,
        specs: tuple[str, str] | Sequence[tuple[str, str]] | None = None,
        choice: str = "",
        database: str | None = None,
        table_name: str | None = None,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
        catalog_id: str | None = None,
    ) -> DynamicFrame:
        """Settle fields of several types, by field (`specs`) or all of them (`choice`)."""
        if (specs is None) == (not choice):
            raise ValueError("resolveChoice takes specs or choice, one of the two")
        if choice.lower() == "match_catalog":
            unsupported(
                'resolveChoice(choice="match_catalog")', "name the casts in specs: the catalog has no types here"
            )
        given = [specs] if isinstance(specs, tuple) else list(specs or ())
        return self._with(mapping.resolve_choice(self._content, given, choice.lower()))

    def unnest(
        self, transformation_ctx: str = "", info: str = "", stageThreshold: int = 0, totalThreshold: int = 0
    ) -> DynamicFrame:
        """Make the parts of structs fields of their own, named with dots; UnsupportedGlueCallError for arrays."""
        return self._with(mapping.unnest(self._content))

    def relationalize(self, root_table_name: str, staging_path: str, *arguments: Any, **options: Any) -> Any:
        """Not supported."""
        unsupported("DynamicFrame.relationalize", "explode the arrays with Spark, and write a table each")

    def unbox(self, path: str, format: str, *arguments: Any, **options: Any) -> DynamicFrame:
        """Not supported."""
        unsupported("DynamicFrame.unbox", "parse the text with Spark's from_json or from_csv")

    def unnest_ddb_json(self, *arguments: Any, **options: Any) -> DynamicFrame:
        """Not supported."""
        unsupported("DynamicFrame.unnest_ddb_json", "parity has no DynamoDB; map the records with Map.apply")

    def simplify_ddb_json(self) -> DynamicFrame:
        """Not supported."""
        unsupported("DynamicFrame.simplify_ddb_json", "parity has no DynamoDB; map the records with Map.apply")

    def mergeDynamicFrame(
        self,
        stage_dynamic_frame: DynamicFrame,
        primary_keys: str | Sequence[str],
        transformation_ctx: str = "",
        options: Mapping[str, Any] | None = None,
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """Return the records of the staging frame, and of this one those whose keys it does not have."""
        return self._with(combining.merge(self._content, stage_dynamic_frame._content, _listed(primary_keys)))

    def union(
        self,
        other_frame: DynamicFrame,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """Return the records of both frames; a field that one of them lacks is absent there."""
        return self._with(combining.union(self._content, other_frame._content))

    def write(
        self,
        connection_type: str,
        connection_options: Mapping[str, Any] | None = None,
        format: str | None = None,
        format_options: Mapping[str, Any] | None = None,
        accumulator_size: int = 0,
    ) -> DynamicFrame:
        """Write the frame."""
        written: DynamicFrame = self.glue_ctx.write_from_options(
            self, connection_type, connection_options or {}, format or "", format_options or {}
        )
        return written

    def spigot(
        self,
        path: str,
        options: Mapping[str, Any] | None = None,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        """Write some records to a path, as JSON, and go on: `topk` of them, or each with `prob`."""
        given = options or {}
        content = self._content
        if "prob" in given:
            content = content.map_df(lambda df: df.sample(fraction=float(given["prob"])))
        if "topk" in given:
            content = content.map_df(lambda df: df.limit(int(given["topk"])))
        self.glue_ctx.write_from_options(self._with(content), "s3", {"path": path}, "json", {})
        return self

    def getNumPartitions(self) -> int:
        """Return the number of partitions."""
        return int(self._content.df.rdd.getNumPartitions())

    def repartition(self, num_partitions: int, *arguments: Any, **options: Any) -> DynamicFrame:
        """Spread the records over so many partitions."""
        return self._with(self._content.map_df(lambda df: df.repartition(num_partitions)))

    def coalesce(self, num_partitions: int, shuffle: bool = False, *arguments: Any, **options: Any) -> DynamicFrame:
        """Gather the records in so many partitions."""
        if shuffle:
            return self.repartition(num_partitions)
        return self._with(self._content.map_df(lambda df: df.coalesce(num_partitions)))

    def errorsAsDynamicFrame(self) -> DynamicFrame:
        """Return the error records: their fields, and `errorMessage`."""
        frames = self._content.errors
        if not frames:
            return self._empty(f"{self.name}_errors")
        whole = frames[0]
        for frame in frames[1:]:
            whole = whole.unionByName(frame, allowMissingColumns=True)
        return DynamicFrame(whole, self.glue_ctx, f"{self.name}_errors")

    def errorsCount(self) -> int:
        """Count the error records of all transforms up to this frame."""
        return sum(frame.count() for frame in self._content.errors)

    def stageErrorsCount(self) -> int:
        """Count the error records of the last transform that had any."""
        return self._content.errors[-1].count() if self._content.errors else 0

    def assertErrorThreshold(self) -> None:
        """Raise RuntimeError when there are more error records than the transform was told to bear."""
        count = self.errorsCount()
        if count > self._threshold:
            raise RuntimeError(f"{count} error records, {self._threshold} allowed")


def _tree(schema: StructType, depth: int) -> Iterable[str]:
    from awsglue.gluetypes import ArrayType, ChoiceType, MapType

    bars = "|    " * depth
    for field in schema:
        found = field.dataType
        yield f"{bars}|-- {field.name}: {found.typeName()}"
        inner: Any = found
        while isinstance(inner, ArrayType | MapType):
            inner = inner.elementType if isinstance(inner, ArrayType) else inner.valueType
            yield f"{bars}|    |-- {'element' if isinstance(found, ArrayType) else 'value'}: {inner.typeName()}"
        if isinstance(inner, ChoiceType):
            yield from (f"{bars}|    |-- {name}" for name in sorted(inner.choices))
        elif isinstance(inner, StructType):
            yield from _tree(inner, depth + 1)


def _say_exceptions(what: str, counts: Any, *, swallowed: bool) -> None:
    """Leave a note, when the job has ended, of what a function of the script has raised."""
    line = script_line()

    def say() -> None:
        for name, count in sorted(counted(counts).items()):
            out = swallowed and name in ("KeyError", "ValueError", "TypeError")
            became = "the records are counted out" if out else "the records became error records"
            note("error records", f"{what}: the function raised {name} {count} times; {became}", line=line)

    at_end(say)
