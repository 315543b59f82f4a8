"""An account as `stedi glue infra --deploy` leaves it: bucket, role, database, workgroup; made in moto directly."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from glue.cloud import ACCOUNT

from stedi.contracts import TABLES
from stedi.glue.receipt import Receipt, digests
from stedi.glue.render import render

__all__ = ["BUCKET", "LAKE", "ROLE", "make_account", "make_role", "receipt_of", "write_receipt"]

BUCKET = "my-bucket"
LAKE = f"s3://{BUCKET}/stedi"
ROLE = f"arn:aws:iam::{ACCOUNT}:role/stedi-GlueRole"


def make_role() -> None:
    """Make the role in moto's own state."""
    from moto.iam.models import iam_backends

    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    }
    iam_backends[ACCOUNT]["aws"].create_role("stedi-GlueRole", json.dumps(trust), "/", None, "", [], "3600")


def make_account(client: Callable[[str], Any]) -> None:
    client("s3").create_bucket(Bucket=BUCKET)
    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "glue.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    }
    client("iam").create_role(RoleName="stedi-GlueRole", AssumeRolePolicyDocument=json.dumps(trust))
    client("glue").create_database(DatabaseInput={"Name": "stedi"})
    results = {"ResultConfiguration": {"OutputLocation": f"{LAKE}/_athena/"}}
    client("athena").create_work_group(Name="stedi", Configuration=results)


def receipt_of(scripts: Mapping[str, str], glue: str = "5.1") -> Receipt:
    return Receipt(
        verdict="same",
        glue=(glue,),
        scripts=digests(scripts),
        tables={table.name: "same" for table in TABLES.values() if table.glue_job},
        versions={"spark": "3.5.6"},
        finished="2026-01-31T12:00:00+00:00",
    )


def write_receipt(file: Path, glue: str = "5.1") -> Path:
    file.write_text(receipt_of(render(glue), glue).dump(), encoding="utf-8")
    return file
