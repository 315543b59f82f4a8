"""The reading rule as text: what its expressions are, in every dialect that has to read them."""

from __future__ import annotations

import re
from dataclasses import replace

import duckdb
import polars as pl
import pytest
import strategies

from stedi import rule
from stedi.contracts import FEEDS, Column, Table

ACCELEROMETER = FEEDS[1]
EVERY_FEED = pytest.mark.parametrize("feed", FEEDS, ids=[feed.feed for feed in FEEDS])


def expressions(feed: Table) -> list[str]:
    of_columns = [
        make(column) for column in feed.columns for make in (rule.has_key, rule.has_null_or_empty, rule.has_typed)
    ]
    return [rule.ordered(feed), rule.FLAT, *of_columns]


def found_by(expression: str, text: str) -> dict[str, bool]:
    """Return what each engine that reads the rule says of a text, anywhere in it."""
    [(duck,)] = duckdb.execute("select regexp_matches($1, $2)", [text, expression]).fetchall()
    return {
        "re": re.search(rule.python(expression), text) is not None,
        "RE2": duck,
        "Rust": pl.Series([text]).str.contains(expression).item(),
    }


@EVERY_FEED
def test_every_expression_is_one_for_every_engine(feed: Table) -> None:
    texts = [case.line.decode(errors="replace") for case in strategies.CASES if len(case.line) < 1000]
    for expression in expressions(feed):
        found = [
            found_by(rf"\A(?:{expression})", text) for text in ("", "{}", '{"user":"\N{REPLACEMENT CHARACTER}"}', "é😀")
        ]
        assert all(len(set(verdicts.values())) == 1 for verdicts in found)
        whole = rf"\A(?:{expression})\z"
        by_duckdb = duckdb.execute(
            "select list_transform($1, lambda t: regexp_matches(t, $2))", [texts, whole]
        ).fetchall()[0][0]
        by_polars = pl.Series(texts).str.contains(whole).to_list()
        compiled = re.compile(rule.python(expression))
        assert by_duckdb == by_polars == [compiled.fullmatch(text) is not None for text in texts]


@EVERY_FEED
def test_expressions_use_only_what_every_dialect_knows(feed: Table) -> None:
    # no lookaround, no back-reference, no lazy or possessive loop, no class, dot or anchor whose meaning differs
    for expression in expressions(feed):
        assert not re.search(r"\(\?[^:]|\\[1-9dDwWsSbB]|[*+?}][?+]", expression)
        plain = re.sub(r"\\.", "", re.sub(r"\[\^?[^\]]*\]", "", expression))
        assert not set(plain) & set(".^$")


def test_the_replacement_character_is_spelled_for_python() -> None:
    assert rule.python(r"[^\x{fffd}a]") == "[^\ufffda]"
    assert r"\x{" not in rule.python(rule.FLAT)
    with pytest.raises(re.error):
        re.compile(r"\x{fffd}")


@pytest.mark.parametrize(
    ("text", "key", "null_or_empty", "typed"),
    [
        ('{"x":1}', True, False, True),
        ('{ "x" : 1 }', True, False, True),
        ('{"a":1,\t"x"\r:null}', True, True, True),
        ('{"x":""}', True, True, False),
        ('{"x":" "}', True, False, False),
        ('{"x":"1"}', True, False, False),
        ('{"x":1e5,"y":null}', True, False, True),
        ('{"x":1e500,"y":1}', True, False, False),
        ('{"X":1}', False, False, False),
        ('{"xx":1}', False, False, False),
        ('{",x":1}', False, False, False),
        ('{"a":"x"}', False, False, False),
        (r'{"a":"{\"x\":null,"}', False, False, False),
        (r'{"a":"\",\"x\":null}"}', False, False, False),
        ('{"a":",","b":"x"}', False, False, False),
        ('{"a":"{","x":2}', True, False, True),
    ],
)
def test_keys_are_found_where_they_are_keys(text: str, key: bool, null_or_empty: bool, typed: bool) -> None:
    column = Column("x", "DOUBLE", "acceleration")
    for make, expected in ((rule.has_key, key), (rule.has_null_or_empty, null_or_empty), (rule.has_typed, typed)):
        assert set(found_by(make(column), text).values()) == {expected}


@pytest.mark.parametrize("leave_out", [(), ("x",), ("y",), ("x", "y"), ("user",)])
def test_an_optional_key_may_be_absent_from_an_ordered_line(leave_out: tuple[str, ...]) -> None:
    columns = tuple(replace(column, optional=column.name in "xyz") for column in ACCELEROMETER.columns)
    feed = replace(ACCELEROMETER, columns=columns)
    values = {"user": '"c"', "timestamp": "1", "x": "1", "y": "2", "z": "3"}
    line = "{" + ",".join(f'"{key}":{value}' for key, value in values.items() if key not in leave_out) + "}"
    assert (re.fullmatch(rule.python(rule.ordered(feed)), line) is not None) == ("user" not in leave_out)


def test_reasons_stand_in_the_order_they_are_tried() -> None:
    assert rule.reasons_of(ACCELEROMETER) == (
        "too_long",
        "not_flat_json",
        "dup_key",
        "missing:user",
        "empty:user",
        "bad_type:user",
        "missing:timestamp",
        "empty:timestamp",
        "bad_type:timestamp",
        "bad_type:x",
        "bad_type:y",
        "bad_type:z",
    )


@EVERY_FEED
def test_every_reason_is_of_a_known_kind(feed: Table) -> None:
    reasons = rule.reasons_of(feed)
    assert {reason.partition(":")[0] for reason in reasons} == set(rule.REASONS)
    assert len(set(reasons)) == len(reasons)


def test_the_version_changes_with_whatever_a_proof_depends_on(monkeypatch: pytest.MonkeyPatch) -> None:
    first, *others = ACCELEROMETER.columns
    versions = {
        rule.version(ACCELEROMETER),
        rule.version(replace(ACCELEROMETER, required=("user",))),
        rule.version(replace(ACCELEROMETER, columns=(replace(first, name="email"), *others))),
        rule.version(replace(ACCELEROMETER, columns=(replace(first, type="BIGINT"), *others))),
        rule.version(replace(ACCELEROMETER, columns=(first, *others[:-1], replace(others[-1], optional=True)))),
        rule.version(replace(ACCELEROMETER, columns=(first, *others[:-1]))),
        rule.version(replace(ACCELEROMETER, columns=(first, *reversed(others)))),
        *map(rule.version, (FEEDS[0], FEEDS[2])),
    }
    assert len(versions) == 9
    assert rule.version(replace(ACCELEROMETER, comment="another", prefix="another/")) == rule.version(ACCELEROMETER)
    monkeypatch.setattr(rule, "MAX_LINE_CHARS", 999)
    assert rule.version(ACCELEROMETER) not in versions
