"""Glue 6.0, which is PySpark 4.1.1 with ANSI SQL, beside Glue 5.1: what differs is told apart from what is wrong.

Runs where STEDI_GLUE_6_PYTHON names a Python with that PySpark. `nox -s parity-6.0` makes one; the default session
leaves this module out, since a second PySpark is 450 MB.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema  # type: ignore[import-untyped]
import pytest
import studio

PYTHON = os.environ.get("STEDI_GLUE_6_PYTHON", "")

pytestmark = [
    pytest.mark.spark,
    pytest.mark.skipif(not PYTHON, reason="STEDI_GLUE_6_PYTHON names no Python with PySpark 4.1.1: nox -s parity-6.0"),
]

JOBS = studio.jobs()
FIRST = "customer_landing_to_trusted.py"
SCHEMA = json.loads(
    (Path(__file__).parents[2] / "parity" / "report" / "report.schema.json").read_text(encoding="utf-8")
)
Parity = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def parity(stedi_command: list[str], landing: Path, tmp_path: Path) -> Parity:
    """Return `parity(scripts, glue)`: exit code and document of a run; without scripts the rendered ones run."""

    def run(scripts: dict[str, str] | None, glue: str) -> tuple[int, dict[str, Any]]:
        jobs = [] if scripts is None else ["--jobs", str(studio.put(tmp_path / "jobs", scripts))]
        ran = subprocess.run(
            [*stedi_command, "parity", "run", "--landing", str(landing), "--glue", glue, "--json", *jobs],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert ran.stdout, ran.stderr
        document: dict[str, Any] = json.loads(ran.stdout)
        jsonschema.validate(document, SCHEMA)
        return ran.returncode, document

    return run


def verdicts(document: dict[str, Any], glue: str) -> dict[str, str]:
    return {name: found["verdict"] for name, found in document["sides"][glue]["tables"].items()}


def test_the_rendered_jobs_give_the_same_on_both_versions_and_in_duckdb(
    parity: Parity, landing: Path, write_walk: Callable[..., None]
) -> None:
    write_walk(landing, "Ada")
    code, document = parity(None, "5.1,6.0")
    assert (code, document["verdict"]) == (0, "same"), document["headline"]
    spark = [document["sides"][glue]["versions"]["spark"] for glue in ("5.1", "6.0")]
    assert spark == ["3.5.6", "4.1.1"]
    assert {found["verdict"] for found in document["pairs"]["5.1 6.0"].values()} == {"same"}
    assert document["pairs"]["5.1 6.0"].keys() == document["tables"].keys()


def test_scripts_of_glue_studio_run_on_glue_6(parity: Parity) -> None:
    code, document = parity(JOBS, "6.0")
    assert (code, document["verdict"]) == (0, "same"), document["headline"]


def test_a_script_that_only_glue_6_runs_differently_is_told_apart(parity: Parity) -> None:
    jobs = JOBS | {
        FIRST: JOBS[FIRST].replace(
            "CustomerTrusted_node3 =", "if spark.version >= '4':\n    ShareWithResearch_node2 = CustomerLanding_node1\n"
            "CustomerTrusted_node3 =", 1
        )
    }  # fmt: skip
    code, document = parity(jobs, "5.1,6.0")
    assert code == 1
    assert set(verdicts(document, "5.1").values()) == {"same"}
    assert verdicts(document, "6.0")["customer_trusted"] == "different"
    assert document["pairs"]["5.1 6.0"]["customer_trusted"]["verdict"] == "different"
    assert document["facts"]["Glue 5.1"] == "spark 3.5.6, 5 same"
    assert "different customer_trusted" in document["facts"]["Glue 6.0"]


def test_what_ansi_refuses_is_named_with_its_line_and_the_value_is_not_shown(parity: Parity) -> None:
    cast = "spark.sql(\"select cast('secret value' as int)\").collect()\njob.commit()"
    code, document = parity(JOBS | {FIRST: JOBS[FIRST].replace("job.commit()", cast)}, "5.1,6.0")
    assert code == 2
    assert set(verdicts(document, "5.1").values()) == {"same"}
    assert verdicts(document, "6.0")["customer_trusted"] == "failed"
    found = document["tables"]["customer_trusted"]
    assert "line" in found["problem"]
    assert "CAST_INVALID_INPUT" in found["problem"]
    assert "secret" not in json.dumps(document)
    assert found["fix"] == "a value is not of the type it is cast to"
