"""Runs of the released jobs: their order, how they end, and what stops them."""

from __future__ import annotations

import json
import os
import pty
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest
from glue.account import LAKE, ROLE, make_account
from glue.cloud import Call, Cloud, glue, refuse

from stedi.glue.jobs import dag, definition
from stedi.glue.names import lake
from stedi.tombstones import KEY, TOMBSTONES

if TYPE_CHECKING:
    from s3.proxy import Exchange

Stedi = Callable[..., tuple[int, str, str]]
Client = Callable[[str], Any]

FIRST = "customer_landing_to_trusted"
SECOND = "accelerometer_landing_to_trusted"
LAST = "machine_learning_trusted_to_curated"
JOBS = dag()
APART = (SECOND, "step_trainer_landing_to_trusted")
"""Jobs of which neither reads what the other makes, and LAST reads both."""


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stedi.glue.run.POLL", 0.01)


@pytest.fixture
def progression() -> Iterator[Callable[..., None]]:
    """Return what sets how fast moto's job runs go on; without it each is done as soon as it is started."""
    from moto.moto_api import state_manager

    def set_to(**transition: Any) -> None:
        state_manager.set_transition("glue::job_run", transition)

    yield set_to
    state_manager.unset_transition("glue::job_run")


@pytest.fixture
def released(cloud: Cloud, client: Client) -> Cloud:
    make_account(client)
    for job in JOBS:
        sent = definition(job, lake(LAKE), role=ROLE, database="stedi", glue="5.1", note="")
        client("glue").create_job(Name=job, **sent)
    cloud.clear()
    return cloud


def started(cloud: Cloud) -> list[str]:
    return [sent["JobName"] for sent in cloud.sent("glue:StartJobRun")]


def of(job: str) -> Callable[[Call], bool]:
    return lambda call: call.sent.get("JobName") == job


def ends(state: str, message: str = "", seconds: int = 90) -> Callable[[Exchange], None]:
    """Have a run be found in a state, with what Glue then says."""

    def act(exchange: Exchange) -> None:
        sent = json.loads(b"".join(exchange._body()))
        exchange._handler.rfile.seek(0)
        found = {"Id": sent["RunId"], "JobName": sent["JobName"], "JobRunState": state, "ExecutionTime": seconds}
        found |= {"MaxCapacity": 2.0, **({"ErrorMessage": message} if message else {})}
        exchange.answer(200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps({"JobRun": found}).encode())

    return act


def test_every_job_runs_after_those_it_reads(stedi: Stedi, released: Cloud, progression: Callable[..., None]) -> None:
    progression(progression="manual", times=1)
    code, out, err = stedi("glue", "run")
    assert code == 0, err
    assert started(released)[0] == FIRST
    assert set(started(released)) == set(JOBS)
    assert len(started(released)) == len(JOBS)
    order = [line.split(": ") for line in err.splitlines()]
    for job, before in JOBS.items():
        begin = order.index([job, "starting"])
        assert all(order.index([upstream, "succeeded after 123 s"]) < begin for upstream in before)
        states = [state for name, state in order if name == job]
        assert states == ["starting", "running", "succeeded after 123 s"]
    assert out.count("succeeded") == len(JOBS)
    assert "DPU-hours" in out


def test_jobs_that_do_not_depend_on_each_other_run_side_by_side(
    stedi: Stedi, released: Cloud, progression: Callable[..., None]
) -> None:
    progression(progression="manual", times=3)
    code, _, err = stedi("glue", "run", *APART)
    assert code == 0
    lines = err.splitlines()
    begins = [lines.index(f"{job}: starting") for job in APART]
    assert max(begins) < min(lines.index(f"{job}: succeeded after 123 s") for job in APART)


def test_only_the_named_jobs_run(stedi: Stedi, released: Cloud) -> None:
    code, out, _ = stedi("glue", "run", SECOND)
    assert code == 0
    assert started(released) == [SECOND]
    assert FIRST not in out


def test_named_jobs_run_in_order_too(stedi: Stedi, released: Cloud) -> None:
    assert stedi("glue", "run", LAST, FIRST, SECOND)[0] == 0
    assert started(released) == [FIRST, SECOND, LAST]


def test_json_has_every_run(stedi: Stedi, released: Cloud) -> None:
    code, out, _ = stedi("glue", "run", FIRST, "--json")
    found = json.loads(out)
    assert code == 0
    assert found["ok"]
    assert found["runs"][FIRST]["state"] == "SUCCEEDED"
    assert found["runs"][FIRST]["id"].startswith("jr_")


def test_an_unknown_job_is_refused_with_the_one_that_is_like_it(stedi: Stedi, cloud: Cloud) -> None:
    code, _, err = stedi("glue", "run", "customer_landing_to_trust")
    assert code == 2
    assert "there is no such job; did you mean customer_landing_to_trusted?" in err
    assert cloud.calls == []


def test_a_job_that_was_not_released_is_named(stedi: Stedi, cloud: Cloud, client: Client) -> None:
    code, _, err = stedi("glue", "run", FIRST)
    assert code == 2
    assert f"job {FIRST}: is not there, in us-east-1" in err
    assert "stedi glue release" in err
    assert cloud.changes() == []


def test_a_job_that_fails_ends_it(stedi: Stedi, released: Cloud) -> None:
    said = "AnalysisException: [Ada,7] of 2025550142: cannot cast 'Ada@example.com' of eve@example.com\nat line 7"
    released.on("glue:GetJobRun", ends("FAILED", said), times=None, where=of(FIRST))
    code, out, err = stedi("glue", "run")
    assert code == 1
    assert started(released) == [FIRST]
    assert f"1 of {len(JOBS)} jobs failed" in err
    assert f"  {FIRST}: failed: AnalysisException: [***] of ***: cannot cast '***'" in err
    assert "example.com" not in out + err
    run = glue().jobs[FIRST].job_runs[0].job_run_id
    link = "https://us-east-1.console.aws.amazon.com/cloudwatch/home?region=us-east-1#logsV2:log-groups/log-group/"
    assert f"    log: {link}$252Fstedi$252Fstedi$252Ferror$3FlogStreamNameFilter$3D{run}" in err
    assert f"`stedi glue run {' '.join(JOBS)}` goes on from there" in err
    assert "not started" in out


@pytest.mark.parametrize("state", ["STOPPED", "TIMEOUT", "ERROR", "EXPIRED"])
def test_every_other_end_is_a_failure(stedi: Stedi, released: Cloud, state: str) -> None:
    released.on("glue:GetJobRun", ends(state), times=None, where=of(FIRST))
    code, _, err = stedi("glue", "run", FIRST, SECOND)
    assert code == 1
    assert f"  {FIRST}: {state.lower()}: Glue gives no reason" in err
    assert started(released) == [FIRST]


def test_what_runs_beside_a_failure_goes_on_to_its_end(
    stedi: Stedi, released: Cloud, progression: Callable[..., None]
) -> None:
    progression(progression="manual", times=2)
    failed, other = APART
    released.on("glue:GetJobRun", ends("FAILED", "no"), where=of(failed))
    code, out, _ = stedi("glue", "run", *APART, LAST, "--json")
    assert code == 1
    found = json.loads(out)
    assert not found["ok"]
    assert found["runs"][failed]["state"] == "FAILED"
    assert found["runs"][other]["state"] == "SUCCEEDED"
    assert found["runs"][failed]["dpu_hours"] == pytest.approx(0.05)
    assert LAST not in found["runs"]


def test_a_run_that_does_not_start_is_stopped(stedi: Stedi, released: Cloud, progression: Callable[..., None]) -> None:
    progression(progression="manual", times=1_000_000)
    code, _, err = stedi("glue", "run", "--start-timeout", "0.005")
    assert code == 2
    [run] = glue().jobs[FIRST].job_runs
    assert f"job {FIRST}: is STARTING for more than 0.005 minutes; stopped {run.job_run_id}" in err
    assert "service quotas" in err
    assert run.status == "STOPPED"
    assert started(released) == [FIRST]


def test_runs_that_take_too_long_are_stopped(stedi: Stedi, released: Cloud, progression: Callable[..., None]) -> None:
    progression(progression="manual", times=1_000_000)
    code, _, err = stedi("glue", "run", "--timeout", "0.005")
    assert code == 2
    [run] = glue().jobs[FIRST].job_runs
    assert f"{FIRST}: not done after 0.005 minutes; stopped {run.job_run_id}" in err
    assert run.status == "STOPPED"


def test_a_job_that_runs_already_is_named(stedi: Stedi, released: Cloud, client: Client) -> None:
    from moto.moto_api import state_manager

    state_manager.set_transition("glue::job_run", {"progression": "manual", "times": 1_000_000})
    client("glue").start_job_run(JobName=FIRST)
    code, _, err = stedi("glue", "run", FIRST)
    state_manager.unset_transition("glue::job_run")
    assert code == 2
    assert "ConcurrentRunsExceededException" in err
    assert f"job {FIRST}: another run of it goes on" in err


def test_a_moment_without_answers_is_waited_out(stedi: Stedi, released: Cloud) -> None:
    released.on("glue:GetJobRun", refuse("ThrottlingException", "Rate exceeded"), times=5)
    code, _, err = stedi("glue", "run", FIRST)
    assert code == 0, err
    assert released.actions().count("glue:GetJobRun") == 6


def test_silence_without_end_is_told(stedi: Stedi, released: Cloud, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stedi.glue.run.PATIENCE", 0.1)
    released.on("glue:GetJobRun", refuse("InternalServiceException", "try later", status=500), times=None)
    code, _, err = stedi("glue", "run", FIRST)
    assert code == 2
    assert "glue:GetJobRun fails at every attempt (InternalServiceException)" in err
    assert f"in AWS goes on: {FIRST} (jr_" in err


@pytest.mark.parametrize("action", ["BatchGetJobs", "StartJobRun", "GetJobRun"])
def test_access_denied_names_the_call(stedi: Stedi, released: Cloud, action: str) -> None:
    released.on(f"glue:{action}", refuse("AccessDeniedException"), times=None)
    code, _, err = stedi("glue", "run", FIRST)
    assert code == 2
    assert f"access denied to glue:{action} (AccessDeniedException)" in err
    assert (f"in AWS goes on: {FIRST} (jr_" in err) == (action == "GetJobRun")


def test_what_goes_on_beside_a_job_that_cannot_be_started_is_told(
    stedi: Stedi, released: Cloud, progression: Callable[..., None]
) -> None:
    progression(progression="manual", times=1_000_000)
    released.on("glue:GetJobRun", ends("SUCCEEDED"), where=lambda call: call.sent["JobName"] not in APART, times=None)
    released.on("glue:StartJobRun", refuse("AccessDeniedException"), where=of(APART[1]))
    code, _, err = stedi("glue", "run", *APART)
    assert code == 2
    assert f"job {APART[1]}: access denied to glue:StartJobRun" in err
    [run] = glue().jobs[APART[0]].job_runs
    assert f"in AWS goes on: {APART[0]} ({run.job_run_id})" in err


def test_a_run_that_cannot_be_stopped_is_told(stedi: Stedi, released: Cloud, progression: Callable[..., None]) -> None:
    progression(progression="manual", times=1_000_000)
    released.on("glue:BatchStopJobRun", refuse("AccessDeniedException"))
    code, _, err = stedi("glue", "run", "--timeout", "0.005")
    assert code == 2
    assert f"{FIRST}: not done after 0.005 minutes, and not stopped: job {FIRST}: access denied to glue:Batch" in err
    assert f"in AWS goes on: {FIRST} (jr_" in err


@pytest.fixture(params=[TOMBSTONES, KEY])
def forgotten(request: pytest.FixtureRequest, released: Cloud, client: Client) -> Cloud:
    client("s3").put_object(Bucket="my-bucket", Key=f"stedi/{request.param}", Body=b"{}")
    return released


def test_a_lake_in_which_customers_are_forgotten_is_not_run(stedi: Stedi, forgotten: Cloud) -> None:
    code, _, err = stedi("glue", "run")
    assert code == 1
    assert f"Error: {LAKE}: not run; customers are forgotten in this lake" in err
    assert f"`stedi privacy forget --late --lake {LAKE} --yes`" in err
    assert not forgotten.changes()


def test_once_what_landed_late_is_erased_it_is_run(stedi: Stedi, forgotten: Cloud) -> None:
    assert stedi("glue", "run", FIRST, "--late-erased")[0] == 0
    assert started(forgotten) == [FIRST]


def test_tombstones_that_may_not_be_looked_at_are_a_note(stedi: Stedi, released: Cloud) -> None:
    released.on("s3:HeadObject", refuse("403", status=403), times=None)
    code, _, err = stedi("glue", "run", FIRST)
    assert code == 0
    assert f"note: {LAKE}/{TOMBSTONES}: cannot be looked at" in err


class Terminal:
    """`stedi glue run` on a terminal of its own."""

    def __init__(self, command: list[str], *, terminal: bool = True) -> None:
        self.master, slave = pty.openpty()
        self.process = subprocess.Popen(
            [*command, "glue", "run"],
            stdin=slave if terminal else subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        os.close(slave)
        self._guard = threading.Timer(60, self.process.kill)  # a test that waits for ever says nothing
        self._guard.start()

    def wait_for(self, what: str) -> str:
        assert self.process.stderr
        said = ""
        while what not in said:
            character = self.process.stderr.read(1)
            assert character, said
            said += character
        return said

    def end(self) -> tuple[int, str]:
        assert self.process.stderr
        err = self.process.stderr.read()
        code = self.process.wait(20)
        self._guard.cancel()
        os.close(self.master)
        assert self.process.stdout
        self.process.stdout.close()
        self.process.stderr.close()
        return code, err


@pytest.mark.parametrize(("answer", "state"), [("y\n", "STOPPED"), ("n\n", "STARTING"), ("\n", "STARTING")])
def test_ctrl_c_asks_whether_to_stop_the_runs(
    released: Cloud, progression: Callable[..., None], stedi_command: list[str], answer: str, state: str
) -> None:
    progression(progression="manual", times=1_000_000)
    terminal = Terminal(stedi_command)
    terminal.wait_for(f"{FIRST}: starting")
    terminal.process.send_signal(signal.SIGINT)
    terminal.wait_for(f"Stop {FIRST} in AWS? [y/N]: ")
    time.sleep(2)  # longer than a command that was interrupted has otherwise
    os.write(terminal.master, answer.encode())
    code, err = terminal.end()
    assert code == 130
    [run] = glue().jobs[FIRST].job_runs
    assert run._status == state
    assert (f"stopped {FIRST}" if state == "STOPPED" else f"{FIRST} goes on in AWS: run {run.job_run_id}") in err
    assert "Traceback" not in err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_without_a_terminal_nobody_is_asked(
    released: Cloud, progression: Callable[..., None], stedi_command: list[str], number: signal.Signals
) -> None:
    progression(progression="manual", times=1_000_000)
    terminal = Terminal(stedi_command, terminal=number == signal.SIGTERM)
    terminal.wait_for(f"{FIRST}: starting")
    terminal.process.send_signal(number)
    code, err = terminal.end()
    assert code == 130
    [run] = glue().jobs[FIRST].job_runs
    assert f"{FIRST} goes on in AWS: run {run.job_run_id}" in err
    assert run._status == "STARTING"


def test_another_ctrl_c_is_a_no(released: Cloud, progression: Callable[..., None], stedi_command: list[str]) -> None:
    progression(progression="manual", times=1_000_000)
    terminal = Terminal(stedi_command)
    terminal.wait_for(f"{FIRST}: starting")
    terminal.process.send_signal(signal.SIGINT)
    terminal.wait_for("[y/N]: ")
    terminal.process.send_signal(signal.SIGINT)
    code, err = terminal.end()
    assert code == 130
    assert f"{FIRST} goes on in AWS" in err
    assert glue().jobs[FIRST].job_runs[0]._status == "STARTING"
