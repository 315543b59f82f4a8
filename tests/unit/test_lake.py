"""The Python API, and how a lake is settled before anything reads it."""

from __future__ import annotations

import gc
import os
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pyarrow as pa  # type: ignore[import-untyped]
import pytest

import stedi
from stedi import Lake
from stedi.build import build
from stedi.contracts import FEEDS, TABLES
from stedi.errors import EnvironmentFault, StediError, UsageError
from stedi.manifest import JOURNAL
from stedi.publish import LOCK, STAGING, settle
from stedi.sample import write_sample
from stedi.settings import bundled_sample
from stedi.storage import open_storage

COUNTS = {
    "customer_landing": 956,
    "accelerometer_landing": 81_273,
    "step_trainer_landing": 28_680,
    "customer_trusted": 482,
    "accelerometer_trusted": 40_981,
    "step_trainer_trusted": 14_460,
    "customers_curated": 482,
    "machine_learning_curated": 43_681,
}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    sample = bundled_sample()
    assert sample is not None
    lake = tmp_path_factory.mktemp("lake")
    build(lake, sample)
    return lake


@pytest.fixture(scope="module")
def dirty(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dirty")
    write_sample(folder / "landing", dirty=0.01)
    build(folder / "lake", folder / "landing")
    return folder


def test_tables_of_every_zone(built: Path) -> None:
    with Lake.open(built) as lake:
        assert {name: lake.tables[name] for name in COUNTS} == COUNTS
        for name, rows in lake.tables.items():
            table = lake.table(name)
            assert (table.rows, table.contract) == (rows, TABLES[name])
            frame, arrow = table.pl(), table.arrow()
            assert isinstance(frame, pl.DataFrame)
            assert isinstance(arrow, pa.Table)
            assert len(frame) == arrow.num_rows == rows
            assert frame.columns == arrow.column_names == [c.name for c in TABLES[name].columns]
            assert table.duckdb().aggregate("count(*)").fetchall() == [(rows,)]


def test_sql(built: Path) -> None:
    with Lake.open(built) as lake:
        rows = lake.sql("select count(*) as n from Customer_Trusted join customer_landing using (email)")
        assert rows.pl()["n"].to_list() == [482]
        assert rows.duckdb().fetchall() == [(482,)]
        assert rows.arrow().num_rows == 1


def test_sql_only_reads(built: Path) -> None:
    with Lake.open(built) as lake, pytest.raises(UsageError, match="CREATE is refused"):
        lake.sql("create table t as select 1")


def test_sql_does_not_reach_into_the_program(built: Path) -> None:
    customers = pl.DataFrame({"a": [1]})
    with Lake.open(built) as lake, pytest.raises(UsageError, match="customers does not exist"):
        lake.sql("from customers").pl()
    assert len(customers) == 1


def test_unknown_table(built: Path) -> None:
    with Lake.open(built) as lake, pytest.raises(UsageError, match="did you mean customer_trusted"):
        lake.table("customer_trsted")


def test_never_built(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault, match="no lake was built") as caught:
        Lake.open(tmp_path / "none")
    assert "stedi build" in caught.value.fix
    assert not (tmp_path / "none").exists()


def test_repr(built: Path) -> None:
    with Lake.open(built) as lake:
        assert "machine_learning_curated        43,681 rows" in repr(lake)
        assert "482 rows" in repr(lake.table("customer_trusted"))
        assert "select 1" in repr(lake.sql("select 1"))


def test_landing_of_unclean_files_and_quarantine(dirty: Path) -> None:
    with Lake.open(dirty / "lake") as lake:
        for feed in FEEDS:
            assert len(lake.table(feed.name).pl()) == lake.manifest.feeds[feed.name].rows
        quarantined = lake.sql("select feed, count(*) as n from quarantine group by all").pl()
        assert dict(quarantined.iter_rows()) == {
            TABLES[name].feed: feed.quarantined for name, feed in lake.manifest.feeds.items()
        }
        folder = lake.workspace
        assert folder.stat().st_mode & 0o777 == 0o700
    assert not folder.exists()


def test_a_closed_lake_is_opened_anew_by_its_next_use(dirty: Path) -> None:
    with Lake.open(dirty / "lake") as lake:
        before = lake.table("customer_landing").pl()
        folder = lake.workspace
    assert not folder.exists()
    assert lake.table("customer_landing").pl().equals(before)
    assert len(lake.table("customer_trusted").pl()) == lake.tables["customer_trusted"]
    again = lake.workspace
    assert again != folder
    lake.close()
    lake.close()
    assert not again.exists()


def test_an_error_carries_its_fix(built: Path) -> None:
    with Lake.open(built) as lake, pytest.raises(UsageError) as caught:
        lake.table("nope")
    assert caught.value.__notes__ == [f"Fix: {caught.value.fix}"]


def test_forgotten_lake_removes_its_private_folder(dirty: Path) -> None:
    lake = Lake.open(dirty / "lake")
    lake.table("customer_landing").pl()
    folder = lake.workspace
    del lake
    gc.collect()
    assert not folder.exists()


def test_quarantine_is_empty_where_nothing_is_bad(built: Path) -> None:
    with Lake.open(built) as lake:
        frame = lake.sql("from quarantine").pl()
    assert frame.columns == ["feed", "file", "line", "reason", "raw"]
    assert len(frame) == 0


def test_torn_read(built: Path, tmp_path: Path) -> None:
    """A build that publishes between the manifest and a read shows, before and after data were read."""
    lake_folder = tmp_path / "lake"
    shutil.copytree(built, lake_folder)
    write_sample(tmp_path / "other", seed=5)
    with Lake.open(lake_folder) as lake:
        assert len(lake.table("customer_trusted").pl()) == 482
        build(lake_folder, tmp_path / "other")
        for name in ("customer_trusted", "customers_curated"):
            with pytest.raises(StediError, match="published anew") as caught:
                lake.table(name).pl()
            assert "open the lake again" in caught.value.fix
    with Lake.open(lake_folder) as lake:
        assert len(lake.table("customer_trusted").pl()) == 482


def test_missing_file(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "lake")
    with Lake.open(tmp_path / "lake") as lake:
        lake.storage.delete(lake.manifest.tables["customer_trusted"].files[0].path)
        with pytest.raises(StediError, match="customer_trusted"):
            lake.table("customer_trusted").pl()


def test_vanished_landing(tmp_path: Path) -> None:
    write_sample(tmp_path / "landing")
    build(tmp_path / "lake", tmp_path / "landing")
    next((tmp_path / "landing/customer/landing").iterdir()).unlink()
    with Lake.open(tmp_path / "lake") as lake:
        assert len(lake.table("customer_trusted").pl()) == 482
        with pytest.raises(EnvironmentFault, match="gone"):
            lake.table("customer_landing").pl()


def test_settle_clears_what_a_stopped_build_staged(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "lake")
    storage = open_storage(tmp_path / "lake")
    storage.write(f"{STAGING}/x", b"1")
    assert settle(storage) == ""
    assert not storage.list(STAGING)


def test_settle_rolls_a_journal_forward(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "lake")
    storage = open_storage(tmp_path / "lake")
    path = "customer/trusted/customer_trusted-0.parquet"
    content = storage.read(path)
    assert content is not None
    storage.write(f"{STAGING}/t.parquet", content)
    storage.delete(path)
    storage.write(JOURNAL, f'{{"moves": [["{STAGING}/t.parquet", "{path}"]], "deletes": []}}'.encode())
    with Lake.open(tmp_path / "lake") as lake:
        assert len(lake.table("customer_trusted").pl()) == 482
    assert storage.stat(JOURNAL) is None


def test_a_lake_that_is_being_built_is_read_as_it_was(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "lake")
    storage = open_storage(tmp_path / "lake")
    storage.write(f"{STAGING}/x", b"1")
    with storage.lock(LOCK, "somebody"), Lake.open(tmp_path / "lake") as lake:
        assert ["somebody" in note for note in lake.notes] == [True]
        assert len(lake.table("customer_trusted").pl()) == 482
    assert storage.list(STAGING)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_lake_one_may_only_read(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built, tmp_path / "lake")
    (tmp_path / "lake/_stedi/staging").mkdir()
    (tmp_path / "lake/_stedi/staging/x").write_bytes(b"1")
    (tmp_path / "lake/_stedi").chmod(0o500)
    with Lake.open(tmp_path / "lake") as lake:
        assert lake.notes
        assert len(lake.table("customer_trusted").pl()) == 482
    (tmp_path / "lake/_stedi").chmod(0o700)


def test_importing_stedi_is_cheap() -> None:
    code = (
        "import sys, stedi; from stedi import Lake;"
        "heavy = {'duckdb', 'polars', 'pyarrow', 'rich', 'click'} & set(sys.modules); print(sorted(heavy))"
    )
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "[]"


def test_stedi_has_nothing_else() -> None:
    with pytest.raises(AttributeError, match="lakes"):
        stedi.lakes  # noqa: B018
