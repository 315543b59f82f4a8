"""A parity run over landing data in a bucket: both sides read the same bytes, and no job sees the bucket."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import studio

if TYPE_CHECKING:
    from s3.bucket import Bucket

pytestmark = pytest.mark.spark

SCRIPT = "customer_landing_to_trusted.py"


def test_landing_data_in_a_bucket_are_what_both_sides_read(
    s3: Bucket, landing: Path, stedi: Callable[..., tuple[int, str, str]], tmp_path: Path
) -> None:
    s3.upload(landing, "deep/lake")
    script = studio.jobs()[SCRIPT].replace(
        "job.commit()", "import os\nassert not [name for name in os.environ if 'KEY' in name]\njob.commit()"
    )
    jobs = studio.put(tmp_path / "jobs", {SCRIPT: script})
    others = [name for name in studio.TABLES if name != "customer_trusted"]
    (jobs / "parity.toml").write_text(f"[tables]\nskip = {json.dumps(others)}\n", encoding="utf-8")
    before = s3.keys()
    code, out, err = stedi("parity", "run", "--lake", s3.uri("deep/lake"), "--jobs", jobs, "--json")
    assert code == 0, out + err
    document = json.loads(out)
    assert document["landing"] == s3.uri("deep/lake")
    found = document["tables"]["customer_trusted"]
    assert (found["verdict"], found["left_rows"], found["right_rows"]) == ("same", 2, 2)
    assert s3.keys() == before
    fetched = [request.target for request in s3.requests("GET") if request.target.endswith(".json")]
    landed = [target for target in fetched if "/landing/" in target]
    assert sorted(landed) == [f"/{s3.name}/{key}" for key in before]
