"""Why SQL is refused: what Spark does otherwise than DuckDB, by the name sqlglot has for it.

Each was seen on DuckDB 2.0, Spark 3.5.6 and 4.1.1. What is in none of these tables and not allowed either is refused
too, as not proven.
"""

from __future__ import annotations

__all__ = ["ARGUMENTS", "CASTS", "FUNCTIONS", "NODES"]

_TEXT = "outside ASCII the two do not agree on letters and blanks"
_LISTS = "lists count from 1 and from 0, keep and drop NULLs, and are out of range as NULL and as an error"
_PICKS = "which row it takes differs, between runs too; use min, max or rank"
_REGEX = "the dialects differ ($ . \\s, flags, groups, what is replaced)"
_DATES = "the two count units, week days and time zones differently; keep times as epoch ms in a bigint"
_APPROXIMATE = "it is computed another way, with another result"
_DOUBLES = "the sum of doubles depends on the order of the rows, and differs from run to run"
_NOT_THERE = "Spark does not have it"
_BITS = "^ is a power to DuckDB and xor to Spark, and the others are not proven"
_NOW = "it is another in every run"
_NAMES = "which columns it stands for is not written down, and Spark cannot leave out, replace or rename them"

NODES: dict[str, str] = {
    "Star": _NAMES,
    "Columns": _NAMES,
    "TryCast": "Spark reads other texts as numbers and dates: '1.7', '1e3', '1_000', '0x10', '1.5d', '2022'",
    "Pow": _BITS,
    "BitwiseXor": _BITS,
    "BitwiseAnd": _BITS,
    "BitwiseOr": _BITS,
    "BitwiseNot": _BITS,
    "BitwiseLeftShift": _BITS,
    "BitwiseRightShift": _BITS,
    "Like": "Spark takes a backslash in the pattern for an escape, DuckDB does not",
    "ILike": _TEXT,
    "SimilarTo": _NOT_THERE,
    "Glob": _NOT_THERE,
    "Collate": _NOT_THERE,
    "Any": _NOT_THERE,
    "Bracket": _LISTS,
    "Slice": _LISTS,
    "Array": _LISTS,
    "Comprehension": _LISTS,
    "Lambda": _LISTS,
    "Struct": "structs and maps are written and compared differently",
    "ToMap": "structs and maps are written and compared differently",
    "Interval": _DATES,
    "WithinGroup": "Spark gets percentile_approx, which rounds to a value of the data",
    "IgnoreNulls": "its place in the syntax differs",
    "TableSample": "which rows it takes differs",
    "Lateral": "Spark allows less of it",
    "Unnest": _LISTS,
    "Pivot": "Spark needs its columns written down",
    "GenerateSeries": _NOT_THERE,
    "JSONExtract": "the two write values out of JSON differently",
    "JSONExtractScalar": "the two write values out of JSON differently",
    "ByteString": "its escapes differ",
    "Placeholder": "a job has no parameters but run_parameters",
    "Tuple": "Spark compares rows of several columns in fewer places",
    "If": "write case when",
    "Concat": "DuckDB leaves NULLs out, Spark makes all NULL; write ||",
    "ConcatWs": "write ||",
}
"""By class of sqlglot: why that is refused wherever it stands."""

FUNCTIONS: dict[str, str] = {
    "PercentileCont": "Spark gets percentile_approx, which rounds to a value of the data",
    "PercentileDisc": _NOT_THERE,
    "Quantile": _NOT_THERE,
    "Median": "of an even number of decimals the results differ",
    "Mode": _PICKS,
    "AnyValue": _PICKS,
    "First": _PICKS,
    "Last": _PICKS,
    "FirstValue": _PICKS,
    "LastValue": _PICKS,
    "NthValue": _PICKS,
    "ArgMax": f"with a NULL argument the results differ, and {_PICKS}",
    "ArgMin": f"with a NULL argument the results differ, and {_PICKS}",
    "Ntile": _PICKS,
    "ArrayAgg": f"its order is lost, and {_LISTS}",
    "GroupConcat": "Spark 3.5 does not have it",
    "Explode": _LISTS,
    "Split": "DuckDB splits at a text, Spark at a regular expression",
    "Length": "DuckDB has it for lists too, Spark does not, and strlen is not there",
    "Substring": "a start of 0 means different things, and s[a:b] is not there",
    "Chr": "Spark takes the number modulo 256",
    "Upper": _TEXT,
    "Lower": _TEXT,
    "Trim": _TEXT,
    "RegexpReplace": f"Spark replaces all matches, DuckDB the first; {_REGEX}",
    "RegexpLike": f"flags are lost; {_REGEX}",
    "RegexpExtract": f"without a number DuckDB gives the whole match, Spark the first group; {_REGEX}",
    "RegexpFullMatch": _REGEX,
    "Round": "DuckDB rounds the binary value, Spark its decimal text: round(1.005, 2)",
    "Log": "base 10 to DuckDB, base e to Spark",
    "Ln": "of 0 it is -inf to DuckDB and NULL to Spark",
    "Avg": _DOUBLES,
    "Stddev": _DOUBLES,
    "StddevSamp": _DOUBLES,
    "Variance": _DOUBLES,
    "ApproxDistinct": _APPROXIMATE,
    "Format": "{} to DuckDB, %s to Spark",
    "Typeof": "types have other names",
    "DateDiff": _DATES,
    "DateTrunc": _DATES,
    "TimestampTrunc": _DATES,
    "DayOfWeek": _DATES,
    "DayOfWeekIso": _DATES,
    "Extract": _DATES,
    "TimeToUnix": _DATES,
    "UnixToTime": _DATES,
    "TimeToStr": _DATES,
    "StrToTime": _DATES,
    "CurrentDate": _NOW,
    "CurrentTimestamp": _NOW,
    "Rand": _NOW,
    "Uuid": _NOW,
    "hash": _APPROXIMATE,
    "fsum": _NOT_THERE,
    "isfinite": _NOT_THERE,
    "histogram": _NOT_THERE,
    "strlen": _NOT_THERE,
    "now": _NOW,
    "nextval": _NOW,
}
"""By class of sqlglot, or by name where sqlglot has no class for a function."""

ARGUMENTS: dict[tuple[str, str], str] = {
    ("Select", "limit"): "which rows it takes differs, between runs too",
    ("Select", "offset"): "which rows it takes differs, between runs too",
    ("Select", "order"): "a table has no order",
    ("Select", "qualify"): "Spark does not have it; filter in a CTE",
    ("Select", "windows"): "write the window where it is used",
    ("Select", "laterals"): "Spark allows less of it",
    ("Select", "sample"): "which rows it takes differs",
    ("Distinct", "on"): _PICKS,
    ("With", "recursive"): "Spark 3.5 does not have it",
    ("CTE", "materialized"): _NOT_THERE,
    ("Union", "by_name"): "Spark does not have it in SQL",
    ("Join", "method"): "natural, positional and asof joins are not there, or not written down",
    ("Join", "using"): "write the columns after on",
    ("Group", "all"): "write the columns",
    ("Group", "rollup"): "not proven to mean the same on Spark",
    ("Window", "spec"): "Spark gets no EXCLUDE, without a word",
    ("Window", "alias"): "write the window where it is used",
    ("Table", "db"): "a zone's SQL names its inputs plainly",
    ("Table", "sample"): "which rows it takes differs",
    ("Count", "expressions"): "count one column",
}
"""By class of sqlglot and part of it: why that part is refused where the class is allowed."""

CASTS: dict[tuple[str, str], str] = {
    ("DOUBLE", "BIGINT"): "DuckDB rounds a fraction half to even, Spark cuts it off",
    ("DOUBLE", "INTEGER"): "DuckDB rounds a fraction half to even, Spark cuts it off",
    ("DOUBLE", "VARCHAR"): "the texts of doubles differ: 1e-07 and 1.0E-7, nan and NaN",
    ("VARCHAR", "BIGINT"): "DuckDB reads '1.7' as 2 and '0x10' as 16, Spark fails; have the reading rule do it",
    ("VARCHAR", "INTEGER"): "DuckDB reads '1.7' as 2 and '0x10' as 16, Spark fails; have the reading rule do it",
    ("VARCHAR", "DOUBLE"): "Spark reads '1.5d' too; have the reading rule do it",
    ("DECIMAL", "BIGINT"): "DuckDB rounds 2.5 to 3, Spark to 2",
    ("HUGEINT", "VARCHAR"): "a sum is a hugeint to DuckDB only: cast(sum(...) as bigint) first",
    ("HUGEINT", "DOUBLE"): "a sum is a hugeint to DuckDB only: cast(sum(...) as bigint) first",
}
"""By type and type cast to."""
