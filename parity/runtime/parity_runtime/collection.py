"""Several DynamicFrames by name: what transforms give that split one."""

from __future__ import annotations

from collections.abc import Callable, ItemsView, KeysView, Mapping, Sequence, ValuesView
from typing import TYPE_CHECKING, Any

from pyspark.sql import types as spark

from parity_runtime.notes import note

if TYPE_CHECKING:
    from awsglue.context import GlueContext
    from awsglue.dynamicframe import DynamicFrame

__all__ = ["DynamicFrameCollection"]


class DynamicFrameCollection:
    """Frames by name."""

    def __init__(
        self, dynamic_frames: Sequence[DynamicFrame] | Mapping[str, DynamicFrame], glue_ctx: GlueContext
    ) -> None:
        if isinstance(dynamic_frames, Mapping):
            self._frames = dict(dynamic_frames)
        elif isinstance(dynamic_frames, list | tuple):
            self._frames = {frame.name: frame for frame in dynamic_frames}
        else:
            raise TypeError(f"a collection is made of a list or dict, not of {type(dynamic_frames).__name__}")
        self._glue_ctx = glue_ctx

    def __getitem__(self, key: str) -> DynamicFrame:
        return self._frames[key]

    def __len__(self) -> int:
        return len(self._frames)

    def keys(self) -> KeysView[str]:
        """Return the names."""
        return self._frames.keys()

    def values(self) -> ValuesView[DynamicFrame]:
        """Return the frames."""
        return self._frames.values()

    def items(self) -> ItemsView[str, DynamicFrame]:
        """Return names and frames."""
        return self._frames.items()

    def select(self, key: str, transformation_ctx: str = "") -> DynamicFrame:
        """Return the frame of a name, an empty one where there is none."""
        if key in self._frames:
            return self[key]
        note("absent field", f"no frame {key} in the collection; it has {', '.join(self._frames)}")
        empty = self._glue_ctx.spark_session.createDataFrame([], spark.StructType([]))
        return _frame()(empty, self._glue_ctx, key)

    def map(self, callable: Callable[..., DynamicFrame], transformation_ctx: str = "") -> DynamicFrameCollection:
        """Apply a function to each frame."""
        made = {}
        for name, frame in self._frames.items():
            made[name] = callable(frame, f"{transformation_ctx}:{name}")
            if not isinstance(made[name], _frame()):
                raise TypeError(f"the function must return a DynamicFrame, not {type(made[name]).__name__}")
        return DynamicFrameCollection(made, self._glue_ctx)

    def flatmap(self, f: Callable[..., Any], transformation_ctx: str = "") -> DynamicFrameCollection:
        """Apply a function that gives a frame or a collection to each frame."""
        made: dict[str, DynamicFrame] = {}
        for frame in self._frames.values():
            result = f(frame, f"{transformation_ctx}:{frame.name}")
            if isinstance(result, _frame()):
                made[result.name] = result
            elif isinstance(result, DynamicFrameCollection):
                made.update(result.items())
            else:
                raise TypeError(f"the function must return a frame or a collection, not {type(result).__name__}")
        return DynamicFrameCollection(made, self._glue_ctx)


def _frame() -> type[DynamicFrame]:
    """Return the class of frames, which is made of this one."""
    from awsglue.dynamicframe import DynamicFrame

    return DynamicFrame
