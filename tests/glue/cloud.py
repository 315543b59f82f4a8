"""AWS as the tests see it: moto's server, a proxy before it that writes down every call and does harm when told to.

What moto does not know is done here, on moto's own state: Glue's UpdateJob and BatchStopJobRun, and that a change set
leaves a stack its outputs and parameters.
"""

from __future__ import annotations

import io
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs

from s3.proxy import Action, Exchange, Fault, Proxy, Request

__all__ = ["ACCOUNT", "REGION", "Call", "Cloud", "answer_json", "execute_change_set", "glue", "refuse", "stack"]

ACCOUNT = "123456789012"
REGION = "us-east-1"

_READS = re.compile(r"(?:Get|Describe|List|Head|BatchGet)[A-Z]")
_SCOPE = re.compile(r"Credential=[^/]+/\d+/[^/]+/([^/]+)/aws4_request")
_S3 = {"GET": "Get", "HEAD": "Head", "PUT": "Put", "POST": "Post", "DELETE": "Delete"}
_NUMBER = "X-Test-Call"


@dataclass(frozen=True)
class Call:
    """One call: `glue:CreateJob`, and what was sent with it, where that is not the content of an object."""

    action: str
    sent: Mapping[str, Any] = field(default_factory=dict)

    @property
    def changes(self) -> bool:
        """Whether it may change anything."""
        return not _READS.match(self.action.partition(":")[2])


class Cloud(Proxy):
    """A proxy that knows which call of which service each request is."""

    def __init__(self, server: tuple[str, int]) -> None:
        super().__init__(server)
        self.calls: list[Call] = []

    def clear(self) -> None:
        super().clear()
        with self._lock:
            self.calls.clear()
        self.on("glue:UpdateJob", _update_job, times=None)
        self.on("glue:BatchStopJobRun", _stop_job_runs, times=None)
        self.on("cloudformation:ExecuteChangeSet", execute_change_set, times=None)

    def on(
        self, action: str, act: Action, *, times: int | None = 1, where: Callable[[Call], bool] | None = None
    ) -> Fault:
        """Have something else happen to the next calls of an action, a regular expression as `glue:.*Job`."""
        pattern = re.compile(action)

        def match(request: Request) -> bool:
            call = self.calls[int(request.headers[_NUMBER.lower()])]
            return bool(pattern.fullmatch(call.action)) and (where is None or where(call))

        fault = Fault(match, act, times)
        with self._lock:
            self._faults.insert(0, fault)  # the newest rule acts first, those of what moto lacks last
        return fault

    def actions(self) -> list[str]:
        """Return the calls so far, in their order."""
        return [call.action for call in self.calls]

    def changes(self) -> list[str]:
        """Return the calls that may have changed something."""
        return [call.action for call in self.calls if call.changes]

    def sent(self, action: str) -> list[Mapping[str, Any]]:
        """Return what was sent with the calls of an action."""
        return [call.sent for call in self.calls if call.action == action]

    def serve(self, handler: Any) -> None:
        original = handler.rfile
        body = original.read(int(handler.headers.get("content-length", 0)))
        with self._lock:
            handler.headers[_NUMBER] = str(len(self.calls))
            self.calls.append(_call(handler, body))
        handler.rfile = io.BytesIO(body) if body else original
        try:
            super().serve(handler)
        finally:
            handler.rfile = original


def _call(handler: Any, body: bytes) -> Call:
    found = _SCOPE.search(handler.headers.get("authorization", ""))
    service = found[1] if found else "unsigned"
    target = handler.headers.get("x-amz-target", "")
    if target:
        return Call(f"{service}:{target.rpartition('.')[2]}", json.loads(body or b"{}"))
    if service == "s3":
        request = Request(handler.command, handler.requestline.split(" ")[1], {})
        what = "Object" if request.key else "Bucket"
        return Call(f"s3:{_S3[handler.command]}{what}", {"Key": request.key})
    fields = {name: values[-1] for name, values in parse_qs(body.decode(), keep_blank_values=True).items()}
    return Call(f"{service}:{fields.get('Action', 'unknown')}", fields)


def refuse(code: str, message: str = "as the test wishes", status: int = 400) -> Action:
    """Answer as AWS does where it refuses, in JSON or XML as the service speaks: `refuse("AccessDeniedException")`."""

    def act(exchange: Exchange) -> None:
        if "x-amz-target" in exchange.request.headers:
            body = json.dumps({"__type": code, "message": message, "Message": message})
            exchange.answer(status, {"Content-Type": "application/x-amz-json-1.1"}, body.encode())
            return
        error = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        is_s3 = exchange.request.method != "POST" or "s3" in exchange.request.headers.get("authorization", "")
        body = error if is_s3 else f"<ErrorResponse>{error}<RequestId>0</RequestId></ErrorResponse>"
        exchange.answer(status, {"Content-Type": "application/xml"}, body.encode())

    return act


def glue() -> Any:
    """Return moto's own state of Glue."""
    from moto.glue.models import glue_backends

    return glue_backends[ACCOUNT][REGION]


def stack() -> Any:
    """Return moto's own state of the one stack."""
    from moto.cloudformation.models import cloudformation_backends

    [found] = cloudformation_backends[ACCOUNT][REGION].stacks.values()
    return found


def execute_change_set(exchange: Exchange) -> None:
    """Do what ExecuteChangeSet does: parameters are texts again, and outputs those of the new template."""
    from moto.cloudformation.models import cloudformation_backends
    from moto.cloudformation.parsing import OutputMap

    exchange.forward()
    backend = cloudformation_backends[ACCOUNT][REGION]
    found = stack()
    change_set = next(c for c in backend.change_sets.values() if c.execution_status == "EXECUTE_COMPLETE")
    del backend.change_sets[change_set.change_set_id]
    found.parameters = dict(change_set.parameters)
    known = found.resource_map.resolved_parameters
    known.update({name: ",".join(value) for name, value in known.items() if isinstance(value, list)})
    # an output of what moto does not make would be none
    outputs = {name: change_set.template_dict["Outputs"][name] for name in ("LakeUri", "RoleArn")}
    found.output_map = OutputMap(found.resource_map, {"Outputs": outputs}, found.stack_id)
    _make_what_moto_does_not(change_set.parameters["DatabaseName"])


def _make_what_moto_does_not(name: str) -> None:
    from moto.athena.models import athena_backends

    if name not in glue().databases:
        glue().create_database(name, {"Name": name})
    athena_backends[ACCOUNT][REGION].create_work_group(name, {}, "", [])


def answer_json(exchange: Exchange, answer: Mapping[str, Any]) -> None:
    """Answer as services do that speak JSON."""
    exchange._handler.rfile.seek(0)
    exchange.answer(200, {"Content-Type": "application/x-amz-json-1.1"}, json.dumps(answer).encode())


def _sent(exchange: Exchange) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(b"".join(exchange._body()))
    exchange._handler.rfile.seek(0)
    return found


def _update_job(exchange: Exchange) -> None:
    """Do what UpdateJob does: the definition is what is sent, and nothing of what it was."""
    sent = _sent(exchange)
    jobs = glue().jobs
    if sent["JobName"] not in jobs:
        refuse("EntityNotFoundException", f"Job {sent['JobName']} not found.")(exchange)
        return
    update = sent["JobUpdate"]
    if update.get("WorkerType") and (update.get("MaxCapacity") or update.get("AllocatedCapacity")):
        refuse("InvalidInputException", "Please do not set Max Capacity if using Worker Type")(exchange)
        return
    job = jobs[sent["JobName"]]
    for field_name in _JOB_FIELDS:
        setattr(job, _snake(field_name), update.get(field_name))
    job.default_arguments = update.get("DefaultArguments") or {}
    job.execution_property = update.get("ExecutionProperty") or {}
    answer_json(exchange, {"JobName": sent["JobName"]})


_JOB_FIELDS = (
    "Description",
    "Role",
    "Command",
    "NonOverridableArguments",
    "Connections",
    "MaxRetries",
    "Timeout",
    "MaxCapacity",
    "WorkerType",
    "NumberOfWorkers",
    "SecurityConfiguration",
    "NotificationProperty",
    "GlueVersion",
    "ExecutionClass",
)


def _snake(name: str) -> str:
    return re.sub(r"(?<!^)([A-Z])", r"_\1", name).lower()


def _stop_job_runs(exchange: Exchange) -> None:
    """Do what BatchStopJobRun does: a run that has not ended is stopped, any other is an error in the answer."""
    sent = _sent(exchange)
    name = sent["JobName"]
    stopped, errors = [], []
    for run in glue().jobs[name].job_runs:
        if run.job_run_id not in sent["JobRunIds"]:
            continue
        pair = {"JobName": name, "JobRunId": run.job_run_id}
        if run.status in ("STARTING", "RUNNING", "WAITING"):
            run._status = "STOPPED"
            run._transitions = []
            stopped.append(pair)
        else:
            errors.append({**pair, "ErrorDetail": {"ErrorCode": "JobRunNotInTerminalStateException"}})
    answer_json(exchange, {"SuccessfulSubmissions": stopped, "Errors": errors})
