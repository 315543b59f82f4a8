"""`stedi parity diff` of tables in a bucket: what is compared is what lies there, and no more is asked for."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl
import pytest

if TYPE_CHECKING:
    from s3.bucket import Bucket

Answer = tuple[int, str, str]
Command = Callable[..., Answer]

TABLE = pl.DataFrame({"id": [1, 2, 3], "name": ["Ann", None, "Cid"], "x": [0.1, 0.2, 0.3]})


@pytest.fixture
def local(tmp_path: Path) -> Path:
    """Return the table on this machine."""
    TABLE.write_parquet(tmp_path / "table.parquet")
    return tmp_path / "table.parquet"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return the same rows in another order as Spark writes them: parts, nested too, markers and half a file."""
    place = tmp_path / "spark"
    for part, rows in {
        "part-0.parquet": TABLE[2:],
        "a b/part 1.parquet": TABLE[:1],
        "å/+%/2.parquet": TABLE[1:2],
    }.items():
        (place / part).parent.mkdir(parents=True, exist_ok=True)
        rows.write_parquet(place / part)
    (place / "_SUCCESS").touch()
    (place / "_temporary").mkdir()
    (place / "_temporary" / "half.parquet").write_bytes(b"PAR1 torn")
    return place


@pytest.mark.parametrize("prefix", ["", "lake/customer trusted", "deep/ä/x=1"])
def test_a_folder_in_a_bucket_is_the_local_one(
    s3: Bucket, local: Path, folder: Path, stedi: Command, prefix: str
) -> None:
    s3.upload(folder, prefix)
    if prefix:
        s3.put(f"{prefix} more/part-0.parquet", b"of another table")
    for sides in ((s3.uri(prefix), local), (local, s3.uri(prefix)), (s3.uri(prefix), folder), (s3.uri(prefix),) * 2):
        code, out, err = stedi("parity", "diff", *sides)
        assert (code, err) == (0, ""), out
        assert "1 table: all the same" in out
    assert not [request for request in s3.requests() if "half.parquet" in request.key or " more/" in request.key]


def test_one_object_is_a_table(s3: Bucket, local: Path, stedi: Command) -> None:
    s3.put("a/table.parquet", local.read_bytes())
    s3.put("a/table.parquet.bak", b"not this one")
    s3.put("rows", b"".join(json.dumps(row).encode() + b"\n" for row in TABLE.to_dicts()))
    assert stedi("parity", "diff", s3.uri("a/table.parquet"), local)[0] == 0
    assert stedi("parity", "diff", s3.uri("rows"), s3.uri("a/table.parquet"))[0] == 0


def test_a_difference_is_found_and_named(s3: Bucket, local: Path, tmp_path: Path, stedi: Command) -> None:
    changed = TABLE.with_columns(x=pl.when(id=2).then(9.0).otherwise("x"))
    changed.write_parquet(tmp_path / "changed.parquet")
    s3.put("new/part-0.parquet", (tmp_path / "changed.parquet").read_bytes())
    code, out, _ = stedi("parity", "diff", local, s3.uri("new"), "--key", "id", "--json")
    found = json.loads(out)["tables"]["table"]
    assert (code, found["verdict"], found["cause"]) == (1, "different", "changed_values")
    assert found["changed"] == {"x": 1}


def test_a_table_is_fetched_once_as_long_as_it_is_the_same(
    s3: Bucket, local: Path, tmp_path: Path, stedi: Command
) -> None:
    s3.put("t/0.parquet", local.read_bytes())
    assert stedi("parity", "diff", local, s3.uri("t"))[0] == 0
    assert [request.key for request in s3.requests("GET")] == ["t/0.parquet"]
    assert stedi("parity", "diff", local, s3.uri("t"))[0] == 0
    assert len(s3.requests("GET")) == 1
    TABLE[:2].write_parquet(tmp_path / "fewer.parquet")
    s3.put("t/0.parquet", (tmp_path / "fewer.parquet").read_bytes())
    assert stedi("parity", "diff", local, s3.uri("t"))[0] == 1


def test_what_cannot_be_read_ends_with_2(s3: Bucket, local: Path, stedi: Command) -> None:
    s3.put("torn/0.parquet", local.read_bytes()[:-20])
    s3.put("markers/_SUCCESS", b"")
    for place, words in (
        (s3.uri("nowhere"), "there is no table"),
        (s3.uri("markers"), "there is no table"),
        (s3.uri("torn"), "is no Parquet that can be read"),
        ("s3://stedi-no-such-bucket/a", "stedi-no-such-bucket"),
    ):
        for sides in ((local, place), (place, local)):
            code, out, err = stedi("parity", "diff", *sides)
            assert (code, out) == (2, ""), place
            assert words in err
            assert err.count("\n") <= 3
