"""The template: it lints, it is the golden one, and its role may do what a job does and nothing else."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml as pyyaml  # type: ignore[import-untyped]
from glue.policies import allows, denies, resolved

from stedi.contracts import FEEDS, TABLES
from stedi.glue import infra, yaml
from stedi.glue.ddl import QUARANTINES
from stedi.glue.jobs import dag
from stedi.glue.template import template

GOLDEN = Path(__file__).parents[1] / "golden" / "cloudformation" / "stack.yaml"
TEMPLATE = template()
BUCKET = "arn:aws:s3:::my-bucket"
NAMES = {
    "AWS::Region": "eu-west-1",
    "AWS::AccountId": "123456789012",
    "AWS::Partition": "aws",
    "LakeBucket": "my-bucket",
    "LakeBucket.Arn": BUCKET,
    "LakePrefix": "stedi/",
    "Database": "stedi",
    "DatabaseName": "stedi",
}
LAKE = f"{BUCKET}/stedi"
GLUE = "arn:aws:glue:eu-west-1:123456789012"
LOGS = "arn:aws:logs:eu-west-1:123456789012:log-group"


def resources(kind: str) -> dict[str, Any]:
    return {name: found for name, found in TEMPLATE["Resources"].items() if found["Type"] == kind}


def statements() -> list[dict[str, Any]]:
    [policy] = TEMPLATE["Resources"]["GlueRole"]["Properties"]["Policies"]
    found: list[dict[str, Any]] = resolved(policy["PolicyDocument"]["Statement"], NAMES)
    return found


def lint(file: Path) -> subprocess.CompletedProcess[str]:
    code = "import sys; from cfnlint.runner import main; sys.exit(main())"
    return subprocess.run(
        [sys.executable, "-W", "ignore", "-c", code, "--include-checks", "I", "--template", str(file)],
        capture_output=True,
        text=True,
        check=False,
    )


def test_cfn_lint_finds_nothing() -> None:
    ran = lint(GOLDEN)
    assert (ran.returncode, ran.stdout) == (0, ""), ran.stdout + ran.stderr
    text = GOLDEN.read_text(encoding="utf-8")
    assert "cfn-lint" not in text, "no check is left out"


def test_cfn_lint_would_find_something(tmp_path: Path) -> None:
    spoiled = json.loads(json.dumps(TEMPLATE))
    spoiled["Resources"]["Database"]["Properties"]["DatabaseInput"]["Nmae"] = "stedi"
    file = tmp_path / "spoiled.json"
    file.write_text(json.dumps(spoiled), encoding="utf-8")
    assert lint(file).returncode


def test_the_golden_file_shows_every_change() -> None:
    assert GOLDEN.read_text(encoding="utf-8") == infra.text(), (
        f"stedi glue infra > tests/golden/cloudformation/{GOLDEN.name}"
    )


def test_yaml_and_json_hold_the_same() -> None:
    assert pyyaml.safe_load(infra.text()) == json.loads(json.dumps(TEMPLATE))


@pytest.mark.parametrize(
    "value",
    [
        *(
            "",
            " a",
            "a ",
            "a  b",
            "a:",
            "a: b",
            "a #b",
            "- a",
            "*",
            "~",
            "@a",
            "a'b\"c",
            "a\nb",
            "é",
            "cron(0 3 * * ? *)",
        ),
        *("yes", "No", "null", "1", "1e3", "0x1F", "2010-09-09"),
        *({}, [], [[]], [[1, [2]], {"a": [{"b": {}}]}], {"a b": [1.5, True]}),
    ],
)
def test_yaml_comes_back_as_it_was(value: Any) -> None:
    for structure in (value, {"k": value}, [value, value]):
        assert pyyaml.safe_load(yaml.dump(structure)) == structure


def test_yaml_refuses_what_has_no_place_in_a_template() -> None:
    with pytest.raises(TypeError):
        yaml.dump({"a": object()})


def test_the_template_is_small_enough_to_be_sent() -> None:
    assert len(infra.text().encode()) < 51_200


def test_the_bucket_is_encrypted_versioned_private_and_stays() -> None:
    bucket = TEMPLATE["Resources"]["LakeBucket"]
    assert (bucket["DeletionPolicy"], bucket["UpdateReplacePolicy"]) == ("Retain", "Retain")
    properties = bucket["Properties"]
    [rule] = properties["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    assert properties["VersioningConfiguration"] == {"Status": "Enabled"}
    assert len(properties["PublicAccessBlockConfiguration"]) == 4
    assert all(properties["PublicAccessBlockConfiguration"].values())
    rules = properties["LifecycleConfiguration"]["Rules"]
    assert all(rule["Status"] == "Enabled" for rule in rules)
    for asked in ("NoncurrentVersionExpiration", "AbortIncompleteMultipartUpload"):
        [rule] = [rule for rule in rules if asked in rule]
        assert "Prefix" not in rule, "it is about every object"


@pytest.mark.parametrize(
    ("context", "denied"),
    [
        ({"aws:SecureTransport": "false"}, True),
        ({"aws:SecureTransport": "true", "s3:TlsVersion": "1.1"}, True),
        ({"aws:SecureTransport": "true", "s3:TlsVersion": "1.2"}, False),
        ({"aws:SecureTransport": "true", "s3:TlsVersion": "1.3"}, False),
    ],
)
@pytest.mark.parametrize(("action", "resource"), [("s3:GetObject", f"{LAKE}/x"), ("s3:ListBucket", BUCKET)])
def test_the_bucket_takes_tls_only(context: dict[str, str], denied: bool, action: str, resource: str) -> None:
    document = resolved(TEMPLATE["Resources"]["LakeBucketPolicy"]["Properties"]["PolicyDocument"], NAMES)
    assert all(statement["Principal"] == "*" for statement in document["Statement"])
    assert denies(document["Statement"], action, resource, context) == denied
    assert not any(statement["Effect"] == "Allow" for statement in document["Statement"])


ALLOWED = [
    ("s3:ListBucket", BUCKET),
    ("s3:GetObject", f"{LAKE}/_stedi/glue/customer_landing_to_trusted.py"),
    *[("s3:GetObject", f"{LAKE}/{table.prefix}part-0.parquet") for table in TABLES.values()],
    *[
        (f"s3:{do}Object", f"{LAKE}/{table.prefix}part-0.parquet")
        for table in TABLES.values()
        if table.zone != "landing"
        for do in ("Put", "Delete")
    ],
    *[
        (f"s3:{do}Object", f"{LAKE}/{prefix}part-0.parquet")
        for prefix in QUARANTINES.values()
        for do in ("Put", "Delete")
    ],
    # what a job stages, beside its script
    *[
        (f"s3:{do}Object", f"{LAKE}/_stedi/glue/{job}/0123/table/part-0.parquet")
        for job in dag()
        for do in ("Get", "Put", "Delete")
    ],
    # a parity run has landing data, key and tables in a folder of its own
    *[(f"s3:{do}Object", f"{LAKE}/_stedi/parity/0123/a") for do in ("Get", "Put", "Delete")],
    ("s3:GetObject", f"{LAKE}/_stedi/glue/pseudonym-key.txt"),
    *[("s3:PutObject", f"{LAKE}/{key}") for key in ("customer/trusted_$folder$", "customer/", "_quarantine_$folder$")],
    ("glue:GetTable", f"{GLUE}:table/stedi/customer_trusted"),
    ("glue:GetTable", f"{GLUE}:database/stedi"),
    ("glue:GetTable", f"{GLUE}:catalog"),
    ("logs:PutLogEvents", f"{LOGS}:/stedi/stedi/error:log-stream:jr_1-driver"),
    ("logs:CreateLogStream", f"{LOGS}:/stedi/stedi/output:log-stream:jr_1-driver"),
]
FORBIDDEN = [
    # landing data and scripts are read, never written
    *[(f"s3:{do}Object", f"{LAKE}/{feed.prefix}a.json") for feed in FEEDS for do in ("Put", "Delete")],
    *[(f"s3:{do}Object", f"{LAKE}/_stedi/glue/{job}.py") for job in dag() for do in ("Put", "Delete")],
    ("s3:PutObject", f"{LAKE}/_stedi/glue/other/a.parquet"),
    ("s3:PutObject", f"{LAKE}/_stedi/glue/pseudonym-key.txt"),
    # the records of a local build, results of queries, whatever else lies in the bucket
    *[(f"s3:{do}Object", f"{LAKE}/_stedi/manifest.json") for do in ("Get", "Put", "Delete")],
    ("s3:GetObject", f"{LAKE}/_athena/result.csv"),
    ("s3:GetObject", f"{LAKE}/other/a.json"),
    ("s3:PutObject", f"{LAKE}/a.json"),
    ("s3:PutObject", f"{LAKE}/customer/other/a.parquet"),
    ("s3:PutObject", f"{LAKE}/customer/trusted"),
    # a lake beside this one, another bucket
    ("s3:GetObject", f"{BUCKET}/customer/trusted/a.parquet"),
    ("s3:GetObject", f"{BUCKET}/stedi-test/customer/trusted/a.parquet"),
    ("s3:GetObject", "arn:aws:s3:::my-bucket-2/stedi/customer/trusted/a.parquet"),
    ("s3:ListBucket", "arn:aws:s3:::my-bucket-2"),
    ("s3:ListAllMyBuckets", "*"),
    # the bucket itself, and versions
    *[
        (f"s3:{do}", BUCKET)
        for do in ("DeleteBucket", "PutBucketPolicy", "PutLifecycleConfiguration", "ListBucketVersions")
    ],
    ("s3:DeleteObjectVersion", f"{LAKE}/customer/trusted/part-0.parquet"),
    ("s3:PutObjectAcl", f"{LAKE}/customer/trusted/part-0.parquet"),
    # the catalog is read, and of this database only
    *[
        (f"glue:{do}", f"{GLUE}:table/stedi/customer_trusted")
        for do in ("CreateTable", "UpdateTable", "DeleteTable", "BatchDeleteTable")
    ],
    ("glue:GetTable", f"{GLUE}:table/other/customer_trusted"),
    ("glue:GetTable", f"{GLUE}:table/stedi_test/customer_trusted"),
    ("glue:GetDatabase", f"{GLUE}:database/default"),
    ("glue:GetTable", "arn:aws:glue:eu-west-1:210987654321:table/stedi/customer_trusted"),
    ("glue:GetTable", "arn:aws:glue:us-east-1:123456789012:table/stedi/customer_trusted"),
    # jobs, connections and their passwords, other roles
    *[(f"glue:{do}", f"{GLUE}:job/customer_landing_to_trusted") for do in ("StartJobRun", "UpdateJob", "CreateJob")],
    ("glue:GetConnection", f"{GLUE}:connection/db"),
    ("iam:PassRole", "arn:aws:iam::123456789012:role/stedi"),
    ("sts:AssumeRole", "arn:aws:iam::123456789012:role/admin"),
    ("secretsmanager:GetSecretValue", "arn:aws:secretsmanager:eu-west-1:123456789012:secret:a"),
    # logs of others, and reading them
    ("logs:PutLogEvents", f"{LOGS}:/aws-glue/jobs/error:log-stream:a"),
    ("logs:PutLogEvents", f"{LOGS}:/stedi/stedi_test/error:log-stream:a"),
    ("logs:GetLogEvents", f"{LOGS}:/stedi/stedi/error:log-stream:a"),
    ("logs:DeleteLogGroup", f"{LOGS}:/stedi/stedi/error"),
]  # fmt: skip


@pytest.mark.parametrize(("action", "resource"), ALLOWED)
def test_the_role_may(action: str, resource: str) -> None:
    assert allows(statements(), action, resource)


@pytest.mark.parametrize(("action", "resource"), FORBIDDEN)
def test_the_role_may_not(action: str, resource: str) -> None:
    assert not allows(statements(), action, resource)


def test_the_role_names_every_action_and_resource() -> None:
    for statement in statements():
        assert not any("*" in action for action in statement["Action"])
        for resource in statement["Resource"]:
            service, *_, what = resource.split(":", 5)[2:]
            assert service in ("s3", "glue", "logs")
            assert not what.startswith("*")


def test_the_policy_has_room_for_the_longest_names() -> None:
    [policy] = TEMPLATE["Resources"]["GlueRole"]["Properties"]["Policies"]
    longest = {"LakeBucket.Arn": f"arn:aws-us-gov:s3:::{'b' * 63}", "LakePrefix": "p" * 99 + "/", "Database": "d" * 128}
    document = resolved(policy["PolicyDocument"], {**NAMES, **longest, "AWS::Partition": "aws-us-gov"})
    # what IAM takes in the inline policies of a role; one table more must not be too much
    assert len(json.dumps(document, separators=(",", ":"))) < 10_240 - 500


def test_only_glue_of_this_account_may_take_the_role() -> None:
    [trust] = resolved(TEMPLATE["Resources"]["GlueRole"]["Properties"]["AssumeRolePolicyDocument"]["Statement"], NAMES)
    assert trust["Principal"] == {"Service": "glue.amazonaws.com"}
    assert trust["Action"] == "sts:AssumeRole"
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_the_evaluator_sees_what_it_must() -> None:
    allow = {"Effect": "Allow", "Action": ["s3:Get*"], "Resource": "arn:aws:s3:::b/*"}
    deny = {"Effect": "Deny", "Action": "s3:*", "Resource": ["arn:aws:s3:::b/secret/*"]}
    assert allows([allow], "s3:GetObject", "arn:aws:s3:::b/a")
    assert not allows([allow], "s3:PutObject", "arn:aws:s3:::b/a")
    assert not allows([allow], "s3:GetObject", "arn:aws:s3:::c/a")
    assert not allows([allow, deny], "s3:GetObject", "arn:aws:s3:::b/secret/a")
    with pytest.raises(AssertionError):
        allows([{**allow, "NotAction": "s3:*"}], "s3:GetObject", "arn:aws:s3:::b/a")


def test_the_workflow_has_a_trigger_for_every_job_after_those_it_reads() -> None:
    triggers = {name: found["Properties"] for name, found in resources("AWS::Glue::Trigger").items()}
    assert all(found["Condition"] == "HasJobs" for found in resources("AWS::Glue::Trigger").values())
    started: dict[str, tuple[str, ...]] = {}
    for properties in triggers.values():
        assert properties["WorkflowName"] == {"Ref": "Workflow"}
        for action in properties["Actions"]:
            assert action["JobName"] not in started
            conditions = properties.get("Predicate", {}).get("Conditions", ())
            assert all((c["LogicalOperator"], c["State"]) == ("EQUALS", "SUCCEEDED") for c in conditions)
            started[action["JobName"]] = tuple(c["JobName"] for c in conditions)
    assert started == dag()
    assert len(triggers) == 1 + sum(bool(before) for before in dag().values())
    begin = [properties for properties in triggers.values() if "Predicate" not in properties]
    assert len(begin) == 1, "a workflow has one trigger that starts it"


def test_the_jobs_are_in_the_order_of_their_sql() -> None:
    jobs = dag()
    assert set(jobs) == {table.glue_job for table in TABLES.values() if table.glue_job}
    seen: set[str] = set()
    for job, before in jobs.items():
        assert set(before) <= seen
        seen.add(job)
    assert jobs["customer_landing_to_trusted"] == ()
    assert jobs["machine_learning_trusted_to_curated"] == (
        "accelerometer_landing_to_trusted",
        "step_trainer_landing_to_trusted",
    )


def test_the_endpoint_is_made_where_a_vpc_is_named() -> None:
    [endpoint] = resources("AWS::EC2::VPCEndpoint").values()
    assert endpoint["Condition"] == "HasVpc"
    assert endpoint["Properties"]["VpcEndpointType"] == "Gateway"
    assert resolved(endpoint["Properties"]["ServiceName"], NAMES) == "com.amazonaws.eu-west-1.s3"


def test_the_command_prints_the_template(stedi: Callable[..., tuple[int, str, str]]) -> None:
    assert stedi("glue", "infra") == (0, infra.text(), "")
    code, out, _ = stedi("glue", "infra", "--json")
    assert (code, json.loads(out)) == (0, json.loads(json.dumps(TEMPLATE)))
