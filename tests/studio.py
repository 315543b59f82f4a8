"""Glue scripts as Glue Studio writes them: a node a block, to put together into jobs with or without a fault.

`jobs()` is a set of five that gives the published tables. What differs from it in a test is the fault of the test;
`side_of` and `verdict_of` find what a run of them came to.
"""

from __future__ import annotations

from pathlib import Path

from parity.outcome import Outcome, SideOutcome
from parity.verdict import TableVerdict

HEAD = """\
import sys
from awsglue.transforms import *
from awsglue.utils import getResolvedOptions
from pyspark.context import SparkContext
from awsglue.context import GlueContext
from awsglue.job import Job
from awsglue import DynamicFrame

def sparkSqlQuery(glueContext, query, mapping, transformation_ctx) -> DynamicFrame:
    for alias, frame in mapping.items():
        frame.toDF().createOrReplaceTempView(alias)
    result = spark.sql(query)
    return DynamicFrame.fromDF(result, glueContext, transformation_ctx)
args = getResolvedOptions(sys.argv, ['JOB_NAME'])
sc = SparkContext()
glueContext = GlueContext(sc)
spark = glueContext.spark_session
job = Job(glueContext)
job.init(args['JOB_NAME'], args)

"""
TAIL = "job.commit()\n"

BUCKET = "stedi-lake-house"
ROOT = f"s3://{BUCKET}"
DATABASE = "stedi"

TABLES = (
    "customer_trusted",
    "accelerometer_trusted",
    "customers_curated",
    "step_trainer_trusted",
    "machine_learning_curated",
)
"""What the five jobs make, in their order."""


def s3(node: str, path: str, form: str = "json") -> str:
    """Read a folder."""
    return (
        f"# Script generated for node {node}\n"
        f'{node} = glueContext.create_dynamic_frame.from_options(format_options={{"multiline": False}},'
        f' connection_type="s3", format="{form}", connection_options={{"paths": ["{path}"], "recurse": True}},'
        f' transformation_ctx="{node}")\n\n'
    )


def catalog(node: str, table: str, database: str = DATABASE) -> str:
    """Read a table of the catalog."""
    return (
        f"# Script generated for node {node}\n"
        f'{node} = glueContext.create_dynamic_frame.from_catalog(database="{database}", table_name="{table}",'
        f' transformation_ctx="{node}")\n\n'
    )


def sql(node: str, query: str, **frames: str) -> str:
    """Run a query over frames, each under its alias."""
    mapping = ", ".join(f'"{alias}": {frame}' for alias, frame in frames.items())
    return (
        f"# Script generated for node {node}\nSqlQuery0 = '''\n{query}\n'''\n"
        f"{node} = sparkSqlQuery(glueContext, query = SqlQuery0, mapping = {{{mapping}}},"
        f' transformation_ctx = "{node}")\n\n'
    )


def join(node: str, one: str, other: str, key: str, other_key: str) -> str:
    """Join two frames on a key each."""
    return (
        f"# Script generated for node {node}\n"
        f'{node} = Join.apply(frame1={one}, frame2={other}, keys1=["{key}"], keys2=["{other_key}"],'
        f' transformation_ctx="{node}")\n\n'
    )


def drop(node: str, frame: str, *fields: str) -> str:
    """Drop fields of a frame."""
    listed = ", ".join(f'"{field}"' for field in fields)
    return (
        f"# Script generated for node {node}\n"
        f'{node} = DropFields.apply(frame={frame}, paths=[{listed}], transformation_ctx="{node}")\n\n'
    )


def keep(node: str, frame: str, condition: str) -> str:
    """Keep the rows for which a condition on `row` holds."""
    return (
        f"# Script generated for node {node}\n"
        f'{node} = Filter.apply(frame={frame}, f=lambda row: ({condition}), transformation_ctx="{node}")\n\n'
    )


def rows(node: str, frame: str, statement: str) -> str:
    """Change each `row` by a statement."""
    return (
        f"# Script generated for node {node}\ndef change_{node}(row):\n    {statement}\n    return row\n\n\n"
        f'{node} = Map.apply(frame={frame}, f=change_{node}, transformation_ctx="{node}")\n\n'
    )


def mapping(node: str, frame: str, *columns: tuple[str, str, str, str]) -> str:
    """Rename and cast fields."""
    listed = ", ".join(str(column) for column in columns)
    return (
        f"# Script generated for node {node}\n"
        f'{node} = ApplyMapping.apply(frame={frame}, mappings=[{listed}], transformation_ctx="{node}")\n\n'
    )


def distinct(node: str, frame: str) -> str:
    """Take out repeated rows."""
    return (
        f"# Script generated for node {node}\n"
        f'{node} = DynamicFrame.fromDF({frame}.toDF().dropDuplicates(), glueContext, "{node}")\n\n'
    )


def sink(node: str, frame: str, path: str, table: str = "", database: str = DATABASE, *, form: str = "json") -> str:
    """Write a frame with a sink, and register it in the catalog where `table` names it."""
    update = 'updateBehavior="UPDATE_IN_DATABASE", ' if table else ""
    registered = f'{node}.setCatalogInfo(catalogDatabase="{database}",catalogTableName="{table}")\n' if table else ""
    return (
        f"# Script generated for node {node}\n"
        f'{node} = glueContext.getSink(path="{path}", connection_type="s3", {update}partitionKeys=[],'
        f' enableUpdateCatalog={bool(table)}, transformation_ctx="{node}")\n{registered}'
        f'{node}.setFormat("{form}")\n{node}.writeFrame({frame})\n'
    )


def write(node: str, frame: str, path: str, form: str = "json") -> str:
    """Write a frame with write_dynamic_frame."""
    return (
        f"# Script generated for node {node}\n"
        f'{node} = glueContext.write_dynamic_frame.from_options(frame={frame}, connection_type="s3", format="{form}",'
        f' connection_options={{"path": "{path}", "partitionKeys": []}}, transformation_ctx="{node}")\n'
    )


def script(*nodes: str) -> str:
    """Put nodes together."""
    return HEAD + "".join(nodes) + TAIL


def jobs(bucket: str = BUCKET, database: str = DATABASE) -> dict[str, str]:
    """Return five scripts that give the published tables, in the ways people choose for each."""
    root = f"s3://{bucket}"
    return {
        "customer_landing_to_trusted.py": script(
            s3("CustomerLanding_node1", f"{root}/customer/landing/"),
            keep("ShareWithResearch_node2", "CustomerLanding_node1", 'not row["shareWithResearchAsOfDate"] == 0'),
            sink(
                "CustomerTrusted_node3",
                "ShareWithResearch_node2",
                f"{root}/customer/trusted/",
                "customer_trusted",
                database,
            ),
        ),
        "accelerometer_landing_to_trusted.py": script(
            s3("AccelerometerLanding_node1", f"{root}/accelerometer/landing/"),
            catalog("CustomerTrusted_node2", "customer_trusted", database),
            join("Join_node3", "AccelerometerLanding_node1", "CustomerTrusted_node2", "user", "email"),
            sql("Select_node4", "select user, timestamp, x, y, z from myDataSource", myDataSource="Join_node3"),
            sink(
                "AccelerometerTrusted_node5",
                "Select_node4",
                f"{root}/accelerometer/trusted/",
                "accelerometer_trusted",
                database,
            ),
        ),
        "customer_trusted_to_curated.py": script(
            s3("CustomerTrusted_node1", f"{root}/customer/trusted/"),
            catalog("AccelerometerTrusted_node2", "accelerometer_trusted", database),
            sql(
                "Curated_node3",
                "select distinct c.* from c join a on c.email = a.user;",
                c="CustomerTrusted_node1",
                a="AccelerometerTrusted_node2",
            ),
            sink("CustomersCurated_node4", "Curated_node3", f"{root}/customer/curated/", "customers_curated", database),
        ),
        "step_trainer_landing_to_trusted.py": script(
            s3("StepTrainerLanding_node1", f"{root}/step_trainer/landing/"),
            catalog("CustomersCurated_node2", "customers_curated", database),
            sql(
                "Trusted_node3",
                "select s.sensorReadingTime, s.serialNumber, s.distanceFromObject from s"
                " where s.serialNumber in (select serialnumber from c)",
                s="StepTrainerLanding_node1",
                c="CustomersCurated_node2",
            ),
            sink(
                "StepTrainerTrusted_node4",
                "Trusted_node3",
                f"{root}/step_trainer/trusted/",
                "step_trainer_trusted",
                database,
            ),
        ),
        "machine_learning_trusted_to_curated.py": script(
            s3("StepTrainerTrusted_node1", f"{root}/step_trainer/trusted/"),
            s3("AccelerometerTrusted_node2", f"{root}/accelerometer/trusted/"),
            join(
                "Join_node3", "StepTrainerTrusted_node1", "AccelerometerTrusted_node2", "sensorReadingTime", "timestamp"
            ),
            sink(
                "MachineLearningCurated_node4",
                "Join_node3",
                f"{root}/machine_learning/curated/",
                "machine_learning_curated",
                database,
            ),
        ),
    }


def put(folder: Path, scripts: dict[str, str]) -> Path:
    """Write scripts into a folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, text in scripts.items():
        (folder / name).write_text(text, encoding="utf-8")
    return folder


def line_of(text: str, part: str) -> int:
    """Return the first line of a script that holds a text."""
    return next(number for number, line in enumerate(text.splitlines(), 1) if part in line)


AGREED = (
    "select c.* from c join (select email, max(case when shareWithResearchAsOfDate > 0 then lastUpdateDate end) as yes,"
    " max(case when shareWithResearchAsOfDate > 0 then null else lastUpdateDate end) as no from c group by email) d"
    " on c.email = d.email where c.shareWithResearchAsOfDate > 0 and (d.no is null or d.yes > d.no)"
)
"""Who agreed and did not withdraw: the rule of the tables, which the published scripts have not."""


def right_jobs() -> dict[str, str]:
    """Return five scripts that give our tables where a customer withdrew and one landed twice."""
    return jobs() | {
        "customer_landing_to_trusted.py": script(
            s3("Landing", f"{ROOT}/customer/landing/"),
            sql("Agreed", AGREED, c="Landing"),
            sink("Trusted", "Agreed", f"{ROOT}/customer/trusted/", "customer_trusted"),
        ),
        "customer_trusted_to_curated.py": script(
            s3("Customers", f"{ROOT}/customer/trusted/"),
            catalog("Readings", "accelerometer_trusted"),
            sql("Curated", "select c.* from c where c.email in (select user from a);", c="Customers", a="Readings"),
            sink("Written", "Curated", f"{ROOT}/customer/curated/", "customers_curated"),
        ),
        "accelerometer_landing_to_trusted.py": script(
            s3("Readings", f"{ROOT}/accelerometer/landing/"),
            catalog("Customers", "customer_trusted"),
            sql("Emails", "select distinct email from c", c="Customers"),
            join("Joined", "Readings", "Emails", "user", "email"),
            drop("Dropped", "Joined", "email"),
            sink("Written", "Dropped", f"{ROOT}/accelerometer/trusted/", "accelerometer_trusted"),
        ),
    }


def side_of(outcome: Outcome) -> SideOutcome:
    """Return what came of the one version of Glue that ran."""
    [side] = outcome.sides
    return side


def verdict_of(outcome: Outcome, table: str) -> TableVerdict:
    """Return what was said of a table."""
    return next(verdict for verdict in side_of(outcome).tables if verdict.table == table)
