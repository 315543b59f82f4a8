"""Transforms as classes: `Filter.apply(frame=..., f=...)`, each a call of the frame's method."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NoReturn

from parity_runtime import mapping
from parity_runtime.unsupported import unsupported

from awsglue.dynamicframe import DynamicFrame, DynamicFrameCollection
from awsglue.transforms.transform import GlueTransform

__all__ = [
    "ApplyMapping",
    "Coalesce",
    "DropFields",
    "DropNullFields",
    "ErrorsAsDynamicFrame",
    "Filter",
    "FlatMap",
    "Join",
    "Map",
    "MapToCollection",
    "Relationalize",
    "RenameField",
    "Repartition",
    "ResolveChoice",
    "SelectFields",
    "SelectFromCollection",
    "Spigot",
    "SplitFields",
    "SplitRows",
    "Unbox",
    "Union",
    "UnnestFrame",
]


class ApplyMapping(GlueTransform):
    """Build a frame of mapped fields."""

    def __call__(
        self,
        frame: DynamicFrame,
        mappings: Any,
        case_sensitive: bool = False,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        return frame.apply_mapping(mappings, case_sensitive, transformation_ctx, info, stageThreshold, totalThreshold)


class Coalesce(GlueTransform):
    """Gather the records in so many partitions."""

    def __call__(
        self,
        frame: DynamicFrame,
        num_partitions: int,
        shuffle: bool = False,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        return frame.coalesce(num_partitions, shuffle)


class DropFields(GlueTransform):
    """Drop fields."""

    def __call__(
        self,
        frame: DynamicFrame,
        paths: str | Iterable[str],
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        return frame.drop_fields(paths)


class DropNullFields(GlueTransform):
    """Drop the fields that never hold anything but null."""

    def __call__(
        self,
        frame: DynamicFrame,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        return frame._with(mapping.drop_null_fields(frame._content))


class ErrorsAsDynamicFrame(GlueTransform):
    """Return the error records of a frame."""

    def __call__(self, frame: DynamicFrame) -> DynamicFrame:
        return frame.errorsAsDynamicFrame()


class Filter(GlueTransform):
    """Keep the records for which a function is true."""

    def __call__(
        self,
        frame: DynamicFrame,
        f: Callable[[Any], Any],
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        return frame.filter(f, transformation_ctx, info, stageThreshold, totalThreshold)


class FlatMap(GlueTransform):
    """Apply a transform to each frame of a collection."""

    _returns = "DynamicFrameCollection"

    def __call__(
        self,
        dfc: DynamicFrameCollection,
        BaseTransform: type[GlueTransform],
        frame_name: str,
        transformation_ctx: str = "",
        **base_kwargs: Any,
    ) -> DynamicFrameCollection:
        def transform(frame: DynamicFrame, context: str) -> Any:
            return BaseTransform.apply(**{**base_kwargs, frame_name: frame, "transformation_ctx": context})

        return dfc.flatmap(transform, transformation_ctx)


class Join(GlueTransform):
    """Join two frames on equal keys."""

    def __call__(
        self,
        frame1: DynamicFrame,
        frame2: DynamicFrame,
        keys1: str | Sequence[str],
        keys2: str | Sequence[str],
        transformation_ctx: str = "",
    ) -> DynamicFrame:
        return frame1.join(keys1, keys2, frame2)


class Map(GlueTransform):
    """Replace each record by what a function makes of it."""

    def __call__(
        self,
        frame: DynamicFrame,
        f: Callable[[Any], Any],
        preservesPartitioning: bool = False,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        return frame.map(f, preservesPartitioning, transformation_ctx, info, stageThreshold, totalThreshold)


class MapToCollection(GlueTransform):
    """Apply a function to each frame of a collection."""

    _returns = "DynamicFrameCollection"

    def __call__(
        self, dfc: DynamicFrameCollection, callable: Callable[..., DynamicFrame], transformation_ctx: str = ""
    ) -> DynamicFrameCollection:
        return dfc.map(callable, transformation_ctx)


class Relationalize(GlueTransform):
    """Flatten a frame, arrays into frames of their own: not supported."""

    def __call__(
        self,
        frame: DynamicFrame,
        staging_path: str | None = None,
        name: str = "roottable",
        options: Mapping[str, Any] | None = None,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> Any:
        return frame.relationalize(name, staging_path or "")


class RenameField(GlueTransform):
    """Rename a field."""

    def __call__(
        self,
        frame: DynamicFrame,
        old_name: str,
        new_name: str,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        return frame.rename_field(old_name, new_name)


class Repartition(GlueTransform):
    """Spread the records over so many partitions."""

    def __call__(
        self,
        frame: DynamicFrame,
        num_partitions: int,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        return frame.repartition(num_partitions)


class ResolveChoice(GlueTransform):
    """Settle fields of several types."""

    def __call__(
        self,
        frame: DynamicFrame,
        specs: Any = None,
        choice: str = "",
        database: str | None = None,
        table_name: str | None = None,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
        catalog_id: str | None = None,
    ) -> DynamicFrame:
        return frame.resolveChoice(specs, choice, database, table_name)


class SelectFields(GlueTransform):
    """Keep fields."""

    def __call__(
        self,
        frame: DynamicFrame,
        paths: str | Iterable[str],
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        return frame.select_fields(paths)


class SelectFromCollection(GlueTransform):
    """Return one frame of a collection."""

    def __call__(self, dfc: DynamicFrameCollection, key: str, transformation_ctx: str = "") -> DynamicFrame:
        return dfc.select(key, transformation_ctx)


class Spigot(GlueTransform):
    """Write some records, and go on with the frame."""

    def __call__(
        self, frame: DynamicFrame, path: str, options: Mapping[str, Any], transformation_ctx: str = ""
    ) -> DynamicFrame:
        return frame.spigot(path, options, transformation_ctx)


class SplitFields(GlueTransform):
    """Return two frames: the named fields, and the others."""

    _returns = "DynamicFrameCollection"

    def __call__(
        self,
        frame: DynamicFrame,
        paths: str | Iterable[str],
        name1: str | None = None,
        name2: str | None = None,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrameCollection:
        stem = frame.name or "frame"
        return frame.split_fields(paths, name1 or f"{stem}1", name2 or f"{stem}2")


class SplitRows(GlueTransform):
    """Return two frames: the records that fulfil all comparisons, and the others."""

    _returns = "DynamicFrameCollection"

    def __call__(
        self,
        frame: DynamicFrame,
        comparison_dict: Mapping[str, Mapping[str, Any]],
        name1: str = "frame1",
        name2: str = "frame2",
        transformation_ctx: str = "",
        info: str | None = None,
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrameCollection:
        return frame.split_rows(comparison_dict, name1, name2)


class Unbox(GlueTransform):
    """Parse a field of text: not supported."""

    def __call__(
        self,
        frame: DynamicFrame,
        path: str,
        format: str,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
        **options: Any,
    ) -> DynamicFrame:
        return frame.unbox(path, format, **options)


class Union(GlueTransform):
    """Return the records of both frames."""

    def __call__(
        self,
        frame1: DynamicFrame,
        frame2: DynamicFrame,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        return frame1.union(frame2)


class UnnestFrame(GlueTransform):
    """Make the parts of structs fields of their own."""

    def __call__(
        self,
        frame: DynamicFrame,
        transformation_ctx: str = "",
        info: str = "",
        stageThreshold: int = 0,
        totalThreshold: int = 0,
    ) -> DynamicFrame:
        return frame.unnest()


ALL_TRANSFORMS: set[type[GlueTransform]] = {globals()[name] for name in __all__}


def get_transforms() -> set[GlueTransform]:
    """Return one of each transform."""
    return {transform() for transform in ALL_TRANSFORMS}


def get_transform(name: str) -> GlueTransform | None:
    """Return a transform by its name in any case, None where there is none."""
    return next((found for found in get_transforms() if found.name().lower() == name.lower()), None)


def describe_transform(name: str) -> str:
    """Return a transform's description as JSON."""
    found = get_transform(name)
    return json.dumps(found.describe() if found else {}, sort_keys=True, indent=4)


def __getattr__(name: str) -> NoReturn:
    if name == "DropDuplicates":
        unsupported(
            "awsglue.transforms.DropDuplicates",
            "AWS's library has none either; use DynamicFrame.fromDF(frame.toDF().dropDuplicates(), glueContext, name)",
        )
    raise AttributeError(f"module 'awsglue.transforms' has no attribute {name!r}")
