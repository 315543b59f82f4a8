"""From a folder of scripts to a plan: order, landing data, outputs, and what is said of what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
import studio

from parity.corrections import parse_corrections
from parity.jobs import Jobs, folder_jobs
from parity.places import likeness, meant, normal, overlap
from parity.plan import Plan
from stedi.contracts import FEEDS, TABLES
from stedi.errors import UsageError
from stedi.glue.render import render
from stedi.glue.scripts import write

MADE = [table for table in TABLES.values() if table.zone != "landing"]
ORDER = [
    "customer_landing_to_trusted.py",
    "accelerometer_landing_to_trusted.py",
    "customer_trusted_to_curated.py",
    "step_trainer_landing_to_trusted.py",
    "machine_learning_trusted_to_curated.py",
]


def jobs_of(folder: Path, scripts: dict[str, str], **files: str) -> Jobs:
    studio.put(folder, scripts)
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return folder_jobs(folder)


def names(plan: Plan) -> list[str]:
    return [script.name for script in plan.jobs]


def said(plan: Plan, script: str) -> list[tuple[int, str]]:
    return [(note.line, note.text) for note in plan.notes if note.script == script]


# names


@pytest.mark.parametrize(
    ("name", "table"),
    [
        ("s3://stedi-lake-house/customer/landing/", "customer_landing"),
        ("s3://x/customers/trusted", "customer_trusted"),
        ("customer_curated", "customers_curated"),
        ("CustomersCurated", "customers_curated"),
        ("s3://x/step-trainer/trusted/", "step_trainer_trusted"),
        ("s3://x/steptrainer/raw/", "step_trainer_landing"),
        ("steps_trainer_trusted", "step_trainer_trusted"),
        ("ml_curated", "machine_learning_curated"),
        ("s3://b/machine-learning/curated/", "machine_learning_curated"),
        ("machine_learning_from_step_trainer_trusted_to_curated", "machine_learning_curated"),
        ("step_trainer_landing_to_trusted", "step_trainer_trusted"),
        ("customer_trusted_to_curated", "customers_curated"),
        ("s3://b/accelerometer/step_trainer_trusted/", "step_trainer_trusted"),
        ("s3://b/accelerometer/machine_learning_trusted/", None),
        ("s3://stedi-customer-landing/data.json", "customer_landing"),
        ("s3://b/silver/accelerometer", "accelerometer_trusted"),
        ("s3://b/html/", None),
        ("s3://b/", None),
    ],
)
def test_a_name_means_a_table(name: str, table: str | None) -> None:
    found = meant(name, TABLES.values())
    assert (found.name if found else None) == table


def test_a_name_without_a_zone_means_a_feed_but_no_table_that_is_made() -> None:
    assert meant("s3://b/customer/", FEEDS) is TABLES["customer_landing"]
    assert meant("s3://b/customer/", TABLES.values()) is None


def test_every_table_is_meant_by_its_own_names() -> None:
    for name, table in TABLES.items():
        assert meant(name, TABLES.values()) is table
        assert meant(f"s3://b/{table.prefix}", TABLES.values()) is table
        if table.glue_job:
            assert meant(table.glue_job, MADE) is table


def test_columns_are_alike_whatever_their_case() -> None:
    table = TABLES["accelerometer_trusted"]
    assert overlap(["USER", "TimeStamp", "x", "y", "z"], table) == 1.0
    assert overlap(["user", "a"], table) == pytest.approx(1 / 6)
    assert overlap([], table) == 0.0
    assert likeness("accelerometer", table) == 1


@pytest.mark.parametrize("path", ["s3a://b/x/", "s3://b//x", "s3n://b/x/*.json", "s3://b/x"])
def test_paths_are_compared_in_one_spelling(path: str) -> None:
    assert normal(path) == "s3://b/x"


# plans


def test_scripts_are_ordered_and_mapped_by_what_they_read_and_write(tmp_path: Path) -> None:
    plan = jobs_of(tmp_path, studio.jobs("any-bucket", "anydb")).plan
    assert names(plan) == ORDER
    assert {given.path: given.feed for given in plan.given} == {
        "s3://any-bucket/customer/landing": "customer_landing",
        "s3://any-bucket/accelerometer/landing": "accelerometer_landing",
        "s3://any-bucket/step_trainer/landing": "step_trainer_landing",
    }
    assert {output.table: output.path for output in plan.outputs} == {
        name: f"s3://any-bucket/{TABLES[name].prefix}".rstrip("/") for name in studio.TABLES
    }
    assert plan.notes == ()
    assert plan.buckets == ("any-bucket",)


def test_names_of_scripts_do_not_matter_where_their_places_do(tmp_path: Path) -> None:
    renamed = {f"{'zyxwv'[i]}.py": text for i, text in enumerate(studio.jobs().values())}
    plan = jobs_of(tmp_path, renamed).plan
    assert names(plan) == ["z.py", "y.py", "x.py", "w.py", "v.py"]
    assert plan.makes["x.py"] == "customers_curated"


def test_tables_a_crawler_made_are_landing_tables_of_any_database(tmp_path: Path) -> None:
    scripts = studio.jobs(database="odd-db") | {
        "customer_landing_to_trusted.py": studio.script(
            studio.catalog("A", "customer_landing", "odd-db"),
            studio.sink("B", "A", "s3://b/customer/trusted/", "customer_trusted", "odd-db"),
        )
    }
    plan = jobs_of(tmp_path, scripts).plan
    [located] = [located for located in plan.catalog if located.feed]
    assert (located.table, located.feed) == ("odd-db.customer_landing", "customer_landing")
    assert {"customer_landing": located.path}.items() <= {given.feed: given.path for given in plan.given}.items()


def test_a_ddl_file_says_where_a_landing_table_lies(tmp_path: Path) -> None:
    # whose bucket is called as that of another zone, but for the zone
    ddl = "create external table stedi.cust_in (a string) location 's3://the-customer-landing/in/';"
    scripts = studio.jobs() | {
        "customer_landing_to_trusted.py": studio.script(
            studio.catalog("A", "cust_in"), studio.sink("B", "A", "s3://the-customer-trusted/in/", "customer_trusted")
        )
    }
    plan = jobs_of(tmp_path, scripts, tables_sql=ddl).plan
    assert ("customer_landing", "s3://the-customer-landing/in", "stedi.cust_in") in {
        (given.feed, given.path, given.table) for given in plan.given
    }


def test_sql_of_a_script_says_where_a_table_lies_as_a_ddl_file_does(tmp_path: Path) -> None:
    text = studio.script(
        "spark.sql(\"create table if not exists stedi.people using json location 's3://b/customer/landing/'\")\n",
        "spark.sql('use stedi')\n",
        "spark.sql(\"create table customer_trusted using parquet location 's3://b/1/' as select * from people\")\n",
    )
    plan = jobs_of(tmp_path, {"a.py": text}).plan
    assert [(given.feed, given.path, given.table) for given in plan.given] == [
        ("customer_landing", "s3://b/customer/landing", "stedi.people")
    ]
    assert [(output.table, output.path) for output in plan.outputs] == [("customer_trusted", "s3://b/1")]
    assert plan.notes == ()


def test_a_table_that_is_saved_by_name_lies_where_the_ddl_says_else_in_the_warehouse(tmp_path: Path) -> None:
    ddl = "create external table stedi.customer_trusted (a string, b int) location 's3://b/trusted/';"
    text = studio.script(
        studio.s3("A", "s3://b/customer/landing/"),
        *(f'A.toDF().write.saveAsTable("stedi.{name}")\n' for name in ("customer_trusted", "customers_curated")),
    )
    plan = jobs_of(tmp_path, {"a.py": text}, tables_sql=ddl).plan
    assert [(located.table, located.path, located.schema) for located in plan.catalog] == [
        ("stedi.customer_trusted", "s3://b/trusted", "`a` string, `b` int"),
        ("stedi.customers_curated", "s3://parity-catalog/stedi.db/customers_curated", ""),
    ]


def test_a_table_that_a_crawler_made_of_an_output_is_that_output(tmp_path: Path) -> None:
    trusted = studio.script(
        studio.s3("A", "s3://b/customer/landing/"),
        studio.write("B", "A", "s3://b/customer/trusted/"),
        "spark.sql(\"create table customer_trusted using json location 's3://b/customer/trusted/'\")\n",
    )
    plan = jobs_of(tmp_path, studio.jobs() | {"customer_landing_to_trusted.py": trusted}).plan
    assert names(plan) == ORDER
    [located] = [located for located in plan.catalog if located.table == "stedi.customer_trusted"]
    assert (located.table, located.path) == ("stedi.customer_trusted", "s3://b/customer/trusted")
    assert any("no script registers" in text for _, text in said(plan, "accelerometer_landing_to_trusted.py"))


def test_a_path_may_be_one_file_of_the_landing_data(tmp_path: Path) -> None:
    one = studio.script(
        studio.s3("A", "s3://b/customer/landing/customer-1.json"), studio.write("B", "A", "s3://b/customer/trusted/")
    )
    plan = jobs_of(tmp_path, {"a.py": one}).plan
    [given] = plan.given
    assert (given.path, given.one_file) == ("s3://b/customer/landing/customer-1.json", True)


def test_what_is_no_job_is_left_out_and_said(tmp_path: Path) -> None:
    scripts = studio.jobs() | {
        "helper.py": "def f():\n    return 1\n",
        "count.py": 'spark.read.json("s3://b/customer/landing").count()',
    }
    plan = jobs_of(tmp_path, scripts).plan
    assert names(plan) == ORDER
    assert plan.skipped == {
        "helper.py": "it reads and writes nothing, so it is no job",
        "count.py": "it writes nothing",
    }


# what is wrong in real scripts


def test_a_syntax_error_is_named_with_its_line_and_the_others_go_on(tmp_path: Path) -> None:
    scripts = studio.jobs()
    text = scripts["customer_trusted_to_curated.py"].replace("SqlQuery0 = '''", "SqlQuery0 = ''")
    plan = jobs_of(tmp_path, scripts | {"customer_trusted_to_curated.py": text}).plan
    assert names(plan) == [name for name in ORDER if name != "customer_trusted_to_curated.py"]
    [(line, problem)] = said(plan, "customer_trusted_to_curated.py")
    assert line >= studio.line_of(text, "SqlQuery0 = ''")
    assert problem.startswith("is no Python: ")
    assert plan.makes["customer_trusted_to_curated.py"] == "customers_curated"
    # what reads it can have ours in its place
    assert {(missing.script, missing.table) for missing in plan.missing} == {
        ("step_trainer_landing_to_trusted.py", "customers_curated")
    }


def test_a_table_under_the_wrong_name_is_said_and_its_path_counts(tmp_path: Path) -> None:
    scripts = studio.jobs()
    name = "step_trainer_landing_to_trusted.py"
    text = scripts[name].replace(
        'catalogTableName="step_trainer_trusted"', 'catalogTableName="machine_learning_curated"'
    )
    plan = jobs_of(tmp_path, scripts | {name: text}).plan
    assert plan.makes[name] == "step_trainer_trusted"
    [(line, problem)] = said(plan, name)
    assert line == studio.line_of(text, "getSink")
    assert "step_trainer_trusted by its path" in problem
    assert "stedi.machine_learning_curated" in problem


def test_a_write_to_the_root_of_the_bucket_is_said(tmp_path: Path) -> None:
    scripts = studio.jobs()
    name = "machine_learning_trusted_to_curated.py"
    text = scripts[name].replace("s3://stedi-lake-house/machine_learning/curated/", "s3://stedi-lake-house/")
    plan = jobs_of(tmp_path, scripts | {name: text}).plan
    assert plan.makes[name] == "machine_learning_curated"  # its catalog name and its own say so
    assert [line for line, problem in said(plan, name) if "root of the bucket" in problem] == [
        studio.line_of(text, "getSink")
    ]
    assert names(plan) == ORDER


def test_a_path_that_nobody_writes_is_said_with_what_it_may_have_meant(tmp_path: Path) -> None:
    scripts = studio.jobs()
    name = "machine_learning_trusted_to_curated.py"
    text = scripts[name].replace("/accelerometer/trusted/", "/accelerometer/trustd/")
    plan = jobs_of(tmp_path, scripts | {name: text}).plan
    [(line, problem)] = said(plan, name)
    assert line == studio.line_of(text, "trustd")
    assert "which no script writes; did you mean s3://stedi-lake-house/accelerometer/trusted?" in problem
    assert names(plan)[-1] == name
    [missing] = plan.missing
    assert missing.table == ""  # the job goes without, as it would on AWS


def test_the_wrong_folder_of_a_right_table_is_said_with_who_writes_it(tmp_path: Path) -> None:
    scripts = studio.jobs()
    name = "machine_learning_trusted_to_curated.py"
    text = scripts[name].replace("s3://stedi-lake-house/accelerometer/trusted/", "s3://other/trusted/accelerometer/")
    plan = jobs_of(tmp_path, scripts | {name: text}).plan
    [(_, problem)] = said(plan, name)
    assert "accelerometer_landing_to_trusted.py writes accelerometer_trusted to" in problem
    assert [missing.table for missing in plan.missing] == [""]


def test_a_circle_is_broken_and_said(tmp_path: Path) -> None:
    def copy(source: str, target: str) -> str:
        return studio.script(studio.s3("A", f"s3://b/{source}/"), studio.write("B", "A", f"s3://b/{target}/"))

    plan = jobs_of(
        tmp_path,
        {
            "a.py": copy("customer/curated", "customer/trusted"),
            "b.py": copy("customer/trusted", "customer/curated"),
            "c.py": copy("customer/curated", "machine_learning/curated"),
        },
    ).plan
    assert names(plan) == ["a.py", "b.py", "c.py"]
    assert said(plan, "a.py") == [(0, "a.py, b.py read each other in a circle; this one runs first")]


def test_a_script_that_reads_what_it_writes_is_said(tmp_path: Path) -> None:
    text = studio.script(studio.s3("A", "s3://b/x/"), studio.write("B", "A", "s3://b/x/"))
    plan = jobs_of(tmp_path, {"a.py": text}).plan
    assert [problem for _, problem in said(plan, "a.py")] == ["reads s3://b/x/, which it writes itself"]


def test_of_two_scripts_for_one_place_the_one_named_for_it_runs_until_somebody_chooses(tmp_path: Path) -> None:
    scripts = studio.jobs()
    name = "customer_landing_to_trusted.py"
    twins = {"aaa_old.py": scripts[name], "Customer Trusted.py": scripts[name]}
    plan = jobs_of(tmp_path, scripts | twins).plan
    assert names(plan) == ORDER
    line = studio.line_of(scripts[name], "getSink(")
    says = f"writes s3://stedi-lake-house/customer/trusted, as {name} does in line {line}: on AWS both add rows"
    assert plan.undecided == dict.fromkeys(twins, (line, f"it {says}"))
    assert plan.makes["aaa_old.py"] == "customer_trusted"
    assert plan.skipped == {}
    for twin in twins:
        assert said(plan, twin) == [(line, f"{says}; not run: choose in parity.toml, [jobs] skip or order")]
    chosen = jobs_of(
        tmp_path, {}, parity_toml=f'[jobs]\nskip = ["aaa_old.py"]\norder = ["Customer Trusted.py", "{name}"]'
    )
    assert names(chosen.plan) == ["Customer Trusted.py", *ORDER]
    assert chosen.plan.undecided == {}


def test_places_that_are_not_known_are_not_taken_for_one(tmp_path: Path) -> None:
    text = studio.jobs()["customer_landing_to_trusted.py"].replace(
        '"s3://stedi-lake-house/customer/trusted/"', "place()"
    )
    plan = jobs_of(tmp_path, {"a.py": text, "b.py": text}).plan
    assert (names(plan), plan.undecided) == (["a.py", "b.py"], {})


def test_several_scripts_may_add_to_a_place_that_is_no_table_of_ours(tmp_path: Path) -> None:
    """Whatever the scripts are called, as long as they write their tables elsewhere."""
    name = "customer_landing_to_trusted.py"
    copies = {"a.py": "s3://b/in/", name: "s3://b/customer/landing/"}
    log = studio.write("Log", "A", "s3://b/log/")
    logs = {script: studio.script(studio.s3("A", path), log) for script, path in copies.items()}
    trusted = studio.write("B", "A", "s3://b/customer/trusted/")
    logs[name] = logs[name].replace(studio.TAIL, trusted + studio.TAIL)
    plan = jobs_of(tmp_path, logs).plan
    assert ({*names(plan)}, plan.undecided) == ({*logs}, {})
    assert [text.endswith("on AWS both add rows") for script in logs for _, text in said(plan, script)].count(True) == 1


def test_one_table_at_two_places_is_said_and_a_place_may_be_none(tmp_path: Path) -> None:
    name = "customer_landing_to_trusted.py"
    text = studio.jobs()[name]
    again = text.replace("s3://stedi-lake-house", "s3://old-lake")
    rejects = studio.write("Rejects", "CustomerLanding_node1", "s3://old-lake/customer/trusted_rejects/")
    text = text.replace(studio.TAIL, rejects + studio.TAIL)
    plan = jobs_of(tmp_path, {name: text, "previous.py": again}).plan
    line = studio.line_of(text, "getSink(")
    known = f"s3://old-lake/customer/trusted_rejects/ by {name}, line {studio.line_of(text, 'trusted_rejects')}"
    says = (line, f"writes customer_trusted that is also written in {known}: each is compared")
    assert said(plan, name) == said(plan, "previous.py") == [says]
    toml = '[outputs]\n"s3://old-lake/customer/trusted_rejects/" = "none"\n[jobs]\nskip = ["previous.py"]'
    plan = jobs_of(tmp_path, {}, parity_toml=toml).plan
    assert said(plan, name) == []
    assert [(output.table, output.ours) for output in plan.outputs] == [("", False), ("customer_trusted", True)]


def test_a_read_of_the_whole_bucket_comes_after_all_that_write_in_it(tmp_path: Path) -> None:
    text = studio.script(studio.s3("A", "s3://stedi-lake-house/"), studio.write("B", "A", "s3://other/all/"))
    plan = jobs_of(tmp_path, studio.jobs() | {"a.py": text}).plan
    assert names(plan)[-1] == "a.py"
    assert "which holds all of" in said(plan, "a.py")[0][1]


# parity.toml


def test_corrections_name_inputs_outputs_arguments_and_order(tmp_path: Path) -> None:
    text = studio.script(
        "b = args['BUCKET']\n",
        studio.s3("A", "s3://b/in/1/").replace('"s3://b/in/1/"', 'f"s3://{b}/in/1/"'),
        studio.write("B", "A", "s3://b/out/7/"),
    ).replace("['JOB_NAME']", "['JOB_NAME', 'BUCKET']")
    toml = """
        [inputs]
        "s3a://mine/in/1/" = "customer_landing"
        [outputs]
        "s3://mine/out/7" = "customer_trusted"
        "s3://b/out/7" = "customer_trusted"
        [arguments]
        BUCKET = "mine"
        [jobs]
        skip = ["machine_learning_trusted_to_curated.py", "nowhere.py"]
        order = ["step_trainer_landing_to_trusted.py", "job.py"]
        [tables]
        skip = ["machine_learning_curated"]
        [runtime]
        field_case = "insensitive"
    """
    scripts = studio.jobs() | {"job.py": text}
    del scripts["customer_landing_to_trusted.py"]
    jobs = jobs_of(tmp_path, scripts, parity_toml=toml)
    plan = jobs.plan
    assert [given.feed for given in plan.given if given.path == "s3://mine/in/1"] == ["customer_landing"]
    assert plan.makes["job.py"] == "customer_trusted"
    assert "machine_learning_trusted_to_curated.py" not in names(plan)
    assert names(plan).index("step_trainer_landing_to_trusted.py") < names(plan).index("job.py")
    assert jobs.corrections.not_compared == ("machine_learning_curated",)
    assert jobs.corrections.runtime == {"field_case": "insensitive"}
    assert any("there is no script nowhere.py" in note.text for note in plan.notes)
    unused = "[outputs] s3://mine/out/7: no script writes it; did you mean s3://b/out/7?"
    assert [note.text for note in plan.notes if "no script writes it" in note.text] == [unused]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[inputs", "is not TOML"),
        ("[input]", "no such section; did you mean inputs?"),
        ("inputs = 3", "inputs: is a section"),
        ("[arguments]\nBUCKET = ['a']", "arguments.BUCKET: takes a text"),
        ('[inputs]\n"s3://b/x" = "customer_landin"', "did you mean customer_landing?"),
        ('[inputs]\n"s3://b/x" = "customer_trusted"', "no table that can be there"),
        ('[outputs]\n"s3://b/x" = "customer_landing"', "no table that can be there"),
        ('[jobs]\nskp = ["a"]', "did you mean skip?"),
        ('[jobs]\nskip = "a"', "takes a list of names"),
        ('[tables]\nskip = ["ml"]', "no table that can be there"),
        ("[runtime]\nfield_cases = 1", "there is no runtime setting 'field_cases'"),
        ('[runtime]\nfield_case = "any"', "is none of sensitive, insensitive"),
    ],
)
def test_a_correction_that_is_none_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(UsageError) as error:
        parse_corrections(tmp_path / "parity.toml", text.encode())
    assert said in error.value.message
    assert error.value.fix


def test_rendered_scripts_are_no_scripts_of_somebody(tmp_path: Path) -> None:
    write(tmp_path, render())
    with pytest.raises(UsageError, match="is rendered by stedi") as error:
        folder_jobs(tmp_path)
    assert "leave --jobs out" in str(error.value.fix)


def test_a_folder_without_jobs_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder"):
        folder_jobs(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="holds no Python script"):
        folder_jobs(tmp_path)
    (tmp_path / "a.py").write_text("x = 1")
    with pytest.raises(UsageError, match="none of its scripts is a job"):
        folder_jobs(tmp_path)


@pytest.mark.parametrize("path", ["/data/customer/trusted", "out", "hdfs://cluster/x", "s3://", "s3://b/../x"])
def test_what_is_no_s3_path_is_said_and_lies_where_nothing_is(tmp_path: Path, path: str) -> None:
    jobs = studio.jobs()
    first = "customer_landing_to_trusted.py"
    jobs[first] = jobs[first].replace("s3://stedi-lake-house/customer/trusted/", path)
    made = folder_jobs(studio.put(tmp_path, jobs)).plan
    [output] = [output for output in made.outputs if output.script == first]
    assert output.path.startswith("s3://parity-catalog/elsewhere/")
    assert ".." not in output.path
    said = [str(note) for note in made.notes if path in str(note)]
    assert any("no S3 path" in text for text in said), made.notes
