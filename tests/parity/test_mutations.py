"""The check of the check: each zone's SQL with a fault in it, rendered as a job, must be found different, and first.

The jobs of what a mutated table is not made from are run once for all, and their tables stay where they are.
"""

from __future__ import annotations

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
from parity.engines.spark import LAKE, Spark
from parity.jobs import rendered_jobs
from parity.landing import look
from parity.verdict import Verdict, in_order
from parity.worker import Worker
from stedi.contracts import FEEDS, TABLES
from stedi.glue.render import render, script
from stedi.glue.spark_sql import in_steps
from stedi.stages import STAGES

pytestmark = pytest.mark.spark

Mutate = Callable[[Any], Any]
KEY = "of this test"


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
            equal.set("expression", exp.Add(this=equal.expression.copy(), expression=exp.Literal.number(1)))
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

NO_DIFFERENCE = {
    # no reading of the small lake repeats
    ("distinct", "accelerometer_trusted"),
    ("distinct", "step_trainer_trusted"),
    ("distinct", "machine_learning_curated"),
    # the emails of consenting customers are grouped, so they do not repeat
    ("distinct dropped", "customer_trusted"),
}
"""Mutations that change nothing in these data; the tests hold that they do not."""

PUBLISHED = tuple(name for name, stage in STAGES.items() if not stage.parameters and name in TABLES)


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
    given = look(str(small_lake.write_landing(folder / "landing")))
    texts = render()
    with DuckDB(folder / "left", key=KEY) as left:
        tables = left.make(given, {}).tables
        jobs = rendered_jobs(texts, only=frozenset(PUBLISHED))
        with Spark(jobs, folder / "right", key=KEY, worker=spark_worker) as right:
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
        if name in PUBLISHED and name not in found and set(STAGES[name].inputs) & set(found):
            found.append(name)
    return found


def cases() -> Iterator[tuple[str, str]]:
    for table in PUBLISHED:
        for name, mutate in MUTATIONS.items():
            if mutate(sqlglot.parse_one(STAGES[table].sql, read="duckdb")) is not None:
                yield name, table


def test_every_table_has_mutations() -> None:
    found = list(cases())
    for table in PUBLISHED:
        assert len([name for name, of in found if of == table]) >= 3, table
    assert {name for name, _ in found} == set(MUTATIONS)


@pytest.mark.parametrize(("name", "table"), list(cases()), ids=lambda value: value.replace(" ", "-"))
def test_a_mutated_zone_is_different_and_named_first(base: Base, tmp_path: Path, name: str, table: str) -> None:
    tree = MUTATIONS[name](sqlglot.parse_one(STAGES[table].sql, read="duckdb"))
    assert tree is not None
    mutated = script(table, in_steps(tree.sql("spark")))
    assert mutated != base.texts[f"{TABLES[table].glue_job}.py"]
    columns = [column.alias_or_name for column in tree.expressions]
    if len(columns) < len(TABLES[table].columns):  # the job itself holds its table against the declared columns
        [lost] = {column.name for column in TABLES[table].columns} - set(columns)
        declared = f"SCHEMA = StructType([field for field in SCHEMA.fields if field.name != {lost!r}])\n"
        mutated = mutated.replace("\nargs = options(", f"\n{declared}\nargs = options(")
    verdicts = []
    base.restore()
    for made in below(table):
        job = f"{TABLES[made].glue_job}.py"
        path = tmp_path / job
        path.write_text(mutated if made == table else base.texts[job], encoding="utf-8")
        result = base.worker.run(path, {"LAKE": LAKE}, log=tmp_path / f"{job}.log")
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
        for n in PUBLISHED
        if n not in below(table)
    ]
    assert all(verdict.same for verdict in others)
    ordered = in_order([*others, *verdicts], {n: s.inputs for n, s in STAGES.items()}, [f.name for f in FEEDS])
    first = next(verdict for verdict in ordered if not verdict.same)
    assert (first.table, first.verdict, first.follows) == (table, Verdict.DIFFERENT, "")
    assert all(verdict.follows == table for verdict in ordered if not verdict.same and verdict is not first)
