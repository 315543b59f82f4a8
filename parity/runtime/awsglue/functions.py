"""Functions on columns."""

from __future__ import annotations

from pyspark.sql import Column
from pyspark.sql import functions as F

__all__ = ["explodeWithIndex", "namedStruct", "replaceArrayElement"]


def replaceArrayElement(srcCol: Column | str, replaceCol: Column | str, idx: int) -> Column:
    """Return an array with the element at a position, counted from 0, replaced."""
    source = F.col(srcCol) if isinstance(srcCol, str) else srcCol
    value = F.col(replaceCol) if isinstance(replaceCol, str) else replaceCol
    return F.transform(source, lambda element, at: F.when(at == idx, value).otherwise(element))


def namedStruct(*cols: Column | str | list[Column | str]) -> Column:
    """Return a struct of columns, its fields named as they are."""
    given = list(cols[0]) if len(cols) == 1 and isinstance(cols[0], list | set) else list(cols)
    return F.struct(*given)


def explodeWithIndex(col: Column | str) -> Column:
    """Return a row for each element of an array: `index`, from 0, and `val`."""
    return F.posexplode(col).alias("index", "val")
