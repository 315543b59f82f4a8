"""What transforms do to the fields of a frame: map, drop, select, rename, split, resolve."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from awsglue import gluetypes as glue
from pyspark.sql import Column
from pyspark.sql import functions as F

from parity_runtime.content import Content, FieldOf, case_sensitive, new_name, unquoted
from parity_runtime.settings import current
from parity_runtime.types import cast_name, glue_type
from parity_runtime.unsupported import unsupported

__all__ = [
    "apply_mapping",
    "drop_fields",
    "drop_null_fields",
    "rename_field",
    "resolve_choice",
    "select_fields",
    "split_rows",
    "unnest",
]

_MAPPING_PARTS = (2, 3, 4)
_COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": operator.lt,
    ">": operator.gt,
    "=": operator.eq,
    "==": operator.eq,
    "!=": operator.ne,
    "<=": operator.le,
    ">=": operator.ge,
}


def drop_fields(content: Content, paths: Iterable[str], what: str = "DropFields") -> Content:
    """Drop fields by name, or by a path into structs; a name that is not there drops nothing."""
    for path in paths:
        name = unquoted(path)
        outer, inner = _split(content, name)
        if outer is not None and inner:
            made = new_name()
            column = F.col(outer.column).dropFields(_quoted(inner))
            content = content.with_columns([(made, column)])
            kind = glue_type(content.df.schema[made].dataType)
            replaced = replace(outer, column=made, type=kind)
            content = content.with_fields(replaced if f is outer else f for f in content.fields)
            continue
        field = content.resolve(path, what)
        content = content.with_fields(f for f in content.fields if f is not field)
    return content


def _split(content: Content, name: str) -> tuple[FieldOf | None, list[str]]:
    """Return the struct that a dotted path leads into and the names inside it; (None, []) for a plain name."""
    if any(field.name == name for field in content.fields):
        return None, []
    first, *rest = name.split(".")
    for field in content.fields:
        if field.name == first and rest and _has(field.type, rest):
            return field, rest
    return None, []


def _has(found: glue.DataType, names: Sequence[str]) -> bool:
    if not names:
        return True
    if not isinstance(found, glue.StructType) or not found.hasField(names[0]):
        return False
    return _has(found.getField(names[0]).dataType, names[1:])


def _quoted(names: Iterable[str]) -> str:
    return ".".join(f"`{name}`" for name in names)


def _value(field: FieldOf, inner: Iterable[str]) -> Column:
    column = F.col(field.column)
    for name in inner:
        column = column.getField(name)
    return column


def select_fields(content: Content, paths: Iterable[str], what: str = "SelectFields") -> Content:
    """Keep fields by name, in the order of the frame; of a struct only the parts whose paths are given."""
    whole: set[str] = set()
    parts: dict[str, list[list[str]]] = {}
    for path in paths:
        outer, inner = _split(content, unquoted(path))
        if outer is not None and inner:
            parts.setdefault(outer.name, []).append(inner)
        elif (field := content.resolve(path, what)) is not None:
            whole.add(field.name)
    kept = []
    for field in content.fields:
        if field.name in whole:
            kept.append(field)
        elif field.name in parts:
            made = new_name()
            content = content.with_columns([(made, _picked(F.col(field.column), parts[field.name]))])
            kept.append(replace(field, column=made, type=glue_type(content.df.schema[made].dataType)))
    return content.with_fields(kept)


def _picked(column: Column, paths: Sequence[Sequence[str]]) -> Column:
    """Build a struct of the parts of a struct."""
    below: dict[str, list[Sequence[str]]] = {}
    for first, *rest in paths:
        below.setdefault(first, []).append(rest)
    made = [
        (column.getField(name) if any(not rest for rest in rests) else _picked(column.getField(name), rests)).alias(
            name
        )
        for name, rests in below.items()
    ]
    return F.when(column.isNotNull(), F.struct(*made))


def rename_field(content: Content, old: str, new: str, what: str = "RenameField") -> Content:
    """Give a field another name; a field that has that name already goes. A part of a struct moves out of it."""
    outer, inner = _split(content, unquoted(old))
    target = unquoted(new)
    if outer is not None and inner:
        made = new_name()
        content = content.with_columns([(made, _value(outer, inner))])
        kind = glue_type(content.df.schema[made].dataType)
        content = drop_fields(content, [old], what)
        parents, name = unquoted(old).split(".")[:-1], target
        if target.split(".")[:-1] == parents:  # a new name in the same struct
            return _put_inside(content, outer.name, target.split(".")[1:], made)
        return content.with_fields([*content.fields, FieldOf(name, made, kind)])
    field = content.resolve(old, what)
    if field is None:
        return content
    others = [f for f in content.fields if f is field or f.name != target]
    return content.with_fields(replace(f, name=target) if f is field else f for f in others)


def _put_inside(content: Content, outer: str, inner: Sequence[str], column: str) -> Content:
    field = next(f for f in content.fields if f.name == outer)
    made = new_name()
    content = content.with_columns([(made, F.col(field.column).withField(_quoted(inner), F.col(column)))])
    moved = replace(field, column=made, type=glue_type(content.df.schema[made].dataType))
    return content.with_fields(moved if f is field else f for f in content.fields)


def apply_mapping(content: Content, mappings: Sequence[tuple[str, ...]], *, case_sensitive_names: bool) -> Content:
    """Build a frame of mapped fields: (source, target), (source, target, type) or (source, type, target, type)."""
    found: dict[str, tuple[Column, glue.DataType, FieldOf | None]] = {}
    for mapping in mappings:
        if len(mapping) not in _MAPPING_PARTS:
            raise ValueError(f"ApplyMapping: {mapping!r} is no mapping: (source, source type, target, target type)")
        source, target = mapping[0], mapping[1] if len(mapping) < _MAPPING_PARTS[2] else mapping[2]
        kind = mapping[-1] if len(mapping) > _MAPPING_PARTS[0] else None
        field, inner = _source(content, unquoted(source), case_sensitive_names=case_sensitive_names)
        if field is None:
            content.resolve(source, "ApplyMapping")
            if current().mapping_of_absent == "null":
                cast = (kind and cast_name(kind)) or "string"
                found[unquoted(target)] = (F.lit(None).cast(cast), glue.UnknownType(), None)
            continue
        column, type_now = _value(field, inner), glue.UnknownType() if inner else field.type
        name = cast_name(kind) if kind else None
        if name is not None and isinstance(type_now, glue.ChoiceType):
            column = F.coalesce(*(column.getField(one).cast(name) for one in sorted(type_now.choices)))
        elif name is not None:
            column = column.cast(name)
        if name is not None:
            type_now = glue.UnknownType()
        found[unquoted(target)] = (column, type_now, field if not inner else None)
    with case_sensitive(content.df.sparkSession):
        return _mapped(content, found)


def _mapped(content: Content, found: Mapping[str, tuple[Column, glue.DataType, FieldOf | None]]) -> Content:
    columns: list[tuple[str, Column]] = []
    fields: list[tuple[str, str, glue.DataType, FieldOf | None]] = []
    nested: dict[str, list[tuple[list[str], Column]]] = {}
    for target, (column, kind, source) in found.items():
        first, *rest = target.split(".")
        if rest and first:
            if first not in nested:
                fields.append((first, new_name(), glue.UnknownType(), None))
            nested.setdefault(first, []).append((rest, column))
            continue
        made = new_name()
        columns.append((made, column))
        fields.append((target, made, kind, source))
    made_of = {name: made for name, made, _, _ in fields}
    columns += [(made_of[first], _built(parts)) for first, parts in nested.items()]
    content = content.with_columns(columns)
    schema = content.df.schema
    return content.with_fields(
        FieldOf(
            name,
            made,
            kind if isinstance(kind, glue.ChoiceType) else glue_type(schema[made].dataType),
            source.keys if source else None,
        )
        for name, made, kind, source in fields
    )


def _built(parts: Sequence[tuple[list[str], Column]]) -> Column:
    below: dict[str, list[tuple[list[str], Column]]] = {}
    for (first, *rest), column in parts:
        below.setdefault(first, []).append((rest, column))
    made = [(inner[0][1] if not inner[0][0] else _built(inner)).alias(name) for name, inner in below.items()]
    return F.struct(*made)


def _source(content: Content, name: str, *, case_sensitive_names: bool) -> tuple[FieldOf | None, list[str]]:
    for field in content.fields:
        if field.name == name or (not case_sensitive_names and field.name.lower() == name.lower()):
            return field, []
    return _split(content, name)


def resolve_choice(content: Content, specs: Sequence[tuple[str, str]], choice: str = "") -> Content:
    """Settle fields of several types: `cast:t`, `project:t`, `make_cols`, `make_struct`."""
    wanted: dict[str, str] = {}
    for path, action in specs:
        outer, inner = _split(content, unquoted(path))
        if outer is not None:
            content = _cast_inside(content, outer, inner, action)
        elif "[]" in path:
            unsupported(f"ResolveChoice of {path}, elements of an array", "explode the array with Spark first")
        elif (field := content.resolve(path, "ResolveChoice")) is not None:
            wanted[field.name] = action
    fields: list[FieldOf] = []
    for field in content.fields:
        action = wanted.get(field.name) or (choice if isinstance(field.type, glue.ChoiceType) else "")
        content, made = _settled(content, field, action)
        fields += made
    return content.with_fields(fields)


def _cast_inside(content: Content, outer: FieldOf, inner: Sequence[str], action: str) -> Content:
    """Cast a part of a struct; one that holds several types is read as text."""
    verb, _, kind = action.partition(":")
    name = cast_name(kind) if verb == "cast" else None
    if name is None:
        unsupported(f"ResolveChoice {action!r} inside of {outer.name}", "cast:type works there, or unnest the frame")
    made = new_name()
    content = content.with_columns([(made, _value(outer, inner).cast(name))])
    return _put_inside(content, outer.name, inner, made)


def _settled(content: Content, field: FieldOf, action: str) -> tuple[Content, list[FieldOf]]:
    verb, _, kind = action.partition(":")
    if not action:
        return content, [field]
    if verb not in ("cast", "project", "make_cols", "make_struct"):
        raise ValueError(f"ResolveChoice: {action!r} is none of cast:type, project:type, make_cols, make_struct")
    choices = field.type.choices if isinstance(field.type, glue.ChoiceType) else None
    struct = F.col(field.column)
    if verb == "make_struct":
        return content, [replace(field, type=glue_type(content.df.schema[field.column].dataType))]
    if verb == "make_cols":
        if choices is None:
            return content, [field]
        made = [(new_name(), name) for name in sorted(choices)]
        content = content.with_columns([(column, struct.getField(name)) for column, name in made])
        return content, [FieldOf(f"{field.name}_{name}", column, choices[name]) for column, name in made]
    name = cast_name(kind)
    if name is None:
        raise ValueError(f"ResolveChoice: {action!r}: there is no cast to {kind}")
    if choices is None:
        value = struct.cast(name)
    elif verb == "project":
        known = next((one for one in choices if cast_name(one) == name), None)
        value = F.lit(None).cast(name) if known is None else struct.getField(known)
    else:
        value = F.coalesce(*(struct.getField(one).cast(name) for one in sorted(choices)))
    column = new_name()
    content = content.with_columns([(column, value)])
    return content, [replace(field, column=column, type=glue_type(content.df.schema[column].dataType))]


def split_rows(content: Content, comparisons: Mapping[str, Mapping[str, Any]]) -> tuple[Content, Content]:
    """Return the records that fulfil all comparisons, and the others; an absent field fulfils none."""
    condition: Column = F.lit(True)
    for path, bounds in comparisons.items():
        outer, inner = _split(content, unquoted(path))
        field = outer or content.resolve(path, "SplitRows")
        for sign, bound in bounds.items():
            if sign not in _COMPARE:
                raise ValueError(f"SplitRows: {sign!r} is none of {', '.join(_COMPARE)}")
            met = F.lit(False) if field is None else _COMPARE[sign](_value(field, inner), F.lit(bound))
            condition = condition & met
    condition = F.coalesce(condition, F.lit(False))
    return content.where(condition), content.where(~condition)


def unnest(content: Content) -> Content:
    """Make the parts of structs fields of their own, named with dots, until there are no structs."""
    while True:
        columns: list[tuple[str, Column]] = []
        fields: list[FieldOf] = []
        for field in content.fields:
            if isinstance(field.type, glue.ArrayType | glue.MapType):
                unsupported("UnnestFrame of an array", "explode the array with Spark first")
            if not isinstance(field.type, glue.StructType):
                fields.append(field)
                continue
            for part in field.type:
                made = new_name()
                columns.append((made, F.col(field.column).getField(part.name)))
                fields.append(FieldOf(f"{field.name}.{part.name}", made, part.dataType))
        if not columns:
            return content
        content = content.with_columns(columns).with_fields(fields)


def drop_null_fields(content: Content) -> Content:
    """Drop the fields that never held anything but null."""
    return content.with_fields(field for field in content.fields if not isinstance(field.type, glue.NullType))
