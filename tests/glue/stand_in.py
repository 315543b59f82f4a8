"""Glue as a parity run meets it: runs of jobs that are started are carried out, here, on what is in moto's S3.

A thread looks for runs that are STARTING. It brings the objects that the role of the jobs may read to where the local
runtime finds them, runs the job's script with the arguments of the run, brings what that has written and deleted back
where the role may, and says how the run ended. What the role may is decided by the policy of the template.
"""

from __future__ import annotations

import json
import shutil
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from glue.cloud import Cloud, answer_json, glue
from glue.policies import allows, resolved

from parity.worker import JobResult, Worker
from stedi.glue.template import template

if TYPE_CHECKING:
    from s3.proxy import Exchange

__all__ = ["StandIn", "role_of"]

_EVERY = 0.02


def role_of(bucket: str, prefix: str, database: str) -> list[dict[str, Any]]:
    """Return the statements of the role that the template makes for a lake."""
    names = {
        "AWS::Region": "us-east-1",
        "AWS::AccountId": "123456789012",
        "AWS::Partition": "aws",
        "LakeBucket.Arn": f"arn:aws:s3:::{bucket}",
        "LakePrefix": prefix,
        "Database": database,
    }
    [policy] = template()["Resources"]["GlueRole"]["Properties"]["Policies"]
    found: list[dict[str, Any]] = resolved(policy["PolicyDocument"]["Statement"], names)
    return found


class StandIn:
    """Carries out job runs until it is left; `asleep` names jobs that never get going, `endless` ones without end."""

    def __init__(self, cloud: Cloud, client: Callable[[str], Any], worker: Worker, folder: Path) -> None:
        self.role = role_of("my-bucket", "stedi/", "stedi")
        self.asleep: set[str] = set()
        self.endless: set[str] = set()
        self.ran: list[str] = []
        self._s3 = client("s3")
        self._worker = worker
        self._folder = folder
        self._said: dict[str, str] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        cloud.on("glue:GetJobRun", self._describe, times=None)
        cloud.on("glue:BatchStopJobRun", self._stop, times=None)

    def __enter__(self) -> Self:
        from moto.moto_api import state_manager

        state_manager.set_transition("glue::job_run", {"progression": "manual", "times": 1_000_000_000})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        from moto.moto_api import state_manager

        self._ended.set()
        self._thread.join()
        state_manager.unset_transition("glue::job_run")

    def runs(self) -> Iterator[Any]:
        """Yield every run of moto's, in no order."""
        for job in list(glue().jobs.values()):
            yield from list(job.job_runs)

    # what Glue answers

    def _describe(self, exchange: Exchange) -> None:
        """Say why a run has failed, which moto does not."""
        with exchange.ask() as response:
            found = json.loads(response.read())
        said = self._said.get(found["JobRun"]["Id"])
        answer_json(exchange, {"JobRun": {**found["JobRun"], **({"ErrorMessage": said} if said else {})}})

    def _stop(self, exchange: Exchange) -> None:
        """Have runs end soon: one whose script is at work writes until it has."""
        sent = json.loads(b"".join(exchange._body()))
        for run in self.runs():
            if run.job_run_id in sent["JobRunIds"] and run._status in ("STARTING", "RUNNING"):
                at_work = run._status == "RUNNING" and run.job_name not in self.endless
                run._status = "STOPPING" if at_work else "STOPPED"
        answer_json(exchange, {"SuccessfulSubmissions": [], "Errors": []})

    # what Glue does

    def _watch(self) -> None:
        while not self._ended.wait(_EVERY):
            for run in self.runs():
                if run._status == "STARTING" and run.job_name not in self.asleep:
                    run._status = "RUNNING"
                    if run.job_name not in self.endless:
                        self._carry_out(run)

    def _carry_out(self, run: Any) -> None:
        self.ran.append(run.job_name)
        try:
            result = self._run(run)
        except PermissionError as denied:
            self._said[run.job_run_id] = f"An error occurred while calling o96.parquet. AccessDenied: {denied}"
        else:
            if error := result.error:
                said = f"Failed Line Number: {error.line}; {error.type}: {error.message}"
                self._said[run.job_run_id] = f"Error Category: UNCLASSIFIED_ERROR; {said}"
        ended = "FAILED" if run.job_run_id in self._said else "SUCCEEDED"
        run._status = "STOPPED" if run._status == "STOPPING" else ended

    def _run(self, run: Any) -> JobResult:
        self._worker.clear()
        bucket, _, prefix = run.arguments["--LAKE"].removeprefix("s3://").partition("/")
        before = self._bring(bucket, prefix)
        location = glue().jobs[run.job_name].command["ScriptLocation"].removeprefix(f"s3://{bucket}/")
        self._allowed("GetObject", bucket, location)
        script = self._folder / f"{run.job_name}.py"
        script.write_bytes(self._s3.get_object(Bucket=bucket, Key=location)["Body"].read())
        arguments = {name.removeprefix("--"): value for name, value in run.arguments.items()}
        result = self._worker.run(script, arguments, log=self._folder / f"{run.job_run_id}.log", timeout=120)
        # as Glue's file system does, whose markers of folders stand beside them
        self._put(bucket, f"{prefix}_$folder$", b"")
        self._bring_back(bucket, before)
        return result

    def _bring(self, bucket: str, prefix: str) -> dict[str, bytes]:
        """Lay what may be read under a prefix out for the runtime, and return it by key."""
        found = {}
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=f"{prefix}/"):
            for item in page.get("Contents", ()):
                if self._may("GetObject", bucket, item["Key"]):
                    found[item["Key"]] = self._s3.get_object(Bucket=bucket, Key=item["Key"])["Body"].read()
        for key, data in found.items():
            file = self._worker.local(f"s3://{bucket}/{key}")
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        return found

    def _bring_back(self, bucket: str, before: dict[str, bytes]) -> None:
        """Put and delete what the script has written and deleted."""
        root = self._worker.local(f"s3://{bucket}")
        after = {
            file.relative_to(root).as_posix(): file.read_bytes()
            for file in root.rglob("*")
            if file.is_file() and file.suffix != ".crc"
        }
        for key, data in after.items():
            if before.get(key) != data:
                self._put(bucket, key, data)
        for key in before.keys() - after.keys():
            self._allowed("DeleteObject", bucket, key)
            self._s3.delete_object(Bucket=bucket, Key=key)
        shutil.rmtree(root)

    def _put(self, bucket: str, key: str, data: bytes) -> None:
        self._allowed("PutObject", bucket, key)
        self._s3.put_object(Bucket=bucket, Key=key, Body=data)

    def _may(self, action: str, bucket: str, key: str) -> bool:
        return allows(self.role, f"s3:{action}", f"arn:aws:s3:::{bucket}/{key}")

    def _allowed(self, action: str, bucket: str, key: str) -> None:
        if not self._may(action, bucket, key):
            raise PermissionError(f"not authorized to perform s3:{action} on {key}")
