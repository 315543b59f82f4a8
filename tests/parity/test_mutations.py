"""The check of the check: each zone's SQL with a fault in it, rendered as a job, must be found different, and first.

The jobs of what a mutated table is not made from are run once for all, and their tables stay where they are. So are
those of device_owners and training_curated but for one mutation a table: Spark takes seconds for them.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import small_lake
import sqlglot
from sqlglot import exp

from parity.compare import compare
from parity.engines.duckdb import DuckDB
from parity.engines.spark import KEY as KEY_FILE
from parity.engines.spark import LAKE, Spark
from parity.jobs import rendered_jobs
from parity.landing import look
from parity.verdict import Verdict, in_order
from parity.worker import Worker
from stedi.contracts import FEEDS, TABLES
from stedi.glue.render import render, script
from stedi.glue.spark_sql import in_steps
from stedi.parameters import Parameters
from stedi.stages import STAGES

pytestmark = pytest.mark.spark

Mutate = Callable[[Any], Any]
KEY = "of this test"


TEXTS = {column.name for table in TABLES.values() for column in table.columns if column.type == "VARCHAR"}


def dropped_predicate(tree: Any) -> Any:
    """Leave out the last WHERE, which is the outermost one or that of what it selects from."""
    wheres = list(tree.find_all(exp.Where))
    outer = tree.args.get("where")
    where = outer or (wheres[0] if wheres else None)
    if where is None:
        return None
    where.pop()
    return tree


def changed_key(tree: Any) -> Any:
    """Match something else: the first `a in (select b ...)`, or the first key of a join."""
    for found in tree.find_all(exp.In):
        query = found.args.get("query")
        if query is not None and isinstance(found.this, exp.Column):
            found.set("this", exp.func("upper", found.this.copy()))
            return tree
    for join in tree.find_all(exp.Join):
        on = join.args.get("on")
        equal = on.find(exp.EQ) if on is not None else None
        if equal is not None:
            key = equal.expression.copy()
            changed = (
                exp.func("upper", key) if key.name in TEXTS else exp.Add(this=key, expression=exp.Literal.number(1))
            )
            equal.set("expression", changed)
            return tree
    return None


def left_join(tree: Any) -> Any:
    """Make the first inner join of the outermost query a left one."""
    for join in tree.args.get("joins") or ():
        if not join.side and join.args.get("kind") != "CROSS" and join.args.get("on") is not None:
            join.set("kind", None)
            join.set("side", "LEFT")
            return tree
    return None


def dropped_column(tree: Any) -> Any:
    """Leave out the last column of the result that is not optional."""
    columns = {column.name: column.optional for table in TABLES.values() for column in table.columns}
    kept = [column for column in tree.expressions if columns[column.alias_or_name]]
    tree.set("expressions", [*[c for c in tree.expressions if not columns[c.alias_or_name]][:-1], *kept])
    return tree


def made_distinct(tree: Any) -> Any:
    """Write every row of the result once."""
    tree.set("distinct", exp.Distinct())
    return tree


def lost_distinct(tree: Any) -> Any:
    """Leave out what keeps rows from being multiplied: a semi join becomes an inner one."""
    where = tree.args.get("where")
    found = where.find(exp.In) if where is not None else None
    query = found.args.get("query") if found is not None else None
    if found is None or query is None:
        return None
    inner = query.this if isinstance(query, exp.Subquery) else query
    column = inner.expressions[0]
    if not isinstance(column, exp.Column):
        return None
    joined = exp.alias_(exp.Subquery(this=inner.copy()), "once_more", table=True)
    on = exp.EQ(this=found.this.copy(), expression=exp.column(column.name, table="once_more"))
    tree.append("joins", exp.Join(this=joined, kind="INNER", on=on))
    return tree


MUTATIONS: dict[str, Mutate] = {
    "dropped predicate": dropped_predicate,
    "changed join key": changed_key,
    "inner to left": left_join,
    "distinct dropped": lost_distinct,
    "distinct": made_distinct,
    "column dropped": dropped_column,
}

PART = {"device_owners": "winners", "training_curated": "pairs"}
"""Where in a long query a fault is put that is one of a part: at the end each has only casts."""

NO_DIFFERENCE = {
    # the emails of consenting customers are grouped, so they do not repeat
    ("distinct dropped", "customer_trusted"),
    # of each device one row
    ("distinct", "device_owners"),
}
"""Mutations that change nothing in these data; the tests hold that they do not."""


def mutated(name: str, table: str) -> Any:
    """Return the SQL of a table with a fault in it, parsed; None where there is no place for it."""
    tree: Any = sqlglot.parse_one(STAGES[table].sql, read="duckdb")
    whole = name in ("inner to left", "column dropped", "distinct") or table not in PART
    [part] = [tree] if whole else [cte.this for cte in tree.ctes if cte.alias == PART[table]]
    return tree if MUTATIONS[name](part) is not None else None


def write_landing(folder: Path) -> Path:
    """Write the small lake's landing data, and a customer more.

    She agreed while she trained with a device of her own, and of one instant both landed twice.
    """
    small_lake.write_landing(folder)
    at = small_lake.START + 200_000
    instants = [*range(at, at + 8), at + 6]
    customer = {
        "customerName": "Late Person",
        "email": "late@example.com",
        "phone": "5550100",
        "birthDay": "1980-01-02",
        "serialNumber": "serial-late",
        "registrationDate": at - 5000,
        "lastUpdateDate": at,
        "shareWithResearchAsOfDate": at + 3,
    }
    rows: dict[str, list[dict[str, object]]] = {
        "customer_landing": [customer],
        "accelerometer_landing": [
            {"user": "late@example.com", "timestamp": n, "x": 0.5, "y": 0.25, "z": -1.0} for n in instants
        ],
        "step_trainer_landing": [
            {"sensorReadingTime": n, "serialNumber": "serial-late", "distanceFromObject": 3} for n in instants
        ],
    }
    for feed, lines in rows.items():
        text = "".join(json.dumps(line) + "\n" for line in lines)
        (folder / TABLES[feed].prefix / "late.json").write_text(text, encoding="utf-8")
    return folder


@dataclass
class Base:
    """Both sides without a fault: the left one's tables, and the buckets of the right one as its jobs left them."""

    worker: Worker
    folder: Path
    tables: dict[str, object]
    texts: dict[str, str]

    def restore(self) -> None:
        """Have the buckets as they were, for the next mutation."""
        self.worker.clear()
        shutil.copytree(self.folder / "buckets", self.worker.root / "buckets", dirs_exist_ok=True)


@pytest.fixture(scope="module")
def base(spark_worker: Worker, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Base]:
    folder = tmp_path_factory.mktemp("mutations")
    given = look(str(write_landing(folder / "landing")))
    texts = render()
    with DuckDB(folder / "left", parameters=Parameters(KEY)) as left:
        tables = left.make(given, {}).tables
        jobs = rendered_jobs(texts)
        with Spark(jobs, folder / "right", parameters=Parameters(KEY), worker=spark_worker) as right:
            made = right.make(given, {})
        assert all(job.ok for job in made.jobs), made.jobs
        shutil.copytree(spark_worker.root / "buckets", folder / "buckets")
        yield Base(spark_worker, folder, tables, dict(texts))


def below(table: str) -> list[str]:
    """Return a table and those made from it, in order."""
    found = [table]
    order = [name.removesuffix(".py") for name in rendered_jobs(render()).plan.makes]
    of = {t.glue_job: name for name, t in TABLES.items()}
    for job in order:
        name = of[job]
        if name not in found and set(STAGES[name].inputs) & set(found):
            found.append(name)
    return found


def arguments(table: str) -> dict[str, str]:
    """Return what the job of a table is told."""
    return {"LAKE": LAKE, **({"PSEUDONYM_KEY_PATH": KEY_FILE} if "pseudonym_key" in STAGES[table].parameters else {})}


def cases() -> Iterator[tuple[str, str]]:
    for table in STAGES:
        for name in MUTATIONS:
            if mutated(name, table) is not None:
                yield name, table


def test_every_table_has_mutations() -> None:
    found = list(cases())
    for table in STAGES:
        assert len([name for name, of in found if of == table]) >= 3, table
    assert {name for name, _ in found} == set(MUTATIONS)


@pytest.mark.parametrize(("name", "table"), list(cases()), ids=lambda value: value.replace(" ", "-"))
def test_a_mutated_zone_is_different_and_named_first(base: Base, tmp_path: Path, name: str, table: str) -> None:
    tree = mutated(name, table)
    text = script(table, in_steps(tree.sql("spark")))
    assert text != base.texts[f"{TABLES[table].glue_job}.py"]
    columns = [column.alias_or_name for column in tree.expressions]
    if len(columns) < len(TABLES[table].columns):  # the job itself holds its table against the declared columns
        [lost] = {column.name for column in TABLES[table].columns} - set(columns)
        declared = f"SCHEMA = StructType([field for field in SCHEMA.fields if field.name != {lost!r}])\n"
        text = text.replace("\nargs = options(", f"\n{declared}\nargs = options(")
    verdicts = []
    base.restore()
    again = [made for made in below(table) if name == "dropped predicate" or table in PART or made not in PART]
    for made in again:
        job = f"{TABLES[made].glue_job}.py"
        path = tmp_path / job
        path.write_text(text if made == table else base.texts[job], encoding="utf-8")
        result = base.worker.run(path, arguments(made), log=tmp_path / f"{job}.log")
        if result.state != "succeeded":
            assert made != table, (tmp_path / f"{job}.log").read_text()[-3000:]
            continue
        right = base.worker.local(f"{LAKE}/{TABLES[made].prefix}")
        verdicts.append(compare(base.tables[made], right, contract=TABLES[made], may_be_empty=True))
    if (name, table) in NO_DIFFERENCE:
        assert all(verdict.verdict is Verdict.SAME for verdict in verdicts)
        return
    others = [
        compare(base.tables[n], base.worker.local(f"{LAKE}/{TABLES[n].prefix}"), contract=TABLES[n])
        for n in STAGES
        if n not in again
    ]
    assert all(verdict.same for verdict in others)
    ordered = in_order([*others, *verdicts], {n: s.inputs for n, s in STAGES.items()}, [f.name for f in FEEDS])
    first = next(verdict for verdict in ordered if not verdict.same)
    assert (first.table, first.verdict, first.follows) == (table, Verdict.DIFFERENT, "")
    assert all(verdict.follows == table for verdict in ordered if not verdict.same and verdict is not first)
