"""Five scripts as Glue Studio writes them, on the published data and on the sample: the rows they are known for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from parity.worker import Worker
from stedi.contracts import FEEDS, TABLES
from stedi.settings import bundled_sample

pytestmark = pytest.mark.spark

JOBS = Path(__file__).parents[1] / "jobs" / "published"
ORDER = (
    "customer_trusted",
    "accelerometer_trusted",
    "customers_curated",
    "step_trainer_trusted",
    "machine_learning_curated",
)


def _counts(worker: Worker, landing: Path, logs: Path, rows: Callable[[str], list[object]]) -> dict[str, int]:
    counts = {}
    for feed in FEEDS:
        worker.place(f"s3://test-lakehouse/{feed.prefix}", landing / feed.prefix)
        lines = [f.read_bytes().splitlines() for f in worker.local(f"s3://test-lakehouse/{feed.prefix}").iterdir()]
        counts[feed.name] = sum(map(len, lines))
    for name in ORDER:
        script = JOBS / f"{TABLES[name].glue_job}.py"
        result = worker.run(script, log=logs / f"{name}.log")
        assert result.state == "succeeded", result.error
        counts[name] = len(rows(f"s3://test-lakehouse/{TABLES[name].prefix}"))
    return counts


def test_the_published_data_give_the_published_counts(
    worker: Worker, real_landing: Path, tmp_path: Path, rows: Callable[[str], list[object]]
) -> None:
    expected = json.loads((real_landing / "expected.json").read_text("utf-8"))
    assert len(expected) == 8
    assert _counts(worker, real_landing, tmp_path, rows) == expected


def test_the_sample_gives_its_counts(worker: Worker, tmp_path: Path, rows: Callable[[str], list[object]]) -> None:
    sample = bundled_sample()
    assert sample is not None
    expected = json.loads((sample / "expected.json").read_text("utf-8"))
    found = _counts(worker, sample, tmp_path, rows)
    assert found == {name: expected[name] for name in found}
