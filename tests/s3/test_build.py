"""A lake in a bucket is the lake in a folder: same tables, same commands, wherever lake and landing data are."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from s3.faults import answer, before
from s3.proxy import Fault, Request, on

from stedi.build import build
from stedi.contracts import TABLES
from stedi.s3.connection import AT_ONCE
from stedi.settings import bundled_sample
from stedi.stages import STAGES

if TYPE_CHECKING:
    from s3.bucket import Bucket

Answer = tuple[int, str, str]
Command = Callable[..., Answer]
Read = Callable[[Path], dict[str, tuple[str, list[str]]]]

FEEDS = ("customer/landing/", "accelerometer/landing/", "step_trainer/landing/")

MANY = 10_000 if os.environ.get("STEDI_S3_DEEP") else 150
"""Objects in the test of many."""


def rows(lake: Path, read_lake: Read) -> dict[str, list[str]]:
    return {path: found for path, (_, found) in read_lake(lake).items()}


@pytest.fixture
def expected(
    *,
    landing: Path,
    tmp_path: Path,
    add_lines: Callable[..., Path],
    write_walk: Callable[..., None],
    read_lake: Read,
    monkeypatch: pytest.MonkeyPatch,
) -> dict[str, list[str]]:
    """Return the rows of every table that a local build gives; the landing data have a bad line too."""
    add_lines(landing, "customer", ["no json"])
    write_walk(landing, "Ada")
    key = "the same in every build of the test"
    monkeypatch.setenv("STEDI_PSEUDONYM_KEY", key)
    build(tmp_path / "expected", landing, pseudonym_key=key)
    found = rows(tmp_path / "expected", read_lake)
    assert len(found) == 8
    assert all(found.values())
    return found


@pytest.mark.parametrize("prefix", ["", "deep/down/a b+c%ä"])
def test_lake_and_landing_data_in_one_place(
    *, s3: Bucket, landing: Path, tmp_path: Path, stedi: Command, read_lake: Read, expected: object, prefix: str
) -> None:
    s3.upload(landing, prefix)
    code, out, err = stedi("build", "--lake", s3.uri(prefix), "--json")
    assert (code, err.count("\n")) == (0, 1)  # the note about the bad line
    document = json.loads(out)
    assert document["lake"] == document["landing"] == s3.uri(prefix)
    assert document["tables"]["machine_learning_curated"]["rows"] == 18
    assert rows(s3.download(tmp_path / "found", prefix), read_lake) == expected
    assert stedi("verify", "--lake", s3.uri(prefix))[0] == 0


def test_a_slash_at_the_end_names_the_same_place(s3: Bucket, landing: Path, stedi: Command) -> None:
    s3.upload(landing, "lake")
    assert stedi("build", "--lake", s3.uri("lake/"))[0] == 0
    assert "nothing changed" in stedi("build", "--lake", s3.uri("lake"))[1]
    assert all("//" not in key for key in [*s3.keys()])


@pytest.mark.parametrize("where", ["two prefixes", "two buckets", "only the lake", "only the landing data"])
def test_lake_and_landing_data_in_two_places(
    *,
    s3: Bucket,
    new_bucket: Callable[[], Bucket],
    landing: Path,
    tmp_path: Path,
    stedi: Command,
    read_lake: Read,
    expected: object,
    where: str,
) -> None:
    other = new_bucket() if where == "two buckets" else s3
    other.upload(landing, "from")
    source = landing if where == "only the lake" else other.uri("from")
    target = tmp_path / "lake" if where == "only the landing data" else s3.uri("to")
    assert stedi("build", "--landing", source, "--lake", target)[0] == 0
    found = tmp_path / "lake" if where == "only the landing data" else s3.download(tmp_path / "found", "to")
    assert rows(found, read_lake) == expected
    # what it was built from is remembered
    assert "nothing changed" in stedi("build", "--lake", target)[1]
    assert stedi("verify", "--lake", target)[0] == 0
    sql = "select count(*) as n from accelerometer_landing_ join quarantine on true".replace("_ ", " ")
    assert stedi("query", sql, "--format", "csv", "--lake", target)[:2] == (0, "n\r\n15\r\n")


@pytest.mark.parametrize("cache", ["kept", "cleared", "none"])
def test_a_second_build_lists_each_feed_once_and_fetches_nothing(
    s3: Bucket, landing: Path, stedi: Command, cache: str
) -> None:
    s3.upload(landing)
    options = ["--no-cache"] if cache == "none" else []
    assert stedi("build", "--lake", s3.uri(), *options)[0] == 0
    if cache == "cleared":
        assert stedi("cache", "clear")[0] == 0
    s3.proxy.clear()
    assert "nothing changed" in stedi("build", "--lake", s3.uri(), *options)[1]
    listed = [request.query["prefix"] for request in s3.requests("LIST")]
    made = [TABLES[name].prefix for name in STAGES]
    assert sorted(listed) == sorted([*FEEDS, *made, "_stedi/"])
    assert s3.requests("HEAD") == []
    assert [str(request) for request in s3.requests() if request.changes] == []
    assert {request.key for request in s3.requests("GET")} == {"_stedi/manifest.json"}


def test_a_build_with_no_cache_leaves_nothing_on_this_machine(
    s3: Bucket, landing: Path, tmp_path: Path, stedi: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    import gc
    import tempfile

    temporary = tmp_path / "temporary"
    temporary.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(temporary))
    s3.upload(landing, "landing")
    where = ["--landing", s3.uri("landing"), "--lake", s3.uri("lake"), "--no-cache"]
    assert stedi("build", *where)[0] == 0
    assert stedi("build", *where, "--force")[0] == 0
    assert stedi("verify", "--lake", s3.uri("lake"), "--no-cache")[::2] == (0, "")
    gc.collect()
    assert len([request for request in s3.requests("GET") if request.key.endswith("customers.json")]) == 3
    assert list(temporary.iterdir()) == []
    assert not (tmp_path / "cache").exists()


def test_what_is_published_and_how(s3: Bucket, landing: Path, tmp_path: Path, stedi: Command, expected: object) -> None:
    s3.upload(landing)
    before_ = set(s3.keys())
    assert stedi("build", "--lake", s3.uri())[0] == 0
    new = set(s3.keys()) - before_
    local = {file.relative_to(tmp_path / "expected").as_posix() for file in (tmp_path / "expected").rglob("*.parquet")}
    assert new == local | {"_stedi/manifest.json"}
    types = {key: (s3.head(key)["ContentType"], s3.head(key)["ServerSideEncryption"]) for key in new}
    assert types == {
        key: ("application/vnd.apache.parquet" if key.endswith(".parquet") else "application/json", "AES256")
        for key in new
    }
    assert s3.uploads() == []


def test_a_key_of_kms_encrypts_all_that_is_written(s3: Bucket, landing: Path, stedi: Command) -> None:
    key = "arn:aws:kms:us-east-1:123456789012:key/1234"
    s3.upload(landing)
    landed = set(s3.keys())
    assert stedi("build", "--lake", s3.uri(), "--sse-kms-key", key)[0] == 0
    for name in set(s3.keys()) - landed:
        assert (s3.head(name)["ServerSideEncryption"], s3.head(name)["SSEKMSKeyId"]) == ("aws:kms", key)
    for request in s3.requests():
        if request.kind in ("PUT", "COPY"):
            assert request.headers["x-amz-server-side-encryption"] == "aws:kms", request
    assert stedi("verify", "--lake", s3.uri())[0] == 0
    assert stedi("query", "from customer_trusted", "--lake", s3.uri())[0] == 0


def test_requester_pays_for_every_request_to_objects_and_listings(s3: Bucket, landing: Path, stedi: Command) -> None:
    s3.upload(landing)
    assert stedi("build", "--lake", s3.uri(), "--requester-pays")[0] == 0
    assert stedi("verify", "--lake", s3.uri(), "--requester-pays")[0] == 0
    assert stedi("query", "from customer_trusted", "--lake", s3.uri(), "--requester-pays")[0] == 0
    # listing uploads and looking at the bucket itself know no such header
    asked = [request for request in s3.requests() if request.key or request.kind in ("LIST", "POST")]
    assert [str(request) for request in asked if request.headers.get("x-amz-request-payer") != "requester"] == []


READ = [
    "a b.json",
    "a+b.json",
    "a%20b%.json",
    "ä/ø/日本.jsonl",
    "q?x=1&y#z.json",
    "a//b.json",
    "a/./b.json",
    "~a*'[x](){};,=@.json",
]
LEFT = ["folder/", "../customers.json", "a/../../../b.json", "_hidden.json", ".hidden.json", "no-suffix"]


def test_whatever_the_key_its_lines_are_read(
    s3: Bucket, landing: Path, stedi: Command, customer: Callable[..., object]
) -> None:
    s3.upload(landing)
    for number, name in enumerate(READ):
        s3.put(f"customer/landing/{name}", f"{json.dumps(customer(f'Eve{number}'))}\nno json {number}\n".encode())
    code, out, err = stedi("build", "--lake", s3.uri(), "--json")
    assert (code, "left alone" in err) == (0, False)
    assert json.loads(out)["tables"]["customer_landing"]["rows"] == 3 + len(READ)
    query = ["query", "from quarantine", "--format", "json", "--lake", s3.uri()]
    found = {row["file"]: row["raw"] for row in json.loads(stedi(*query)[1])}
    assert found == {f"customer/landing/{name}": f"no json {number}" for number, name in enumerate(READ)}
    assert stedi("verify", "--lake", s3.uri())[0] == 0
    assert "nothing changed" in stedi("build", "--lake", s3.uri())[1]


def test_a_key_that_names_no_landing_file_is_left_alone_and_named(
    s3: Bucket, landing: Path, stedi: Command, customer: Callable[..., object]
) -> None:
    s3.upload(landing)
    for name in LEFT:
        s3.put(f"customer/landing/{name}", json.dumps(customer("Eve")).encode())
    code, out, err = stedi("build", "--lake", s3.uri(), "--json")
    assert code == 0
    assert json.loads(out)["tables"]["customer_landing"]["rows"] == 3
    for name in LEFT:
        assert f"left alone, no landing file: {s3.uri()}/customer/landing/{name}" in err
    fetched = {request.key for request in s3.requests("GET") if request.key.startswith("customer/landing/")}
    assert fetched == {"customer/landing/customers.json"}
    assert "nothing changed" in stedi("build", "--lake", s3.uri())[1]


def test_an_object_that_stands_for_a_folder_is_nothing(s3: Bucket, landing: Path, stedi: Command) -> None:
    for folder in ("", "customer/", *FEEDS, "customer/landing/below/", "customer/trusted/", "_stedi/"):
        s3.put(f"lake/{folder}", b"")
    s3.upload(landing, "lake")
    assert stedi("build", "--lake", s3.uri("lake"))[::2] == (0, "")
    assert stedi("verify", "--lake", s3.uri("lake"))[0] == 0


def test_more_objects_than_a_listing_shows(s3: Bucket, landing: Path, stedi: Command) -> None:
    readings = (landing / "accelerometer/landing/readings.json").read_bytes()
    (landing / "accelerometer/landing/readings.json").unlink()
    s3.upload(landing)
    # what is left alone is listed too; the one to read comes after it
    s3.put_many({f"accelerometer/landing/_left/{n}": b"" for n in range(1000)})
    s3.put_many({"accelerometer/landing/last.json": readings})
    code, out, err = stedi("build", "--lake", s3.uri(), "--json")
    assert code == 0
    assert json.loads(out)["tables"]["accelerometer_landing"]["rows"] == 9
    # 20 of them are named
    assert f"980 more, as left alone, no landing file: {s3.uri()}/accelerometer/landing/_left/" in err
    assert err.count("left alone") == 21
    s3.proxy.clear()
    assert "nothing changed" in stedi("build", "--lake", s3.uri())[1]
    pages = [request for request in s3.requests("LIST") if request.query["prefix"] == "accelerometer/landing/"]
    assert len(pages) == 2
    assert {request.key for request in s3.requests("GET")} == {"_stedi/manifest.json"}


@pytest.mark.usefixtures("quick")
def test_many_objects_are_fetched_side_by_side_each_once(s3: Bucket, landing: Path, stedi: Command) -> None:
    readings = (landing / "accelerometer/landing/readings.json").read_bytes().splitlines(keepends=True)
    (landing / "accelerometer/landing/readings.json").unlink()
    s3.upload(landing)
    s3.put_many({f"accelerometer/landing/{n:05}.json": readings[n % len(readings)] for n in range(MANY)})
    # each twentieth is refused at first
    refused: set[str] = set()

    def is_refused(request: Request) -> bool:
        new = bool(re.search(r"accelerometer/landing/\d{3}[02468]3.json", request.key)) and request.key not in refused
        refused.update([request.key] * new)
        return new

    s3.proxy.add(Fault(is_refused, answer(503, "SlowDown"), times=None))
    code, out, _ = stedi("build", "--lake", s3.uri(), "--json")
    assert code == 0
    assert json.loads(out)["tables"]["accelerometer_landing"]["rows"] == MANY
    fetched = [request.key for request in s3.requests("GET") if request.key.startswith("accelerometer/")]
    assert len(fetched) == MANY + len(refused)
    assert len(set(fetched)) == MANY
    assert len(refused) >= MANY // 25
    assert 4 <= s3.proxy.most_at_once <= AT_ONCE


def test_a_query_reads_the_ranges_of_the_columns_it_needs(s3: Bucket, tmp_path: Path, stedi: Command) -> None:
    sample = bundled_sample()
    assert sample is not None
    build(tmp_path / "lake", sample)
    s3.upload(tmp_path / "lake")
    sql = "select count(distinct user) from accelerometer_trusted"
    local = stedi("query", sql, "--lake", tmp_path / "lake")
    assert stedi("query", sql, "--lake", s3.uri()) == local
    gets = [request for request in s3.requests("GET") if request.key.endswith(".parquet")]
    assert {request.key for request in gets} == {"accelerometer/trusted/accelerometer_trusted-0.parquet"}
    asked = 0
    for request in gets:
        found = re.fullmatch(r"bytes=(\d+)-(\d+)", request.headers["range"])
        assert found is not None
        assert "if-match" in request.headers
        asked += int(found[2]) - int(found[1]) + 1
    assert asked < s3.head(gets[0].key)["ContentLength"] / 2
    assert len(gets) <= 6


def test_commands_on_a_bucket_answer_as_on_a_folder(
    s3: Bucket, landing: Path, tmp_path: Path, stedi: Command, expected: object
) -> None:
    s3.upload(landing)
    (tmp_path / "lake").mkdir()
    assert stedi("build", "--landing", landing, "--lake", tmp_path / "lake")[0] == 0
    assert stedi("build", "--lake", s3.uri())[0] == 0
    queries = {
        "from customer_landing": "csv",
        "from machine_learning_curated order by all": "json",
        "from quarantine": "table",
        "show tables": "table",
    }
    for sql, form in queries.items():
        query = ["query", sql, "--format", form, "--lake"]
        assert stedi(*query, s3.uri()) == stedi(*query, tmp_path / "lake")
    s3.put("expected.json", b'{"customer_trusted": 3}')
    code, out, err = stedi("verify", "--lake", s3.uri())
    assert code == 1
    assert "customer_trusted" in out + err
    s3.put("expected.json", b'{"customer_trusted": 2}')
    assert stedi("verify", "--lake", s3.uri())[0] == 0
    s3.put("customer/trusted/customer_trusted-0.parquet", b"damaged")
    assert stedi("verify", "--lake", s3.uri())[0] == 1


def test_a_sample_goes_into_a_bucket(s3: Bucket, stedi: Command) -> None:
    assert stedi("sample", s3.uri("data"), "--dirty", "0.01")[0] == 0
    assert stedi("build", "--lake", s3.uri("data"))[0] == 0
    # expected.json lies beside the landing data
    assert stedi("verify", "--lake", s3.uri("data"))[0] == 0
    assert [request.key for request in s3.requests("GET")].count("data/expected.json") == 1
    code, _, err = stedi("sample", s3.uri("data"))
    assert code == 2
    assert "already holds files" in err


def test_foreign_objects_stay(s3: Bucket, landing: Path, stedi: Command) -> None:
    foreign = [
        "customer/trusted/part-0.parquet",
        "other/x",
        "_stedi/other",
        "lake2/_stedi/staging/x",
        "_stedi2/staging",
    ]
    s3.upload(landing)
    for key in foreign:
        s3.put(key, b"foreign")
    code, _, err = stedi("build", "--lake", s3.uri())
    assert code == 0
    assert "1 file that stedi did not write, as customer/trusted/part-0.parquet" in err
    assert [s3.get(key) for key in foreign] == [b"foreign"] * len(foreign)


def test_what_is_written_elsewhere_in_the_bucket_meanwhile_does_not_matter(
    s3: Bucket, landing: Path, stedi: Command
) -> None:
    s3.upload(landing, "a")
    s3.upload(landing, "ab")
    s3.proxy.add(Fault(on("GET", "/a/customer/landing/"), before(lambda _: s3.delete(*s3.keys("ab/")))))
    assert stedi("build", "--lake", s3.uri("a"))[0] == 0


@pytest.mark.parametrize("uri", ["s3://", "s3:///lake", "s3://b?x/lake", "S3://", "s3://no bucket", "s3://b\nb"])
def test_what_names_no_bucket_is_wrong_usage(aws: None, stedi: Command, uri: str) -> None:
    for command in (["build", "--landing", uri], ["build", "--lake", uri], ["verify", "--lake", uri]):
        code, out, err = stedi(*command)
        assert (code, out) == (2, "")
        assert "names no bucket\nFix: write s3://bucket or s3://bucket/prefix" in err


@pytest.mark.parametrize("command", [["build"], ["verify"], ["query", "select 1"], ["doctor"]])
def test_a_bucket_that_is_not_there(s3: Bucket, stedi: Command, command: list[str]) -> None:
    code, out, err = stedi(*command, "--lake", f"{s3.uri()}-not/lake")
    assert code == (1 if command == ["doctor"] else 2)
    assert "there is no such bucket" in out + err
    assert "aws s3 mb" in out + err


def test_an_empty_place_is_no_lake_yet(s3: Bucket, stedi: Command) -> None:
    for command in (["verify"], ["query", "select 1"]):
        code, out, err = stedi(*command, "--lake", s3.uri("lake"))
        assert (code, out) == (2, "")
        assert f"{s3.uri('lake')}: no lake was built here\nFix: run `stedi build --lake {s3.uri('lake')}`" in err
    code, _, err = stedi("build", "--landing", s3.uri("nothing"), "--lake", s3.uri("lake"))
    assert code == 2
    assert f"{s3.uri('nothing')}/customer/landing/: no landing files of customer" in err
    assert s3.keys() == []
