"""What was fetched from S3: never twice, for its owner alone, within its bounds, and nowhere but in its folder."""

from __future__ import annotations

import gc
import json
import os
import re
import stat
import threading
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from s3.faults import cut, stall
from s3.proxy import Fault, on

from stedi.cache import Cache
from stedi.storage import open_storage

if TYPE_CHECKING:
    from s3.bucket import Bucket

Command = Callable[..., tuple[int, str, str]]

CUSTOMERS = "customer/landing/customers.json"


@pytest.fixture
def cache(aws: None) -> Path:
    """Return the cache folder, which is not there yet."""
    return Path(os.environ["STEDI_CACHE_DIR"])


@pytest.fixture
def source(s3: Bucket, landing: Path) -> Bucket:
    """Return a bucket with landing data at its root."""
    s3.upload(landing)
    return s3


def fetched(s3: Bucket) -> list[str]:
    """Return the landing objects that were fetched, and forget all requests."""
    found = sorted(request.key for request in s3.requests("GET") if "/landing/" in request.key)
    s3.proxy.clear()
    return found


def objects(cache: Path) -> dict[Path, int]:
    """Return the objects in the cache and their sizes."""
    files = [file for file in cache.rglob("*") if file.is_file() and file.parent.name != ".users"]
    return {file: file.stat().st_size for file in files}


def test_an_object_that_has_not_changed_is_never_fetched_again(source: Bucket, stedi: Command, landing: Path) -> None:
    everything = sorted(source.keys())
    assert stedi("build", "--landing", source.uri(), "--lake", "one")[0] == 0
    assert fetched(source) == everything
    # another lake of the same data, the same lake by force, an object replaced by itself, and reading landing rows
    assert stedi("build", "--landing", source.uri(), "--lake", "two")[0] == 0
    source.put(CUSTOMERS, (landing / CUSTOMERS).read_bytes())
    assert stedi("build", "--landing", source.uri(), "--lake", "one", "--force")[0] == 0
    assert stedi("verify", "--lake", "one")[0] == 0
    assert stedi("query", "from customer_landing", "--lake", "two")[0] == 0
    assert fetched(source) == []
    source.put(CUSTOMERS, (landing / CUSTOMERS).read_bytes()[:-1])
    assert stedi("build", "--landing", source.uri(), "--lake", "one")[0] == 0
    assert fetched(source) == [CUSTOMERS]


def test_one_content_under_two_keys_or_in_two_buckets_is_two_objects(
    source: Bucket, new_bucket: Callable[[], Bucket], landing: Path, stedi: Command, cache: Path
) -> None:
    other = new_bucket()
    other.upload(landing)
    for bucket in (source, other):
        assert stedi("build", "--landing", bucket.uri(), "--lake", bucket.name)[0] == 0
    assert {folder.name for folder in cache.iterdir() if folder.name not in ("made", ".users")} == {
        source.name,
        other.name,
    }
    assert len(objects(cache)) == 6


def test_the_cache_is_for_its_owner_alone(source: Bucket, stedi: Command, cache: Path) -> None:
    seen: dict[Path, int] = {}

    def look(_: object) -> bool:
        seen.update({path: stat.S_IMODE(path.stat().st_mode) for path in (cache, *cache.rglob("*")) if path.exists()})
        return False

    source.proxy.add(Fault(look, stall(0), times=None))  # looks at each request, does nothing
    before = os.umask(0)
    try:
        assert stedi("build", "--lake", source.uri())[0] == 0
        assert stedi("verify", "--lake", source.uri())[0] == 0
    finally:
        os.umask(before)
    look(None)
    assert {path for path, mode in seen.items() if mode & 0o077} == set()
    assert any(path.suffix == ".parquet" and path.is_relative_to(cache / "made") for path in seen)


def test_show_and_clear(source: Bucket, landing: Path, stedi: Command, cache: Path) -> None:
    assert stedi("cache", "show")[0] == 0
    assert stedi("cache", "clear")[0] == 0
    assert stedi("build", "--landing", source.uri(), "--lake", "lake")[0] == 0
    size = sum((landing / key).stat().st_size for key in source.keys())  # noqa: SIM118 - no mapping
    code, out, err = stedi("cache", "show")
    assert (code, err) == (0, "")
    assert re.search(rf"{source.name} +3 +{size:,} ", out)
    assert str(cache) in out
    document = json.loads(stedi("cache", "show", "--json")[1])
    assert document["folder"] == str(cache)
    assert [(b["bucket"], b["objects"], b["bytes"]) for b in document["buckets"]] == [(source.name, 3, size)]
    assert datetime.fromisoformat(document["buckets"][0]["used"]).tzinfo
    assert stedi("cache", "clear", "--bucket", "another")[0] == 0
    assert len(objects(cache)) == 3
    assert json.loads(stedi("cache", "clear", "--bucket", source.name, "--json")[1])["removed"] == 3
    assert objects(cache) == {}
    fetched(source)
    assert stedi("build", "--landing", source.uri(), "--lake", "lake", "--force")[0] == 0
    assert len(fetched(source)) == 3


def test_clear_removes_what_a_killed_build_had_made(source: Bucket, stedi: Command, cache: Path) -> None:
    made = cache / "made" / ("0" * 16) / "_stedi/staging/x/tables/customer_trusted-0.parquet"
    made.parent.mkdir(parents=True)
    made.write_bytes(b"personal data")
    # of somebody who lives it stays
    user = Cache(cache, 10)
    user.join()
    assert stedi("cache", "clear")[0] == 0
    assert made.exists()
    del user
    gc.collect()
    assert stedi("cache", "clear")[1].startswith("1 object, 13 bytes removed")
    assert not made.exists()


def test_clear_leaves_what_is_not_the_caches(stedi: Command, cache: Path, tmp_path: Path) -> None:
    (cache / "bucket").mkdir(parents=True)
    (tmp_path / "elsewhere").mkdir()
    kept = [cache / "mine.txt", cache / "bucket/mine.txt", tmp_path / "elsewhere" / f"{'0' * 64}.json"]
    for file in kept:
        file.write_text("mine")
    (cache / "link").symlink_to(tmp_path / "elsewhere")
    assert stedi("cache", "clear")[0] == 0
    assert [file.read_text() for file in kept] == ["mine"] * 3


def test_what_was_used_longest_ago_makes_room(source: Bucket, landing: Path, stedi: Command, cache: Path) -> None:
    size = sum((landing / key).stat().st_size for key in source.keys())  # noqa: SIM118 - no mapping
    for prefix in ("a", "b", "c"):
        source.upload(landing, prefix)

    def build(prefix: str, room: int) -> None:
        code = stedi("build", "--landing", source.uri(prefix), "--lake", prefix, "--force", "--cache-size", str(room))[
            0
        ]
        assert code == 0

    build("a", 2 * size)
    build("b", 2 * size)
    for age, file in enumerate(sorted(objects(cache), key=lambda file: file.stat().st_mtime_ns)):
        os.utime(file, (1e9 + age, 1e9 + age))
    build("a", 2 * size)
    fetched(source)
    build("c", 2 * size)
    assert sum(objects(cache).values()) <= 2 * size
    fetched(source)
    build("a", 2 * size)
    assert fetched(source) == []
    build("b", 2 * size)
    assert len(fetched(source)) == 3
    # smaller than what one build needs, of which each feed is fetched by itself: it is built nevertheless
    assert stedi("cache", "clear")[0] == 0
    build("a", 1)
    assert stedi("verify", "--lake", "a")[0] == 0


def test_what_somebody_may_be_reading_stays(tmp_path: Path) -> None:
    def put(cache: Cache, key: str) -> Path:
        place = cache.place("http://s3", "bucket", key, "etag")
        assert not cache.use(place, 8)
        with cache.filling(place) as filling:
            filling.write(b"8 bytes.", 0)
        return place

    reader, writer = Cache(tmp_path, 10), Cache(tmp_path, 10)
    read = put(reader, "a.json")
    writer.make_room(8)
    assert read.exists()
    # one that was killed left its mark
    dead = tmp_path / ".users" / ("0" * 16)
    dead.touch()
    os.utime(dead, (0, 0))
    del reader
    gc.collect()
    os.utime(read, (1, 1))
    own = put(writer, "b.json")
    writer.make_room(8)
    assert (read.exists(), own.exists()) == (False, True)
    assert len(list((tmp_path / ".users").iterdir())) == 1


@pytest.mark.parametrize("size", ["", "x", "-1GB", "1PB"])
def test_a_size_that_is_none(s3: Bucket, stedi: Command, size: str) -> None:
    code, out, err = stedi("build", "--lake", s3.uri(), "--landing", s3.uri(), "--cache-size", size or " ")
    assert (code, out) == (2, "")
    assert "size" in err or "no landing files" in err


HOSTILE = ["../../../../out.json", "/../../out.json", "..\\..\\out.json", "a/../../../../../out.json", "~/out.json"]


def test_no_name_leads_out_of_the_cache(source: Bucket, stedi: Command, cache: Path, tmp_path: Path) -> None:
    line = b'{"customerName": "x"}\n'
    for name in HOSTILE:
        source.put(f"customer/landing/{name}", line)
        source.put(f"{name}/customer/landing/c.json", line)
    before = {path for path in tmp_path.rglob("*") if not path.is_relative_to(cache)}
    assert stedi("build", "--lake", source.uri())[0] == 0
    assert stedi("query", "from quarantine", "--lake", source.uri())[0] == 0
    for prefix in ("..", "../..", "customer/.."):
        assert stedi("build", "--landing", source.uri(prefix), "--lake", source.uri("x"))[0] == 2
    after = {path for path in tmp_path.rglob("*") if not path.is_relative_to(cache)}
    assert after == before
    held = [file.relative_to(cache).as_posix() for file in objects(cache)]
    assert held
    assert [
        name for name in held if not re.fullmatch(rf"{source.name}/[0-9a-f]{{64}}(\.jsonl?(\.gz)?|\.parquet)?", name)
    ] == []


def test_a_file_of_another_size_is_no_object(source: Bucket, stedi: Command, cache: Path) -> None:
    assert stedi("build", "--landing", source.uri(), "--lake", "lake")[0] == 0
    fetched(source)
    for file in objects(cache):
        file.write_bytes(file.read_bytes()[:-1])
    assert stedi("build", "--landing", source.uri(), "--lake", "lake", "--force")[0] == 0
    assert len(fetched(source)) == 3
    assert stedi("verify", "--lake", "lake")[0] == 0


@pytest.mark.parametrize("place", ["cache", "cache/below"])
def test_a_file_where_the_cache_should_be(
    *, source: Bucket, stedi: Command, cache: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, place: str
) -> None:
    cache.write_text("a file")
    monkeypatch.setenv("STEDI_CACHE_DIR", str(tmp_path / place))
    code, out, err = stedi("build", "--landing", source.uri(), "--lake", "lake")
    assert (code, out) == (2, "")
    assert str(cache) in err
    assert "Fix: " in err
    assert cache.read_text() == "a file"


def test_how_many_bytes_have_come_is_told(source: Bucket, stedi: Command, cache: Path, landing: Path) -> None:
    from stedi.build import build

    told: dict[str, list[int]] = {}

    def progress(what: str, done: int, total: int) -> None:
        if what.startswith("fetching "):
            told.setdefault(what.partition(":")[0], []).append(total)

    sizes = {prefix: len(source.get(key)) for key in source.keys() for prefix in [key.split("/")[0]]}  # noqa: SIM118
    source.put("customer/landing/more.json", (landing / CUSTOMERS).read_bytes())
    sizes["customer"] *= 2
    build("lake", source.uri(), progress=progress)
    # a feed of one object has come when that has
    assert told == {"fetching customer_landing": [sizes["customer"]]}


def test_two_that_fetch_the_same_at_once(source: Bucket, stedi: Command, cache: Path) -> None:
    from stedi.storage import Options, open_storage

    options = Options(cache_dir=str(cache))
    found: list[bytes] = []

    def fetch() -> None:
        storage = open_storage(source.uri(), options)
        entries = storage.list("customer/landing/")
        found.extend(file.read_bytes() for file in storage.fetch(entries).values())

    threads = [threading.Thread(target=fetch) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [source.get(CUSTOMERS)] * 4
    assert len(objects(cache)) == 1


def test_a_fetch_that_fails_leaves_nothing_half_fetched(
    source: Bucket, stedi: Command, cache: Path, quick: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    source.proxy.add(Fault(on("GET", CUSTOMERS), cut(100), times=None))
    assert stedi("build", "--landing", source.uri(), "--lake", "lake")[0] == 2
    assert all(re.fullmatch(r"[0-9a-f]{64}\.json", file.name) for file in objects(cache))
    assert source.head(CUSTOMERS)["ContentLength"] not in objects(cache).values()


def test_the_library_caches_in_no_users_folder_here(source: Bucket, tmp_path_factory: pytest.TempPathFactory) -> None:
    place = open_storage(source.uri())
    [entry, *_] = place.list(CUSTOMERS)
    assert place.fetch([entry])[entry.path].is_relative_to(tmp_path_factory.getbasetemp())


def test_the_default_folder_is_this_users(
    source: Bucket, stedi: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("STEDI_CACHE_DIR")
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert json.loads(stedi("cache", "show", "--json")[1])["folder"] == str(tmp_path / "xdg/stedi")
    monkeypatch.delenv("XDG_CACHE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert json.loads(stedi("cache", "show", "--json")[1])["folder"] == str(tmp_path / "home/.cache/stedi")
    assert json.loads(stedi("cache", "show", "--json", "--cache-dir", "here")[1])["folder"] == str(tmp_path / "here")
