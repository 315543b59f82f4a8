"""A forget on S3: objects, their old versions and what was fetched of them; and what the bucket does not allow."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from person import ADA, BOB, START, People, readings, traces, write_people
from s3.faults import answer
from s3.proxy import Fault, Request

from stedi.build import build
from stedi.errors import EnvironmentFault, LakeBusy
from stedi.forget import forget
from stedi.manifest import Manifest
from stedi.publish import LOCK
from stedi.storage import Options, open_storage
from stedi.tombstones import KEY, TOMBSTONES
from stedi.verify import verify

if TYPE_CHECKING:
    from s3.bucket import Bucket

pytestmark = pytest.mark.usefixtures("quick")

EMAIL = str(ADA["email"])


@pytest.fixture
def people(tmp_path: Path) -> People:
    return write_people(tmp_path / "landing")


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def kept(cache: Path) -> Options:
    """Return how S3 is used with that cache."""
    return Options(cache_dir=str(cache))


def left(people: People, s3: Bucket, folder: Path, *others: Path) -> list[str]:
    """Return where the customer stands in a bucket, whose objects are brought to a folder, and elsewhere."""
    shutil.rmtree(folder, ignore_errors=True)
    return traces(people.values, s3.download(folder), *others)


def back(people: People, s3: Bucket, prefix: str) -> People:
    """Bring the landing objects back to where they were written."""
    for path in people.others:
        (people.landing / path).write_bytes(s3.get(f"{prefix}/{path}"))
    return people


@pytest.mark.parametrize("inside", [True, False], ids=["landing in the lake", "landing elsewhere"])
def test_nothing_of_the_customer_is_left_in_the_bucket_and_the_cache(
    *, people: People, s3: Bucket, cache: Path, kept: Options, tmp_path: Path, inside: bool
) -> None:
    s3.upload(people.landing, "lake" if inside else "raw")
    landing, lake = s3.uri("lake" if inside else "raw"), s3.uri("lake")
    build(lake, landing, options=kept)
    assert not verify(lake, options=kept).problems
    assert left(people, s3, tmp_path / "before")
    assert traces(people.values, cache)
    found = forget(lake, EMAIL, options=kept)
    assert found.done
    assert sum(found.lines.values()) == len(people.theirs)
    assert left(people, s3, tmp_path / "after", cache) == []
    back(people, s3, "lake" if inside else "raw").assert_only_theirs_went()
    assert [key for key in s3.keys("") if "_stedi" in key or "erasing" in key] == [
        f"lake/{path}" for path in (TOMBSTONES, KEY, "_stedi/manifest.json")
    ]
    # the versions of the objects were foreseen
    assert not build(lake, landing, options=kept).stale
    assert not verify(lake, options=kept).problems
    s3.put(f"{'lake' if inside else 'raw'}/accelerometer/landing/late.json", readings(ADA, START + 700, 1)[0][0])
    build(lake, landing, options=kept)
    assert [entry.forgotten for entry in manifest(lake).ledger] == [0, 1, 0]
    assert forget(lake, None, options=kept).done
    assert left(people, s3, tmp_path / "end", cache) == []


def manifest(lake: str) -> Manifest:
    found = Manifest.load(open_storage(lake))
    assert found is not None
    return found


def test_landing_on_s3_of_a_lake_on_this_machine(
    people: People, s3: Bucket, cache: Path, kept: Options, tmp_path: Path
) -> None:
    s3.upload(people.landing, "raw")
    build(tmp_path / "lake", s3.uri("raw"), options=kept)
    assert traces(people.values, cache)
    assert forget(tmp_path / "lake", EMAIL, options=kept).done
    assert left(people, s3, tmp_path / "after", cache, tmp_path / "lake") == []
    assert not verify(tmp_path / "lake").problems


def versions(people: People, s3: Bucket, folder: Path) -> list[str]:
    """Return where the customer stands in any version of any object."""
    shutil.rmtree(folder, ignore_errors=True)
    found = s3.client.list_object_versions(Bucket=s3.name).get("Versions", ())
    for number, version in enumerate(found):
        body = s3.client.get_object(Bucket=s3.name, Key=version["Key"], VersionId=version["VersionId"])["Body"]
        file = folder / f"{number}-{version['Key'].replace('/', '_')}"
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(body.read())
    return traces(people.values, folder)


@pytest.fixture
def versioned(s3: Bucket) -> Iterator[Bucket]:
    s3.client.put_bucket_versioning(Bucket=s3.name, VersioningConfiguration={"Status": "Enabled"})
    yield s3
    wipe(s3)


def wipe(s3: Bucket) -> None:
    found = s3.client.list_object_versions(Bucket=s3.name)
    for version in (*found.get("Versions", ()), *found.get("DeleteMarkers", ())):
        s3.client.delete_object(Bucket=s3.name, Key=version["Key"], VersionId=version["VersionId"])


def test_a_bucket_that_keeps_versions_keeps_none_of_the_erased(
    people: People, versioned: Bucket, tmp_path: Path
) -> None:
    versioned.upload(people.landing, "lake")
    lake = versioned.uri("lake")
    for _ in range(2):
        build(lake, lake, force=True)
    assert len(versions(people, versioned, tmp_path / "before")) > len(left(people, versioned, tmp_path / "now"))
    found = forget(lake, EMAIL)
    assert found.old_versions >= 30
    assert not [note for note in found.notes if "old versions" in note]
    assert versions(people, versioned, tmp_path / "after") == []
    assert not verify(lake).problems


def test_what_versioning_keeps_is_said(people: People, versioned: Bucket) -> None:
    versioned.upload(people.landing, "lake")
    lake = versioned.uri("lake")
    versioned.put("lake/customer/landing/old.json", b"{}")
    versioned.delete("lake/customer/landing/old.json")
    build(lake, lake)
    versioned.proxy.add(Fault(lambda r: "versions" in r.query, answer(403, "AccessDenied"), times=None))
    found = forget(lake, EMAIL)
    versioned.proxy.clear()
    assert found.done
    assert sum("may keep old versions of erased objects" in note for note in found.notes) == 1
    forget(lake, str(BOB["email"]))
    found = forget(lake, "x@example.com", in_advance=True)
    # one of them is the deleted object, the others those that could not be removed at the first time
    assert [note for note in found.notes if "of other landing objects" in note]


def lands(request: Request) -> bool:
    """Return whether a request would change a landing place: in it, or where files are made for it."""
    return request.changes and ("/landing/" in request.key or ".stedi-erasing" in request.key)


@pytest.mark.parametrize("where", ["nowhere", "not over what is there"])
def test_landing_that_may_not_be_written_changes_nothing(
    *, people: People, new_bucket: Callable[[], Bucket], where: str, stedi: Callable[..., tuple[int, str, str]]
) -> None:
    raw, own = new_bucket(), new_bucket()
    raw.upload(people.landing)
    build(own.uri("lake"), raw.uri())
    before = {bucket.name: {key: bucket.get(key) for key in bucket.keys("")} for bucket in (raw, own)}
    raw.proxy.add(
        Fault(
            lambda r: r.bucket == raw.name and r.changes and (where == "nowhere" or r.kind == "COPY"),
            answer(403, "AccessDenied"),
            times=None,
        )
    )
    code, out, err = stedi("privacy", "forget", EMAIL, "--lake", own.uri("lake"), "--yes")
    raw.proxy.clear()
    assert (code, out) == (2, "")
    assert "403" in err or "denied" in err.lower()
    if where != "nowhere":
        raw.delete(*[key for key in raw.keys("") if key.startswith(".stedi-erasing-")])
    assert {bucket.name: {key: bucket.get(key) for key in bucket.keys("")} for bucket in (raw, own)} == before


def test_an_object_that_is_replaced_meanwhile_is_left(people: People, s3: Bucket) -> None:
    s3.upload(people.landing, "lake")
    lake, key = s3.uri("lake"), "lake/accelerometer/landing/day one.json"
    build(lake, lake)

    def replace(_: object) -> bool:
        s3.put(key, readings(BOB, START + 900, 1)[0][0])
        return True

    with pytest.raises(EnvironmentFault, match="changed while it was read"):
        forget(lake, EMAIL, confirm=replace)
    assert s3.get(key) == readings(BOB, START + 900, 1)[0][0]
    assert f"lake/{TOMBSTONES}" not in s3.keys("lake/")


def test_versions_that_cannot_be_foreseen_are_built_from_once_more(people: People, s3: Bucket) -> None:
    """An object under a key of KMS has an ETag that no file tells."""
    s3.upload(people.landing, "lake")
    lake = s3.uri("lake")
    options = Options(sse_kms_key="alias/stedi")
    build(lake, lake, options=options)

    assert forget(lake, EMAIL, options=options).done
    assert not build(lake, lake, options=options).stale
    assert not verify(lake).problems
    assert s3.head(f"lake/{KEY}")["ServerSideEncryption"] == "aws:kms"


def test_one_command_at_a_time(people: People, s3: Bucket) -> None:
    s3.upload(people.landing, "lake")
    lake = s3.uri("lake")
    build(lake, lake)
    with open_storage(lake).lock(LOCK, "somebody"), pytest.raises(LakeBusy, match="somebody"):
        forget(lake, EMAIL)
