"""Releases: the plan, what is refused, what goes wrong on the way, and that nothing is done twice."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from glue.account import BUCKET, LAKE, ROLE, make_account, receipt_of, write_receipt
from glue.cloud import Cloud, refuse

from stedi.contracts import TABLES
from stedi.glue import names
from stedi.glue.ddl import QUARANTINES, shapes, table_input
from stedi.glue.jobs import ARGUMENTS, dag
from stedi.glue.release import Found, Plan, note_of, plan, want
from stedi.glue.render import render

Stedi = Callable[..., tuple[int, str, str]]
Client = Callable[[str], Any]

SCRIPTS = render("5.1")
NOTE = note_of(receipt_of(SCRIPTS), "")
KEY = f"{LAKE}/_stedi/glue/pseudonym-key.txt"
TRAINING = "training_trusted_to_curated"
OWNERS = "device_owners_trusted_to_curated"
NO_KEY = f"note: job {TRAINING}: has no key of the pseudonyms, so each run makes others; --pseudonym-key-path names one"


@pytest.fixture
def account(cloud: Cloud, client: Client) -> Cloud:
    make_account(client)
    return cloud


@pytest.fixture
def release(stedi: Stedi, account: Cloud, tmp_path: Path) -> Stedi:
    receipt = write_receipt(tmp_path / "receipt.json")

    def run(*options: object, without: tuple[str, ...] = ()) -> tuple[int, str, str]:
        given: dict[str, tuple[object, ...]] = {
            "--lake": (LAKE,),
            "--role": (ROLE,),
            "--receipt": (receipt,),
        }
        arguments = [part for name, values in given.items() if name not in without for part in (name, *values)]
        account.clear()
        return stedi("glue", "release", *arguments, *options)

    return run


def jobs(client: Client) -> dict[str, Any]:
    return {job["Name"]: job for job in client("glue").get_jobs()["Jobs"]}


def tables(client: Client) -> dict[str, Any]:
    return {table["Name"]: table for table in client("glue").get_tables(DatabaseName="stedi")["TableList"]}


def script(client: Client, name: str) -> str:
    body = client("s3").get_object(Bucket=BUCKET, Key=f"stedi/_stedi/glue/{name}")["Body"].read()
    return str(body.decode())


# --- what a release makes


def test_a_release_makes_scripts_tables_and_jobs(release: Stedi, account: Cloud, client: Client) -> None:
    code, out, err = release()
    assert (code, err) == (0, f"{NO_KEY}\n")
    assert f"released to {LAKE}, for Glue 5.1" in out
    for name, text in SCRIPTS.items():
        assert script(client, name) == text
    assert tables(client).keys() == {*TABLES, *QUARANTINES}
    made = jobs(client)
    assert made.keys() == dag().keys()
    for name, job in made.items():
        assert job["Role"] == ROLE
        assert job["Command"] == {
            "Name": "glueetl",
            "PythonVersion": "3",
            "ScriptLocation": f"{LAKE}/_stedi/glue/{name}.py",
        }
        assert (job["GlueVersion"], job["WorkerType"], job["NumberOfWorkers"]) == ("5.1", "G.1X", 2)
        assert (job["MaxRetries"], job["Timeout"], job["ExecutionProperty"]) == (0, 60, {"MaxConcurrentRuns": 1})
        assert job["DefaultArguments"] == {
            "--LAKE": LAKE,
            "--job-language": "python",
            "--job-bookmark-option": "job-bookmark-disable",
            "--enable-continuous-cloudwatch-log": "true",
            "--custom-logGroup-prefix": "/stedi/stedi",
        }
        assert job["Description"].endswith("parity: same as DuckDB, run of 2026-01-31T12:00:00+00:00")


def test_every_step_is_taken_after_what_it_needs(release: Stedi, account: Cloud, landing: Path) -> None:
    assert release("--upload-landing", landing)[0] == 0
    kinds = [action for action in account.changes() if action != "glue:GetTables"]
    first = {action: kinds.index(action) for action in kinds}
    last = {action: len(kinds) - 1 - kinds[::-1].index(action) for action in kinds}
    assert last["s3:PutObject"] < first["glue:CreateTable"]
    assert last["glue:CreateTable"] < first["glue:CreateJob"]


def test_an_unchanged_lake_is_only_read(release: Stedi, account: Cloud, landing: Path) -> None:
    assert release("--upload-landing", landing)[0] == 0
    code, out, _ = release("--upload-landing", landing)
    assert code == 0
    assert account.changes() == []
    counts = {action: account.actions().count(action) for action in account.actions()}
    assert counts == {
        "sts:GetCallerIdentity": 1,
        "s3:HeadBucket": 2,
        "iam:GetRole": 1,
        "glue:GetDatabase": 1,
        "glue:GetTables": 1,
        "glue:BatchGetJobs": 1,
        "s3:GetBucket": 3,  # a listing a feed
        "s3:GetObject": len(SCRIPTS),
    }
    assert f"{len(SCRIPTS)} scripts, {len(shapes())} tables, {len(dag())} jobs" in out


def test_another_run_that_found_the_same_is_no_change(release: Stedi, account: Cloud, tmp_path: Path) -> None:
    assert release()[0] == 0
    later = dataclasses.replace(receipt_of(SCRIPTS), finished="2026-02-28T12:00:00+00:00")
    (tmp_path / "receipt.json").write_text(later.dump(), encoding="utf-8")
    assert release()[0] == 0
    assert account.changes() == []


def test_a_dry_run_changes_nothing(release: Stedi, account: Cloud, landing: Path, client: Client) -> None:
    code, out, _ = release("--dry-run", "--upload-landing", landing)
    assert code == 0
    assert "job      customer_landing_to_trusted" in out
    assert "landing  customer/landing/customers.json" in out
    assert out.endswith("\ndry run, nothing was changed\n")
    assert account.changes() == []
    assert jobs(client) == {}


def test_json_names_every_step(release: Stedi, account: Cloud) -> None:
    code, out, _ = release("--json")
    assert code == 0
    found = json.loads(out)
    assert {(s["kind"], s["name"], s["action"]) for s in found["steps"]} == {
        *(("script", name, "create") for name in SCRIPTS),
        *(("table", name, "create") for name in shapes()),
        *(("job", name, "create") for name in dag()),
    }
    assert json.loads(release("--json")[1])["unchanged"] == {
        "script": len(SCRIPTS),
        "table": len(shapes()),
        "job": len(dag()),
    }


def test_another_version_of_glue_updates_scripts_and_jobs(
    release: Stedi, account: Cloud, client: Client, tmp_path: Path
) -> None:
    assert release()[0] == 0
    receipt = write_receipt(tmp_path / "six.json", "6.0")
    code, out, err = release("--receipt", receipt, "--glue", "6.0", without=("--receipt",))
    assert code == 0, err
    assert "GlueVersion 5.1, shall be 6.0" in out
    assert {job["GlueVersion"] for job in jobs(client).values()} == {"6.0"}
    assert script(client, "customer_landing_to_trusted.py") == render("6.0")["customer_landing_to_trusted.py"]


def test_what_others_have_set_stays(release: Stedi, account: Cloud, client: Client) -> None:
    assert release()[0] == 0
    name = "customer_landing_to_trusted"
    from glue.cloud import glue

    job = glue().jobs[name]
    job.connections = {"Connections": ["vpc"]}
    job.default_arguments["--extra"] = "1"
    job.timeout = 10
    glue().databases["stedi"].tables["customer_trusted"].versions["1"]["Parameters"]["owner"] = "us"
    glue().databases["stedi"].tables["customer_trusted"].versions["1"]["Description"] = "other"
    code, out, err = release()
    assert code == 0, err
    assert "Timeout 10, shall be 60" in out
    assert account.changes() == ["glue:UpdateTable", "glue:UpdateJob"]
    found = jobs(client)[name]
    assert found["Timeout"] == 60
    assert found["Connections"] == {"Connections": ["vpc"]}
    assert found["DefaultArguments"]["--extra"] == "1"
    table = tables(client)["customer_trusted"]
    assert table["Parameters"]["owner"] == "us"
    assert table["Description"] == TABLES["customer_trusted"].comment


# --- what jobs are told


@pytest.fixture
def key(account: Cloud, client: Client) -> str:
    put_key(client, b"0123456789abcdef\n")
    return KEY


def put_key(client: Client, body: bytes) -> None:
    client("s3").put_object(Bucket=BUCKET, Key=KEY.removeprefix(f"s3://{BUCKET}/"), Body=body)


def told(client: Client) -> dict[str, dict[str, str]]:
    """Return of each job the arguments that are parameters of a run."""
    given = {name: job["DefaultArguments"].items() for name, job in jobs(client).items()}
    found = {name: {k: v for k, v in pairs if k in ARGUMENTS.values()} for name, pairs in given.items()}
    return {name: arguments for name, arguments in found.items() if arguments}


def test_each_job_is_told_the_parameters_that_it_reads(
    release: Stedi, account: Cloud, client: Client, key: str
) -> None:
    code, _, err = release("--pseudonym-key-path", key, "--clock-skew-ms", "40")
    assert (code, err) == (0, "")
    assert told(client) == {TRAINING: {"--PSEUDONYM_KEY_PATH": key}, OWNERS: {"--CLOCK_SKEW_MS": "40"}}
    for name, arguments in told(client).items():
        for argument in arguments:
            assert f'"{argument.removeprefix("--")}"' in script(client, f"{name}.py"), "the script asks for it"
    asked = [call.action for call in account.calls if call.sent.get("Key", "").endswith("key.txt")]
    assert asked == ["s3:HeadObject"], "what the key is nobody reads"


def test_what_a_job_was_told_stays(release: Stedi, account: Cloud, client: Client, key: str) -> None:
    assert release("--pseudonym-key-path", key, "--clock-skew-ms", "40")[0] == 0
    code, _, err = release()
    assert (code, err, account.changes()) == (0, "", [])
    code, out, err = release("--clock-skew-ms", "0")
    assert (code, err, account.changes()) == (0, "", ["glue:UpdateJob"])
    assert f"job {OWNERS}: --CLOCK_SKEW_MS 40, shall be 0" in out
    assert told(client) == {TRAINING: {"--PSEUDONYM_KEY_PATH": key}, OWNERS: {"--CLOCK_SKEW_MS": "0"}}


def test_a_release_without_a_key_says_so_until_there_is_one(
    release: Stedi, account: Cloud, client: Client, key: str
) -> None:
    assert NO_KEY in release("--dry-run")[2]
    assert NO_KEY in release()[2]
    assert NO_KEY in release()[2], "of an unchanged job, too"
    assert NO_KEY not in release("--pseudonym-key-path", key)[2]


@pytest.mark.parametrize(
    ("body", "says"),
    [(None, "is not there"), (b"", "has 0 bytes, which is no key"), (b"k" * 4097, "has 4,097 bytes, which is no key")],
)
def test_a_key_that_no_job_could_use_is_told(
    release: Stedi, account: Cloud, client: Client, body: bytes | None, says: str
) -> None:
    if body is not None:
        put_key(client, body)
    code, _, err = release("--pseudonym-key-path", KEY)
    assert code == 2
    assert f"key {KEY}: {says}" in err
    assert f"openssl rand -hex 32 | aws s3 cp - {KEY}" in err
    assert account.changes() == []


def test_a_key_that_the_role_may_not_read_is_a_note(release: Stedi, account: Cloud, client: Client) -> None:
    client("s3").create_bucket(Bucket="other-bucket")
    client("s3").put_object(Bucket="other-bucket", Key="key", Body=b"a key")
    code, _, err = release("--pseudonym-key-path", "s3://other-bucket/key")
    assert code == 0
    assert f"note: key s3://other-bucket/key: is not below {LAKE}/_stedi/glue/" in err


def test_a_key_that_may_not_be_looked_at_is_a_note(release: Stedi, account: Cloud) -> None:
    harm(account, "s3:HeadObject", "403", status=403)
    code, _, err = release("--pseudonym-key-path", KEY)
    assert code == 0
    assert f"note: key {KEY}: cannot be looked at (s3:GetObject is denied)" in err


# --- landing data


def test_landing_data_is_brought_into_place(release: Stedi, account: Cloud, client: Client, landing: Path) -> None:
    assert release("--upload-landing", landing)[0] == 0
    for file in landing.rglob("*.json"):
        key = f"stedi/{file.relative_to(landing).as_posix()}"
        assert client("s3").get_object(Bucket=BUCKET, Key=key)["Body"].read() == file.read_bytes()


def test_only_what_differs_is_sent_again(
    release: Stedi, account: Cloud, client: Client, landing: Path, add_lines: Callable[..., Path]
) -> None:
    assert release("--upload-landing", landing)[0] == 0
    client("s3").put_object(Bucket=BUCKET, Key="stedi/customer/landing/other.json", Body=b"{}")
    changed = add_lines(landing, "customer", ['{"a": 1}'], "customers.json")
    code, out, err = release("--upload-landing", landing)
    assert code == 0
    assert account.changes() == ["s3:PutObject"]
    assert "landing customer/landing/customers.json: another content" in out
    assert f"note: {LAKE}/customer/landing/other.json: is none of these landing files" in err
    body = client("s3").get_object(Bucket=BUCKET, Key="stedi/customer/landing/customers.json")["Body"].read()
    assert body == changed.read_bytes()


def test_a_large_file_goes_in_parts_and_is_known_again(
    release: Stedi, account: Cloud, landing: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from stedi.glue import upload

    monkeypatch.setattr(upload, "ONE_REQUEST", 5 << 20)
    big = landing / "accelerometer" / "landing" / "readings.json"
    big.write_bytes(big.read_bytes() * 20_000)
    assert big.stat().st_size > 6 << 20
    assert release("--upload-landing", landing)[0] == 0
    assert account.actions().count("s3:PostObject") == 2, "a multipart upload is begun and ended"
    assert release("--upload-landing", landing)[0] == 0
    assert account.changes() == []
    assert account.actions().count("s3:HeadObject") == 1


@pytest.mark.parametrize(
    ("folder", "says"),
    [
        ("s3://other/landing", "is no folder of this machine"),
        ("none", "no such folder"),
    ],
)
def test_a_folder_without_landing_data_is_refused(release: Stedi, account: Cloud, folder: str, says: str) -> None:
    code, _, err = release("--upload-landing", folder)
    assert code == 2
    assert says in err
    assert account.calls == []


# --- the receipt


def test_without_a_receipt_a_release_is_refused(release: Stedi, account: Cloud) -> None:
    code, _, err = release(without=("--receipt",))
    assert code == 1
    assert "no parity run has shown" in err
    assert "  there is no receipt of a parity run" in err
    assert "stedi parity run --glue 5.1 --report out" in err
    assert account.calls == []


def test_a_script_that_has_changed_since_is_refused(release: Stedi, account: Cloud, tmp_path: Path) -> None:
    changed = dict(SCRIPTS)
    changed["step_trainer_landing_to_trusted.py"] += "\n"
    (tmp_path / "receipt.json").write_text(receipt_of(changed).dump(), encoding="utf-8")
    code, _, err = release()
    assert code == 1
    assert "  step_trainer_landing_to_trusted.py: has changed since (receipt of 2026-01-31" in err
    assert account.calls == []


def test_another_verdict_or_version_is_refused(release: Stedi, account: Cloud, tmp_path: Path) -> None:
    (tmp_path / "receipt.json").write_text(
        dataclasses.replace(receipt_of(SCRIPTS), verdict="different").dump(), encoding="utf-8"
    )
    code, _, err = release()
    assert (code, account.calls) == (1, [])
    assert "its verdict is different, not same" in err
    write_receipt(tmp_path / "receipt.json", "6.0")
    code, _, err = release()
    assert (code, account.calls) == (1, [])
    assert "it is of Glue 6.0, not 5.1" in err


def test_a_dry_run_says_that_the_release_would_be_refused(release: Stedi, account: Cloud) -> None:
    code, out, err = release("--dry-run", without=("--receipt",))
    assert code == 1
    assert "customer_landing_to_trusted" in out
    assert "there is no receipt" in err
    assert account.changes() == []


def test_the_reason_for_a_release_without_parity_is_written_down(
    release: Stedi, account: Cloud, client: Client
) -> None:
    code, _, _ = release("--without-parity", "first try\n of\x07 a new account", without=("--receipt",))
    assert code == 0
    for job in jobs(client).values():
        assert job["Description"].endswith("without parity: first try of a new account")
    # once it is proven, that is written down instead
    code, _, _ = release()
    assert code == 0
    assert account.changes() == ["glue:UpdateJob"] * len(dag())
    assert "parity: same as DuckDB" in jobs(client)["customer_landing_to_trusted"]["Description"]


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--without-parity", "why"), "exclude each other"),
        (("--glue", "4.0"), "Glue 4.0: no scripts are rendered for it"),
        (("--role", "stedi"), "is no ARN of a role"),
        (("--lake", "lake"), "is no lake on S3"),
        (("--database", "St-edi"), "is no name of a database"),
        (("--pseudonym-key-path", "key.txt"), "is no object on S3"),
        (("--pseudonym-key-path", f"{LAKE}/*.txt"), "a job could not read this object"),
    ],
)
def test_bad_usage_asks_nothing_of_aws(release: Stedi, account: Cloud, options: tuple[str, ...], says: str) -> None:
    code, _, err = release(*options)
    assert code == 2
    assert says in err
    assert "Fix: " in err
    assert account.calls == []


def test_an_empty_reason_is_none(release: Stedi, account: Cloud) -> None:
    code, _, err = release("--without-parity", " ", without=("--receipt",))
    assert code == 2
    assert "needs a reason" in err


# --- what somebody else made


def spoiled_table(client: Client, **changes: Any) -> None:
    sent = table_input(shapes()["customer_trusted"], names.lake(LAKE))
    sent["Parameters"] = {"EXTERNAL": "TRUE", "classification": "parquet"}
    client("glue").create_table(DatabaseName="stedi", TableInput={**sent, **changes})


def test_a_table_with_another_schema_is_refused(release: Stedi, account: Cloud, client: Client) -> None:
    columns = table_input(shapes()["customer_trusted"], names.lake(LAKE))["StorageDescriptor"]
    columns["Columns"] = [{"Name": "email", "Type": "bigint"}, {"Name": "age", "Type": "int"}]
    spoiled_table(client, StorageDescriptor=columns)
    code, _, err = release()
    assert code == 1
    assert "not released; nothing was changed" in err
    assert "table customer_trusted: exists with another schema, made by somebody else" in err
    assert "column customername string is missing" in err
    assert "--adopt" in err
    assert account.changes() == []
    assert script_keys(client) == []


def test_it_can_be_taken_over(release: Stedi, account: Cloud, client: Client) -> None:
    columns = table_input(shapes()["customer_trusted"], names.lake(LAKE))["StorageDescriptor"]
    columns["Columns"] = [{"Name": "email", "Type": "bigint"}]
    spoiled_table(client, StorageDescriptor=columns)
    code, out, err = release("--adopt")
    assert code == 0, err
    assert "column email is bigint, shall be string" in out
    found = tables(client)["customer_trusted"]
    assert found["StorageDescriptor"]["Columns"] == table_input(
        shapes()["customer_trusted"], names.lake(LAKE)
    )["StorageDescriptor"]["Columns"]  # fmt: skip
    assert found["Parameters"]["made_by"] == "stedi glue"


def test_a_table_as_it_shall_be_is_left_alone(release: Stedi, account: Cloud, client: Client) -> None:
    spoiled_table(client)
    code, _, err = release()
    assert code == 0
    assert "note: table customer_trusted: was made by somebody else, as it shall be; left alone" in err
    assert "made_by" not in tables(client)["customer_trusted"]["Parameters"]


def test_a_job_of_somebody_else_is_refused(release: Stedi, account: Cloud, client: Client) -> None:
    client("glue").create_job(
        Name="customer_landing_to_trusted", Role=ROLE, Command={"Name": "glueetl", "ScriptLocation": "s3://a/b.py"}
    )
    code, _, err = release()
    assert code == 1
    assert "job customer_landing_to_trusted: exists, made by somebody else" in err
    assert account.changes() == []
    code, _, err = release("--adopt")
    assert code == 0, err
    assert jobs(client)["customer_landing_to_trusted"]["Command"]["ScriptLocation"].startswith(LAKE)


def test_a_job_of_another_lake_is_refused(release: Stedi, account: Cloud, client: Client) -> None:
    assert release()[0] == 0
    code, _, err = release("--lake", f"s3://{BUCKET}/other", without=("--lake",))
    assert code == 1
    assert f"job customer_landing_to_trusted: exists, and works on the lake {LAKE}, not s3://{BUCKET}/other" in err
    assert account.changes() == []


def test_nothing_is_deleted(release: Stedi, account: Cloud, client: Client) -> None:
    client("s3").put_object(Bucket=BUCKET, Key="stedi/_stedi/glue/old.py", Body=b"pass")
    old = table_input(shapes()["customer_trusted"], names.lake(LAKE))
    client("glue").create_table(DatabaseName="stedi", TableInput={**old, "Name": "old"})
    code, _, err = release("--adopt")
    assert code == 0
    assert "note: table old: is of an earlier release, and none of this one; left alone" in err
    assert "old" in tables(client)
    assert "stedi/_stedi/glue/old.py" in script_keys(client)
    assert not any("Delete" in action for action in account.actions())


def script_keys(client: Client) -> list[str]:
    found = client("s3").list_objects_v2(Bucket=BUCKET, Prefix="stedi/_stedi/glue/").get("Contents", ())
    return [item["Key"] for item in found]


# --- what goes wrong


def test_a_release_that_was_stopped_goes_on(release: Stedi, account: Cloud, client: Client) -> None:
    """Wherever it is stopped: among the scripts, the tables, the jobs."""
    total = len(SCRIPTS) + len(shapes()) + len(dag())
    for done in (0, 1, len(SCRIPTS) + 1, total - 1):
        account.clear()
        account_reset(client)
        code, _, err = release_with_fault(release, account, done)
        assert code == 2
        assert f"{done} of {total} steps are done, and the same command goes on from there" in err
        code, _, err = release()
        assert code == 0, err
        assert len(account.changes()) == total - done


def account_reset(client: Client) -> None:
    for name in jobs(client):
        client("glue").delete_job(JobName=name)
    for name in tables(client):
        client("glue").delete_table(DatabaseName="stedi", Name=name)
    for key in script_keys(client):
        client("s3").delete_object(Bucket=BUCKET, Key=key)


def release_with_fault(release: Stedi, account: Cloud, done: int) -> tuple[int, str, str]:
    clear = account.clear

    def clear_and_harm() -> None:
        clear()
        account.on(".*", refuse("AccessDenied", status=403), times=None, where=lambda call: call.changes and past(done))

    def past(count: int) -> bool:
        return len(account.changes()) > count

    account.clear = clear_and_harm  # type: ignore[method-assign]
    try:
        return release()
    finally:
        account.clear = clear  # type: ignore[method-assign]


def test_no_bucket(release: Stedi, account: Cloud) -> None:
    code, _, err = release("--lake", "s3://not-there-at-all", without=("--lake",))
    assert code == 2
    assert "bucket not-there-at-all: there is no such bucket" in err
    assert "stedi glue infra --deploy" in err


def test_a_bucket_of_somebody_else(release: Stedi, account: Cloud) -> None:
    clear = account.clear

    def owned() -> None:
        clear()
        # S3 answers so to whoever names an owner that is another; without the condition anybody may be let in
        account.on(
            "s3:HeadBucket",
            lambda exchange: (
                refuse("403", status=403)(exchange)
                if "x-amz-expected-bucket-owner" in exchange.request.headers
                else exchange.forward()
            ),
            times=None,
        )

    account.clear = owned  # type: ignore[method-assign]
    code, _, err = release()
    account.clear = clear  # type: ignore[method-assign]
    assert code == 2
    assert f"bucket {BUCKET}: belongs to another AWS account than 123456789012" in err
    assert "Fix: name a bucket of this account" in err
    assert account.changes() == []


def test_a_bucket_in_another_region(
    release: Stedi, account: Cloud, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_REGION", "eu-west-1")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-west-1")
    code, _, err = release()
    assert code == 2
    assert f"bucket {BUCKET}: is in us-east-1, and the jobs would be in eu-west-1" in err
    assert "Fix: set AWS_REGION=us-east-1" in err
    assert account.changes() == []


def test_no_database(release: Stedi, account: Cloud) -> None:
    code, _, err = release("--database", "other")
    assert code == 2
    assert "database other: is not in the Data Catalog of us-east-1" in err
    assert account.changes() == []


def test_no_role(release: Stedi, account: Cloud) -> None:
    arn = "arn:aws:iam::123456789012:role/none"
    code, _, err = release("--role", arn, without=("--role",))
    assert code == 2
    assert f"role {arn}: there is no such role" in err
    assert "stedi glue infra --deploy" in err
    assert account.changes() == []


def test_a_role_of_another_account(release: Stedi, account: Cloud) -> None:
    code, _, err = release("--role", "arn:aws:iam::210987654321:role/stedi", without=("--role",))
    assert code == 2
    assert "is in another account than 123456789012" in err


def test_a_role_that_glue_may_not_take(release: Stedi, account: Cloud, client: Client) -> None:
    trust = {
        "Statement": [{"Effect": "Allow", "Principal": {"Service": "ec2.amazonaws.com"}, "Action": "sts:AssumeRole"}]
    }
    client("iam").create_role(RoleName="ec2", AssumeRolePolicyDocument=json.dumps(trust))
    code, _, err = release("--role", "arn:aws:iam::123456789012:role/ec2", without=("--role",))
    assert code == 2
    assert "does not trust glue.amazonaws.com" in err
    assert account.changes() == []


def test_a_role_that_may_not_be_looked_at_is_a_note(release: Stedi, account: Cloud) -> None:
    harm(account, "iam:GetRole", "AccessDenied", status=403)
    code, _, err = release()
    assert code == 0
    assert "cannot be looked at (iam:GetRole is denied)" in err


def harm(account: Cloud, action: str, code: str, message: str = "as the test wishes", **options: Any) -> None:
    """Have every call of an action refused, through the clearing at the start of a release."""
    clear = account.clear

    def clear_and_harm() -> None:
        account.clear = clear  # type: ignore[method-assign]
        clear()
        account.on(action, refuse(code, message, **options), times=None)

    account.clear = clear_and_harm  # type: ignore[method-assign]


@pytest.mark.parametrize(
    ("action", "permission"),
    [
        ("s3:HeadBucket", "s3:ListBucket"),
        ("glue:GetDatabase", "glue:GetDatabase"),
        ("glue:GetTables", "glue:GetTables"),
        ("glue:BatchGetJobs", "glue:BatchGetJobs"),
        ("s3:GetObject", "s3:GetObject"),
        ("s3:PutObject", "s3:PutObject"),
        ("glue:CreateTable", "glue:CreateTable"),
        ("glue:CreateJob", "glue:CreateJob"),
    ],
)
def test_access_denied_names_the_call(release: Stedi, account: Cloud, action: str, permission: str) -> None:
    code = "AccessDeniedException" if action.startswith("glue") else "AccessDenied"
    harm(account, action, code, "User is not authorized", status=400 if action.startswith("glue") else 403)
    ended, _, err = release()
    assert ended == 2
    assert f"access denied to {permission} (" in err
    assert f"allow this identity {permission}" in err


NOT_AUTHORIZED = "User: arn:aws:iam::123456789012:user/a is not authorized to perform: iam:PassRole on resource: b"


@pytest.mark.parametrize(
    ("message", "says"),
    [
        (f"{NOT_AUTHORIZED} because no identity-based policy allows it", "iam:PassRole (AccessDeniedException)"),
        (f"{NOT_AUTHORIZED} with an explicit deny in a service control policy", "by a service control policy (Acc"),
    ],
)
def test_what_is_lacking_is_told_as_aws_says_it(release: Stedi, account: Cloud, message: str, says: str) -> None:
    harm(account, "glue:CreateJob", "AccessDeniedException", message)
    code, _, err = release()
    assert code == 2
    assert "job customer_landing_to_trusted: access denied to iam:PassRole" in err
    assert says in err


def test_access_denied_to_a_change_or_a_listing_names_the_call(
    release: Stedi, account: Cloud, client: Client, landing: Path
) -> None:
    spoiled_table(client, Description="theirs")
    harm(account, "glue:UpdateTable", "AccessDeniedException")
    assert "table customer_trusted: access denied to glue:UpdateTable (" in release("--adopt")[2]
    harm(account, "s3:GetBucket", "AccessDenied", status=403)
    assert "customer/landing/: access denied to s3:ListBucket (" in release("--upload-landing", landing)[2]


def test_lake_formation_is_named(release: Stedi, account: Cloud) -> None:
    harm(account, "glue:CreateTable", "AccessDeniedException", "Insufficient Lake Formation permission(s) on stedi")
    code, _, err = release()
    assert code == 2
    assert "access denied to glue:CreateTable by Lake Formation" in err
    assert "grant it there" in err


def test_throttling_is_waited_for(release: Stedi, account: Cloud, client: Client) -> None:
    clear = account.clear

    def clear_and_harm() -> None:
        account.clear = clear  # type: ignore[method-assign]
        clear()
        account.on("glue:CreateJob", refuse("ThrottlingException", "Rate exceeded"), times=1)

    account.clear = clear_and_harm  # type: ignore[method-assign]
    code, _, err = release()
    assert code == 0, err
    assert account.actions().count("glue:CreateJob") == len(dag()) + 1
    assert jobs(client).keys() == dag().keys()


def test_throttling_without_end_is_named(release: Stedi, account: Cloud) -> None:
    harm(account, "glue:CreateJob", "ThrottlingException", "Rate exceeded")
    code, _, err = release()
    assert code == 2
    assert "AWS throttles glue:CreateJob at every attempt (ThrottlingException)" in err
    assert "run the command again in a minute" in err


def test_what_else_aws_refuses_is_told(release: Stedi, account: Cloud) -> None:
    harm(account, "glue:CreateJob", "ResourceNumberLimitExceededException", "too many jobs\nin this account")
    code, _, err = release()
    assert code == 2
    assert "glue:CreateJob is refused: too many jobs in this account (ResourceNumberLimitExceededException)" in err


# --- the plan alone


def planned(**changes: Any) -> Plan:
    wanted = want(SCRIPTS, names.lake(LAKE), role=ROLE, database="stedi", glue="5.1", note=NOTE)
    from stedi.glue.receipt import digests

    there: dict[str, Any] = {
        "scripts": digests(SCRIPTS),
        "tables": {name: dict(table) for name, table in wanted.tables.items()},
        "jobs": {name: {**job, "Name": name} for name, job in wanted.jobs.items()},
    }
    return plan(wanted, Found(**{**there, **changes}))


def test_nothing_differs_from_itself() -> None:
    found = planned()
    assert (found.steps, found.refused) == ((), ())
    assert [f"note: {text}" for text in found.notes] == [NO_KEY]


def test_the_steps_are_in_order() -> None:
    found = planned(scripts={}, tables={}, jobs={}, landing={"a": "missing", "b": "changed", "c": "same"})
    kinds = [step.kind for step in found.steps]
    assert kinds == sorted(kinds, key=["landing", "script", "table", "job"].index)
    assert [(s.name, s.action) for s in found.steps if s.kind == "landing"] == [("a", "create"), ("b", "update")]


def table(**changes: Any) -> dict[str, Any]:
    wanted = table_input(shapes()["step_trainer_landing"], names.lake(LAKE))
    storage = {**wanted["StorageDescriptor"], **changes.pop("StorageDescriptor", {})}
    return {**wanted, "StorageDescriptor": storage, **changes}


COLUMNS = table()["StorageDescriptor"]["Columns"]


@pytest.mark.parametrize(
    ("there", "why"),
    [
        (table(StorageDescriptor={"Columns": COLUMNS[1:]}), "column sensorreadingtime bigint is missing"),
        (table(StorageDescriptor={"Columns": COLUMNS[::-1]}), "its columns are in another order"),
        (
            table(StorageDescriptor={"Columns": [*COLUMNS, {"Name": "a", "Type": "int"}]}),
            "column a is none of this table",
        ),
        (
            table(StorageDescriptor={"Columns": [{**COLUMNS[0], "Comment": ""}, *COLUMNS[1:]]}),
            "column sensorreadingtime has another comment",
        ),
        (
            table(StorageDescriptor={"Location": "s3://other/"}),
            f"Location s3://other/, shall be {LAKE}/step_trainer/landing/",
        ),
        (table(StorageDescriptor={"SerdeInfo": {}}), "SerDe None, shall be org.openx.data.jsonserde.JsonSerDe"),
        (table(PartitionKeys=[{"Name": "day", "Type": "date"}]), "is partitioned by day"),
        (table(TableType="VIRTUAL_VIEW"), "TableType VIRTUAL_VIEW, shall be EXTERNAL_TABLE"),
        (table(Description=""), "Description , shall be distance readings from the Step Trainer"),
    ],
)
def test_every_difference_of_a_table_is_seen(there: dict[str, Any], why: str) -> None:
    wanted = want(SCRIPTS, names.lake(LAKE), role=ROLE, database="stedi", glue="5.1", note=NOTE)
    found = planned(tables={**wanted.tables, "step_trainer_landing": there})
    [step] = found.steps
    assert (step.kind, step.name, step.action) == ("table", "step_trainer_landing", "update")
    assert why in step.why


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        (
            {"Role": "arn:aws:iam::123456789012:role/other"},
            f"Role arn:aws:iam::123456789012:role/other, shall be {ROLE}",
        ),
        ({"Role": "stedi-GlueRole"}, ""),
        ({"GlueVersion": "4.0"}, "GlueVersion 4.0, shall be 5.1"),
        ({"Description": "Made by stedi glue release"}, "another description"),
        ({"Connections": {"Connections": ["vpc"]}}, ""),
        ({"MaxRetries": 1}, "MaxRetries 1, shall be 0"),
    ],
)
def test_every_difference_of_a_job_is_seen(changes: dict[str, Any], why: str) -> None:
    wanted = want(SCRIPTS, names.lake(LAKE), role=ROLE, database="stedi", glue="5.1", note=NOTE)
    name = "customer_landing_to_trusted"
    found = planned(jobs={**wanted.jobs, name: {**wanted.jobs[name], **changes}})
    assert [step.why for step in found.steps] == ([(why,)] if why else [])
