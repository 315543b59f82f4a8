"""The certificate is given to a clean lake, and to no lake in which anything personal is where it must not be.

Every violation is planted by hand into the files of a built lake, as a faulty stage or a careless person would.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import duckdb
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest

import stedi.privacy
from stedi.build import build
from stedi.contracts import TABLES
from stedi.engine import Engine
from stedi.errors import EnvironmentFault, LakeBusy
from stedi.lake import Lake
from stedi.manifest import MANIFEST
from stedi.masking import mask
from stedi.privacy import Certificate, audit
from stedi.privacy.bad_lines import UNKNOWN, values_of
from stedi.privacy.consents import read_customers
from stedi.privacy.texts import texts_of
from stedi.privacy.values import Values, is_evidence
from stedi.privacy.work import CHECKS
from stedi.publish import LOCK
from stedi.storage import open_storage, this_process

Answer = tuple[int, str, str]
Command = Callable[..., Answer]

ADA, ZOE, EVE = (f"{name}.Quillfeather@example.com" for name in ("Ada", "Zoe", "Eve"))
PHONE = f"20255{sum(b'Ada'):05}"
FILES = {name: f"{table.prefix}{name}-0.parquet" for name, table in TABLES.items() if table.zone != "landing"}
CHECK = Path(stedi.privacy.__file__).parent / "checks" / "training.sql"
STARTS = {"Ada": 1655297000000, "Zoe": 1655298000000, "Eve": 1655299000000}
EVE_AGREED = STARTS["Eve"] + 3


@pytest.fixture(scope="module")
def original(
    *,
    tmp_path_factory: pytest.TempPathFactory,
    write_landing: Callable[..., Path],
    write_walk: Callable[..., None],
    add_lines: Callable[..., Path],
    customer: Callable[..., dict[str, object]],
) -> Path:
    """Return a folder with landing data and their lake: Zoe does not agree, Eve agreed on her walk."""
    folder = tmp_path_factory.mktemp("original")
    landing = write_landing(folder / "landing")
    add_lines(landing, "customer", [customer("Eve") | {"shareWithResearchAsOfDate": EVE_AGREED}], "eve.json")
    for name, start in STARTS.items():
        write_walk(landing, name, range(start, start + 6))
    build(folder / "lake", landing, pseudonym_key="a key of these tests, and of no other")
    return folder


@pytest.fixture
def lake(original: Path, tmp_path: Path) -> Path:
    """Return a lake of its own over landing data that no test changes."""
    return Path(shutil.copytree(original / "lake", tmp_path / "lake"))


def plant(lake: Path, table: str, sql: str, **metadata: str) -> None:
    """Write a table's file again from a query over `old` and the landing feeds."""
    landing = Path(json.loads((lake / MANIFEST).read_bytes())["landing"])
    file = lake / FILES[table]
    with duckdb.connect() as connection:
        connection.read_parquet(str(file)).create_view("old")
        for feed in ("customer", "accelerometer", "step_trainer"):
            columns = {column.name: column.type for column in TABLES[f"{feed}_landing"].columns}
            connection.read_json(str(landing / feed / "landing/*.json"), columns=columns).create_view(feed)
        rows = connection.sql(sql).to_arrow_table()
    kept = pq.ParquetFile(file).schema_arrow.metadata
    pq.write_table(rows.replace_schema_metadata({**kept, **metadata}), file)


def reading(at: int, email: str) -> dict[str, object]:
    return {"user": email, "timestamp": at, "x": 0.5, "y": 0.0, "z": 1.0}


def distance(at: int, serial: str) -> dict[str, object]:
    return {"sensorReadingTime": at, "serialNumber": serial, "distanceFromObject": 7}


def violations(certificate: Certificate) -> dict[str, list[str]]:
    return {check.name: check.violations for check in certificate.checks if check.violations}


def test_a_clean_lake_is_certified(lake: Path, stedi: Command) -> None:
    code, out, err = stedi("privacy", "audit", "--lake", lake)
    assert (code, err) == (0, "")
    found = json.loads(out)
    assert found["verdict"] == "clean"
    assert found["violations"] == []
    checks = {check["name"]: check for check in found["checks"]}
    assert {name: check["holds"] for name, check in checks.items()} == CHECKS
    rows = {name: pq.ParquetFile(lake / file).metadata.num_rows for name, file in FILES.items()}
    assert checks["columns"]["counts"] == rows
    assert all(rows.values()), "nothing is certified by being empty"
    assert (checks["consent"]["counts"]["customers"], checks["consent"]["counts"]["customers_who_agree"]) == (4, 3)
    assert checks["values"]["counts"]["values_of_email"] == 4
    assert checks["values"]["counts"]["records"] >= 1


def test_the_certificate_covers_every_file_by_its_hash(lake: Path, original: Path, stedi: Command) -> None:
    (lake / "a note.txt").write_text("nothing personal")
    found = json.loads(stedi("privacy", "audit", "--lake", lake, "--reports", lake / "a note.txt")[1])
    roots = {"landing": original / "landing"}
    for file in found["files"]:
        content = (roots.get(file["place"], lake) / file["path"]).read_bytes()
        assert (len(content), hashlib.sha256(content).hexdigest()) == (file["size"], file["sha256"])
    covered = {(file["place"] == "landing", file["path"]) for file in found["files"] if file["place"] != "report"}
    assert covered == {(False, str(p.relative_to(lake))) for p in lake.rglob("*") if p.is_file()} | {
        (True, str(p.relative_to(original / "landing"))) for p in (original / "landing").rglob("*") if p.is_file()
    }
    assert [file["path"] for file in found["files"] if file["place"] == "report"] == [str(lake / "a note.txt")]


ZOES = {
    "customer_trusted": f"from old union all from customer where email = '{ZOE}'",
    "customers_curated": f"from old union all from customer where email = '{ZOE}'",
    "accelerometer_trusted": f"from old union all (from accelerometer where user = '{ZOE}' limit 1)",
    "step_trainer_trusted": f"""from old union all (
        select s.* from step_trainer s join customer using (serialNumber) where email = '{ZOE}' limit 1)""",
    "machine_learning_curated": f"""from old union all (
        select s.*, a.* from step_trainer s join customer using (serialNumber)
        join accelerometer a on a.user = email and a.timestamp = s.sensorReadingTime where email = '{ZOE}' limit 1)""",
    "device_owners": f"""from old union all
        select serialNumber, email, 6, 6, 0, 1.0, 0 from customer where email = '{ZOE}'""",
    "training_curated": f"""from old union all (
        select sha256('some key' || email), sha256('some key' || serialNumber), s.sensorReadingTime,
            s.distanceFromObject, a.timestamp, a.x, a.y, a.z
        from step_trainer s join customer using (serialNumber)
        join accelerometer a on a.user = email and a.timestamp = s.sensorReadingTime
        where email = '{ZOE}' and a.timestamp >= {STARTS["Zoe"]} limit 1)""",
}


@pytest.mark.parametrize("table", ZOES)
def test_a_row_of_somebody_who_did_not_agree(lake: Path, table: str, stedi: Command) -> None:
    plant(lake, table, ZOES[table])
    code, out, err = stedi("privacy", "audit", "--lake", lake)
    assert code == 1
    found = json.loads(out)
    assert found["verdict"] == "violated"
    check = "training" if table == "training_curated" else "consent"
    [line] = [line for line in found["violations"] if line.startswith(f"{check}: {table}: 1 row of a ")][:1]
    assert line in err
    for text in (out, err):
        assert "quillfeather" not in text.lower()


def test_a_customer_record_without_the_date_beside_one_with_it(lake: Path) -> None:
    plant(lake, "customer_trusted", "select * replace (null as shareWithResearchAsOfDate) from old")
    [line, *_] = violations(audit(lake))["consent"]
    assert line.startswith("customer_trusted: 3 rows of a record without a research date, as A***")


def test_a_withdrawal_that_came_after_the_build(
    *,
    lake: Path,
    original: Path,
    tmp_path: Path,
    add_lines: Callable[..., Path],
    customer: Callable[..., dict[str, object]],
) -> None:
    landing = Path(shutil.copytree(original / "landing", tmp_path / "landing"))
    build(lake, landing)
    assert audit(lake).verdict == "clean"
    add_lines(landing, "customer", [customer("Ada", consents=False) | {"lastUpdateDate": 1755000000000}], "late.json")
    found = audit(lake)
    assert "customer: landing files have changed since the build, and are taken as they are now" in found.notes
    tables = {line.partition(":")[0] for line in violations(found)["consent"]}
    assert tables == set(ZOES) - {"training_curated"}
    assert any("of a customer without consent" in line for line in violations(found)["training"])
    build(lake, landing)
    assert audit(lake).verdict == "clean"


def test_somebody_forgotten_agrees_to_nothing_whatever_lands_late(
    *, lake: Path, original: Path, tmp_path: Path, stedi: Command, customer: Callable[..., dict[str, object]]
) -> None:
    landing = Path(shutil.copytree(original / "landing", tmp_path / "landing"))
    build(lake, landing, pseudonym_key="key of this test")
    key = tmp_path / "key"
    key.write_text("key of this test")
    shutil.copy(lake / FILES["accelerometer_trusted"], before := tmp_path / "before.parquet")
    forget = ("privacy", "forget", ADA, "--lake", lake, "--yes", "--pseudonym-key-file", key)
    assert stedi(*forget)[0] == 0
    late = landing / "customer/landing/late.json"
    late.write_text(json.dumps(customer("Ada")) + "\n")
    build(lake, landing, pseudonym_key="key of this test")
    clean = audit(lake)
    assert (clean.verdict, clean.notes) == ("clean", [])
    shutil.copy(before, lake / FILES["accelerometer_trusted"])
    assert "accelerometer_trusted: 9 rows of a customer without consent" in violations(audit(lake))["consent"][0]


@pytest.mark.parametrize(
    ("table", "sql"),
    [
        (
            "accelerometer_trusted",
            f"""from old union all (
            select '{ADA}', * exclude (user) from accelerometer
            where user = '{ZOE}' and timestamp >= {STARTS["Zoe"]})""",
        ),
        (
            "machine_learning_curated",
            f"""select * replace ('{ADA}' as user) from old
            where user = '{EVE}' and timestamp >= {STARTS["Eve"]}""",
        ),
        ("step_trainer_trusted", "select * replace (sensorReadingTime + 1000000 as sensorReadingTime) from old"),
        ("customers_curated", f"select * replace (replace(phone, '2', '3') as phone) from old where email = '{ADA}'"),
    ],
)
def test_a_reading_that_stands_under_another_name(lake: Path, table: str, sql: str) -> None:
    plant(lake, table, sql)
    found = violations(audit(lake))
    assert set(found) == {"landed"}
    assert {line.partition(":")[0] for line in found["landed"]} == {table}


def test_a_device_of_somebody_who_did_not_agree_given_to_somebody_who_did(lake: Path) -> None:
    plant(
        lake,
        "device_owners",
        f"from old union all select serialNumber, '{ADA}', 6, 6, 0, 1.0, 0 from customer where email = '{ZOE}'",
    )
    found = violations(audit(lake))
    assert list(found) == ["owners"]
    assert "device that matches the phone of somebody without consent as well" in "\n".join(found["owners"])


@pytest.mark.parametrize("lost", [0, 2, 4])
def test_a_device_of_somebody_who_did_not_agree_whose_companion_recorded_all_of_it(
    *, tmp_path: Path, write_landing: Callable[..., Path], add_lines: Callable[..., Path], lost: int
) -> None:
    """The stage cannot see Zoe's phone, and Ada's has every instant of Zoe's device."""
    landing = write_landing(tmp_path / "landing", ["Ada"])
    instants = range(1655297000000, 1655297000030)
    add_lines(landing, "step_trainer", [distance(at, "Zoe's") for at in instants])
    add_lines(landing, "accelerometer", [reading(at, ADA) for at in instants], "Ada.json")
    add_lines(landing, "accelerometer", [reading(at, ZOE) for at in instants[lost:]], "Zoe.json")
    build(tmp_path / "lake", landing)
    found = violations(audit(tmp_path / "lake"))
    assert found["owners"] == [
        f"device_owners: 1 row of a device that matches the phone of somebody without consent as well, as {mask(ADA)}"
    ]


def test_who_trains_beside_somebody_who_did_not_agree_keeps_a_device_that_is_theirs(
    *, tmp_path: Path, write_landing: Callable[..., Path], add_lines: Callable[..., Path]
) -> None:
    """Each phone has all instants of the own device, and 26 of the 30 of the other's."""
    landing = write_landing(tmp_path / "landing", ["Ada"])
    for email, first in ((ADA, 0), (ZOE, 4)):
        instants = range(1655297000000 + first, 1655297000030 + first)
        add_lines(landing, "step_trainer", [distance(at, f"of {email}") for at in instants], f"{first}.json")
        add_lines(landing, "accelerometer", [reading(at, email) for at in instants], f"{first}.json")
    build(tmp_path / "lake", landing)
    with Lake.open(tmp_path / "lake") as opened:
        assert {"serialNumber": f"of {ADA}", "owner": ADA} in opened.sql(
            "select serialNumber, owner from device_owners"
        ).arrow().to_pylist()
    assert audit(tmp_path / "lake").verdict == "clean"


EARLY = f"""
    select any_value(o.customerPseudonym), any_value(o.devicePseudonym), s.sensorReadingTime, s.distanceFromObject,
        a.timestamp, a.x, a.y, a.z
    from step_trainer s join customer using (serialNumber)
    join accelerometer a on a.user = email and a.timestamp = s.sensorReadingTime
    join old o on o.timestamp = {EVE_AGREED + 1}
    where email = '{EVE}' and a.timestamp between {STARTS["Eve"]} and {EVE_AGREED - 1} group by all"""


def test_training_rows_from_before_the_consent(lake: Path) -> None:
    plant(lake, "training_curated", f"from old union all {EARLY}")
    found = violations(audit(lake))
    assert list(found) == ["training"]
    [line] = found["training"]
    assert line.startswith("training_curated: 3 rows from before the consent, as ")


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        (
            f"select * replace (x + 1 as x) from old where timestamp = {STARTS['Ada']}",
            "are no readings of the customer",
        ),
        (
            f"""select * replace (distanceFromObject + 1 as distanceFromObject) from old
            where timestamp = {STARTS["Ada"]}""",
            "of a device that is not its customer's",
        ),
        (
            f"""from old union all select o.customerPseudonym, o.devicePseudonym, s.sensorReadingTime, 7, a.timestamp,
            a.x, a.y, a.z from (from old where timestamp = {STARTS["Ada"]}) o, accelerometer a join step_trainer s
            on a.timestamp = s.sensorReadingTime where a.user = '{ZOE}' and a.timestamp = {STARTS["Zoe"]}""",
            "1 row that are no readings of the customer of their pseudonym",
        ),
    ],
)
def test_training_rows_that_are_not_their_customers(lake: Path, sql: str, what: str) -> None:
    plant(lake, "training_curated", sql)
    found = violations(audit(lake))
    assert list(found) == ["training"]
    assert what in found["training"][0]


def test_a_file_that_no_build_wrote_is_read_like_the_others(lake: Path) -> None:
    shutil.copy(lake / FILES["accelerometer_trusted"], kept := lake.parent / "kept.parquet")
    plant(lake, "accelerometer_trusted", f"from accelerometer where user = '{ZOE}'")
    shutil.move(lake / FILES["accelerometer_trusted"], lake / "accelerometer/trusted/part-00000")
    shutil.move(kept, lake / FILES["accelerometer_trusted"])
    assert "accelerometer_trusted: 9 rows of a customer without consent" in violations(audit(lake))["consent"][0]


@pytest.mark.parametrize(
    "text",
    [
        f"sent to {ZOE.lower()}.",
        json.dumps({"user": ADA}),
        json.dumps({"user": ADA}).replace("@", "\\u0040"),
        "GET /?user=" + ADA.replace("@", "%40"),
        f"<b>{ADA.replace('@', '&#64;')}</b>",
        "name,phone\nAda,Quillfeather,7",
        "ZOE_QUILLFEATHER",
        f"tel. {PHONE}",
        f"tel. ({PHONE[:3]}) {PHONE[3:6]}-{PHONE[6:]}",
        "born 0967-03-",
        "x" * 4_100_000 + f" {ADA} ",
    ],
)
@pytest.mark.parametrize("place", ["_stedi/build.log", "report.html", "customer/trusted/readme.txt"])
def test_a_personal_value_in_a_text(lake: Path, text: str, place: str) -> None:
    if text.startswith("born"):
        text += f"{sum(b'Ada') % 28 + 1:02}"
    (lake / place).write_text(text)
    found = violations(audit(lake))
    assert list(found) == ["values"]
    for line in found["values"]:
        assert line.startswith(f"{place} holds ")
        assert "quillfeather" not in line.lower()
        assert PHONE not in line


def test_a_personal_value_in_the_manifest(lake: Path, stedi: Command) -> None:
    manifest = json.loads((lake / MANIFEST).read_bytes())
    manifest["versions"]["somebody"] = ADA
    (lake / MANIFEST).write_text(json.dumps(manifest))
    code, out, err = stedi("privacy", "audit", "--lake", lake)
    assert code == 1
    assert f"values: {MANIFEST} holds email, 1 time, as a*** (28 characters)" in err
    assert "Quillfeather" not in out + err


@pytest.mark.parametrize("kind", ["text", "gzip", "utf-16", "parquet", "in a folder", "name of the file"])
def test_a_personal_value_in_a_report_elsewhere(lake: Path, tmp_path: Path, stedi: Command, kind: str) -> None:
    report = tmp_path / "reports" / "one" / "report.txt"
    report.parent.mkdir(parents=True)
    text = f"the best: {ADA}, 12 rows"
    given = report.parent.parent if kind == "in a folder" else report
    if kind == "gzip":
        report.write_bytes(gzip.compress(text.encode()))
    elif kind == "utf-16":
        report.write_text(text, encoding="utf-16")
    elif kind == "parquet":
        given = report.with_suffix(".parquet")
        pq.write_table(pa.table({"what": [text]}), given, compression="zstd")
    elif kind == "name of the file":
        given = report.with_name(f"{ADA}.txt")
        given.write_text("nothing")
    else:
        report.write_text(text)
    assert stedi("privacy", "audit", "--lake", lake)[0] == 0
    code, out, err = stedi("privacy", "audit", "--lake", lake, "--reports", given)
    assert code == 1
    assert "holds email" in err
    assert "any other file that is named is yours to correct" in err
    assert "quillfeather" not in (out + err).lower()


@pytest.mark.parametrize("table", ["training_curated", "accelerometer_trusted"])
def test_a_personal_value_in_the_metadata_of_a_table(lake: Path, table: str) -> None:
    if table == "training_curated":
        plant(lake, table, "from old", written_for=ADA)
    else:  # where Arrow keeps what is said of a single column
        rows = pq.read_table(lake / FILES[table])
        said = [field.with_metadata({"written_for": ADA}) for field in rows.schema]
        pq.write_table(rows.cast(pa.schema(said, rows.schema.metadata)), lake / FILES[table])
    found = violations(audit(lake))
    assert list(found) == ["values"]
    assert found["values"][0].startswith(f"{FILES[table]}: its metadata holds email")


@pytest.mark.parametrize(
    ("column", "value", "checks"),
    [
        ("email", ADA, {"columns", "values"}),
        ("Email", "nobody", {"columns"}),
        ("note", f"{PHONE} called", {"columns", "values"}),
        ("tel", int(PHONE), {"columns", "values"}),
        ("born", "nothing", {"columns"}),
    ],
)
def test_a_column_more_in_the_training_table(lake: Path, column: str, value: object, checks: set[str]) -> None:
    shown = f"'{value}'" if isinstance(value, str) else value
    plant(lake, "training_curated", f'select *, {shown} as "{column}" from old')
    found = violations(audit(lake))
    assert set(found) == checks
    personal = column.lower() == "email"
    assert ("marked personal" if personal else "not declared") in found["columns"][0]


@pytest.mark.parametrize(
    ("column", "value", "checks"),
    [
        ("customerPseudonym", f"'{ADA}'", {"pseudonyms", "values"}),
        ("devicePseudonym", f"'device of {ADA}'", {"pseudonyms", "values"}),
        ("customerPseudonym", "'customer ' || rank() over (order by customerPseudonym)", {"pseudonyms"}),
        ("customerPseudonym", f"if(timestamp < {STARTS['Zoe']}, sha256('{ADA}'), customerPseudonym)", {"pseudonyms"}),
        (
            "customerPseudonym",
            f"if(timestamp < {STARTS['Zoe']}, sha256(lower('{ADA}')), customerPseudonym)",
            {"pseudonyms"},
        ),
        ("devicePseudonym", f"rpad(lower(hex('{ADA}')), 64, '0')", {"pseudonyms"}),
        ("customerPseudonym", f"sha256(sha256('customer {ADA}'))", {"pseudonyms"}),
        ("customerPseudonym", f"sha256('customer {ADA}')", {"pseudonyms"}),
        ("devicePseudonym", "sha256('ADA QUILLFEATHER')", {"pseudonyms"}),
        ("customerPseudonym", f"sha256(sha256('{PHONE}'))", {"pseudonyms"}),
    ],
)
def test_a_pseudonym_that_is_none(lake: Path, column: str, value: str, checks: set[str]) -> None:
    plant(lake, "training_curated", f"select * replace ({value} as {column}) from old")
    assert checks <= set(violations(audit(lake))) <= checks | {"training"}


@pytest.mark.parametrize(("column", "what"), [("Phone", "marked personal"), ("note", "not declared to have")])
def test_a_column_more_in_another_table(lake: Path, column: str, what: str) -> None:
    plant(lake, "step_trainer_trusted", f'select *, 7 as "{column}" from old')
    [line] = violations(audit(lake))["columns"]
    assert line.startswith("step_trainer_trusted: has a column ")
    assert what in line


def test_a_table_without_its_columns(lake: Path) -> None:
    plant(lake, "accelerometer_trusted", "select * exclude (user) from old")
    found = violations(audit(lake))
    assert found["columns"] == ["accelerometer_trusted: lacks the column user"]
    assert "accelerometer_trusted" in found["consent"][0]
    (lake / FILES["customers_curated"]).unlink()
    assert "customers_curated: has no file" in violations(audit(lake))["columns"][-1]


def test_somebody_who_refuses_under_another_spelling(
    tmp_path: Path, customer: Callable[..., dict[str, object]]
) -> None:
    """Tables take the spellings of an email for several customers; the certificate says where one of them refuses."""
    known, no = customer("Ada") | {"lastUpdateDate": 5}, customer("Ada", consents=False)
    file = tmp_path / "customers.json"
    for email, updated, counted in [
        (f" {ADA.upper()}", 5, 1),
        (ADA.replace("Q", "\u200bQ"), None, 1),
        (ADA.upper(), 4, 0),
        (ADA, 4, 0),
        (ZOE, 6, 0),
    ]:
        records = [known, no | {"email": email, "lastUpdateDate": updated}]
        file.write_text("".join(json.dumps(record) + "\n" for record in records))
        assert read_customers([file], Values()).spelled_otherwise == counted, email


def test_what_cannot_be_checked_is_no_clean_lake(lake: Path, tmp_path: Path, stedi: Command) -> None:
    code, out, err = stedi("privacy", "audit", "--lake", tmp_path / "nothing")
    assert code == 2
    assert json.loads(out)["error"]["exit_code"] == 2
    assert "no lake was built here" in err
    # seen before anything else is looked at
    code, _, err = stedi("privacy", "audit", "--lake", tmp_path / "nothing", "--reports", tmp_path / "nowhere")
    assert (code, "nowhere: no such file or folder" in err) == (2, True)
    (lake / FILES["training_curated"]).write_bytes(b"PAR1 no Parquet PAR1")
    assert stedi("privacy", "audit", "--lake", lake)[0] == 2


@pytest.mark.parametrize("kind", ["a packed log", "a table", "a table with damage in its footer"])
def test_a_file_that_cannot_be_read_to_its_end(lake: Path, tmp_path: Path, stedi: Command, kind: str) -> None:
    file = tmp_path / "log.gz" if kind == "a packed log" else lake / FILES["accelerometer_trusted"]
    content = gzip.compress(random.Random(7).randbytes(100_000)) if kind == "a packed log" else file.read_bytes()
    for damaged in (
        [content[:60_000], content[:60_000] + b"\0" * 100 + content[60_100:]]
        if kind == "a packed log"
        else [content[:-3] if kind == "a table" else content[:-300] + b"\xff" * 292 + content[-8:]]
    ):
        file.write_bytes(damaged)
        code, out, err = stedi("privacy", "audit", "--lake", lake, "--reports", tmp_path)
        assert (code, json.loads(out)["error"]["exit_code"]) == (2, 2)
        assert file.name in err
        assert "damaged" in err
        assert "report" not in err


def test_landing_data_that_are_gone(lake: Path, tmp_path: Path, original: Path) -> None:
    landing = Path(shutil.copytree(original / "landing", tmp_path / "landing"))
    build(lake, landing)
    shutil.rmtree(landing / "customer")
    with pytest.raises(EnvironmentFault, match="no landing files of customer"):
        audit(lake)


def test_a_build_under_way(lake: Path) -> None:
    (lake / "_stedi/staging").mkdir()
    (lake / "_stedi/staging/table.parquet").write_bytes(b"")
    storage = open_storage(lake)
    with storage.lock(LOCK, this_process("stedi build")), pytest.raises((EnvironmentFault, LakeBusy), match="another"):
        audit(lake)
    assert audit(lake).verdict == "clean"


def test_a_lake_with_landing_data_in_it_and_bad_lines(
    *, tmp_path: Path, landing: Path, add_lines: Callable[..., Path], write_walk: Callable[..., None]
) -> None:
    write_walk(landing, "Ada")
    add_lines(
        landing,
        "customer",
        ["Somebody.Else@example.com no json", '{"customerName": "May Day Parade"', "x" * 999_999 + " 1"],
        "bad.json",
    )
    build(landing, landing)
    assert audit(landing).verdict == "clean"
    (landing / "log.txt").write_text("somebody.else@example.com, and May Day Parade")
    assert [line.partition(",")[0] for line in violations(audit(landing))["values"]] == [
        "log.txt holds customerName",
        "log.txt holds email",
    ]


def test_what_a_bad_line_says_is_known_from_landing_though_quarantine_is_gone(
    *, tmp_path: Path, landing: Path, add_lines: Callable[..., Path], write_walk: Callable[..., None]
) -> None:
    write_walk(landing, "Ada")
    withdrawn = {"email": ADA.upper(), "shareWithResearchAsOfDate": None, "phone": 7}
    add_lines(landing, "customer", [withdrawn, '{"customerName": "May Day Parade"'], "bad.json")
    build(tmp_path / "lake", landing)
    shutil.rmtree(tmp_path / "lake/_quarantine")
    (tmp_path / "lake/log.txt").write_text("May Day Parade")
    found = audit(tmp_path / "lake")
    assert [line.partition(",")[0] for line in violations(found)["values"]] == ["log.txt holds customerName"]
    [note] = found.notes
    assert note.startswith("customer: 1 quarantined line with customers who agree; a withdrawal in one does not count")


@pytest.mark.parametrize(
    ("line", "column", "value"),
    [
        ('{"phone": 2025550280, "email"', "phone", "2025550280"),
        ("{'customerName': 'Ada Quill', 7}", "customerName", "Ada Quill"),
        ('{"Customername" : "Ada Quillfea', "customerName", "Ada Quillfea"),
        ('{"customerName": "Zo\\u00eb Quill", }', "customerName", "Zo\u00eb Quill"),
        ('{"mail": "ada%40example.com"', "email", "ada@example.com"),
        ('{"mail": "ada\\u0040example.com"', "email", "ada@example.com"),
        ('{"fullName": "Ada Quill"', UNKNOWN, "Ada Quill"),
        ("tel=+12025550280;", UNKNOWN, "+12025550280"),
    ],
)
def test_a_value_in_a_bad_line(line: str, column: str, value: str) -> None:
    assert (column, value) in set(values_of(TABLES["customer_landing"], line))
    assert value not in {found for _, found in values_of(TABLES["customer_landing"], '{"serialNumber": "Ada Quill"')}


def test_landing_data_in_a_lake_that_is_made_from_others(lake: Path) -> None:
    old = lake / "customer/landing/old.json"
    old.parent.mkdir()
    old.write_text(json.dumps({"email": ADA}))
    assert violations(audit(lake))["values"][0].startswith("customer/landing/old.json holds email, 1 time")


@pytest.mark.parametrize(
    "text",
    [
        "2026-01-02 12:00:00 202-550-0280",
        "+1 202-550-0280",
        "17 (202) 550-0280, 3",
        "call 202\u2011550\u20110280",
        "call 2025500280",
        json.dumps(json.dumps("Ada Qu\u00eb")),
    ],
)
@pytest.mark.parametrize("landed", ["2025500280", "202-550-0280"])
def test_a_value_however_it_is_written(text: str, landed: str) -> None:
    values = Values()
    values.add("phone", landed)
    values.add("customerName", "Ada Qu\u00eb")
    assert sum(values.find(text).values()) == 1


def test_who_measured_the_same_as_others_since_the_consent_keeps_their_rows(
    tmp_path: Path, add_lines: Callable[..., Path], customer: Callable[..., dict[str, object]]
) -> None:
    """Zed trains alone, agrees, and then trains with five more people whose phones lie as still."""
    people, start = ["Zed", *"ABCDE"], 1655297000000
    agreed = {"lastUpdateDate": start + 500, "shareWithResearchAsOfDate": start + 500}
    landing = tmp_path / "landing"
    add_lines(
        landing, "customer", [customer(name, consents=False) | (agreed if name == "Zed" else {}) for name in people]
    )
    for number, name in enumerate(people):
        person, first = customer(name), start + 10_000 * number
        instants = [*range(first, first + 30), *range(start + 990, start + 1000)]
        add_lines(
            landing, "step_trainer", [distance(at, str(person["serialNumber"])) for at in instants], f"{name}.json"
        )
        add_lines(landing, "accelerometer", [reading(at, str(person["email"])) for at in instants], f"{name}.json")
    build(tmp_path / "lake", landing)
    certificate = audit(tmp_path / "lake")
    [rows] = [check.counts["training_curated"] for check in certificate.checks if check.name == "training"]
    assert rows == 10
    assert violations(certificate) == {}


def test_a_reading_that_everybody_has_does_not_hold_up_the_audit() -> None:
    """Of 50,000 people everybody measured the same at one instant: pairs would be 2,500 million."""
    who = "select 'person ' || n as owner, n from range(50000) as r (n)"
    with Engine(threads=2) as engine:
        for name, query in {
            "accelerometer_landing": f"""
                select owner as user, i * n as "timestamp", 0.5 as x, 0.5 as y, 0.5 as z
                from ({who}), range(2) as r (i)""",
            "step_trainer_landing": f"""
                select i * n as sensorReadingTime, 'd' || n as serialNumber, 7 as distanceFromObject
                from ({who}), range(2) as r (i)""",
            "device_owners": f"select 'd' || n as serialNumber, owner, 0 as clock_skew_ms from ({who})",
            "consents": f"select owner as email, if(n = 49999, 1, 0) as since from ({who})",
            "training_curated": f"""
                select sha256(owner) as customerPseudonym, sha256('d' || n) as devicePseudonym,
                i * n as sensorReadingTime, 7 as distanceFromObject, i * n as "timestamp", 0.5 as x, 0.5 as y, 0.5 as z
                from ({who}), range(2) as r (i)""",
        }.items():
            engine.run(name, f"create table {name} as {query}")
        found = engine.run("training", CHECK.read_text(encoding="utf-8"))
    # the first person's two readings are the same one, which says nothing; the last one agreed in between
    assert [(what, number) for _, what, _, number in sorted(found, key=str)] == [
        ("from before the consent", 1),
        ("that are no readings of the customer of their pseudonym", 2),
    ]


@pytest.mark.parametrize(
    ("value", "evidence"),
    [
        ("Ada.Quillfeather@example.com", True),
        ("a@b", False),
        ("Ann Wu", True),
        ("May", False),
        ("Quillfeather", False),
        ("山田太郎", True),
        ("山田 太郎", True),
        ("山田", False),
        ("José", False),
        ("José Ó", True),
        ("2025500123", True),
        ("555-0100", True),
        ("123456", False),
        ("0967-03-01", True),
        ("1999-12-31", True),
        ("2024-01-01", False),
        ("", False),
        ("...", False),
    ],
)
def test_what_is_evidence(value: str, *, evidence: bool) -> None:
    assert is_evidence(value) is evidence
    values = Values()
    values.add("email", value)
    assert bool(values.find(f"<{value}>")) is evidence


def test_words_of_a_value_far_apart_or_within_others_are_not_it() -> None:
    values = Values()
    values.add("customerName", "Ada Quill")
    values.add("phone", "2025500123")
    assert values.find('"Ada", "Quill"') == {}
    assert values.find("Adaquill, Ada Quills, 120255001234, a2025500123b, 2025500123000") == {}
    assert values.find("Ada Quill".encode("utf-16-le").decode()) == {("customerName", "a*** (9 characters)"): 1}
    assert values.find("Ada-Quill 2025500123") == {
        ("customerName", "a*** (9 characters)"): 1,
        ("phone", "2*** (10 characters)"): 1,
    }


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("packed", [False, True])
def test_a_name_with_an_accent_in_a_text_of_any_encoding(tmp_path: Path, encoding: str, *, packed: bool) -> None:
    values = Values()
    values.add("customerName", "Zo\u00eb Quill")
    text = "a line\nwritten to Zo\u00eb Quill, who called\n".encode(encoding)
    (file := tmp_path / "log").write_bytes(gzip.compress(text) if packed else text)
    assert list(values.find_all(texts_of(file))) == [("customerName", "z*** (9 characters)")]


def test_a_value_of_a_megabyte_is_known_by_its_first_words_and_does_not_hold_up_the_audit() -> None:
    values = Values()
    long = "la " * 300_000 + "Quill"
    values.add("customerName", long)
    values.add("customerName", f"Ada {'de ' * 20} Quill")
    assert values.find("la " * 11) == {}
    assert values.find(f"from Ada {'de-' * 12}") == {("customerName", "a*** (36 characters)"): 1}
    assert len(values.find(long)) == 1


def test_the_checks_are_documented() -> None:
    page = (Path(__file__).parents[2] / "docs" / "privacy.md").read_text(encoding="utf-8")
    assert [name for name in CHECKS if f"| `{name}` |" not in page] == []
