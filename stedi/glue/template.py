"""The CloudFormation template: everything the jobs and Athena stand on, and the workflow that runs the jobs in order.

Who makes what: the stack makes the bucket, the endpoint, the role, the log groups, the database and the workgroup;
`stedi glue release` makes scripts, tables and jobs, since those go with every change of the SQL. Glue makes no trigger
for a job that is not there, so the workflow is a second step: the parameter WithJobs, which `stedi glue infra --deploy`
sets once it sees the jobs.

The role may do what a job does and no more. Two things are wider than they look, on purpose: it may list its whole
bucket, since to S3 a missing object is forbidden, not missing, to who may list some prefixes only, and Spark looks
for objects that are not there; and it may write the empty objects that stand for folders (`customer/trusted_$folder$`).
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from stedi.contracts import FEEDS, TABLES
from stedi.glue.ddl import DATABASE_COMMENT, QUARANTINES
from stedi.glue.jobs import PARITY_RUNS, SCRIPTS, dag, log_group

__all__ = ["RESULTS", "template"]

RESULTS = "_athena/"
"""Where Athena leaves results, under the lake root."""

RESULT_DAYS = 7
UPLOAD_DAYS = 7
LOG_DAYS = 90
SCANNED_AT_MOST = 100_000_000_000
"""Bytes after which Athena stops a query."""

Json = dict[str, Any]

_PARAMETERS: Json = {
    "BucketName": {
        "Type": "String",
        "AllowedPattern": "[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]",
        "Description": "The bucket that is made for the lake; it stays when the stack goes",
    },
    "LakePrefix": {
        "Type": "String",
        "Default": "",
        "AllowedPattern": "([A-Za-z0-9!_.()=-]+/)*",
        "MaxLength": 100,
        "Description": "Where in the bucket the lake is: empty, or a prefix that ends with a slash",
    },
    "DatabaseName": {
        "Type": "String",
        "Default": "stedi",
        "AllowedPattern": "[a-z0-9_]{1,128}",
        "Description": "Name of the Glue database, the Athena workgroup and the workflow",
    },
    "VpcId": {"Type": "String", "Default": "", "Description": "VPC that gets a gateway endpoint to S3; empty: none"},
    "RouteTableIds": {
        "Type": "CommaDelimitedList",
        "Default": "",
        "Description": "Route tables of that VPC that lead to the endpoint",
    },
    "NoncurrentVersionDays": {
        "Type": "Number",
        "Default": 30,
        "MinValue": 1,
        "Description": "Days after which an object that was replaced or deleted is gone for good",
    },
    "WithJobs": {
        "Type": "String",
        "Default": "false",
        "AllowedValues": ["true", "false"],
        "Description": "Whether the jobs are there, so that the workflow can be made",
    },
    "Schedule": {
        "Type": "String",
        "Default": "",
        "AllowedPattern": "(cron\\(.+\\))?",
        "Description": "When the workflow starts, as cron(0 3 * * ? *) in UTC; empty: when it is told to",
    },
}


def template() -> Json:
    """Return the template as a structure that JSON and YAML can hold."""
    return {
        "AWSTemplateFormatVersion": "2010-09-09",
        "Description": "The STEDI lakehouse - bucket, Glue role, database, Athena workgroup, workflow of the jobs",
        "Parameters": _PARAMETERS,
        "Conditions": {
            "HasVpc": {"Fn::Not": [{"Fn::Equals": [{"Ref": "VpcId"}, ""]}]},
            "HasJobs": {"Fn::Equals": [{"Ref": "WithJobs"}, "true"]},
            "HasSchedule": {"Fn::Not": [{"Fn::Equals": [{"Ref": "Schedule"}, ""]}]},
        },
        "Resources": {
            "LakeBucket": _bucket(),
            "LakeBucketPolicy": _bucket_policy(),
            "S3Endpoint": _endpoint(),
            "GlueRole": _role(),
            **{f"{kind.title()}Logs": _logs(kind) for kind in _LOGS},
            "Database": _database(),
            "Workgroup": _workgroup(),
            **_workflow(),
        },
        "Outputs": {
            "LakeUri": {"Value": _sub("s3://${LakeBucket}/${LakePrefix}"), "Description": "The lake, for --lake"},
            "RoleArn": {"Value": _arn("GlueRole"), "Description": "Role of the jobs, for --role"},
            "DatabaseName": {"Value": _ref("Database"), "Description": "Glue database, for --database"},
            "WorkgroupName": {"Value": _ref("Workgroup"), "Description": "Athena workgroup, for --workgroup"},
        },
    }


_LOGS = ("output", "error")


def _ref(name: str) -> Json:
    return {"Ref": name}


def _sub(text: str) -> Json:
    return {"Fn::Sub": text}


def _arn(name: str) -> Json:
    return {"Fn::GetAtt": [name, "Arn"]}


def _objects(*paths: str) -> list[Json]:
    """Return the ARNs of objects by their paths under the lake root."""
    return [_sub(f"${{LakeBucket.Arn}}/${{LakePrefix}}{path}") for path in paths]


def _bucket() -> Json:
    private = ("BlockPublicAcls", "BlockPublicPolicy", "IgnorePublicAcls", "RestrictPublicBuckets")
    return {
        "Type": "AWS::S3::Bucket",
        "DeletionPolicy": "Retain",
        "UpdateReplacePolicy": "Retain",
        "Properties": {
            "BucketName": _ref("BucketName"),
            "BucketEncryption": {
                "ServerSideEncryptionConfiguration": [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}]
            },
            "VersioningConfiguration": {"Status": "Enabled"},
            "PublicAccessBlockConfiguration": dict.fromkeys(private, True),
            "OwnershipControls": {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]},
            "LifecycleConfiguration": {
                "Rules": [
                    {
                        "Id": "replaced-and-deleted",
                        "Status": "Enabled",
                        "NoncurrentVersionExpiration": {"NoncurrentDays": _ref("NoncurrentVersionDays")},
                        "ExpiredObjectDeleteMarker": True,
                    },
                    {
                        "Id": "unfinished-uploads",
                        "Status": "Enabled",
                        "AbortIncompleteMultipartUpload": {"DaysAfterInitiation": UPLOAD_DAYS},
                    },
                    {
                        "Id": "results-of-athena",
                        "Status": "Enabled",
                        "Prefix": _sub(f"${{LakePrefix}}{RESULTS}"),
                        "ExpirationInDays": RESULT_DAYS,
                    },
                ]
            },
        },
    }


def _bucket_policy() -> Json:
    everything = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": [_arn("LakeBucket"), _sub("${LakeBucket.Arn}/*")],
    }
    return {
        "Type": "AWS::S3::BucketPolicy",
        "Properties": {
            "Bucket": _ref("LakeBucket"),
            "PolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {"Sid": "TlsOnly", **everything, "Condition": {"Bool": {"aws:SecureTransport": "false"}}},
                    {"Sid": "Tls12", **everything, "Condition": {"NumericLessThan": {"s3:TlsVersion": "1.2"}}},
                ],
            },
        },
    }


def _endpoint() -> Json:
    return {
        "Type": "AWS::EC2::VPCEndpoint",
        "Condition": "HasVpc",
        "Properties": {
            "VpcEndpointType": "Gateway",
            "ServiceName": _sub("com.amazonaws.${AWS::Region}.s3"),
            "VpcId": _ref("VpcId"),
            "RouteTableIds": _ref("RouteTableIds"),
        },
    }


def _role() -> Json:
    made = [table.prefix for table in TABLES.values() if table.zone != "landing"]
    made += [*QUARANTINES.values(), *(f"{SCRIPTS}{job}/" for job in dag())]
    made.append(PARITY_RUNS)  # where a parity run has a lake of its own
    account = "${AWS::Region}:${AWS::AccountId}"
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {
            "Description": "What the Glue jobs of the STEDI lakehouse may do",
            "AssumeRolePolicyDocument": {
                "Version": "2012-10-17",
                "Statement": [
                    {
                        "Effect": "Allow",
                        "Principal": {"Service": "glue.amazonaws.com"},
                        "Action": "sts:AssumeRole",
                        # no other account can have Glue take this role on
                        "Condition": {"StringEquals": {"aws:SourceAccount": _ref("AWS::AccountId")}},
                    }
                ],
            },
            "Policies": [
                {
                    "PolicyName": "jobs",
                    "PolicyDocument": {
                        "Version": "2012-10-17",
                        "Statement": [
                            {
                                "Sid": "Bucket",
                                "Effect": "Allow",
                                "Action": ["s3:ListBucket", "s3:GetBucketLocation"],
                                "Resource": [_arn("LakeBucket")],
                            },
                            {
                                "Sid": "Read",
                                "Effect": "Allow",
                                "Action": ["s3:GetObject"],
                                "Resource": _objects(f"{SCRIPTS}*", *(f"{feed.prefix}*" for feed in FEEDS)),
                            },
                            {
                                "Sid": "Tables",
                                "Effect": "Allow",
                                "Action": [
                                    "s3:GetObject",
                                    "s3:PutObject",
                                    "s3:DeleteObject",
                                    "s3:AbortMultipartUpload",
                                ],
                                "Resource": _objects(*(f"{prefix}*" for prefix in made), *_markers(made)),
                            },
                            {
                                "Sid": "Catalog",
                                "Effect": "Allow",
                                "Action": [
                                    "glue:GetDatabase",
                                    "glue:GetTable",
                                    "glue:GetTables",
                                    "glue:GetPartition",
                                    "glue:GetPartitions",
                                ],
                                "Resource": [
                                    _sub(f"arn:${{AWS::Partition}}:glue:{account}:{what}")
                                    for what in ("catalog", "database/${Database}", "table/${Database}/*")
                                ],
                            },
                            {
                                "Sid": "Logs",
                                "Effect": "Allow",
                                "Action": ["logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"],
                                "Resource": [
                                    _sub(
                                        f"arn:${{AWS::Partition}}:logs:{account}:log-group:"
                                        f"{log_group('${Database}')}/{kind}{streams}"
                                    )
                                    for kind in _LOGS
                                    for streams in ("", ":log-stream:*")
                                ],
                            },
                        ],
                    },
                }
            ],
        },
    }


def _markers(prefixes: Iterable[str]) -> list[str]:
    """Return the empty objects that stand for folders: EMRFS names them one way, S3A the other."""
    above = {parent.as_posix(): None for prefix in prefixes for parent in PurePosixPath(prefix).parents[:-1]}
    return ["*_$folder$", *(f"{folder}/" for folder in above)]


def _logs(kind: str) -> Json:
    return {
        "Type": "AWS::Logs::LogGroup",
        "DeletionPolicy": "Delete",
        "UpdateReplacePolicy": "Delete",
        "Properties": {
            "LogGroupName": _sub(f"{log_group('${DatabaseName}')}/{kind}"),
            "RetentionInDays": LOG_DAYS,
        },
    }


def _database() -> Json:
    return {
        "Type": "AWS::Glue::Database",
        "Properties": {
            "CatalogId": _ref("AWS::AccountId"),
            "DatabaseInput": {"Name": _ref("DatabaseName"), "Description": DATABASE_COMMENT},
        },
    }


def _workgroup() -> Json:
    return {
        "Type": "AWS::Athena::WorkGroup",
        "Properties": {
            "Name": _ref("DatabaseName"),
            "Description": "queries of the STEDI lakehouse",
            "State": "ENABLED",
            "RecursiveDeleteOption": True,
            "WorkGroupConfiguration": {
                "EnforceWorkGroupConfiguration": True,
                "PublishCloudWatchMetricsEnabled": True,
                "BytesScannedCutoffPerQuery": SCANNED_AT_MOST,
                "EngineVersion": {"SelectedEngineVersion": "Athena engine version 3"},
                "ResultConfiguration": {
                    "OutputLocation": _sub(f"s3://${{LakeBucket}}/${{LakePrefix}}{RESULTS}"),
                    "EncryptionConfiguration": {"EncryptionOption": "SSE_S3"},
                    "ExpectedBucketOwner": _ref("AWS::AccountId"),
                },
            },
        },
    }


def _workflow() -> Json:
    """Return the workflow and its triggers: the first starts the jobs that read landing tables only."""
    jobs = dag()
    resources: Json = {
        "Workflow": {
            "Type": "AWS::Glue::Workflow",
            "Condition": "HasJobs",
            "Properties": {
                "Name": _ref("DatabaseName"),
                "Description": "every job of the STEDI lakehouse, each after those whose tables it reads",
                "MaxConcurrentRuns": 1,
            },
        },
        "StartTrigger": {
            "Type": "AWS::Glue::Trigger",
            "Condition": "HasJobs",
            "Properties": {
                "Name": _sub("${DatabaseName}-start"),
                "WorkflowName": _ref("Workflow"),
                "Type": {"Fn::If": ["HasSchedule", "SCHEDULED", "ON_DEMAND"]},
                "Schedule": {"Fn::If": ["HasSchedule", _ref("Schedule"), _ref("AWS::NoValue")]},
                "StartOnCreation": {"Fn::If": ["HasSchedule", True, _ref("AWS::NoValue")]},
                "Actions": [{"JobName": job} for job, before in jobs.items() if not before],
            },
        },
    }
    last = "StartTrigger"
    for job, before in jobs.items():
        if not before:
            continue
        name = f"{''.join(word.title() for word in job.split('_'))}Trigger"
        resources[name] = {
            "Type": "AWS::Glue::Trigger",
            "Condition": "HasJobs",
            # one after the other: Glue refuses two changes to one workflow at a time
            # (aws-cloudformation/cloudformation-coverage-roadmap#2103)
            "DependsOn": last,
            "Properties": {
                "Name": _sub(f"${{DatabaseName}}-{job}"),
                "WorkflowName": _ref("Workflow"),
                "Type": "CONDITIONAL",
                "StartOnCreation": True,
                "Predicate": {
                    "Logical": "AND",
                    "Conditions": [
                        {"JobName": upstream, "LogicalOperator": "EQUALS", "State": "SUCCEEDED"} for upstream in before
                    ],
                },
                "Actions": [{"JobName": job}],
            },
        }
        last = name
    return resources
