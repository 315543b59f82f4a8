"""What is found in the text of a Glue script, without running it."""

from __future__ import annotations

import time

import pytest
import studio

from parity.scripts import Script, is_open, read_script
from parity.sqltext import declared, tables_of


def read(*lines: str, **arguments: str) -> Script:
    return read_script("job.py", "\n".join(lines).encode(), arguments)


def paths(*lines: str, **arguments: str) -> list[str]:
    return [access.path for access in read(*lines, **arguments).reads]


def frame(path: str) -> str:
    return f'f = glueContext.create_dynamic_frame.from_options("s3", {{"paths": [{path}]}}, format="json")'


def test_the_places_of_a_job_of_glue_studio_are_found_with_their_lines() -> None:
    text = studio.jobs()["accelerometer_landing_to_trusted.py"]
    script = read_script("a.py", text.encode())
    [landing, trusted] = script.reads
    [written] = script.writes
    assert (landing.path, landing.format) == ("s3://stedi-lake-house/accelerometer/landing/", "json")
    assert landing.line == studio.line_of(text, "accelerometer/landing")
    assert (trusted.table, trusted.line) == ("stedi.customer_trusted", studio.line_of(text, "from_catalog"))
    assert (written.path, written.table) == (
        "s3://stedi-lake-house/accelerometer/trusted/",
        "stedi.accelerometer_trusted",
    )
    assert (written.line, written.format) == (studio.line_of(text, "getSink"), "json")
    assert [(step.kind, step.line) for step in script.steps] == [
        ("join", studio.line_of(text, "Join.apply")),
        ("sql", studio.line_of(text, "Select_node4 = sparkSqlQuery")),
    ]
    assert (script.arguments, script.notes, script.error) == (("JOB_NAME",), (), None)


@pytest.mark.parametrize(
    "lines",
    [
        ('b = "bucket"', frame('f"s3://{b}/customer/landing/"')),
        ('b = "bucket"', frame('"s3://" + b + "/customer/landing/"')),
        ('b = "s3://bucket"', 'b += "/customer"', frame('b + "/landing/"')),
        (frame('"s3://%s/customer/landing/" % "bucket"'),),
        (frame('"s3://{}/{z}/landing/".format("bucket", z="customer")'),),
        ("import os", frame('os.path.join("s3://bucket/", "customer", "landing/")')),
        (frame('"/".join(["s3://bucket", "customer", "landing"])'),),
        ('c = {"in": {"customer": "s3://bucket/customer/landing/"}}', frame('c["in"]["customer"]')),
        ('a, b = "s3://bucket", "customer"', frame('f"{a}/{b}/landing/"')),
        ('for z in ["landing"]:', "    " + frame('f"s3://bucket/customer/{z}/"')),
        ('def path(zone, root="s3://bucket"):', '    return f"{root}/customer/{zone}/"', frame('path("landing")')),
        (
            "def main(p):",
            "    " + frame("p"),
            'if __name__ == "__main__":',
            '    main("s3://bucket/customer/landing/")',
        ),
        ("import os", 'b = os.environ.get("B", "bucket")', frame('f"s3://{b}/customer/landing/"')),
        ("try:", "    " + frame('"s3://bucket/customer/landing/"'), "except Exception:", "    pass"),
        ('with open("x") as s:', "    " + frame('"s3://bucket/customer/landing/"')),
        ("args = getResolvedOptions(sys.argv, ['B'])", """b = args['B']""", frame('f"s3://{b}/customer/landing/"')),
        ('f = spark.read.json("s3://bucket/customer/landing/")',),
        ('f = spark.read.format("json").option("multiLine", True).load("s3://bucket/customer/landing/")',),
        ('f = spark.read.option("path", "s3://bucket/customer/landing/").format("json").load()',),
        ('f = spark.read.schema("a int").json(path="s3://bucket/customer/landing/").where("a = 1")',),
        (
            "o = dict()",
            'o = {"paths": ["s3://bucket/customer/landing/"]}',
            'f = glueContext.create_dynamic_frame_from_options(connection_type="s3", connection_options=o)',
        ),
        ('f = glueContext.getSource("s3", paths=["s3://bucket/customer/landing/"])',),
        (frame('[f"s3://bucket/{x}/landing/" for x in ("customer", "")  if x == "customer"][0]'),),
        ('f = {k: spark.read.json(p) for k, p in {"c": "s3://bucket/customer/landing/"}.items()}',),
        (
            "class Zone:",
            "    root = 's3://bucket'",
            "    def __init__(self, zone): self.zone = zone",
            "    @property",
            "    def end(self): return self.zone.lower()",
            "    def path(self, name): return '/'.join([self.root, name, self.end])",
            "class Landing(Zone):",
            "    @classmethod",
            "    def make(cls): return cls('LANDING')",
            frame("Landing.make().path('customer')"),
        ),
        ("for i, name in enumerate(['customer']):", "    " + frame('f"s3://bucket/{name}/landing"')),
        ("for n, z in zip(['customer'], ('landing',)):", "    " + frame('f"s3://bucket/{n}/{z}"')),
        ("paths = dict(customer='s3://bucket/customer/landing')", frame("paths['customer']")),
        ("for n in sorted({'customer': 1}):", "    " + frame("f\"s3://bucket/{n}/{'landing':s}\"")),
        ("with Pool() as pool:", "    pool.map(lambda n: spark.read.json(f's3://bucket/{n}/landing'), ['customer'])"),
        ("def f(n, z): " + frame('f"s3://bucket/{n}/{z}"'), "pool.submit(f, 'customer', z='landing')"),
        (
            "read = glueContext.create_dynamic_frame",
            'read.from_options("s3", {"paths": ["s3://bucket/customer/landing"]})',
        ),
        (
            "read = glueContext.create_dynamic_frame.from_options",
            'read(connection_type="s3", connection_options={"paths": ["s3://bucket/customer/landing"]})',
        ),
        ("place = lambda name, zone='landing': f's3://bucket/{name}/{zone}'", frame("place('customer')")),
        ("f = spark.read.format('json').options(path='s3://bucket/customer/landing').load()",),
        (
            "@dataclass",
            "class Job:",
            "    spark: object",
            "    feed: str",
            "    @staticmethod",
            "    def root(name): return f's3://bucket/{name}'",
            "    def run(self): return self.spark.read.json(f'{self.root(self.feed)}/landing')",
            "Job(spark, feed='customer').run()",
        ),
    ],
    ids=lambda lines: lines[-1][:60],
)
def test_a_path_is_followed_through_what_is_constant(lines: tuple[str, ...]) -> None:
    found = paths(*lines, B="bucket")
    assert [path.rstrip("/") for path in found] == ["s3://bucket/customer/landing"]


def test_what_a_path_depends_on_stands_in_it_where_it_is_not_known() -> None:
    asked = ("args = getResolvedOptions(sys.argv, ['JOB_NAME', 'BUCKET'])", frame("""f"s3://{args['BUCKET']}/x/" """))
    assert paths(*asked) == ["s3://{BUCKET}/x/"]
    assert paths(*asked, BUCKET="mine") == ["s3://mine/x/"]
    assert paths("b = somewhere()", frame('"s3://" + b + "/x/"')) == ["s3://{somewhere()}/x/"]
    assert is_open("s3://{BUCKET}/x/")
    assert not is_open("s3://b/{a,b}/")  # a glob


def test_a_number_in_a_path_is_written_as_its_format_says() -> None:
    assert paths("for n in range(9, 11):", "    " + frame('f"s3://b/run={n:03d}/"')) == [
        "s3://b/run=009/",
        "s3://b/run=010/",
    ]
    assert paths(frame('f"s3://b/{now():%Y}/"')) == ["s3://b/{now()}/"]


def test_both_branches_of_what_cannot_be_decided_count() -> None:
    lines = ("if today():", '    p = spark.read.json("s3://a/x")', "else:", '    p = spark.read.json("s3://b/x")')
    assert paths(*lines) == ["s3://a/x", "s3://b/x"]


@pytest.mark.parametrize(
    ("line", "path", "table", "form"),
    [
        ('df.write.mode("overwrite").parquet("s3://b/x/")', "s3://b/x/", "", "parquet"),
        ('df.write.format("json").mode("append").save("s3://b/x/")', "s3://b/x/", "", "json"),
        ('df.coalesce(1).write.partitionBy("user").json("s3://b/x/")', "s3://b/x/", "", "json"),
        ('df.write.option("path", "s3://b/x/").saveAsTable("stedi.T")', "s3://b/x/", "stedi.t", ""),
        ('df.write.options(path="s3://b/x/").saveAsTable("stedi.t")', "s3://b/x/", "stedi.t", ""),
        ('sql = spark.sql\nsql("insert into stedi.t select 1")', "", "stedi.t", ""),
        ('df.write.insertInto("stedi.t")', "", "stedi.t", ""),
        ('glueContext.write_dynamic_frame.from_catalog(frame=f, database="S", table_name="T")', "", "s.t", ""),
        ('glueContext.write_dynamic_frame.from_catalog(f, "s", "t")', "", "s.t", ""),
        (
            'glueContext.write_dynamic_frame.from_options(f, "s3", {"path": "s3://b/x/"}, "glueparquet")',
            "s3://b/x/",
            "",
            "glueparquet",
        ),
        ('spark.sql("create table stedi.t as select * from stedi.u")', "", "stedi.t", ""),
        ('spark.sql("insert overwrite table stedi.t select * from stedi.u")', "", "stedi.t", ""),
    ],
)
def test_every_way_to_write_is_found(line: str, path: str, table: str, form: str) -> None:
    [written] = read(line).writes
    assert (written.path, written.table, written.format) == (path, table, form)


def test_a_query_reads_the_tables_that_are_no_views_of_the_script() -> None:
    script = read(
        'df.createOrReplaceTempView("Readings")',
        'spark.sql("with w as (select * from stedi.customer_trusted) select * from readings r join w join other")',
        'spark.table("stedi.z")',
    )
    assert {access.table for access in script.reads} == {"stedi.customer_trusted", "other", "stedi.z"}


def test_the_database_that_is_used_and_the_name_of_the_catalog_are_no_matter() -> None:
    script = read(
        'spark.sql("use stedi")',
        'spark.read.table("customer_trusted").createOrReplaceTempView("c")',
        'spark.sql("select * from c join spark_catalog.other.t join `awsdatacatalog`.other.u join v")',
        'spark.table("c").write.saveAsTable("Customers_Curated")',
        'spark.catalog.setCurrentDatabase("last")',
        'spark.table("spark_catalog.stedi.w").write.insertInto("z")',
    )
    assert [access.table for access in script.reads] == [
        "stedi.customer_trusted",
        "stedi.w",
        "other.t",
        "other.u",
        "stedi.v",
    ]
    assert [access.table for access in script.writes] == ["stedi.customers_curated", "last.z"]


@pytest.mark.parametrize(
    "query", ["create database if not exists a", "use a", "drop table if exists a.b", "show tables"]
)
def test_a_statement_about_no_rows_names_no_table(query: str) -> None:
    assert tables_of(query) == ((), ())


def test_a_query_that_sqlglot_cannot_read_still_names_its_tables() -> None:
    assert tables_of("select * fro m (( from a.b join `c`") == (("a.b", "c"), ())


def test_a_sink_that_nothing_is_written_to_is_said() -> None:
    script = read('s = glueContext.getSink(path="s3://b/x/", connection_type="s3")', 's.setFormat("json")')
    assert script.notes == ((1, "a sink that no frame is written to"),)
    assert [access.written for access in script.writes] == [False]


def test_a_script_that_calls_aws_itself_is_said() -> None:
    [(line, text)] = read("import boto3", 'c = boto3.client("s3")').notes
    assert line == 2
    assert "boto3.client('s3')" in text


@pytest.mark.parametrize(
    ("data", "line", "said"),
    [
        (b"import sys\njob = (\nx = 1\n", 2, "never closed"),
        (b"a = 1\n  b = 2\n", 2, "unexpected indent"),
        (b"a = 1\nb = '\xff'\n", 2, "it is not UTF-8"),
        (b"a = \x00", 1, "null bytes"),
        (b"print 'a'", 1, "print"),
    ],
)
def test_a_script_that_is_no_python_is_read_to_its_line(data: bytes, line: int, said: str) -> None:
    script = read_script("job.py", data)
    assert script.error is not None
    assert script.error[0] == line
    assert said in script.error[1]
    assert script.writes == ()


def test_reading_runs_nothing(tmp_path: object) -> None:
    read(f"open({str(tmp_path) + '/made'!r}, 'w')", "raise SystemExit(3)", "while True:", "    pass")


@pytest.mark.parametrize(
    "text",
    [
        "def f():\n    return f()\nf()",
        "x = " + "(" * 80 + "1" + ")" * 80,
        "x = " + "+".join(["a"] * 900),
        "x = [" + ",".join(["1"] * 5000) + "]\nfor i in x:\n    pass",
        "*a, b = 1, 2\nx[0] = 3\na.b = 4\nclass C(D, E()):\n    d = spark.read\nlambda: 1\nC.e().f\nC(1).g = 2\n",
        "class C:\n    def f(self): return self.f()\nC().f()\n[x for x in y for z in x if z]\n{**a, 'b': {*c}}",
        '"%d" % "a"\n"{0}".format()\n"a".join(None)\n[1][5]\n{}["a"]\n"a".split(1)\n[].append()\n',
        "(y := 2)\nmatch a:\n    case 1:\n        pass\nasync def g():\n    async with a as b:\n        pass\n",
    ],
)
def test_odd_python_is_no_harm(text: str) -> None:
    assert read(text).error is None


@pytest.mark.parametrize(
    "lines",
    [
        ("for a in range(200):", " for b in range(200):", "  for c in range(200): x = a"),
        ("def f(): " + "f(); " * 12, "f()"),
        ("x = 'a'", "for n in range(60): x = x + x"),
        ("x = ['a']", "for n in range(60): x = x + x"),
        ("x = [[a for a in range(200)] for b in range(200) for c in range(200)]",),
    ],
)
def test_what_would_take_for_ever_is_read_in_a_moment(lines: tuple[str, ...]) -> None:
    started = time.perf_counter()
    script = read(*lines, frame('"s3://bucket/x/"'))
    assert [access.path for access in script.reads] == ["s3://bucket/x/"]
    assert any("loops more often" in text for _, text in script.notes) == ("200" in lines[-1] or "f();" in lines[0])
    assert time.perf_counter() - started < 5


def test_ddl_files_say_where_a_table_lies() -> None:
    [customer, other] = declared(
        "CREATE EXTERNAL TABLE IF NOT EXISTS `stedi`.`customer_landing` (\n  `customerName` string,\n"
        "  `shareWithResearchAsOfDate` bigint\n)\nROW FORMAT SERDE 'org.openx.data.jsonserde.JsonSerDe'\n"
        "LOCATION 's3://b/customer/landing/'\nTBLPROPERTIES ('classification' = 'json');\n"
        "create external table acc (x float) stored as parquet location 's3://b/acc';"
    )
    assert (customer.table, customer.location, customer.format, customer.line) == (
        "stedi.customer_landing",
        "s3://b/customer/landing/",
        "json",
        1,
    )
    assert customer.columns == (("customername", "string"), ("sharewithresearchasofdate", "bigint"))
    assert (other.table, other.location, other.format) == ("acc", "s3://b/acc", "parquet")


def test_modules_beside_a_script_are_followed() -> None:
    modules = {
        "config": b"BUCKET = 's3://bucket'\nZONES = {'in': 'landing'}\n"
        b"def path(zone): return f'{BUCKET}/customer/{zone}/'",
        "broken": b"def (",
    }
    text = "\n".join(
        (
            "import config, broken, os",
            "from config import path as where, BUCKET",
            "from config import *",
            frame('f"{BUCKET}/customer/landing/"'),
            frame('config.BUCKET + "/customer/landing/"'),
            frame('where("landing")'),
            frame('config.path(ZONES["in"])'),
        )
    )
    script = read_script("a.py", text.encode(), modules=modules)
    assert {access.path for access in script.reads} == {"s3://bucket/customer/landing/"}
    assert [access.line for access in script.reads] == [4, 5, 6, 7]


def test_a_script_is_read_in_the_encoding_it_names() -> None:
    text = "# -*- coding: latin-1 -*-\n# na\u00efve\n" + frame('"s3://bucket/caf\u00e9/landing/"')
    script = read_script("a.py", text.encode("latin-1"))
    assert script.error is None
    assert [access.path for access in script.reads] == ["s3://bucket/caf\u00e9/landing/"]
