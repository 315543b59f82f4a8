"""The published STEDI data, which is no part of the project: whoever has it names its folder in STEDI_LANDING."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path

import pytest

Answer = tuple[int, str, str]

PUBLISHED = {
    "customer_landing": 956,
    "accelerometer_landing": 81_273,
    "step_trainer_landing": 28_680,
    "customer_trusted": 482,
    "accelerometer_trusted": 40_981,
    "step_trainer_trusted": 14_460,
    "customers_curated": 482,
    "machine_learning_curated": 43_681,
}

# read now: the tests run without any STEDI_ variable
LANDING = os.environ.get("STEDI_LANDING", "")


@pytest.fixture
def published() -> Path:
    if not LANDING:
        pytest.skip("STEDI_LANDING names no folder with the published landing data")
    if not (Path(LANDING) / "expected.json").is_file():
        pytest.skip("the folder that STEDI_LANDING names holds no expected.json")
    return Path(LANDING).absolute()


def test_the_published_counts_come_out_exactly(published: Path, lake: Path, stedi: Callable[..., Answer]) -> None:
    assert json.loads((published / "expected.json").read_bytes()) == PUBLISHED
    code, out, err = stedi("build", "--landing", published, "--lake", lake, "--strict", "--json")
    assert code == 0, err
    built = json.loads(out)
    assert {name: built["tables"][name]["rows"] for name in PUBLISHED} == PUBLISHED
    assert {feed: entry["quarantined"] for feed, entry in built["ledger"].items()} == {
        "customer": 0,
        "accelerometer": 0,
        "step_trainer": 0,
    }
    code, out, err = stedi("verify", "--lake", lake, "--json")
    assert code == 0, err
    verified = json.loads(out)
    assert {name: verified["tables"][name]["rows"] for name in PUBLISHED} == PUBLISHED
