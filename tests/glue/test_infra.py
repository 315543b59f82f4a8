"""Deploying the stack: shown, confirmed, carried out, and what goes wrong on the way. As far as moto goes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click
import pytest
from glue.cloud import Cloud, refuse
from glue.cloud import stack as moto_stack

from stedi.glue import infra
from stedi.glue.jobs import dag

if TYPE_CHECKING:
    from s3.proxy import Exchange

Stedi = Callable[..., tuple[int, str, str]]
Client = Callable[[str], Any]

DEPLOY = ("glue", "infra", "--deploy", "--lake", "s3://my-bucket/stedi")


def stack(client: Client, name: str = "stedi") -> dict[str, Any]:
    [found] = client("cloudformation").describe_stacks(StackName=name)["Stacks"]
    return dict(found)


def parameters(client: Client) -> dict[str, str]:
    return {p["ParameterKey"]: p["ParameterValue"] for p in stack(client)["Parameters"]}


def stacks(client: Client) -> list[str]:
    return [found["StackName"] for found in client("cloudformation").describe_stacks()["Stacks"]]


def change_nothing(exchange: Exchange) -> None:
    """Describe a change set without the changes in it, as one of outputs alone is."""
    with exchange.ask() as response:
        answer = re.sub(rb"<Changes>.*</Changes>", b"<Changes/>", response.read(), flags=re.DOTALL)
    exchange.answer(200, {"Content-Type": "application/xml"}, answer)


def make_jobs(client: Client) -> None:
    for job in dag():
        client("glue").create_job(
            Name=job, Role="arn:aws:iam::123456789012:role/a", Command={"Name": "glueetl", "ScriptLocation": "s3://a/b"}
        )


def test_a_new_stack_is_made(stedi: Stedi, cloud: Cloud, client: Client) -> None:
    code, out, err = stedi(*DEPLOY, "--yes")
    assert code == 0, err
    assert "Add     LakeBucket" in out
    assert "RoleArn" in out
    assert "the workflow follows once the jobs are there" in out
    found = stack(client)
    assert found["StackStatus"] == "CREATE_COMPLETE"
    assert found["Tags"] == [infra.MADE_BY]
    assert parameters(client) == {
        "BucketName": "my-bucket",
        "LakePrefix": "stedi/",
        "DatabaseName": "stedi",
        "VpcId": "",
        "RouteTableIds": "",
        "NoncurrentVersionDays": "30",
        "WithJobs": "false",
        "Schedule": "",
    }
    assert [bucket["Name"] for bucket in client("s3").list_buckets()["Buckets"]] == ["my-bucket"]
    [role] = [r for r in client("iam").list_roles()["Roles"] if "GlueRole" in r["RoleName"]]
    assert role["Arn"] in out
    assert cloud.sent("cloudformation:CreateChangeSet")[0]["Capabilities.member.1"] == "CAPABILITY_IAM"


def test_json_says_what_changed_and_the_outputs(stedi: Stedi, cloud: Cloud) -> None:
    code, out, _ = stedi(*DEPLOY, "--yes", "--json")
    found = json.loads(out)
    assert code == 0
    assert found["is_new"]
    assert {"action": "Add", "resource": "GlueRole", "type": "AWS::IAM::Role", "replacement": ""} in found["changes"]
    assert found["outputs"]["LakeUri"] == "s3://my-bucket/stedi/"


def test_nothing_to_change_changes_nothing(stedi: Stedi, cloud: Cloud) -> None:
    assert stedi(*DEPLOY, "--yes")[0] == 0
    cloud.clear()
    code, out, _ = stedi(*DEPLOY)
    assert code == 0
    assert "nothing to change" in out
    assert "RoleArn" in out
    assert cloud.changes() == ["cloudformation:CreateChangeSet", "cloudformation:DeleteChangeSet"]


def test_what_is_not_confirmed_is_not_done(stedi: Stedi, cloud: Cloud, client: Client) -> None:
    code, out, err = stedi(*DEPLOY)
    assert code == 1
    assert "LakeBucket" in out, "what would change is shown"
    assert "not deployed; nothing was changed" in err
    assert "--yes" in err
    assert stacks(client) == []
    assert client("s3").list_buckets()["Buckets"] == []


def test_ctrl_c_at_the_question_is_a_no(
    stedi: Stedi, cloud: Cloud, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: str) -> bool:
        raise click.Abort

    monkeypatch.setattr("stedi.cli.glue.infra._confirmed", interrupted)
    assert stedi(*DEPLOY)[0] == 130
    assert stacks(client) == []


def test_a_change_of_no_resource_is_shown_as_one(stedi: Stedi, cloud: Cloud) -> None:
    assert stedi(*DEPLOY, "--yes")[0] == 0
    cloud.on("cloudformation:DescribeChangeSet", change_nothing)
    code, out, _ = stedi(*DEPLOY, "--schedule", "cron(0 3 * * ? *)", "--yes")
    assert code == 0
    assert out.startswith("stack stedi: no resource changes, only what the stack says of itself\n")


def test_a_stack_that_is_there_is_kept_where_a_change_is_not_confirmed(
    stedi: Stedi, cloud: Cloud, client: Client
) -> None:
    assert stedi(*DEPLOY, "--yes")[0] == 0
    assert stedi(*DEPLOY, "--schedule", "cron(0 3 * * ? *)")[0] == 1
    assert stack(client)["StackStatus"] == "CREATE_COMPLETE"
    assert parameters(client)["Schedule"] == ""


def test_an_empty_stack_that_was_there_is_not_deleted(stedi: Stedi, cloud: Cloud, client: Client) -> None:
    """Somebody else's change set may wait for its stack to be begun."""
    theirs = client("cloudformation").create_change_set(
        StackName="stedi",
        ChangeSetName="theirs",
        ChangeSetType="CREATE",
        TemplateBody=json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}}),
    )
    cloud.clear()
    assert stedi(*DEPLOY)[0] == 1
    assert "cloudformation:DeleteStack" not in cloud.actions()
    assert theirs["StackId"] in [found["StackId"] for found in client("cloudformation").describe_stacks()["Stacks"]]
    assert client("cloudformation").describe_change_set(ChangeSetName=theirs["Id"])["ChangeSetName"] == "theirs"


def test_the_workflow_follows_when_the_jobs_are_there(stedi: Stedi, cloud: Cloud, client: Client) -> None:
    assert stedi(*DEPLOY, "--yes")[0] == 0
    make_jobs(client)
    code, out, _ = stedi(*DEPLOY, "--yes")
    assert code == 0
    assert parameters(client)["WithJobs"] == "true"
    assert "the workflow follows" not in out


def test_a_workflow_without_its_jobs_is_refused(stedi: Stedi, cloud: Cloud, client: Client) -> None:
    make_jobs(client)
    assert stedi(*DEPLOY, "--yes")[0] == 0
    client("glue").delete_job(JobName="customer_landing_to_trusted")
    code, _, err = stedi(*DEPLOY, "--yes")
    assert code == 1
    assert "job customer_landing_to_trusted: is not there" in err
    assert "stedi glue release" in err


def test_what_no_option_changes_is_kept(stedi: Stedi, cloud: Cloud, client: Client) -> None:
    ec2 = client("ec2")
    made = ec2.create_vpc(CidrBlock="10.0.0.0/16")["Vpc"]["VpcId"]
    table = ec2.create_route_table(VpcId=made)["RouteTable"]["RouteTableId"]
    vpc = ("--vpc", made, "--route-tables", table)
    assert stedi(*DEPLOY, *vpc, "--yes")[0] == 0
    [endpoint] = ec2.describe_vpc_endpoints()["VpcEndpoints"]
    assert (endpoint["VpcEndpointType"], endpoint["RouteTableIds"]) == ("Gateway", [table])
    assert stedi(*DEPLOY, "--schedule", "cron(0 3 * * ? *)", "--yes")[0] == 0
    found = parameters(client)
    assert (found["VpcId"], found["RouteTableIds"], found["Schedule"]) == (made, table, "cron(0 3 * * ? *)")


def test_a_stack_of_somebody_else_is_left_alone(stedi: Stedi, cloud: Cloud, client: Client) -> None:
    client("cloudformation").create_stack(
        StackName="stedi", TemplateBody=json.dumps({"Resources": {"Topic": {"Type": "AWS::SNS::Topic"}}})
    )
    cloud.clear()
    code, _, err = stedi(*DEPLOY, "--yes")
    assert code == 1
    assert "stack stedi: is there, and was not made by stedi; nothing was changed" in err
    assert "--stack" in err
    assert cloud.changes() == []


@pytest.mark.parametrize(
    ("status", "fix"),
    [
        ("ROLLBACK_COMPLETE", "aws cloudformation delete-stack --stack-name stedi"),
        ("UPDATE_IN_PROGRESS", "wait until that is over"),
    ],
)
def test_a_stack_that_cannot_be_changed_is_named(
    stedi: Stedi, cloud: Cloud, client: Client, status: str, fix: str
) -> None:
    assert stedi(*DEPLOY, "--yes")[0] == 0
    moto_stack().status = status
    code, _, err = stedi(*DEPLOY, "--yes")
    assert code == 2
    assert status in err
    assert fix in err


def test_a_bucket_that_is_taken_is_named(stedi: Stedi, cloud: Cloud) -> None:
    """CloudFormation finds that out when it makes the stack: moto does not, so its state is made to say so."""
    from moto.cloudformation.models import Event

    def spoil(exchange: Exchange) -> None:
        exchange.forward()
        found = moto_stack()
        found.status = "ROLLBACK_COMPLETE"
        for name, kind, reason in (
            ("LakeBucket", "AWS::S3::Bucket", "my-bucket already exists (Service: S3, Status Code: 0)"),
            ("GlueRole", "AWS::IAM::Role", "Resource creation cancelled"),
        ):
            found.events.append(Event(found.stack_id, found.name, name, name, kind, "CREATE_FAILED", reason, None))

    cloud.on("cloudformation:ExecuteChangeSet", spoil)
    code, _, err = stedi(*DEPLOY, "--yes")
    assert code == 2
    assert "stack stedi: is ROLLBACK_COMPLETE: LakeBucket failed: my-bucket already exists" in err
    assert "name another one with --lake" in err
    assert "delete-stack" in err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--deploy",), "--deploy needs to know the lake"),
        (("--vpc", "vpc-01234567"), "--vpc is for --deploy"),
        (("--deploy", "--lake", "lake"), "is no lake on S3"),
        (("--deploy", "--lake", "s3://my-bucket", "--vpc", "vpc-01234567"), "go together"),
        (("--deploy", "--lake", "s3://my-bucket", "--vpc", "a", "--route-tables", "b"), "is no id of a VPC"),
        (("--deploy", "--lake", "s3://my-bucket", "--database", "A"), "is no name of a database"),
        (("--deploy", "--lake", "s3://my-bucket", "--stack", "a_b"), "is no name of a stack"),
        (("--deploy", "--lake", "s3://my-bucket", "--schedule", "daily"), "is no schedule"),
    ],
)
def test_bad_usage_asks_nothing_of_aws(stedi: Stedi, cloud: Cloud, options: tuple[str, ...], says: str) -> None:
    code, _, err = stedi("glue", "infra", *options)
    assert code == 2
    assert says in err
    assert "Fix: " in err
    assert cloud.calls == []


@pytest.mark.parametrize("action", ["CreateChangeSet", "DescribeStacks", "ExecuteChangeSet"])
def test_access_denied_names_the_call(stedi: Stedi, cloud: Cloud, action: str) -> None:
    cloud.on(f"cloudformation:{action}", refuse("AccessDenied", status=403))
    code, _, err = stedi(*DEPLOY, "--yes")
    assert code == 2
    assert f"access denied to cloudformation:{action} (AccessDenied)" in err
    assert f"allow this identity cloudformation:{action}" in err


def test_throttling_without_end_is_named(stedi: Stedi, cloud: Cloud) -> None:
    cloud.on("cloudformation:CreateChangeSet", refuse("Throttling", "Rate exceeded"), times=None)
    code, _, err = stedi(*DEPLOY, "--yes")
    assert code == 2
    assert "AWS throttles cloudformation:CreateChangeSet at every attempt" in err
    assert "run the command again in a minute" in err


def test_throttling_is_waited_for(stedi: Stedi, cloud: Cloud) -> None:
    cloud.on("cloudformation:CreateChangeSet", refuse("Throttling", "Rate exceeded"), times=1)
    assert stedi(*DEPLOY, "--yes")[0] == 0
