"""A customer who is forgotten stands nowhere any more, nobody else has lost a line, and nothing lets them back."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from person import ADA, BOB, START, People, content_of, distances, of, readings, snapshot, traces, write_people

from stedi.build import build
from stedi.errors import AuditFailed, EnvironmentFault, LakeBusy, StediError, UsageError
from stedi.forget import Forgetting, forget
from stedi.lake import Lake
from stedi.local import LocalStorage
from stedi.manifest import JOURNAL, MANIFEST, Manifest
from stedi.publish import ERASING, LOCK
from stedi.settings import bundled_sample
from stedi.storage import open_storage
from stedi.tombstones import KEY, TOMBSTONES
from stedi.verify import verify

Answer = tuple[int, str, str]
EMAIL = str(ADA["email"])


@pytest.fixture
def people(tmp_path: Path) -> People:
    return write_people(tmp_path / "landing")


def manifest(lake: Path) -> Manifest:
    found = Manifest.load(open_storage(lake))
    assert found is not None
    return found


def rows(lake: Path, sql: str) -> list[tuple[Any, ...]]:
    with Lake.open(lake) as opened:
        return opened.sql(sql).pl().rows()


@pytest.mark.parametrize("inside", [False, True], ids=["landing elsewhere", "landing in the lake"])
def test_nothing_of_the_customer_is_left_and_nothing_else_is_lost(people: People, lake: Path, inside: bool) -> None:
    lake = people.landing if inside else lake
    build(lake, people.landing)
    before = traces(people.values, lake, people.landing)
    # what is looked for can be found: in each landing file, in the quarantine and in the tables
    assert len({found.rpartition(": ")[0] for found in before}) >= 9 + 2 + 6
    found = forget(lake, EMAIL)
    assert found.done
    assert traces(people.values, lake, people.landing) == []
    people.assert_only_theirs_went()
    assert sum(found.lines.values()) == len(people.theirs)
    assert {path: len(content_of(people.landing / path)) for path in found.lines}[
        "accelerometer/landing/hers alone.json"
    ] == 0
    assert verify(lake).problems == []
    assert not build(lake, people.landing).stale
    assert not list(people.landing.glob(f"{ERASING}*"))
    assert sorted(path.name for path in (lake / "_stedi").iterdir()) == [
        "forgotten.json",
        "forgotten.key",
        "lock",
        "manifest.json",
    ]


def test_the_tables_are_those_of_landing_data_without_the_customer(
    people: People, lake: Path, tmp_path: Path, read_lake: Callable[[Path], dict[str, tuple[str, list[str]]]]
) -> None:
    build(lake, people.landing, pseudonym_key="key")
    forget(lake, EMAIL, pseudonym_key="key")
    without = tmp_path / "without"
    for path in people.others:
        (without / path).parent.mkdir(parents=True, exist_ok=True)
        data = people.content(path)
        (without / path).write_bytes(gzip.compress(data) if path.endswith(".gz") else data)
    build(tmp_path / "expected", without, pseudonym_key="key")
    found, expected = read_lake(lake), read_lake(tmp_path / "expected")
    assert {path: lines for path, (_, lines) in found.items()} == {path: lines for path, (_, lines) in expected.items()}
    assert all(lines for _, lines in found.values())


def add_late(people: People) -> None:
    people.add("customer", "late.json", [of(ADA), (json.dumps({**ADA, "email": EMAIL.upper()}).encode(), True)])
    people.add("accelerometer", "late.json.gz", [*readings(ADA, START + 700), *readings(BOB, START + 800)])
    people.add("step_trainer", "late.json", distances(ADA, START + 700))
    people.add("accelerometer", "late bad.json", [(f'{{"user": "{EMAIL}"'.encode(), True), (b"no json", False)])


@pytest.mark.parametrize("in_memory", [True, False])
def test_what_lands_late_is_dropped_counted_and_erased_when_asked(
    *, people: People, lake: Path, monkeypatch: pytest.MonkeyPatch, in_memory: bool
) -> None:
    if not in_memory:
        monkeypatch.setattr("stedi.run.IN_MEMORY_SHARE", 0)
    build(lake, people.landing)
    forget(lake, EMAIL)
    clean = manifest(lake)
    assert all(entry.forgotten == 0 for entry in clean.ledger)
    add_late(people)
    run = build(lake, people.landing)
    late = manifest(lake)
    forgotten = {entry.feed: entry.forgotten for entry in late.ledger}
    assert forgotten == {"customer": 2, "accelerometer": 9, "step_trainer": 8}
    assert all(entry.lines == entry.kept + entry.dropped + entry.quarantined for entry in late.ledger)
    assert "9 of forgotten customers" in str(next(entry for entry in late.ledger if entry.feed == "accelerometer"))
    assert sum("forget --late" in note for note in run.notes) == 3
    assert late.feeds["accelerometer_landing"].quarantined == clean.feeds["accelerometer_landing"].quarantined + 1
    assert traces(people.values, lake) == []
    grown = {name for name, count in late.rows().items() if count != clean.rows()[name]}
    assert grown == {"accelerometer_landing", "accelerometer_trusted"}
    assert rows(lake, "select count(*) from accelerometer_landing where \"user\" ilike 'ada.%'") == [(0,)]
    assert verify(lake).problems == []
    # a build that reads a file again, and one that does not, drop the same
    build(lake, people.landing, force=True)
    assert manifest(lake).ledger == late.ledger
    found = forget(lake, None)
    assert sum(found.lines.values()) == sum(forgotten.values())
    people.assert_only_theirs_went()
    assert traces(people.values, lake, people.landing) == []
    assert all(entry.forgotten == 0 for entry in manifest(lake).ledger)
    assert verify(lake).problems == []


def test_forgetting_somebody_twice_erases_what_came_between(people: People, lake: Path) -> None:
    build(lake, people.landing)
    forget(lake, EMAIL)
    stones = (lake / TOMBSTONES).read_bytes()
    before = snapshot(lake, people.landing)
    again = forget(lake, EMAIL)
    assert again.was_forgotten
    assert not again.done
    assert snapshot(lake, people.landing) == before
    add_late(people)
    third = forget(lake, f" {EMAIL.swapcase()}\t")
    assert third.done
    assert third.was_forgotten
    assert third.person.records == 2
    assert traces(people.values, lake, people.landing) == []
    people.assert_only_theirs_went()
    assert (lake / TOMBSTONES).read_bytes() == stones


def test_a_second_customer_has_a_tombstone_of_their_own(people: People, lake: Path) -> None:
    build(lake, people.landing)
    forget(lake, EMAIL)
    key = (lake / KEY).read_bytes()
    forget(lake, str(BOB["email"]))
    assert (lake / KEY).read_bytes() == key
    assert len(json.loads((lake / TOMBSTONES).read_text())["forgotten"]) == 2
    people.add("accelerometer", "late.json", [*readings(ADA, START + 700), *readings(BOB, START + 800)])
    build(lake, people.landing)
    assert manifest(lake).feeds["accelerometer_landing"].forgotten == 16


def test_a_tombstone_is_a_keyed_hash_and_private(people: People, lake: Path) -> None:
    build(lake, people.landing)
    forget(lake, EMAIL)
    text, key = (lake / TOMBSTONES).read_text(), (lake / KEY).read_text()
    for file in (TOMBSTONES, KEY):
        assert stat.S_IMODE((lake / file).stat().st_mode) == 0o600
    hashes = {value for stone in json.loads(text)["forgotten"] for value in (stone["customer"], *stone["devices"])}
    assert len(hashes) == 2
    plain = {
        hashlib.sha256(f"{prefix}{value}".encode()).hexdigest()
        for value in (EMAIL, EMAIL.lower(), "device-of-ada")
        for prefix in ("", "customer ", "device ")
    }
    assert not hashes & plain
    assert len(key) == 64
    assert key not in text
    assert key not in (lake / MANIFEST).read_text()


def lose_both(lake: Path) -> None:
    (lake / KEY).unlink()
    (lake / MANIFEST).unlink()


def lose_tombstones_and_manifest(lake: Path) -> None:
    (lake / TOMBSTONES).unlink()
    (lake / MANIFEST).unlink()


LOST: dict[str, Callable[[Path], object]] = {
    "the key": lambda lake: (lake / KEY).unlink(),
    "another key": lambda lake: (lake / KEY).write_text("0" * 64),
    "an empty key": lambda lake: (lake / KEY).write_text(""),
    "the tombstones": lambda lake: (lake / TOMBSTONES).unlink(),
    "half of the tombstones": lambda lake: (lake / TOMBSTONES).write_text((lake / TOMBSTONES).read_text()[:99]),
    "other tombstones": lambda lake: (lake / TOMBSTONES).write_text('{"format": 1, "key": "x", "forgotten": [7]}'),
    "the key and the manifest": lose_both,
    "the tombstones and the manifest": lose_tombstones_and_manifest,
}


@pytest.mark.parametrize("what", LOST)
def test_a_lake_that_has_lost_who_is_forgotten_is_not_built(
    people: People, lake: Path, stedi: Callable[..., Answer], what: str
) -> None:
    build(lake, people.landing)
    forget(lake, EMAIL)
    add_late(people)
    LOST[what](lake)
    before = snapshot(lake)
    code, out, err = stedi("build", "--lake", lake, "--landing", people.landing)
    assert (code, out) == (2, "")
    assert "forgotten." in err
    assert "Fix: put" in err
    assert snapshot(lake) == before
    assert stedi("build", "--lake", lake, "--landing", people.landing, "--force")[0] == 2
    if MANIFEST in {path.relative_to(lake).as_posix() for path in lake.rglob("*.json")}:
        assert stedi("query", "from accelerometer_landing", "--lake", lake)[0] == 2
        assert stedi("privacy", "forget", "--late", "--yes", "--lake", lake)[0] == 2


def test_a_manifest_of_before_the_forget_does_not_bring_the_customer_back(people: People, lake: Path) -> None:
    build(lake, people.landing)
    old = (lake / MANIFEST).read_bytes()
    forget(lake, EMAIL)
    add_late(people)
    (lake / MANIFEST).write_bytes(old)
    with Lake.open(lake) as opened:
        assert opened.forgotten().has_customer(EMAIL)
    build(lake, people.landing)
    assert traces(people.values, lake) == []


def test_tombstones_of_before_the_last_forget_are_not_built_with(people: People, lake: Path) -> None:
    build(lake, people.landing)
    forget(lake, str(BOB["email"]))
    old = (lake / TOMBSTONES).read_bytes()
    forget(lake, EMAIL)
    add_late(people)
    newest = (lake / TOMBSTONES).read_bytes()
    (lake / TOMBSTONES).write_bytes(old)
    with pytest.raises(EnvironmentFault, match="of before the last forget"):
        build(lake, people.landing)
    (lake / TOMBSTONES).write_bytes(newest)
    build(lake, people.landing)
    assert traces(people.values, lake) == []


def test_a_lake_whose_manifest_was_deleted_forgets_on(people: People, lake: Path) -> None:
    build(lake, people.landing)
    forget(lake, EMAIL)
    add_late(people)
    (lake / MANIFEST).unlink()
    build(lake, people.landing)
    assert traces(people.values, lake) == []


def test_a_dry_run_says_what_goes_and_changes_nothing(people: People, lake: Path, stedi: Callable[..., Answer]) -> None:
    build(lake, people.landing)
    before = snapshot(lake, people.landing)
    code, out, _ = stedi("privacy", "forget", EMAIL, "--lake", lake, "--dry-run", "--json")
    assert code == 0
    assert snapshot(lake, people.landing) == before
    assert traces(people.values[:-1], people.landing, lake)
    said = json.loads(out)
    code, out, _ = stedi("privacy", "forget", EMAIL, "--lake", lake, "--yes", "--json")
    assert code == 0
    did = json.loads(out)
    assert (said["dry_run"], said["done"], did["dry_run"], did["done"]) == (True, False, False, True)
    for key in ("lines", "quarantined", "tables", "customer", "devices"):
        assert said[key] == did[key], key
    now = manifest(lake).rows()
    assert {name: count["after"] for name, count in did["tables"].items()} == now
    assert did["quarantined"] == {"customer": 7, "accelerometer": 2, "step_trainer": 1}
    assert did["customer"] == {"records": 4, "spellings": 3}
    assert did["devices"] == {"attributed": 1, "claimed": 0, "unproven": 0}
    assert did["tables"]["customer_landing"] == {"before": 7, "after": 3}


@pytest.mark.parametrize("form", [[], ["--json"], ["--dry-run"]])
def test_the_email_is_shown_nowhere(
    people: People, lake: Path, stedi: Callable[..., Answer], monkeypatch: pytest.MonkeyPatch, form: list[str]
) -> None:
    people.add("accelerometer", f"user={EMAIL}/a.json", readings(ADA, START + 900))
    build(lake, people.landing)
    longer = f"x{EMAIL}"  # which is another's
    people.add("customer", "friend.json", [of(BOB | {"referredBy": by}) for by in (EMAIL.upper(), longer)])
    left = people.landing / "customer/landing/notes.txt"
    left.write_text(f"call {EMAIL}")
    (lake / "todo.txt").write_text(f"ask {EMAIL.upper()}")
    (lake / "another.txt").write_text(f"ask {longer}")
    monkeypatch.setattr("sys.stdin", io.StringIO(f"{EMAIL}\n"))
    for arguments in (
        ["-", "--yes"],
        [EMAIL, "--yes"],
        [EMAIL, EMAIL],
        [EMAIL, "--late"],
        [EMAIL, "--lake", "nowhere"],
    ):
        code, out, err = stedi("privacy", "forget", *arguments, "--lake", lake, *form)
        for value in people.values:
            assert value.lower() not in (out + err).lower(), arguments
        if arguments[0] == "-":
            assert code == 0
            assert "has the email in its name" in err
            assert "friend.json: 1 line of others with the email elsewhere" in err
            assert "notes.txt: is no file of stedi's, and holds the email" in err
            assert f"{lake}/todo.txt: is no file of stedi's, and holds the email" in err


def test_an_unknown_customer_is_exit_1_and_can_be_forgotten_in_advance(
    people: People, lake: Path, stedi: Callable[..., Answer]
) -> None:
    build(lake, people.landing)
    before = snapshot(lake, people.landing)
    command = ("privacy", "forget", "Ada@Quillfeather.example.com", "--lake", lake, "--yes")
    code, out, err = stedi(*command)
    assert (code, out) == (1, "")
    assert "knows nothing of a customer with this email" in err
    assert snapshot(lake, people.landing) == before
    code, out, _ = stedi(*command, "--in-advance")
    assert code == 0
    people.add("accelerometer", "late.json", readings(ADA, START + 700, 3, user="ada@quillfeather.example.com"))
    build(lake, people.landing)
    assert manifest(lake).feeds["accelerometer_landing"].forgotten == 3


def test_a_customer_whose_landing_files_are_gone_leaves_the_tables(people: People, lake: Path) -> None:
    build(lake, people.landing)
    for path in people.others:
        (people.landing / path).write_bytes(b"")
        if path.endswith(".gz"):
            (people.landing / path).write_bytes(gzip.compress(b""))
    people.add("customer", "customers.json", [of(BOB)])
    assert forget(lake, EMAIL).done
    assert traces(people.values, lake, people.landing) == []


def test_nothing_happens_unless_somebody_says_yes(people: People, lake: Path, stedi: Callable[..., Answer]) -> None:
    build(lake, people.landing)
    before = snapshot(lake, people.landing)
    code, _, err = stedi("privacy", "forget", EMAIL, "--lake", lake)
    assert code == 2
    assert "--yes" in err
    asked: list[dict[str, int]] = []

    def no(found: Forgetting) -> bool:
        asked.append(found.lines)
        return False

    assert not forget(lake, EMAIL, confirm=no).done
    assert asked[0]
    assert snapshot(lake, people.landing) == before


def refused(people: People, lake: Path, error: type[StediError], match: str, **how: Any) -> None:
    before = {path: (people.landing / path).read_bytes() for path in people.others}
    tables = {file: file.read_bytes() for file in lake.rglob("*.parquet")}
    with pytest.raises(error, match=match):
        forget(how.pop("lake", lake), EMAIL, **how)
    assert {path: (people.landing / path).read_bytes() for path in people.others} == before
    assert {file: file.read_bytes() for file in lake.rglob("*.parquet")} == tables
    assert not (lake / TOMBSTONES).exists()
    assert not (lake / JOURNAL).exists()
    assert not list(people.landing.glob(f"{ERASING}*"))


def test_what_cannot_be_done_changes_nothing(people: People, lake: Path, tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="no lake was built"):
        forget(lake, EMAIL)
    build(lake, people.landing)
    with open_storage(lake).lock(LOCK, "somebody"):
        refused(people, lake, LakeBusy, "somebody")
    refused(people, lake, UsageError, "was built from", landing=tmp_path / "other")
    with pytest.raises(UsageError, match="empty"):
        forget(lake, "  ")
    with pytest.raises(UsageError, match="nobody was forgotten"):
        forget(lake, None)


def test_the_bundled_sample_stays(lake: Path) -> None:
    sample = bundled_sample()
    assert sample is not None
    build(lake, sample)
    with pytest.raises(UsageError, match="bundled sample"):
        forget(lake, EMAIL)


def test_a_link_is_not_followed(people: People, lake: Path) -> None:
    file = people.landing / "accelerometer/landing/day one.json"
    elsewhere = people.landing / "elsewhere.json"
    file.rename(elsewhere)
    file.symlink_to(elsewhere)
    build(lake, people.landing)
    refused(people, lake, EnvironmentFault, "is a link")


def test_landing_that_may_not_be_written(
    people: People, lake: Path, plain_user: list[str], stedi_command: list[str]
) -> None:
    build(lake, people.landing)
    before = snapshot(people.landing)
    for folder in (people.landing, people.landing / "accelerometer/landing"):
        folder.chmod(0o500)
        command = [*plain_user, *stedi_command, "privacy", "forget", EMAIL, "--lake", str(lake), "--yes"]
        ran = subprocess.run(command, capture_output=True, text=True, check=False)
        folder.chmod(0o700)
        assert ran.returncode == 2, ran.stderr
        assert "permission denied" in ran.stderr
        assert "Traceback" not in ran.stderr
        assert snapshot(people.landing) == before
        assert not (lake / TOMBSTONES).exists()


def test_somebody_else_is_forgotten_meanwhile_in_another_lake_of_the_same_landing_data(
    people: People, lake: Path, tmp_path: Path
) -> None:
    """The lock is the lake's; what both make beside the landing files is not to be taken for one another's."""
    other = tmp_path / "other lake"
    build(lake, people.landing)
    build(other, people.landing)
    bob = str(BOB["email"])

    def until_asked(_: Forgetting) -> bool:
        def no(_: Forgetting) -> bool:
            assert len(list(people.landing.glob(f"{ERASING}*"))) == 2
            return False

        return not forget(other, bob, confirm=no).done

    assert forget(lake, EMAIL, confirm=until_asked).done
    people.assert_only_theirs_went()
    assert not list(people.landing.glob(f"{ERASING}*"))

    with pytest.raises(EnvironmentFault, match="changed while it was read"):
        forget(other, bob, confirm=lambda _: forget(lake, bob).done)
    assert forget(other, bob).done
    assert traces([bob], lake, other, people.landing) == []


def test_a_landing_file_that_changes_before_it_is_decided(people: People, lake: Path) -> None:
    build(lake, people.landing)
    for name in ("day one.json", "bad.jsonl"):
        file = people.landing / "accelerometer/landing" / name

        def write(_: object, file: Path = file) -> bool:
            with file.open("ab") as stream:
                stream.write(readings(BOB, START + 950, 1)[0][0] + b"\n")
            return True

        with pytest.raises(EnvironmentFault, match="changed while it was read"):
            forget(lake, EMAIL, confirm=write)
        assert content_of(file).endswith(readings(BOB, START + 950, 1)[0][0] + b"\n")
    assert not (lake / TOMBSTONES).exists()
    assert traces(people.values, lake)
    forget(lake, EMAIL)
    assert traces(people.values, lake, people.landing) == []


def test_a_landing_file_that_changes_after_it_is_decided_keeps_its_new_lines(people: People, lake: Path) -> None:
    file = people.landing / "accelerometer/landing/day one.json"
    added = readings(BOB, START + 950, 1)[0][0] + b"\n"

    class Writing(LocalStorage):
        def move(self, source: str, target: str) -> None:
            super().move(source, target)
            if target == JOURNAL:
                with file.open("ab") as stream:
                    stream.write(added)

    build(lake, people.landing)
    forget(lake, EMAIL, storage=Writing(lake))
    assert file.read_bytes().endswith(added)
    # it was built anew from the landing files as they are: what stands there of the customer is dropped
    assert traces(people.values, lake) == []
    assert manifest(lake).feeds["accelerometer_landing"].forgotten == 8
    assert verify(lake).problems == []
    forget(lake, None)
    assert traces(people.values, lake, people.landing) == []
    assert file.read_bytes().endswith(added)


def test_the_pseudonyms_of_all_others_stay(people: People, lake: Path) -> None:
    build(lake, people.landing, pseudonym_key="a key of this lake")
    sql = "select distinct customerPseudonym from training_curated order by all"
    before = rows(lake, sql)
    refused(people, lake, UsageError, "a pseudonym key")
    refused(people, lake, UsageError, "another pseudonym key", pseudonym_key="some key")
    forget(lake, EMAIL, pseudonym_key="a key of this lake")
    after = rows(lake, sql)
    assert len(before) == len(after) + 1
    assert set(after) < set(before)
    # a build may do without the key, and says what that does
    [said] = [note for note in build(lake, people.landing, force=True).notes if note.startswith("pseudonyms: ")]
    assert "all pseudonyms of training_curated have changed" in said
    assert not set(rows(lake, sql)) & set(before)


def test_the_clocks_may_differ_by_what_they_did(people: People, lake: Path) -> None:
    build(lake, people.landing, clock_skew_ms=3)
    forget(lake, EMAIL)
    assert manifest(lake).parameters["clock_skew_ms"] == "3"


def test_an_audit_that_fails_changes_nothing(people: People, lake: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    build(lake, people.landing)
    monkeypatch.setattr("stedi.audit.run_audits", lambda *_: {"consent": ["customer_trusted: 1 violations"]})
    refused(people, lake, AuditFailed, "1 audit failed")
