"""`stedi parity run --engine aws`, end to end: deployed jobs on a copy of the landing data, of which nothing stays."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from glue.account import BUCKET, LAKE, ROLE, make_account, write_receipt
from glue.cloud import Call, Cloud, glue, refuse
from glue.stand_in import StandIn, role_of

from parity.worker import Worker
from stedi.contracts import TABLES
from stedi.glue.jobs import dag
from stedi.glue.receipt import Receipt
from stedi.glue.render import render

if TYPE_CHECKING:
    from s3.proxy import Exchange

pytestmark = pytest.mark.spark

Stedi = Callable[..., tuple[int, str, str]]
Client = Callable[[str], Any]
Parity = Callable[..., tuple[int, str, str]]
Checked = Callable[[], AbstractContextManager[None]]

SCRIPTS = render("5.1")
RUNS = "stedi/_stedi/parity/"
FIRST = "customer_landing_to_trusted"
SECOND = "accelerometer_landing_to_trusted"
LAST = "training_trusted_to_curated"
GOING = ("STARTING", "RUNNING", "STOPPING")
MADE = [name for name, table in TABLES.items() if table.glue_job]


@pytest.fixture(scope="module")
def spark_worker() -> Iterator[Worker]:
    with Worker(master="local[2]", memory="1g", shuffle_partitions=1) as found:
        yield found


@pytest.fixture
def account(cloud: Cloud, client: Client, stedi: Stedi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cloud:
    """Release the jobs into an account; its bucket keeps old versions, as that of the template does."""
    monkeypatch.setattr("parity.deployed.POLL", 0.05)
    make_account(client)
    client("s3").put_bucket_versioning(Bucket=BUCKET, VersioningConfiguration={"Status": "Enabled"})
    receipt = write_receipt(tmp_path / "released.json")
    assert stedi("glue", "release", "--lake", LAKE, "--role", ROLE, "--receipt", receipt)[0] == 0
    # what else may be in a bucket, and must stay as it is
    for key in ("stedi/customer/landing/mine.json", "stedi/customer/trusted/mine.parquet", f"{RUNS}other", "other/a"):
        client("s3").put_object(Bucket=BUCKET, Key=key, Body=key.encode())
    cloud.clear()
    return cloud


@pytest.fixture
def stand_in(account: Cloud, client: Client, spark_worker: Worker, tmp_path: Path) -> Iterator[StandIn]:
    folder = tmp_path / "glue"
    folder.mkdir()
    with StandIn(account, client, spark_worker, folder) as found:
        yield found


@pytest.fixture
def people(landing: Path, write_walk: Callable[..., None], add_lines: Callable[..., Path]) -> Path:
    """Return landing data of which no table and no quarantine is empty."""
    write_walk(landing, "Ada")
    write_walk(landing, "Bob", range(1655298000000, 1655298000006))
    for feed in ("customer", "accelerometer", "step_trainer"):
        add_lines(landing, feed, ["no json", '{"a": 1}'], "bad.json")
    return landing


@pytest.fixture
def parity(stedi: Stedi, nothing_stays: Checked, people: Path, tmp_path: Path) -> Callable[..., tuple[int, str, str]]:
    """Return `parity(*options)`: runs the command; unless `stays` is true, the bucket is then as it was."""

    def run(*options: object, stays: bool = False) -> tuple[int, str, str]:
        with nullcontext() if stays else nothing_stays():
            return stedi("parity", "run", *command(people, tmp_path), *options)

    return run


def command(landing: Path, folder: Path) -> list[str]:
    given = {"--engine": "aws", "--lake": LAKE, "--landing": landing, "--report": folder / "out"}
    return [str(part) for pair in given.items() for part in pair]


def held(client: Client) -> dict[tuple[str, str], str]:
    """Return everything the bucket holds, old versions, delete markers and unfinished uploads too."""
    found = client("s3").list_object_versions(Bucket=BUCKET)
    assert not found["IsTruncated"]
    uploads = client("s3").list_multipart_uploads(Bucket=BUCKET).get("Uploads", ())
    return {
        **{(item["Key"], item["VersionId"]): item["ETag"] for item in found.get("Versions", ())},
        **{(item["Key"], item["VersionId"]): "deleted" for item in found.get("DeleteMarkers", ())},
        **{(item["Key"], item["UploadId"]): "unfinished" for item in uploads},
    }


@pytest.fixture
def nothing_stays(account: Cloud, client: Client) -> Checked:
    """Return what sees that a block leaves the bucket as it was, and Glue but for runs of jobs, which have ended."""

    @contextmanager
    def checked() -> Iterator[None]:
        def jobs() -> dict[str, Any]:
            return {name: {**job.__dict__, "job_runs": None} for name, job in glue().jobs.items()}

        def going() -> set[str]:
            return {run.job_run_id for job in glue().jobs.values() for run in job.job_runs if run._status in GOING}

        before = held(client), jobs(), going()
        account.calls.clear()
        yield
        assert (held(client), jobs(), going()) == before
        # what deletes many at once names no key in its path; what it has deleted is seen above
        expected = {"s3:PutObject", "s3:PostBucket", "glue:StartJobRun", "glue:BatchStopJobRun"}
        assert set(account.changes()) <= expected
        assert all(sent["Key"].startswith(RUNS) for sent in account.sent("s3:PutObject"))

    return checked


def deploy(client: Client, job: str, text: str) -> None:
    client("s3").put_object(Bucket=BUCKET, Key=f"stedi/_stedi/glue/{job}.py", Body=text.encode())


def verdicts(document: Mapping[str, Any]) -> dict[str, str]:
    return {name: table["verdict"] for name, table in document["tables"].items()}


# --- the tables


def test_the_deployed_jobs_give_the_same_tables(
    parity: Parity, client: Client, stand_in: StandIn, tmp_path: Path
) -> None:
    changed = {**SCRIPTS, f"{FIRST}.py": SCRIPTS[f"{FIRST}.py"] + "# a comment that changes nothing\n"}
    deploy(client, FIRST, changed[f"{FIRST}.py"])
    code, out, err = parity("--json", "--clock-skew-ms", "40")
    assert code == 0, out + err
    document = json.loads(out)
    assert document["facts"]["clock skew"] == "40 ms"
    assert verdicts(document) == dict.fromkeys(MADE, "same")
    assert all(table["left_rows"] == table["right_rows"] > 0 for table in document["tables"].values())
    [side] = document["sides"].values()
    assert (side["engine"], document["jobs"]) == ("aws", "deployed")
    assert {v["verdict"] for v in (*side["quarantine"].values(), *side["ledger"].values())} == {"same"}
    assert [v["left_rows"] for v in side["quarantine"].values()] == [2, 2, 2]
    assert sorted(stand_in.ran) == sorted(dag())
    # what was run is what is deployed, so the receipt is of that, and not good for what would be released now
    assert any(f"{FIRST}.py: what is deployed is another script" in note for note in side["notes"])
    receipt = Receipt.load(tmp_path / "out" / "receipt.json")
    assert receipt.covers(changed, "5.1")
    assert receipt.gaps(SCRIPTS, "5.1") == [f"{FIRST}.py: has changed since"]


def test_with_keep_all_but_the_key_stays(parity: Parity, client: Client, stand_in: StandIn, tmp_path: Path) -> None:
    text, row = SCRIPTS[f"{LAST}.py"], "rows = stage(spark, spark.sql(SQL)"
    assert row in text
    deploy(client, LAST, text.replace(row, f"{row}.limit(1)"))
    before = held(client)
    code, out, _ = parity("--keep", stays=True)
    assert code == 1
    assert re.search(r"^training_curated +different +18 +1 ", out, re.MULTILINE), out
    assert len(re.findall(r"^\w+ +same +(\d+) +\1 *$", out, re.MULTILINE)) == len(MADE) - 1
    assert not (tmp_path / "out" / "receipt.json").exists()
    left = {key for key, _ in held(client).keys() - before.keys()}
    place = next(key for key in left if key.endswith("_$folder$")).removesuffix("_$folder$")
    assert f"note: kept: s3://{BUCKET}/{place}" in out
    for table in TABLES.values():
        assert any(key.startswith(f"{place}/{table.prefix}") for key in left), table.name
    assert all(key.startswith(place) for key in left)
    assert not any("pseudonym-key" in key for key in left), "no version of it either"


def test_each_run_works_in_a_folder_of_its_own_and_is_told_no_key(
    parity: Parity, account: Cloud, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("secrets.token_hex", lambda size: "ab" * size)
    stand_in.endless |= {FIRST}
    assert parity("--timeout", "1")[0] == 2
    [sent] = account.sent("glue:StartJobRun")
    place = f"{LAKE}/_stedi/parity/{'ab' * 8}"
    assert sent["Arguments"] == {"--LAKE": place, "--LANDING": place}
    from parity.deployed import Deployed
    from stedi.glue.aws import Aws
    from stedi.glue.names import lake

    jobs = Deployed(Aws(), lake(LAKE), list(SCRIPTS), "5.1")
    jobs.check()
    jobs._place = place
    told = {"pseudonym_key": "s3://a/key", "clock_skew_ms": "0"}
    jobs._begin("device_owners_trusted_to_curated", told)
    jobs._begin(LAST, told)
    owners, training = account.sent("glue:StartJobRun")[1:]
    assert owners["Arguments"]["--CLOCK_SKEW_MS"] == "0", "whatever the job has"
    assert training["Arguments"]["--PSEUDONYM_KEY_PATH"] == "s3://a/key"
    jobs.stop()


# --- what goes wrong while the jobs run


def test_nothing_stays_after_a_job_that_fails(
    parity: Parity, client: Client, stand_in: StandIn, tmp_path: Path
) -> None:
    deploy(client, SECOND, "raise ValueError('no good row of Ada.Quillfeather@example.com')\n")
    code, out, err = parity("--json")
    document = json.loads(out)
    found = verdicts(document)
    assert code == 2
    assert found["accelerometer_trusted"] == "failed"
    assert found["customer_trusted"] == "same", "what does not read it goes on"
    jobs = {job["name"]: job for side in document["sides"].values() for job in side["jobs"]}
    assert (jobs[f"{SECOND}.py"]["state"], jobs[f"{SECOND}.py"]["line"]) == ("failed", 1)
    assert jobs[f"{SECOND}.py"]["problem"].startswith("ValueError: ")
    assert jobs["customer_trusted_to_curated.py"]["state"] == "not run"
    assert f"{SECOND}, which it reads from, did not end well" in jobs["customer_trusted_to_curated.py"]["problem"]
    assert stand_in.ran == [FIRST, SECOND]
    assert "logStreamNameFilter" in out, "where its log is"
    assert "Quillfeather" not in out + err + (tmp_path / "out" / "report.html").read_text(encoding="utf-8")


def test_nothing_stays_after_a_job_that_never_starts(
    parity: Parity, stand_in: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("parity.deployed.START_TIMEOUT", 0.3)
    stand_in.asleep.add(FIRST)
    code, out, _ = parity("--json")
    jobs = next(iter(json.loads(out)["sides"].values()))["jobs"]
    assert code == 2
    assert jobs[0]["state"] == "timeout"
    assert jobs[0]["problem"] == "NotStarted: Glue did not get it going within 0.005 minutes, so it was stopped"
    assert "service quotas of Glue" in jobs[0]["likely"]
    assert {job["state"] for job in jobs[1:]} == {"not run"}
    assert {run._status for run in stand_in.runs()} == {"STOPPED"}


def test_nothing_stays_after_a_job_that_takes_too_long(parity: Parity, stand_in: StandIn) -> None:
    stand_in.endless.add(FIRST)
    code, out, _ = parity("--timeout", "1", "--json")
    jobs = next(iter(json.loads(out)["sides"].values()))["jobs"]
    assert code == 2
    assert (jobs[0]["state"], jobs[0]["problem"]) == ("timeout", "it took longer than it may")
    assert {run._status for run in stand_in.runs()} == {"STOPPED"}


def test_nothing_stays_after_a_job_whose_role_may_not_work_there(parity: Parity, stand_in: StandIn) -> None:
    """The stand-in holds to the role: that of another lake may read nothing here."""
    stand_in.role = role_of(BUCKET, "elsewhere/", "stedi")
    code, out, _ = parity("--json")
    jobs = next(iter(json.loads(out)["sides"].values()))["jobs"]
    assert code == 2
    assert jobs[0]["state"] == "failed"
    assert "AccessDenied: not authorized to perform s3:GetObject" in jobs[0]["problem"]


@pytest.mark.parametrize(
    ("action", "says"),
    [("s3:PutObject", "access denied to s3:PutObject"), ("glue:StartJobRun", "access denied to glue:StartJobRun")],
)
def test_nothing_stays_after_access_was_denied_to_one_call(
    parity: Parity, account: Cloud, action: str, says: str
) -> None:
    def third(call: Call) -> bool:
        return action != "s3:PutObject" or account.actions().count("s3:PutObject") == 3

    account.on(action, refuse("AccessDenied", status=403), times=1, where=third)
    code, _, err = parity()
    assert code == 2
    assert says in err
    assert "Fix: allow this identity" in err
    assert account.actions().count("s3:PutObject") > 2


def test_nothing_stays_after_throttling_without_end(parity: Parity, account: Cloud) -> None:
    account.on("glue:StartJobRun", refuse("ThrottlingException", "Rate exceeded"), times=None)
    code, _, err = parity()
    assert code == 2
    assert "AWS throttles glue:StartJobRun at every attempt" in err


def test_nothing_stays_where_a_job_runs_already(parity: Parity, client: Client, stand_in: StandIn) -> None:
    stand_in.endless.add(FIRST)
    mine = client("glue").start_job_run(JobName=FIRST)["JobRunId"]
    code, _, err = parity()
    assert code == 2
    assert f"job {FIRST}: another run of it goes on" in err
    [run] = stand_in.runs()
    assert (run.job_run_id, run._status) == (mine, "RUNNING"), "that run is not ours to stop"
    run._status = "SUCCEEDED"


def test_nothing_stays_after_ctrl_c(interrupted: Callable[..., tuple[int, str]], stand_in: StandIn) -> None:
    code, err = interrupted()
    assert code == 130
    assert f"stopping the runs and removing s3://{BUCKET}/{RUNS}" in err
    assert {run._status for run in stand_in.runs()} <= {"STOPPED", "SUCCEEDED"}
    assert "STOPPED" in {run._status for run in stand_in.runs()}


def test_nothing_stays_after_the_process_was_told_to_end(interrupted: Callable[..., tuple[int, str]]) -> None:
    assert interrupted(signal.SIGTERM)[0] == 130


@pytest.fixture
def interrupted(  # noqa: PLR0917 - fixtures
    stedi_command: list[str], account: Cloud, stand_in: StandIn, people: Path, tmp_path: Path, nothing_stays: Checked
) -> Callable[..., tuple[int, str]]:
    def run(*signals: int, stays: bool = False) -> tuple[int, str]:
        """Send signals to a run whose first job is at work, each after the last was heard."""
        with nullcontext() if stays else nothing_stays():
            return send(*signals)

    def send(*signals: int) -> tuple[int, str]:
        process = subprocess.Popen(
            [*stedi_command, "parity", "run", *command(people, tmp_path)], stderr=subprocess.PIPE, text=True
        )
        wait_for(lambda: stand_in.ran or process.poll() is not None)
        for number in signals or (signal.SIGINT,):
            process.send_signal(number)
            wait_for(lambda: "glue:BatchStopJobRun" in account.actions() or process.poll() is not None)
        _, err = process.communicate(timeout=60)
        assert "Traceback" not in err
        return process.returncode, err

    return run


def wait_for(what: Callable[[], object]) -> None:
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_another_ctrl_c_leaves_what_is_there_and_says_where(
    interrupted: Callable[..., tuple[int, str]], client: Client, account: Cloud
) -> None:
    before = held(client)

    def slowly(exchange: Exchange) -> None:
        time.sleep(3)
        exchange.forward()

    account.on("glue:GetJobRun", slowly, times=None)
    code, err = interrupted(signal.SIGINT, signal.SIGINT, stays=True)
    assert code == 130
    left = {key for key, _ in held(client).keys() - before.keys()}
    assert left
    assert all(key.startswith(RUNS) for key in left)
    assert f"left behind: s3://{BUCKET}/{min(left)[: len(RUNS) + 16]}" in err


def test_what_cannot_be_removed_is_told(parity: Parity, account: Cloud, stand_in: StandIn, tmp_path: Path) -> None:
    stand_in.asleep.add(FIRST)
    account.on(
        "s3:GetBucket",
        refuse("AccessDenied", status=403),
        where=lambda _: bool(account.sent("glue:StartJobRun")),
        times=None,
    )
    account.on("glue:GetJobRun", refuse("AccessDeniedException"), times=None)
    code, _, err = parity(stays=True)
    assert code == 2
    assert "Error: job customer_landing_to_trusted: access denied to glue:GetJobRun" in err, "what was wrong first"
    assert f"bucket {BUCKET}: access denied to s3:List" in err
    assert f"remove everything under s3://{BUCKET}/{RUNS}" in err


# --- before anything is put anywhere


def test_a_job_that_is_not_deployed_is_named(parity: Parity, account: Cloud) -> None:
    del glue().jobs[LAST]
    code, _, err = parity()
    assert (code, account.changes()) == (2, [])
    assert f"job {LAST}: is not there, in us-east-1" in err
    assert "stedi glue release" in err


def test_another_version_of_glue_is_refused(parity: Parity, account: Cloud) -> None:
    code, _, err = parity("--glue", "6.0")
    assert (code, account.changes()) == (2, [])
    assert f"job {FIRST}: runs on Glue 5.1, not 6.0" in err
    assert "give --glue 5.1" in err


def test_the_jobs_of_another_lake_are_left_alone(parity: Parity, account: Cloud) -> None:
    code, _, err = parity("--lake", f"s3://{BUCKET}/other")
    assert (code, account.changes()) == (2, [])
    assert f"job {FIRST}: works on the lake {LAKE}, not s3://{BUCKET}/other" in err
    assert f"give --lake {LAKE}" in err


def test_a_bucket_of_somebody_else_gets_no_landing_data(parity: Parity, account: Cloud) -> None:
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
    code, _, err = parity()
    assert (code, account.changes()) == (2, [])
    assert f"bucket {BUCKET}: belongs to another AWS account than 123456789012" in err


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--lake", "lake"), "--engine aws needs the bucket"),
        (("--lake", "s3://My_Bucket"), "is no name of a bucket"),
        (("--jobs", "jobs"), "deployed jobs are run as they are"),
        (("--glue", "4.0"), "Glue 4.0 is not known"),
    ],
)
def test_bad_usage_asks_nothing_of_aws(parity: Parity, account: Cloud, options: tuple[str, ...], says: str) -> None:
    code, _, err = parity(*options)
    assert (code, account.calls) == (2, [])
    assert says in err
