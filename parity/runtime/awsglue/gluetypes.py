"""The types of a DynamicFrame's schema, and a record of one."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

__all__ = [
    "ArrayType",
    "AtomicType",
    "BinaryType",
    "BooleanType",
    "ByteType",
    "ChoiceType",
    "DataType",
    "DateType",
    "DecimalType",
    "DoubleType",
    "DynamicRecord",
    "EntityType",
    "EnumType",
    "Field",
    "FloatType",
    "IntegerType",
    "LongType",
    "MapType",
    "NullType",
    "SetType",
    "ShortType",
    "StringType",
    "StructType",
    "TimestampNTZType",
    "TimestampType",
    "UnknownType",
    "mergeDataTypes",
]


class DataType:
    """Base of all types; equal when class and contents are."""

    def __init__(self, properties: Mapping[str, Any] | None = None) -> None:
        self.properties = dict(properties or {})

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(type(self).__name__)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.properties})"

    @classmethod
    def typeName(cls) -> str:
        """Return the name in a schema: `string` for StringType."""
        return cls.__name__.removesuffix("Type").lower()

    def jsonValue(self) -> dict[str, Any]:
        """Return the type as JSON holds it."""
        return {"dataType": self.typeName(), "properties": self.properties}

    @classmethod
    def fromJsonValue(cls, json_value: Mapping[str, Any]) -> Self:
        """Return the type that `jsonValue` has written."""
        return cls(json_value.get("properties"))


class AtomicType(DataType):
    """A type without parts."""


class BinaryType(AtomicType):
    """Bytes."""


class BooleanType(AtomicType):
    """True or false."""


class ByteType(AtomicType):
    """An integer of 8 bits."""


class DateType(AtomicType):
    """A day."""


class DecimalType(AtomicType):
    """A decimal number of so many digits, so many of them after the point."""

    def __init__(self, precision: int = 10, scale: int = 2, properties: Mapping[str, Any] | None = None) -> None:
        super().__init__(properties)
        self.precision = precision
        self.scale = scale

    def __repr__(self) -> str:
        return f"DecimalType({self.precision}, {self.scale}, {self.properties})"

    def jsonValue(self) -> dict[str, Any]:
        return {**super().jsonValue(), "precision": self.precision, "scale": self.scale}

    @classmethod
    def fromJsonValue(cls, json_value: Mapping[str, Any]) -> Self:
        return cls(json_value.get("precision", 10), json_value.get("scale", 2), json_value.get("properties"))


class DoubleType(AtomicType):
    """A floating point number of 64 bits."""


class EnumType(AtomicType):
    """One of some strings."""

    def __init__(self, options: Iterable[str], properties: Mapping[str, Any] | None = None) -> None:
        super().__init__(properties)
        self.options = list(options)

    def __repr__(self) -> str:
        shown = ",".join(self.options[:3]) + (",..." if len(self.options) > len(self.options[:3]) else "")
        return f"EnumType([{shown}], {self.properties})"

    def jsonValue(self) -> dict[str, Any]:
        return {**super().jsonValue(), "options": self.options}

    @classmethod
    def fromJsonValue(cls, json_value: Mapping[str, Any]) -> Self:
        return cls(json_value.get("options", ()), json_value.get("properties"))


class FloatType(AtomicType):
    """A floating point number of 32 bits."""


class IntegerType(AtomicType):
    """An integer of 32 bits."""

    @classmethod
    def typeName(cls) -> str:
        return "int"


class LongType(AtomicType):
    """An integer of 64 bits."""


class NullType(AtomicType):
    """Nothing but null."""


class ShortType(AtomicType):
    """An integer of 16 bits."""


class StringType(AtomicType):
    """Text."""


class TimestampType(AtomicType):
    """An instant."""


class TimestampNTZType(AtomicType):
    """A date and time without a zone."""


class UnknownType(AtomicType):
    """Not known."""


class _Collection(DataType):
    """A type with one part; `_PART` names it."""

    _PART = ""

    def jsonValue(self) -> dict[str, Any]:
        return {**super().jsonValue(), self._PART: getattr(self, self._PART).jsonValue()}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({getattr(self, self._PART)}, {self.properties})"

    @classmethod
    def fromJsonValue(cls, json_value: Mapping[str, Any]) -> Self:
        made = cls(json_value.get("properties"))
        setattr(made, cls._PART, _deserialize_json_value(json_value[cls._PART]))
        return made


class ArrayType(_Collection):
    """A list of values of one type."""

    _PART = "elementType"

    def __init__(self, elementType: Any = None, properties: Mapping[str, Any] | None = None) -> None:
        given = elementType if isinstance(elementType, DataType) else UnknownType()
        super().__init__(properties if isinstance(elementType, DataType | None) else elementType)
        self.elementType = given


class SetType(ArrayType):
    """A list without order."""


class MapType(_Collection):
    """Names with values of one type."""

    _PART = "valueType"

    def __init__(self, valueType: Any = None, properties: Mapping[str, Any] | None = None) -> None:
        given = valueType if isinstance(valueType, DataType) else UnknownType()
        super().__init__(properties if isinstance(valueType, DataType | None) else valueType)
        self.valueType = given


class ChoiceType(DataType):
    """One of several types, record by record."""

    def __init__(self, choices: Iterable[DataType] = (), properties: Mapping[str, Any] | None = None) -> None:
        super().__init__(properties)
        self.choices: dict[str, DataType] = {}
        for choice in choices:
            self.add(choice)

    def __repr__(self) -> str:
        shown = ",".join(str(self.choices[name]) for name in sorted(self.choices))
        return f"ChoiceType([{shown}], {self.properties})"

    def add(self, new_choice: DataType) -> None:
        """Add a type; ValueError where there is one of its name."""
        if new_choice.typeName() in self.choices:
            raise ValueError(f"there is a choice {new_choice.typeName()} already")
        self.choices[new_choice.typeName()] = new_choice

    def merge(self, new_choices: DataType | Iterable[DataType]) -> None:
        """Add types, each merged with the one of its name."""
        for choice in [new_choices] if isinstance(new_choices, DataType) else new_choices:
            known = self.choices.get(choice.typeName())
            self.choices[choice.typeName()] = choice if known is None else mergeDataTypes(known, choice)

    def jsonValue(self) -> dict[str, Any]:
        return {**super().jsonValue(), "choices": [choice.jsonValue() for choice in self.choices.values()]}

    @classmethod
    def fromJsonValue(cls, json_value: Mapping[str, Any]) -> Self:
        return cls(map(_deserialize_json_value, json_value["choices"]), json_value.get("properties"))


class Field:
    """A named part of a StructType."""

    def __init__(self, name: str, dataType: DataType, properties: Mapping[str, Any] | None = None) -> None:
        self.name = name
        self.dataType = dataType
        self.properties = dict(properties or {})

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Field) and (self.name, self.dataType) == (other.name, other.dataType)

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        return f"Field({self.name}, {self.dataType}, {self.properties})"

    def jsonValue(self) -> dict[str, Any]:
        """Return the field as JSON holds it."""
        return {"name": self.name, "container": self.dataType.jsonValue(), "properties": self.properties}

    @classmethod
    def fromJsonValue(cls, json_value: Mapping[str, Any]) -> Self:
        """Return the field that `jsonValue` has written."""
        return cls(json_value["name"], _deserialize_json_value(json_value["container"]), json_value.get("properties"))


class StructType(DataType):
    """Named fields."""

    def __init__(self, fields: Iterable[Field] = (), properties: Mapping[str, Any] | None = None) -> None:
        super().__init__(properties)
        self.fields = list(fields)
        self.field_map = {field.name: field for field in self.fields}

    def __iter__(self) -> Iterator[Field]:
        return iter(self.fields)

    def __repr__(self) -> str:
        return f"StructType([{','.join(map(str, self.fields))}], {self.properties})"

    def add(self, field: Field) -> None:
        """Add a field at the end."""
        self.fields.append(field)
        self.field_map[field.name] = field

    def hasField(self, field: Field | str) -> bool:
        """Say whether there is a field of that name."""
        return (field.name if isinstance(field, Field) else field) in self.field_map

    def getField(self, field: Field | str) -> Field:
        """Return the field of that name; KeyError where there is none."""
        return self.field_map[field.name if isinstance(field, Field) else field]

    def jsonValue(self) -> dict[str, Any]:
        return {**super().jsonValue(), "fields": [field.jsonValue() for field in self.fields]}

    @classmethod
    def fromJsonValue(cls, json_value: Mapping[str, Any]) -> Self:
        return cls(map(Field.fromJsonValue, json_value["fields"]), json_value.get("properties"))


class EntityType(DataType):
    """A type that Glue names and does not have."""

    def __init__(self, entity: Any, base_type: Any, properties: Any) -> None:
        raise NotImplementedError("EntityType: Glue itself has no such type yet")


_NAMED: dict[str, type[DataType]] = {
    found.typeName(): found
    for found in (
        *(ArrayType, SetType, MapType, ChoiceType, StructType),
        *(BinaryType, BooleanType, ByteType, DateType, DecimalType, DoubleType, EnumType, FloatType, IntegerType),
        *(LongType, NullType, ShortType, StringType, TimestampType, TimestampNTZType, UnknownType),
    )
}


def _deserialize_json_string(json_str: str) -> DataType:
    return _deserialize_json_value(json.loads(json_str))


def _deserialize_json_value(json_val: Mapping[str, Any]) -> DataType:
    return _NAMED[json_val["dataType"]].fromJsonValue(json_val)


def _serialize_schema(schema: DataType) -> str:
    return json.dumps(schema.jsonValue())


def mergeDataTypes(s1: DataType, s2: DataType) -> DataType:  # noqa: PLR0911 - a case a kind of type
    """Return the type that holds values of both: a choice where they are of different kinds."""
    if isinstance(s1, UnknownType | NullType):
        return s2
    if isinstance(s2, UnknownType | NullType):
        return s1
    if isinstance(s1, ChoiceType) or isinstance(s2, ChoiceType) or type(s1) is not type(s2):
        merged = ChoiceType((), s1.properties)
        for side in (s1, s2):
            merged.merge(side.choices.values() if isinstance(side, ChoiceType) else side)
        return merged
    if isinstance(s1, StructType) and isinstance(s2, StructType):
        fields = [
            Field(f.name, mergeDataTypes(f.dataType, s2.getField(f).dataType) if s2.hasField(f) else f.dataType)
            for f in s1
        ]
        return StructType([*fields, *(field for field in s2 if not s1.hasField(field))], s1.properties)
    if isinstance(s1, ArrayType) and isinstance(s2, ArrayType):
        return type(s1)(mergeDataTypes(s1.elementType, s2.elementType), s1.properties)
    if isinstance(s1, MapType) and isinstance(s2, MapType):
        return MapType(mergeDataTypes(s1.valueType, s2.valueType), s1.properties)
    if isinstance(s1, EnumType) and isinstance(s2, EnumType):
        return EnumType([*s1.options, *(option for option in s2.options if option not in s1.options)])
    return s1


class DynamicRecord(dict[str, Any]):
    """One record: its fields by name; `record.a` is `record["a"]`, and KeyError where there is no such field."""

    def __getattr__(self, attr: str) -> Any:
        if attr.startswith("__"):
            raise AttributeError(attr)  # pickle and copy ask for these
        return self[attr]

    def __setattr__(self, attr: str, value: Any) -> None:
        self[attr] = value


def _create_dynamic_record(dynamicRecord: Mapping[str, Any]) -> DynamicRecord:
    return DynamicRecord({k: DynamicRecord(v) if type(v) is dict else v for k, v in dynamicRecord.items()})


def _revert_to_dict(dynamicRecord: Any) -> Any:
    if isinstance(dynamicRecord, dict):
        return {key: _revert_to_dict(value) for key, value in dynamicRecord.items()}
    if isinstance(dynamicRecord, list):
        return [_revert_to_dict(value) for value in dynamicRecord]
    return dynamicRecord
