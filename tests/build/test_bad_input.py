"""What bad input gets: each row of the table in the issue, through the command line."""

from __future__ import annotations

import gzip
import json
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from stedi.build import build
from stedi.contracts import TABLES
from stedi.engine import Engine
from stedi.errors import StediError
from stedi.manifest import Manifest
from stedi.proof import prove
from stedi.stages import STAGES
from stedi.storage import open_storage

Answer = tuple[int, str, str]
Quarantined = list[tuple[str, int, str, bytes]]

CUSTOMER = (
    '{"customerName":"Dora Dunn","email":"Dora.Dunn@example.com","phone":"2025550199","birthDay":"0967-05-05",'
    '"serialNumber":"serial-d","registrationDate":1655000000000,"lastUpdateDate":1655000000001,'
    '"shareWithResearchAsOfDate":1655000000002}'
)
READING = '{"user":"Dora.Dunn@example.com","timestamp":1655296678763,"x":0.5,"y":-1.0,"z":1.0}'
DISTANCE = '{"sensorReadingTime":1655296678763,"serialNumber":"serial-d","distanceFromObject":22}'
GOOD = {"customer": CUSTOMER, "accelerometer": READING, "step_trainer": DISTANCE}


def changed(line: str, old: str, new: str) -> str:
    assert line.count(old) == 1
    return line.replace(old, new)


def raw(line: str, old: str, new: bytes) -> bytes:
    before, after = line.split(old)
    return before.encode() + new + after.encode()


BAD: dict[str, tuple[str, str | bytes, str]] = {
    # name: feed, line, reason
    "no JSON": ("customer", "this is no JSON", "not_flat_json"),
    "array": ("customer", f"[{CUSTOMER}]", "not_flat_json"),
    "number": ("accelerometer", "42", "not_flat_json"),
    "string": ("accelerometer", '"text"', "not_flat_json"),
    "null": ("step_trainer", "null", "not_flat_json"),
    "cut off": ("accelerometer", READING[:-9], "not_flat_json"),
    "comma at the end": ("customer", CUSTOMER + ",", "not_flat_json"),
    "trailing comma": ("accelerometer", changed(READING, "1.0}", "1.0,}"), "not_flat_json"),
    "two objects": ("step_trainer", DISTANCE + DISTANCE, "not_flat_json"),
    "two objects, a blank between": ("accelerometer", f"{READING} {READING}", "not_flat_json"),
    "text after the object": ("accelerometer", READING + " x", "not_flat_json"),
    "invalid UTF-8": ("customer", raw(CUSTOMER, "Dora Dunn", b"Dora \xff Dunn"), "not_flat_json"),
    "latin-1": ("customer", raw(CUSTOMER, "Dora Dunn", b"Dor\xe9 Dunn"), "not_flat_json"),
    "NUL in a value": ("accelerometer", raw(READING, "Dora", b"Do\x00ra"), "not_flat_json"),
    "NUL after the object": ("step_trainer", DISTANCE.encode() + b"\x00", "not_flat_json"),
    "over-long": ("customer", changed(CUSTOMER, "Dora Dunn", "D" * 1_000_000), "too_long"),
    "over-long and not UTF-8": ("accelerometer", b"\xff" * 1_000_001, "too_long"),
    "endless": ("step_trainer", b"[" * 5_000_000, "too_long"),
    "text for a number": ("customer", changed(CUSTOMER, "1655000000000", '"soon"'), "bad_type:registrationDate"),
    "digits in quotes": ("accelerometer", changed(READING, "0.5", '"0.5"'), "bad_type:x"),
    "number for a text": ("customer", changed(CUSTOMER, '"2025550199"', "2025550199"), "bad_type:phone"),
    "number for a required text": ("accelerometer", changed(READING, '"Dora.Dunn@example.com"', "7"), "bad_type:user"),
    "true for a number": ("step_trainer", changed(DISTANCE, ":22", ":true"), "bad_type:distanceFromObject"),
    "optional of a wrong type": (
        "customer",
        changed(CUSTOMER, "1655000000002", '"yes"'),
        "bad_type:shareWithResearchAsOfDate",
    ),
    "fraction": ("step_trainer", changed(DISTANCE, ":22", ":22.5"), "bad_type:distanceFromObject"),
    "whole fraction": ("accelerometer", changed(READING, "1655296678763", "1655296678763.0"), "bad_type:timestamp"),
    "exponent": ("step_trainer", changed(DISTANCE, "1655296678763", "1.6e12"), "bad_type:sensorReadingTime"),
    "overflow": ("step_trainer", changed(DISTANCE, ":22", ":9223372036854775808"), "bad_type:distanceFromObject"),
    "overflow of 64 digits": ("step_trainer", changed(DISTANCE, ":22", ":" + "9" * 64), "not_flat_json"),
    "overflow of a double": ("accelerometer", changed(READING, "0.5", "1e400"), "bad_type:x"),
    "NaN": ("accelerometer", changed(READING, "0.5", "NaN"), "not_flat_json"),
    "Infinity": ("accelerometer", changed(READING, "0.5", "Infinity"), "not_flat_json"),
    "minus Infinity": ("accelerometer", changed(READING, "0.5", "-Infinity"), "not_flat_json"),
    "NaN in quotes": ("accelerometer", changed(READING, "0.5", '"NaN"'), "bad_type:x"),
    "duplicate key": ("customer", changed(CUSTOMER, '"phone"', '"email":"x@example.com","phone"'), "dup_key"),
    "duplicate unknown key": ("accelerometer", changed(READING, "1.0}", '1.0,"n":1,"n":1}'), "dup_key"),
    "nested unknown value": ("accelerometer", changed(READING, "1.0}", '1.0,"device":{"os":1}}'), "not_flat_json"),
    "list as unknown value": ("step_trainer", changed(DISTANCE, ":22", ':22,"tags":[]'), "not_flat_json"),
    "nested known value": ("accelerometer", changed(READING, "0.5", "[0.5]"), "not_flat_json"),
    "BOM inside the file": ("accelerometer", b"\xef\xbb\xbf" + READING.encode(), "not_flat_json"),
}
for _feed, _key, _value in (
    ("customer", "email", '"Dora.Dunn@example.com"'),
    ("customer", "serialNumber", '"serial-d"'),
    ("accelerometer", "user", '"Dora.Dunn@example.com"'),
    ("accelerometer", "timestamp", "1655296678763"),
    ("step_trainer", "sensorReadingTime", "1655296678763"),
    ("step_trainer", "serialNumber", '"serial-d"'),
):
    _pair = f'"{_key}":{_value}'
    BAD[f"{_feed} without {_key}"] = (_feed, changed(GOOD[_feed], _pair, '"other":1'), f"missing:{_key}")
    BAD[f"{_feed} with null {_key}"] = (_feed, changed(GOOD[_feed], _pair, f'"{_key}": null'), f"empty:{_key}")
    BAD[f"{_feed} with {_key} in capitals"] = (
        _feed,
        changed(GOOD[_feed], _pair, f'"{_key.upper()}":{_value}'),
        f"missing:{_key}",
    )
    if _value.startswith('"'):
        BAD[f"{_feed} with empty {_key}"] = (_feed, changed(GOOD[_feed], _pair, f'"{_key}" : ""'), f"empty:{_key}")


def as_bytes(line: str | bytes) -> bytes:
    return line if isinstance(line, bytes) else line.encode()


def manifest_of(lake: Path) -> Manifest:
    manifest = Manifest.load(open_storage(lake))
    assert manifest is not None
    return manifest


class Dirty:
    """A lake built from data with every kind of bad line, each in a file of its own between two good lines."""

    def __init__(self, folder: Path, command: list[str]) -> None:
        self.landing, self.lake = folder / "landing", folder / "lake"
        for feed, line in GOOD.items():
            (self.landing / feed / "landing").mkdir(parents=True)
            self.file(feed, "good").write_text(f"{line}\n")
        for name, (feed, bad, _) in BAD.items():
            good = GOOD[feed].encode()
            self.file(feed, name).write_bytes(good + b"\n" + as_bytes(bad) + b"\n" + good + b"\n")
        done = subprocess.run(
            [*command, "build", "--landing", self.landing, "--lake", self.lake],
            capture_output=True,
            text=True,
            check=False,
        )
        self.code, self.out, self.err = done.returncode, done.stdout, done.stderr

    def file(self, feed: str, name: str) -> Path:
        return self.landing / feed / "landing" / f"{name}.json"


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Dirty:
    return Dirty(tmp_path_factory.mktemp("dirty"), [sys.executable, "-m", "stedi.cli"])


@pytest.fixture(scope="module")
def dirty_lines(
    dirty: Dirty, read_quarantine: Callable[[Path], Quarantined]
) -> dict[str, list[tuple[int, str, bytes]]]:
    found: dict[str, list[tuple[int, str, bytes]]] = {}
    for file, number, reason, line in read_quarantine(dirty.lake):
        found.setdefault(file, []).append((number, reason, line))
    return found


@pytest.mark.parametrize("name", BAD)
def test_a_bad_line_is_quarantined_with_its_reason_and_the_rest_is_built(
    dirty: Dirty, dirty_lines: dict[str, list[tuple[int, str, bytes]]], name: str
) -> None:
    feed, line, reason = BAD[name]
    path = f"{feed}/landing/{name}.json"
    kept = as_bytes(line)[:1_000_000] if reason == "too_long" else as_bytes(line)
    assert dirty_lines[path] == [(2, reason, kept)]
    [record] = [file for file in manifest_of(dirty.lake).feeds[f"{feed}_landing"].files if file.path == path]
    assert (record.rows, record.quarantined, record.clean) == (2, 1, False)


def test_the_summary_counts_the_bad_lines_by_reason(dirty: Dirty) -> None:
    assert dirty.code == 0
    assert dirty.err.startswith("note: customer: a withdrawal of consent that stands in a quarantined line")
    assert dirty.err.count("\n") == 1
    for feed in GOOD:
        reasons = Counter(reason for other, _, reason in BAD.values() if other == feed)
        [line] = [line for line in dirty.out.splitlines() if line.startswith(f"{feed} quarantined: ")]
        assert sorted(line.partition(": ")[2].split(", ")) == sorted(f"{n} {reason}" for reason, n in reasons.items())
        good = 2 * reasons.total() + 1
        assert f"{feed}: {good + reasons.total()} = {good} kept + 0 " in dirty.out
        assert f" + {reasons.total()} quarantined" in dirty.out
        assert (dirty.lake / f"_quarantine/{feed}/quarantine.parquet").is_file()
    assert f'see them: stedi query --lake {dirty.lake} "from quarantine"' in dirty.out


def test_nothing_but_the_bad_lines_is_quarantined(
    dirty: Dirty, dirty_lines: dict[str, list[tuple[int, str, bytes]]]
) -> None:
    assert {path.split("/landing/")[1].removesuffix(".json") for path in dirty_lines} == BAD.keys()
    assert sorted(path.name for path in (dirty.lake / "_quarantine").iterdir()) == sorted(GOOD)


def test_a_lake_with_bad_lines_verifies(dirty: Dirty, stedi: Callable[..., Answer]) -> None:
    code, out, _ = stedi("verify", "--lake", dirty.lake)
    assert (code, "nothing is wrong" in out) == (0, True)


def test_json_tells_the_bad_lines_by_reason(dirty: Dirty, stedi: Callable[..., Answer]) -> None:
    code, out, _ = stedi("build", "--landing", dirty.landing, "--lake", dirty.lake, "--json")
    assert code == 0
    found = json.loads(out)["quarantine"]
    for feed in GOOD:
        reasons = Counter(reason for other, _, reason in BAD.values() if other == feed)
        assert (found[feed]["lines"], found[feed]["reasons"]) == (reasons.total(), dict(reasons))


def test_a_truncated_last_line_is_quarantined(
    landing: Path, lake: Path, stedi: Callable[..., Answer], read_quarantine: Callable[[Path], Quarantined]
) -> None:
    file = landing / "accelerometer/landing/readings.json"
    whole = file.read_bytes()
    file.write_bytes(whole[:-20])
    last = whole[:-20].splitlines()[-1]
    code, out, _ = stedi("build", "--landing", landing, "--lake", lake)
    assert code == 0
    assert read_quarantine(lake) == [
        ("accelerometer/landing/readings.json", len(whole.splitlines()), "not_flat_json", last)
    ]
    assert "accelerometer quarantined: 1 not_flat_json" in out


def test_a_last_line_without_a_line_feed_is_a_line(landing: Path, lake: Path, stedi: Callable[..., Answer]) -> None:
    file = landing / "accelerometer/landing/readings.json"
    file.write_bytes(file.read_bytes().removesuffix(b"\n"))
    code, out, _ = stedi("build", "--landing", landing, "--lake", lake)
    assert code == 0
    assert "accelerometer: 9 = 6 kept" in out


@pytest.mark.parametrize("built", [False, True])
def test_strict_publishes_nothing(
    landing: Path,
    lake: Path,
    stedi: Callable[..., Answer],
    add_lines: Callable[..., Path],
    read_lake: Callable[[Path], object],
    *,
    built: bool,
) -> None:
    if built:
        assert stedi("build", "--landing", landing, "--lake", lake)[0] == 0
    before = read_lake(lake)
    add_lines(landing, "accelerometer", ["no json", "{}", "{}"])
    code, out, err = stedi("build", "--landing", landing, "--lake", lake, "--strict")
    assert (code, out) == (1, "")
    assert f"{landing}: bad lines, and --strict allows none" in err
    assert "accelerometer: 1 not_flat_json, 2 missing:user" in err
    assert "nothing was published" in err
    assert "Fix: build without --strict" in err
    assert read_lake(lake) == before
    assert (lake / "_stedi/manifest.json").exists() == built


def test_strict_refuses_a_lake_that_is_up_to_date_but_has_bad_lines(
    landing: Path, lake: Path, stedi: Callable[..., Answer], add_lines: Callable[..., Path]
) -> None:
    add_lines(landing, "step_trainer", ["[]"])
    assert stedi("build", "--landing", landing, "--lake", lake)[0] == 0
    code, out, err = stedi("build", "--landing", landing, "--lake", lake, "--strict")
    assert (code, out) == (1, "")
    assert "step_trainer: 1 not_flat_json" in err


def test_strict_builds_clean_data(landing: Path, lake: Path, stedi: Callable[..., Answer]) -> None:
    assert stedi("build", "--landing", landing, "--lake", lake, "--strict")[0] == 0


@pytest.mark.parametrize("value", ["1", "-2.5e3", '"text"', "true", "null", '""', "1e400"])
def test_a_row_with_an_unknown_key_is_kept_and_the_key_reported_once(
    landing: Path, lake: Path, stedi: Callable[..., Answer], add_lines: Callable[..., Path], value: str
) -> None:
    lines = [changed(READING, '"x"', f'"colour":{value},"x"')] * 3
    add_lines(landing, "accelerometer", lines, "coloured.json")
    code, out, _ = stedi("build", "--landing", landing, "--lake", lake)
    assert code == 0
    assert "accelerometer: 12 = 6 kept + 6 of customers without research consent + 0 quarantined" in out
    assert out.count("colour") == 2  # in the name of the file and as its key
    assert "accelerometer/landing/coloured.json: unknown keys colour (values not kept)\n" in out
    assert not (lake / "_quarantine").exists()


def test_keys_in_another_order_are_the_same_row(
    landing: Path, lake: Path, stedi: Callable[..., Answer], add_lines: Callable[..., Path]
) -> None:
    backwards = json.dumps(dict(reversed(json.loads(READING).items())))
    add_lines(landing, "accelerometer", [backwards, f" \t{READING}  "], "backwards.json")
    code, out, _ = stedi("build", "--landing", landing, "--lake", lake)
    assert code == 0
    assert "accelerometer: 11 = 6 kept + 5 of" in out
    assert "unknown keys" not in out


BLANKS: dict[str, Callable[[bytes], bytes]] = {
    "blank lines": lambda data: b"\n \n\t\n" + data.replace(b"\n", b"\n\n  \n"),
    "CRLF": lambda data: data.replace(b"\n", b"\r\n"),
    "CRLF and blank lines": lambda data: data.replace(b"\n", b"\r\n\r\n"),
    "BOM": lambda data: b"\xef\xbb\xbf" + data,
    "BOM and CRLF": lambda data: b"\xef\xbb\xbf" + data.replace(b"\n", b"\r\n"),
    "BOM and a blank line": lambda data: b"\xef\xbb\xbf\n" + data,
}


@pytest.mark.parametrize("how", BLANKS)
@pytest.mark.parametrize("zipped", [False, True])
def test_blank_lines_crlf_and_bom_are_read_as_if_not_there(
    *,
    landing: Path,
    tmp_path: Path,
    stedi: Callable[..., Answer],
    read_lake: Callable[[Path], dict[str, tuple[str, list[str]]]],
    write_walk: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    how: str,
    zipped: bool,
) -> None:
    write_walk(landing, "Ada")
    monkeypatch.setenv("STEDI_PSEUDONYM_KEY", "the same for both")
    assert stedi("build", "--landing", landing, "--lake", tmp_path / "plain", "--strict")[0] == 0
    for file in landing.rglob("*.json"):
        data = BLANKS[how](file.read_bytes())
        if zipped:
            file.unlink()
            file.with_name(file.name + ".gz").write_bytes(gzip.compress(data))
        else:
            file.write_bytes(data)
    assert stedi("build", "--landing", landing, "--lake", tmp_path / "other", "--strict")[0] == 0
    rows = [{path: rows for path, (_, rows) in read_lake(tmp_path / name).items()} for name in ("plain", "other")]
    assert rows[0] == rows[1]
    assert all(rows[0].values())


@pytest.mark.parametrize("data", [b"", b"\n\n", b"\xef\xbb\xbf", b" \r\n"])
@pytest.mark.parametrize("suffix", [".json", ".jsonl", ".json.gz"])
def test_an_empty_file_has_no_rows(
    landing: Path, lake: Path, stedi: Callable[..., Answer], data: bytes, suffix: str
) -> None:
    packed = gzip.compress(data) if suffix.endswith(".gz") else data
    (landing / f"customer/landing/empty{suffix}").write_bytes(packed)
    code, out, _ = stedi("build", "--landing", landing, "--lake", lake, "--strict")
    assert code == 0
    assert "customer: 3 = 2 kept" in out


def test_a_gz_file_of_no_bytes_has_no_rows(landing: Path, lake: Path, stedi: Callable[..., Answer]) -> None:
    (landing / "customer/landing/empty.json.gz").write_bytes(b"")
    code, out, _ = stedi("build", "--landing", landing, "--lake", lake, "--strict")
    assert code == 0
    assert "customer: 3 = 2 kept" in out


def test_feeds_of_empty_files_make_empty_tables_with_their_columns(
    landing: Path,
    lake: Path,
    stedi: Callable[..., Answer],
    read_lake: Callable[[Path], dict[str, tuple[str, list[str]]]],
) -> None:
    for file in landing.rglob("*.json"):
        file.write_bytes(b"")
    code, out, _ = stedi("build", "--landing", landing, "--lake", lake)
    assert code == 0
    assert "customer: 0 = 0 kept + 0 without research consent + 0 quarantined" in out
    assert [rows for _, rows in read_lake(lake).values()] == [[]] * len(STAGES)
    assert (
        stedi("query", "--format", "csv", "from accelerometer_trusted", "--lake", lake)[1] == "user,timestamp,x,y,z\r\n"
    )
    assert stedi("verify", "--lake", lake)[0] == 0


# --- landing data that cannot be read


def refused(answer: Answer, *texts: object) -> None:
    """See that a command ended with 2, said these texts and what to do, and printed no data."""
    code, out, err = answer
    assert (code, out) == (2, "")
    assert err.startswith("Error: ")
    assert "\nFix: " in err
    for text in texts:
        assert str(text) in err


@pytest.mark.parametrize("feed", GOOD)
def test_a_feed_without_files(landing: Path, lake: Path, stedi: Callable[..., Answer], feed: str) -> None:
    shutil.rmtree(landing / feed)
    refused(
        stedi("build", "--landing", landing, "--lake", lake),
        f"{landing}/{feed}/landing/: no landing files of {feed}",
        "--landing",
        "stedi sample",
    )
    assert not lake.exists()


def test_a_feed_with_an_empty_folder_or_other_files_only(
    landing: Path, lake: Path, stedi: Callable[..., Answer]
) -> None:
    (landing / "customer/landing/customers.json").rename(landing / "customer/landing/customers.txt")
    refused(stedi("build", "--landing", landing, "--lake", lake), f"{landing}/customer/landing/: no landing files")


@pytest.mark.parametrize("what", ["nothing", "a file"])
def test_no_landing_at_all(tmp_path: Path, lake: Path, stedi: Callable[..., Answer], what: str) -> None:
    landing = tmp_path / "none"
    if what == "a file":
        landing.touch()
    says = "there is no such folder" if what == "nothing" else "no landing files"
    refused(stedi("build", "--landing", landing, "--lake", lake), landing, says)
    assert not lake.exists()


def test_a_gz_whose_checksum_is_wrong_is_damaged(landing: Path, lake: Path, stedi: Callable[..., Answer]) -> None:
    [file] = (landing / "customer/landing").glob("*.json")
    packed = bytearray(gzip.compress(file.read_bytes(), 0))
    packed[-6] ^= 1
    file.unlink()
    file.with_suffix(".json.gz").write_bytes(packed)
    refused(stedi("build", "--landing", landing, "--lake", lake), file.with_suffix(".json.gz"), "is damaged")


def test_files_behind_a_link_to_a_folder_are_read(landing: Path, lake: Path, tmp_path: Path) -> None:
    [file] = (landing / "customer/landing").glob("*.json")
    (tmp_path / "elsewhere/deep").mkdir(parents=True)
    file.rename(tmp_path / "elsewhere/deep/c.json")
    (landing / "customer/landing/2024").symlink_to(tmp_path / "elsewhere")
    (tmp_path / "elsewhere/round").symlink_to(tmp_path / "elsewhere")
    manifest = build(lake, landing).manifest
    assert manifest is not None
    assert [f.path for f in manifest.feeds["customer_landing"].files] == ["customer/landing/2024/deep/c.json"]


def test_a_pipe_in_landing_is_left_alone(landing: Path, lake: Path, stedi: Callable[..., Answer]) -> None:
    os.mkfifo(landing / "customer/landing/pipe.json")
    code, _, err = stedi("build", "--landing", landing, "--lake", lake)
    assert code == 0
    assert "customer/landing/pipe.json" in err


def test_dots_and_globs_in_one_path_are_the_folder_they_name(
    landing: Path, lake: Path, tmp_path: Path, write_walk: Callable[..., None]
) -> None:
    write_walk(landing, "Ada")
    (tmp_path / "v[1]").mkdir()
    landing.rename(tmp_path / "v[1]/in")
    run = build(lake, tmp_path / "v[1]/../v[1]/in", memory_limit="200MB")
    assert run.manifest is not None
    assert all(run.manifest.rows().values())


def _cut_gz(file: Path) -> Path:
    packed = gzip.compress(file.read_bytes())
    file.unlink()
    file.with_suffix(".json.gz").write_bytes(packed[:-12])
    return file.with_suffix(".json.gz")


def _flipped_gz(file: Path) -> Path:
    packed = bytearray(gzip.compress(file.read_bytes()))
    packed[len(packed) // 2] ^= 0xFF
    file.unlink()
    file.with_suffix(".json.gz").write_bytes(packed)
    return file.with_suffix(".json.gz")


def _no_gz(file: Path) -> Path:
    return file.rename(file.with_suffix(".json.gz"))


def _dangling(file: Path) -> Path:
    link = file.with_name("link.json")
    link.symlink_to("nowhere")
    return link


def _loop(file: Path) -> Path:
    link = file.with_name("link.json")
    link.symlink_to("link.json")
    return link


def test_many_small_files_are_proven_together(landing: Path, lake: Path) -> None:
    folder = landing / "accelerometer" / "landing"
    for number in range(2000):
        (folder / f"small-{number}.json").write_text(READING + "\n", encoding="utf-8")
    statements: list[str] = []
    run = build(lake, landing, trace=statements.append)
    assert run.manifest is not None
    assert sum("regexp_full_match" in sql for sql in statements) <= 2 * len(GOOD)
    assert all(file.clean for feed in run.manifest.feeds.values() for file in feed.files)


@pytest.mark.parametrize("damage", [_cut_gz, _flipped_gz, _no_gz, _dangling, _loop])
@pytest.mark.parametrize("built", [False, True])
def test_an_unreadable_file(
    landing: Path,
    lake: Path,
    stedi: Callable[..., Answer],
    read_lake: Callable[[Path], object],
    damage: Callable[[Path], Path],
    *,
    built: bool,
) -> None:
    if built:
        assert stedi("build", "--landing", landing, "--lake", lake)[0] == 0
    before = read_lake(lake)
    file = damage(landing / "accelerometer/landing/readings.json")
    refused(stedi("build", "--landing", landing, "--lake", lake), file)
    assert read_lake(lake) == before
    assert (lake / "_stedi/manifest.json").exists() == built
    file.unlink()
    (landing / "accelerometer/landing/readings.json").write_text(READING)
    assert stedi("build", "--landing", landing, "--lake", lake)[0] == 0
    assert not (lake / "_stedi/staging").exists()


@pytest.mark.parametrize("path", ["accelerometer/landing/readings.json", "accelerometer/landing", "accelerometer"])
def test_no_permission_to_read(
    landing: Path, lake: Path, stedi_command: list[str], plain_user: list[str], path: str
) -> None:
    (landing / path).chmod(0)
    try:
        done = subprocess.run(
            [*plain_user, *stedi_command, "build", "--landing", landing, "--lake", lake],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        (landing / path).chmod(0o700)
    refused((done.returncode, done.stdout, done.stderr), landing / path, "permission denied")
    assert not (lake / "_stedi/manifest.json").exists()


def test_a_link_that_leads_nowhere_is_left_alone_where_its_name_is_no_landing_file(
    landing: Path, lake: Path, stedi: Callable[..., Answer]
) -> None:
    # as Emacs makes one beside a file that is being edited
    (landing / "customer/landing/.#customers.json").symlink_to("somebody@somewhere")
    code, _, err = stedi("build", "--landing", landing, "--lake", lake)
    assert (code, err) == (0, f"note: left alone, no landing file: {landing}/customer/landing/.#customers.json\n")


def test_links_are_followed(landing: Path, lake: Path, tmp_path: Path, stedi: Callable[..., Answer]) -> None:
    file = landing / "customer/landing/customers.json"
    file.rename(tmp_path / "elsewhere.json")
    file.symlink_to(tmp_path / "elsewhere.json")
    code, out, _ = stedi("build", "--landing", landing, "--lake", lake)
    assert code == 0
    assert "customer: 3 = 2 kept" in out


# --- files and names


def test_files_that_are_left_alone_are_named(landing: Path, lake: Path, stedi: Callable[..., Answer]) -> None:
    left = [
        "README.md",
        "data.csv",
        "data.json.bak",
        "_SUCCESS",
        "_old.json",
        ".hidden.json",
        "_tmp/part.json",
        "noend",
        "user=ann.able@example.com/part.csv",
    ]
    for name in left:
        file = landing / "customer/landing" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text("not read")
    code, out, err = stedi("build", "--landing", landing, "--lake", lake, "--strict")
    assert code == 0
    assert sorted(err.splitlines()) == sorted(
        f"note: left alone, no landing file: {landing}/customer/landing/{name.replace('ann.able@example.com', '***')}"
        for name in left
    )
    assert "customer: 3 = 2 kept" in out
    for number in range(30):
        (landing / f"customer/landing/{number}.csv").touch()
    err = stedi("build", "--landing", landing, "--lake", lake, "--strict")[2]
    assert len(err.splitlines()) == 21
    assert f"note: 19 more, as left alone, no landing file: {landing}/customer/landing/" in err


def test_every_suffix_and_nested_folders_are_read(
    landing: Path, lake: Path, stedi: Callable[..., Answer], add_lines: Callable[..., Path]
) -> None:
    line = READING.encode() + b"\n"
    folder = add_lines(landing, "accelerometer", [READING], "2022/06/15/part-1.json").parent
    (folder / "part-2.jsonl").write_bytes(line)
    (folder / "part-3.JSON").write_bytes(line)
    (folder / "part-4.json.gz").write_bytes(gzip.compress(line))
    (folder / "part-5.jsonl.gz").write_bytes(gzip.compress(line))
    (folder / "part-6.JSON.GZ").write_bytes(gzip.compress(line))
    (folder / "part-7.json.gz").write_bytes(gzip.compress(line) + gzip.compress(line))
    code, out, _ = stedi("build", "--landing", landing, "--lake", lake, "--strict")
    assert code == 0
    assert f"accelerometer: {9 + 8} = 6 kept" in out


NAMES = [
    "with spaces.json",
    "it's.json",
    'say "hi".json',
    "a;drop table customer_landing;--.json",
    "100%.json",
    "%s%d{0}.json",
    "*.json",
    "?.json",
    "[a-z].json",
    "[!a]*?.json",
    "**.json",
    "{a,b}.json",
    "a..b.json",
    "..b.json.json",
    "back\\slash.json",
    "naïve ✓ 漢字 😀.json",
    "e\u0301.json",
    "new\nline.json",
    "tab\tand\x1b[31mescape.json",
    "$HOME.json",
    "~.json",
    "`id`.json",
    "user=ann/part.json",
    "timestamp=1/x=2/part.json",
    "env=prod/part.json",
    "s3:/bucket/part.json",
    "-rf.json",
    "a" * 250 + ".json",
]


@pytest.mark.parametrize("name", [n for n in NAMES if not n.startswith("..")])
@pytest.mark.parametrize("clean", [True, False])
def test_a_landing_file_name_is_read_as_a_name(
    *,
    landing: Path,
    lake: Path,
    stedi: Callable[..., Answer],
    read_lake: Callable[[Path], dict[str, tuple[str, list[str]]]],
    read_quarantine: Callable[[Path], Quarantined],
    name: str,
    clean: bool,
) -> None:
    assert stedi("build", "--landing", landing, "--lake", lake)[0] == 0
    before = {path: rows for path, (_, rows) in read_lake(lake).items()}
    file = landing / "accelerometer/landing/readings.json"
    # in a folder of its own, beside files that a pattern would match too
    target = landing / "accelerometer/landing/there" / name
    target.parent.mkdir(parents=True)
    target.write_bytes(file.read_bytes() + (b"" if clean else b"no json\n"))
    file.unlink()
    (landing / "accelerometer/landing/there/decoy.txt").write_text(READING)
    code, out, err = stedi("build", "--landing", landing, "--lake", lake)
    assert code == 0, err
    assert f"accelerometer: {9 + (not clean)} = 6 kept + 3 of customers without research consent" in out
    assert {path: rows for path, (_, rows) in read_lake(lake).items() if "_quarantine" not in path} == before
    assert [path for path, *_ in read_quarantine(lake)] == ([] if clean else [f"accelerometer/landing/there/{name}"])
    assert stedi("verify", "--lake", lake)[0] == 0
    code, out, _ = stedi("query", "--format", "csv", "select count(*) as n from accelerometer_landing", "--lake", lake)
    assert (code, out) == (0, "n\r\n9\r\n")


@pytest.mark.parametrize("arrow_from", [0, 1 << 60])
def test_either_prover_takes_a_name_for_a_name(landing: Path, add_lines: Callable[..., Path], arrow_from: int) -> None:
    feed = TABLES["accelerometer_landing"]
    names = [*NAMES, "100%25.json", "a%2Fb.json", "with%20spaces.json", "file:/x.json", "empty.json", "gone.json.gz"]
    files = {}
    for count, name in enumerate(names, 1):
        # each has a number of lines of its own, so that no two can be mistaken for each other
        files[add_lines(landing, "accelerometer", [READING] * count, f"there/{name}")] = count
    [empty] = [file for file in files if file.name == "empty.json"]
    [zipped] = [file for file in files if file.name == "gone.json.gz"]
    empty.write_bytes(b"")
    files[empty] = 0
    zipped.write_bytes(gzip.compress(zipped.read_bytes()))
    with Engine() as engine:
        assert prove(engine, feed, list(files), 0, arrow_from=arrow_from) == files
        assert prove(engine, feed, [zipped], 0, arrow_from=arrow_from) == {zipped: files[zipped]}


def test_names_that_match_each_other_as_patterns_are_read_once_each(
    landing: Path, lake: Path, stedi: Callable[..., Answer], add_lines: Callable[..., Path]
) -> None:
    for name in ("*.json", "?.json", "[ab].json", "a.json", "b.json", "**.json"):
        add_lines(landing, "accelerometer", [READING], name)
    code, out, _ = stedi("build", "--landing", landing, "--lake", lake)
    assert code == 0
    assert "accelerometer: 15 = 6 kept + 9 of" in out


@pytest.mark.parametrize("name", [n.removesuffix(".json") for n in NAMES if "/" not in n or "=" in n])
def test_the_folders_of_lake_and_landing_are_read_as_names(
    landing: Path,
    tmp_path: Path,
    stedi: Callable[..., Answer],
    read_lake: Callable[[Path], dict[str, tuple[str, list[str]]]],
    name: str,
) -> None:
    (landing / "accelerometer/landing/more.json").write_text("no json\n")
    assert stedi("build", "--landing", landing, "--lake", "plain")[0] == 0
    here = tmp_path / name
    here.mkdir(parents=True)
    landing.rename(here / "landing")
    # as one would type it, relative to the current folder
    assert stedi("build", "--landing", f"./{name}/landing", "--lake", f"./{name}/lake")[0] == 0
    assert {p: rows for p, (_, rows) in read_lake(here / "lake").items()} == {
        p: rows for p, (_, rows) in read_lake(tmp_path / "plain").items()
    }
    assert stedi("verify", "--lake", here / "lake")[0] == 0
    assert stedi("query", "select count(*) from quarantine", "--lake", here / "lake")[0] == 0
    code, out, _ = stedi(
        "query", "--format", "csv", "select count(*) as n from customers_curated", "--lake", here / "lake"
    )
    assert (code, out) == (0, "n\r\n2\r\n")


@pytest.mark.parametrize("name", [b"\xff.json", b"back\\slash*.json", b"\\[.json"])
@pytest.mark.parametrize("prover", ["duckdb", "arrow"])
def test_a_name_that_duckdb_cannot_be_told_is_refused_by_name(
    *,
    landing: Path,
    lake: Path,
    stedi: Callable[..., Answer],
    monkeypatch: pytest.MonkeyPatch,
    name: bytes,
    prover: str,
) -> None:
    import pyarrow.compute as pc  # type: ignore[import-untyped]

    if prover == "arrow":
        monkeypatch.setitem(sys.modules, "pyarrow.compute", pc)
    else:
        monkeypatch.delitem(sys.modules, "pyarrow.compute")
    target = os.fsencode(landing / "accelerometer/landing") + b"/" + name
    try:
        os.rename(landing / "accelerometer/landing/readings.json", target)  # noqa: PTH104 - a name of bytes
    except OSError as error:
        pytest.skip(f"this file system takes no such name: {error}")
    shown = os.fsdecode(name).replace("\udcff", r"\udcff")
    refused(stedi("build", "--landing", landing, "--lake", lake), shown, "DuckDB cannot read a name", "Fix: rename")


# --- landing data that changes


def _append(file: Path) -> None:
    file.write_bytes(file.read_bytes() + READING.encode() + b"\n")


def _touch(file: Path) -> None:
    os.utime(file, ns=(1, 1))


def _remove(file: Path) -> None:
    file.unlink()


@pytest.mark.parametrize("change", [_append, _touch, _remove])
@pytest.mark.parametrize("part", ["reading landing files", "making accelerometer_trusted", "auditing"])
@pytest.mark.parametrize("built", [False, True])
def test_landing_that_changes_while_it_is_read_is_not_published(
    landing: Path,
    lake: Path,
    read_lake: Callable[[Path], object],
    change: Callable[[Path], None],
    part: str,
    *,
    built: bool,
) -> None:
    if built:
        build(lake, landing)
        _append(landing / "accelerometer/landing/readings.json")
    before = read_lake(lake)
    file = landing / "accelerometer/landing/readings.json"

    def progress(what: str, done: int, total: int) -> None:
        assert done < total
        if what == part:
            change(file)

    with pytest.raises(StediError) as caught:
        build(lake, landing, progress=progress)
    assert caught.value.exit_code == 2
    assert caught.value.fix
    assert "readings.json" in caught.value.message
    assert read_lake(lake) == before
