"""What the portability lint allows, construct by construct: the lint lets each pass, and both engines give its rows.

a is accelerometer readings: user is a text, timestamp a whole number, x, y and z doubles. c is customers.
"""

from __future__ import annotations

__all__ = ["EXPRESSIONS", "QUERIES", "ROWS", "query_of"]

EXPRESSIONS = [
    "null",
    "true",
    "a.timestamp // 3 - 2 * a.timestamp % 7",
    "(a.timestamp + 1) * -2",
    "a.x + a.y * 2 - 1",
    "abs(-a.timestamp)",
    "abs(a.x)",
    "cast(a.timestamp as double) / nullif(a.timestamp, 0)",
    "a.x / 3",
    "a.x < 1",
    "a.x <= 0 or a.y > 0 or a.y >= 1",
    "a.x = a.y",
    "a.user <> 'x'",
    "a.user < 'b'",
    "a.user is distinct from 'x' and a.timestamp between 1 and 2",
    "a.user is not distinct from null",
    "a.x is not distinct from a.y",
    "a.user is null",
    "a.timestamp is not null",
    "not (a.timestamp > 1)",
    "a.timestamp in (1, 2)",
    "a.timestamp in (1, null)",
    "exists (select 1 from customer_trusted as c where c.email = a.user)",
    "(select max(c.lastUpdateDate) from customer_trusted as c)",
    "coalesce(a.timestamp, -1)",
    "coalesce(a.user, 'nobody')",
    "nullif(a.user, 'b')",
    "case when a.x > 0 then 'up' else 'down' end",
    "case a.timestamp when 1 then 'one' when 0 then 'none' end",
    "a.user || '!'",
    "'it''s ' || a.user",
    r"a.user = 'a\b' or a.user = 'a\\b'",
    r"'\n \q \% \u0041 \101 \' || a.user",
    "a.timestamp::varchar",
    "a.user isnull or a.user notnull",
    "ifnull(a.user, 'nobody')",
    "sha256(a.user)",
    "md5(a.user)",
    "cast(a.timestamp as varchar)",
    "cast(7 as varchar)",
    "cast(7 as bigint)",
    "cast(7 as double)",
    "cast(a.timestamp as double)",
    "cast(0.1 as double) + a.x",
    "cast(null as varchar)",
    "cast(a.user as varchar)",
    "count(*)",
    "count(a.user)",
    "count(distinct a.user) filter (where a.timestamp < 2)",
    "cast(sum(a.timestamp) as bigint)",
    "min(a.timestamp)",
    "max(a.user)",
    "rank() over (partition by a.user order by a.timestamp desc)",
    "dense_rank() over (order by a.user asc)",
    "cast(rank() over (order by a.user asc) as int)",
    "max(a.timestamp) over (partition by a.user)",
    "min(a.user) over (partition by a.timestamp)",
    "count(*) over (order by a.timestamp)",
    "cast(sum(a.timestamp) over (order by a.user desc) as bigint)",
]
"""Each stands in `select ... as v from accelerometer_trusted as a`."""

_PEOPLE = "(select a.user, a.timestamp, count(*) as n from accelerometer_trusted as a group by a.user, a.timestamp)"

QUERIES = [
    f"select row_number() over (order by p.user, p.timestamp desc) as v from {_PEOPLE} as p",
    f"select cast(row_number() over (order by p.user, p.timestamp) as int) as v from {_PEOPLE} as p",
    f"select lead(p.n) over (order by p.timestamp asc, p.user asc) as v, p.user from {_PEOPLE} as p",
    f"select lag(p.user, 2) over (partition by p.n order by p.user, p.timestamp) as v from {_PEOPLE} as p",
    f"select p.user as v, p.n from {_PEOPLE} as p",
    "select a.user as v from accelerometer_trusted as a group by a.user having count(*) > 1",
    "select distinct a.user as v, a.timestamp from accelerometer_trusted as a",
    "select a.user as v, c.phone from accelerometer_trusted as a inner join customer_trusted as c on a.user = c.email",
    "select a.user as v, from accelerometer_trusted as a /* that was a comma too many */ where a.x > 0",
    "select a.x as v, c.phone from accelerometer_trusted as a left join customer_trusted as c on a.user = c.email",
    "select a.x as v, c.phone from accelerometer_trusted as a right join customer_trusted as c on a.user = c.email",
    "select a.x as v, c.phone from accelerometer_trusted as a full join customer_trusted as c on a.user = c.email",
    "select a.user as v, c.email from accelerometer_trusted as a cross join customer_trusted as c",
    "select a.x as v from accelerometer_trusted as a semi join customer_trusted as c on a.user = c.email",
    "select a.x as v from accelerometer_trusted as a anti join customer_trusted as c on a.user = c.email",
    "select a.user as v from accelerometer_trusted as a union select c.email as v from customer_trusted as c",
    "select a.user as v from accelerometer_trusted as a union all select c.email as v from customer_trusted as c",
    "select a.user as v from accelerometer_trusted as a intersect select c.email as v from customer_trusted as c",
    "select a.user as v from accelerometer_trusted as a except select c.email as v from customer_trusted as c",
    "select a.x as v from accelerometer_trusted as a where a.user in (select c.email from customer_trusted as c)",
    "select a.x as v from accelerometer_trusted as a where a.timestamp > 0 and a.user not in ('b', 'c')",
    "select a.x as v from accelerometer_trusted as a where a.x > -9 and a.user not in (select 'b' as n)",
    "select n.v from (values (1), (2), (null)) as n (v)",
    "select b.user as v from (select a.user from accelerometer_trusted as a where a.x > 0) as b where b.user > 'a'",
    "select a.timestamp as v from accelerometer_trusted as a where a.timestamp > -10 and (a.x > 0 or a.user = 'b')",
    "select r.clock_skew_ms + a.timestamp as v from accelerometer_trusted as a cross join run_parameters as r",
]

_WORDS = ["a", "b", "B", "ä", "\U0001f600", "", "it's", "a\\b", None, "b"]
_TIMES = [1, 2, 0, -7, 7, 2**60, 1, None, -1, 2]
_DOUBLES = [0.0, -0.0, 1.5, float("nan"), float("inf"), 1e-7, None, 0.1, -3.25, 1.5]

ROWS: dict[str, list[dict[str, object]]] = {
    "accelerometer_trusted": [
        {"user": word, "timestamp": time, "x": x, "y": y, "z": 0.5}
        for word, time, x, y in zip(_WORDS, _TIMES, _DOUBLES, reversed(_DOUBLES), strict=True)
    ],
    "customer_trusted": [
        {"email": email, "phone": phone, "lastUpdateDate": when}
        for email, phone, when in (("b", "1", 5), ("b", "2", None), (None, "3", 7), ("c", None, 6), ("ä", "4", 7))
    ],
    "run_parameters": [{"pseudonym_key": "key", "clock_skew_ms": 3}],
}
"""Rows with what engines are known to differ on: NULLs, both zeros, NaN, letters outside ASCII, a backslash."""


def query_of(expression: str) -> str:
    """Return a query that has an expression as its one column."""
    return f"select {expression} as v from accelerometer_trusted as a"
