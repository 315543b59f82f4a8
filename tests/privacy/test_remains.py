"""What an erasure does not reach is said: files that hold the email wherever in a lake they lie."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from person import ADA

from stedi.contracts import FEEDS
from stedi.listing import list_feed
from stedi.remains import remains_of
from stedi.storage import open_storage

EMAIL = str(ADA["email"])
STAGING = ".stedi-erasing-0000000000000000"


def notes(lake: Path, landing: Path, *published: str) -> list[str]:
    for feed in FEEDS:
        (folder := landing / feed.prefix).mkdir(parents=True, exist_ok=True)
        (folder / "rows.json").write_text("")
    source = open_storage(landing)
    found = remains_of(
        open_storage(lake),
        source,
        [list_feed(source, feed) for feed in FEEDS],
        (),
        email=EMAIL,
        rows={},
        published=published,
        after=source,
        staging=STAGING,
    )
    return [note for note in found if "of commands that run now" not in note]


@pytest.mark.parametrize(
    "path",
    [
        "_stedi/build.log",
        "_quarantine/customer/of before.parquet",
        "customer/trusted/customer_trusted-7.parquet",
        "customer/landing/of other landing data.json",
        "accelerometer/trusted/readme.txt",
        "notes/escaped.json",
        "damaged.parquet",
    ],
)
def test_a_file_that_stedi_did_not_write(tmp_path: Path, path: str) -> None:
    file = tmp_path / "lake" / path
    file.parent.mkdir(parents=True)
    if path.endswith(".parquet") and "damaged" not in path:
        pq.write_table(pa.table({"raw": [b"{'email': " + EMAIL.upper().encode(), None]}), file, compression="zstd")
    else:
        file.write_text(f"called {EMAIL}".replace("@", "\\u0040" if "escaped" in path else "@"))
    [note] = notes(tmp_path / "lake", tmp_path / "landing")
    assert note.startswith(f"{tmp_path}/lake/{path}: is no file of stedi's")
    assert notes(tmp_path / "lake", tmp_path / "landing", path) == []


def test_landing_data_in_the_lake_are_no_other_files(tmp_path: Path) -> None:
    notes(tmp_path, tmp_path)
    (tmp_path / "customer/landing/rows.json").write_text(EMAIL)
    (tmp_path / "_stedi/staging").mkdir(parents=True)
    (tmp_path / "_stedi/staging/new.json").write_text(EMAIL)
    source = open_storage(tmp_path)
    listings = [list_feed(source, feed) for feed in FEEDS]
    found = remains_of(source, source, listings, (), email=EMAIL, rows={}, published=(), after=source, staging="")
    assert not [note for note in found if "is no file of stedi's" in note]


def test_landing_files_that_were_made_anew_for_another_lake(tmp_path: Path) -> None:
    for folder in (STAGING, ".stedi-erasing-1111111111111111"):
        (tmp_path / "landing" / folder).mkdir(parents=True)
        (tmp_path / "landing" / folder / "0.json").write_text(EMAIL)
    [note] = notes(tmp_path / "lake", tmp_path / "landing")
    assert note.startswith(f"{tmp_path}/landing/.stedi-erasing-1111111111111111: 1 folders that forgets in other lakes")
