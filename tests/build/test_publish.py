"""Publishing: the journal rolls forward to the same lake however often, and nothing is left that should not be."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from stedi import __version__
from stedi.build import build
from stedi.errors import EnvironmentFault, StediError
from stedi.lake import Lake
from stedi.local import LocalStorage
from stedi.manifest import JOURNAL, MANIFEST, Manifest
from stedi.publish import STAGING, needs_recovery, publish, recover
from stedi.storage import open_storage
from stedi.verify import verify

Answer = tuple[int, str, str]
Content = dict[str, tuple[str, list[str]]]
Read = Callable[[Path], Content]
QUARANTINE = "_quarantine/customer/quarantine.parquet"


class Stopping(LocalStorage):
    """A place where the publish stops before the journal is deleted, as a kill would stop it, with all staged kept."""

    def __init__(self, root: Path, kept: Path) -> None:
        super().__init__(root)
        self.kept = kept

    def move(self, source: str, target: str) -> None:
        super().move(source, target)
        if target == JOURNAL:
            shutil.copytree(self.root, self.kept)


@pytest.fixture
def stopped(landing: Path, tmp_path: Path, write_landing: Callable[..., Path], add_lines: Callable[..., Path]) -> Path:
    """Return a lake stopped with the journal in place and no file moved; there was another lake before."""
    add_lines(landing, "customer", ["no json"])
    build(tmp_path / "whole", landing)
    shutil.rmtree(landing)
    write_landing(landing, ("Eve", "Mallory"))
    build(tmp_path / "whole", landing, storage=Stopping(tmp_path / "whole", tmp_path / "stopped"))
    return tmp_path / "stopped"


def test_a_stopped_build_is_rolled_forward(stopped: Path, tmp_path: Path, read_lake: Read) -> None:
    storage = open_storage(stopped)
    assert needs_recovery(storage)
    assert read_lake(stopped) != read_lake(tmp_path / "whole")
    assert (stopped / QUARANTINE).exists()
    assert recover(storage)
    assert read_lake(stopped) == read_lake(tmp_path / "whole")
    assert not (stopped / QUARANTINE).exists()
    assert not needs_recovery(storage)
    assert not recover(storage)
    assert not (stopped / STAGING).exists()
    assert verify(stopped).problems == []


@pytest.mark.parametrize("moved", range(8))
def test_rolling_forward_does_not_depend_on_how_far_it_came(
    stopped: Path, tmp_path: Path, read_lake: Read, moved: int
) -> None:
    steps = json.loads((stopped / JOURNAL).read_bytes())
    for staged, final in steps["moves"][:moved]:
        (stopped / final).parent.mkdir(parents=True, exist_ok=True)
        (stopped / staged).replace(stopped / final)
    if moved >= len(steps["moves"]):
        for path in steps["deletes"]:
            (stopped / path).unlink()
    assert recover(open_storage(stopped))
    assert read_lake(stopped) == read_lake(tmp_path / "whole")


def test_a_journal_that_is_rolled_forward_twice_changes_nothing(stopped: Path, tmp_path: Path, read_lake: Read) -> None:
    journal = (stopped / JOURNAL).read_bytes()
    assert recover(open_storage(stopped))
    (stopped / JOURNAL).write_bytes(journal)
    assert recover(open_storage(stopped))
    assert read_lake(stopped) == read_lake(tmp_path / "whole")
    assert verify(stopped).problems == []


@pytest.mark.parametrize("command", ["build", "verify", "query"])
def test_every_command_rolls_a_stopped_build_forward(
    *, stopped: Path, tmp_path: Path, landing: Path, stedi: Callable[..., Answer], read_lake: Read, command: str
) -> None:
    extra = {"build": ["--landing", str(landing)], "verify": [], "query": ["from customer_trusted"]}[command]
    assert stedi(command, *extra, "--lake", stopped)[0] == 0
    assert read_lake(stopped) == read_lake(tmp_path / "whole")
    assert not needs_recovery(open_storage(stopped))


def test_the_library_rolls_a_stopped_build_forward(stopped: Path, tmp_path: Path, read_lake: Read) -> None:
    with Lake.open(stopped) as lake:
        assert lake.table("customer_trusted").rows == 2
    assert read_lake(stopped) == read_lake(tmp_path / "whole")


DAMAGED = [
    b"",
    b"{",
    b"null",
    b"[]",
    b"{}",
    b'{"moves": []}',
    b'{"moves": 1, "deletes": []}',
    b'{"moves": [["a"]], "deletes": []}',
    b'{"moves": [["a", "b", "c"]], "deletes": []}',
    b'{"moves": [], "deletes": null}',
    b"\xff",
]


@pytest.mark.parametrize("journal", DAMAGED)
def test_a_damaged_journal_is_a_clear_error(
    stopped: Path, landing: Path, stedi: Callable[..., Answer], read_lake: Read, journal: bytes
) -> None:
    before = read_lake(stopped)
    (stopped / JOURNAL).write_bytes(journal)
    for command in (["build", "--landing", str(landing)], ["verify"], ["query", "from customer_trusted"]):
        code, out, err = stedi(*command, "--lake", stopped)
        assert (code, out) == (2, "")
        assert f"{stopped}/{JOURNAL}: is damaged" in err
        assert "Fix: delete that file and run `stedi build --force`" in err
    assert read_lake(stopped) == before
    # the fix does what it says
    (stopped / JOURNAL).unlink()
    assert stedi("build", "--landing", landing, "--lake", stopped, "--force")[0] == 0
    assert stedi("verify", "--lake", stopped)[0] == 0


_PLACE = "customer/trusted/customer_trusted-0.parquet"


@pytest.mark.parametrize(
    "steps",
    [
        {"moves": [["../a", _PLACE]], "deletes": []},
        {"moves": [["_stedi/staging/../../../a", _PLACE]], "deletes": []},
        {"moves": [["customer/landing/c.json", _PLACE]], "deletes": []},
        {"moves": [["_stedi/staging/t", "customer/landing/c.json"]], "deletes": []},
        {"moves": [["_stedi/staging/t", "/etc/t"]], "deletes": []},
        {"moves": [], "deletes": ["../keep"]},
        {"moves": [], "deletes": ["."]},
        {"moves": [], "deletes": [""]},
        {"moves": [], "deletes": ["customer/landing/c.json"]},
        {"moves": [], "deletes": ["customer/landing"]},
        {"moves": [], "deletes": "customer"},
        {"moves": [], "deletes": [7]},
        {"moves": [["_stedi/staging/t", _PLACE]], "deletes": ["customer/trusted/../landing/c.parquet"]},
    ],
    ids=str,
)
def test_a_journal_of_what_no_build_does_is_refused_whole(
    lake: Path, landing: Path, tmp_path: Path, steps: object
) -> None:
    shutil.copytree(landing, lake, dirs_exist_ok=True)
    (lake / "customer/landing/c.json").touch()
    (tmp_path / "a").touch()
    (tmp_path / "keep").touch()
    storage = open_storage(lake)
    storage.write("_stedi/staging/t", b"staged")
    storage.write(JOURNAL, json.dumps(steps).encode())
    before = sorted(path for path in tmp_path.rglob("*") if not path.is_dir())
    with pytest.raises(StediError, match="is damaged"):
        recover(storage)
    assert sorted(path for path in tmp_path.rglob("*") if not path.is_dir()) == before


@pytest.mark.parametrize("path", ["customer/landing/c.json", "../out", "/etc/passwd", "link/hostage.parquet", "", "."])
def test_a_manifest_that_names_what_no_build_writes_is_refused(landing: Path, lake: Path, path: str) -> None:
    build(lake, landing)
    manifest = json.loads((lake / MANIFEST).read_bytes())
    manifest["tables"]["customers_curated"]["files"].append({"path": path, "size": 1, "sha256": "x"})
    (lake / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(StediError, match="is not a manifest this version can read"):
        build(lake, landing, force=True)


@pytest.mark.parametrize(
    ("where", "value"),
    [(("tables", "customer_trusted", "rows"), "2"), (("feeds", "customer_landing", "name"), 3), (("seconds",), None)],
)
def test_a_manifest_of_wrong_types_is_refused(landing: Path, lake: Path, where: tuple[str, ...], value: object) -> None:
    build(lake, landing)
    manifest = json.loads((lake / MANIFEST).read_bytes())
    place = manifest
    for key in where[:-1]:
        place = place[key]
    place[where[-1]] = value
    (lake / MANIFEST).write_text(json.dumps(manifest))
    with pytest.raises(StediError, match="is not a manifest this version can read"):
        build(lake, landing)


def test_a_file_where_a_folder_belongs_stops_the_build_before_it_publishes(landing: Path, lake: Path) -> None:
    lake.mkdir()
    (lake / "machine_learning").touch()
    for _ in range(2):
        with pytest.raises(StediError, match="machine_learning"):
            build(lake, landing)
        assert not (lake / MANIFEST).exists()
        assert not (lake / JOURNAL).exists()
        assert not list(lake.rglob("customer_trusted-0.parquet")) or list(lake.glob("_stedi/staging/**/*.parquet"))
    (lake / "machine_learning").unlink()
    build(lake, landing)


def test_a_table_folder_that_links_out_of_the_lake_stops_the_build(landing: Path, lake: Path, tmp_path: Path) -> None:
    build(lake, landing)
    before = {path: path.read_bytes() for path in lake.rglob("*.parquet")}
    shutil.rmtree(lake / "machine_learning")
    (tmp_path / "elsewhere").mkdir()
    (lake / "machine_learning").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StediError, match="leads out of the lake"):
        build(lake, landing, force=True)
    assert all(path.read_bytes() == data for path, data in before.items() if path.exists())
    assert not (lake / JOURNAL).exists()


def test_landing_inside_the_lakes_own_folder_is_refused(landing: Path, lake: Path) -> None:
    inside = lake / "_stedi/staging"
    shutil.copytree(landing, inside)
    with pytest.raises(StediError, match="inside _stedi"):
        build(lake, inside)
    assert list(inside.rglob("*.json"))


@pytest.mark.parametrize("manifest", [b"", b"{}", b"[]", b"\xff", b'{"format": "2"}', b'{"format": 1, "feeds": []}'])
def test_a_damaged_manifest_is_a_clear_error(
    landing: Path, lake: Path, stedi: Callable[..., Answer], manifest: bytes
) -> None:
    build(lake, landing)
    (lake / MANIFEST).write_bytes(manifest)
    for command in (["build", "--landing", str(landing)], ["verify"], ["query", "from customer_trusted"]):
        code, _, err = stedi(*command, "--lake", lake)
        assert code == 2
        assert f"{lake}/{MANIFEST}: is not a manifest this version can read" in err
        assert f"Fix: delete that file and run `stedi build --lake {lake} --landing URI`" in err
    (lake / MANIFEST).unlink()
    assert stedi("build", "--landing", landing, "--lake", lake)[0] == 0
    assert stedi("verify", "--lake", lake)[0] == 0


@pytest.mark.parametrize(
    ("changes", "by"),
    [
        ({"format": 2, "new": {}}, "a later stedi, in format 2"),
        ({"format": 2, "versions": {"stedi": "999.0.1"}}, "stedi 999.0.1"),
        ({"new": [], "versions": {"stedi": "999.0"}}, "stedi 999.0"),
        ({"format": 2, "versions": {"stedi": "9; Ada.Quillfeather@example.com"}}, "a later stedi, in format 2"),
    ],
)
def test_a_manifest_of_a_later_version_is_left_as_it_is(
    *, landing: Path, lake: Path, stedi: Callable[..., Answer], changes: dict[str, object], by: str
) -> None:
    build(lake, landing)
    file = lake / MANIFEST
    file.write_text(json.dumps(json.loads(file.read_bytes()) | changes))
    before = {path: path.read_bytes() for path in lake.rglob("*") if path.is_file()}
    for command in (["build", "--landing", landing, "--force"], ["verify"], ["query", "from customer_trusted"]):
        code, out, err = stedi(*command, "--lake", lake)
        assert (code, out) == (2, "")
        assert err == (
            f"Error: {file}: was written by {by}, and this is stedi {__version__}\n"
            "Fix: use that version, or a later one; the lake is as it should be\n"
        )
    code, out, _ = stedi("doctor", "--lake", lake)
    assert code == 1
    assert f"was written by {by}, and this is stedi {__version__}" in " ".join(out.split())
    assert {path: path.read_bytes() for path in lake.rglob("*") if path.is_file()} == before


def test_what_was_staged_but_not_decided_is_cleared(landing: Path, lake: Path) -> None:
    build(lake, landing)
    storage = open_storage(lake)
    storage.write(f"{STAGING}/tables/customer_trusted-0.parquet", b"half")
    storage.write(f"{STAGING}/journal.json", b"half")
    assert needs_recovery(storage)
    assert not recover(storage)
    assert not (lake / STAGING).exists()
    assert verify(lake).problems == []


def test_publish_refuses_a_folder_in_the_way_before_anything_changes(
    landing: Path, lake: Path, read_lake: Read
) -> None:
    build(lake, landing)
    before = read_lake(lake)
    storage = open_storage(lake)
    manifest = Manifest.load(storage)
    assert manifest is not None
    storage.write(f"{STAGING}/a", b"a")
    storage.write(f"{STAGING}/b", b"b")
    with pytest.raises(EnvironmentFault, match="it is a folder, where a file belongs"):
        publish(storage, [(f"{STAGING}/a", "a"), (f"{STAGING}/b", "customer/trusted")], [], manifest)
    assert not (lake / "a").exists()
    assert not (lake / JOURNAL).exists()
    assert read_lake(lake) == before


def test_files_without_a_successor_are_deleted(
    *,
    landing: Path,
    lake: Path,
    monkeypatch: pytest.MonkeyPatch,
    read_lake: Read,
    add_lines: Callable[..., Path],
    customer: Callable[..., dict[str, object]],
) -> None:
    build(lake, landing)
    [one] = [path for path in read_lake(lake) if "accelerometer/trusted" in path]
    # as written when the data are big: a folder of files, as many as DuckDB makes of it
    monkeypatch.setattr("stedi.build.SPLIT_FROM_BYTES", 0)
    monkeypatch.setattr("stedi.build.SPLIT_SIZE", "1KB")
    # more rows than go into one row group, which is what DuckDB splits at
    person = customer("Ada")["email"]
    lines = (f'{{"user":"{person}","timestamp":{at},"x":{at % 997 / 8},"y":0,"z":1}}' for at in range(250_000))
    more = add_lines(landing, "accelerometer", lines)
    build(lake, landing)
    many = [path for path in read_lake(lake) if "accelerometer/trusted" in path]
    assert len(many) > 1
    assert verify(lake).problems == []
    monkeypatch.undo()
    more.unlink()
    build(lake, landing)
    assert [path for path in read_lake(lake) if "accelerometer/trusted" in path] == [one]
    assert verify(lake).problems == []


def test_quarantine_appears_changes_and_goes_as_lines_are_fixed(
    landing: Path,
    lake: Path,
    add_lines: Callable[..., Path],
    read_quarantine: Callable[[Path], list[tuple[str, int, str, bytes]]],
) -> None:
    build(lake, landing)
    assert not (lake / "_quarantine").exists()
    file = add_lines(landing, "customer", ["no json", "[]"], "bad.json")
    build(lake, landing)
    name = "customer/landing/bad.json"
    assert read_quarantine(lake) == [(name, 1, "not_flat_json", b"no json"), (name, 2, "not_flat_json", b"[]")]
    add_lines(landing, "accelerometer", ["{}"], "bad.json")
    add_lines(landing, "customer", ["[]"], "bad.json")
    build(lake, landing)
    assert read_quarantine(lake) == [
        ("accelerometer/landing/bad.json", 1, "missing:user", b"{}"),
        (name, 1, "not_flat_json", b"[]"),
    ]
    file.unlink()
    (landing / "accelerometer/landing/bad.json").unlink()
    build(lake, landing)
    assert read_quarantine(lake) == []
    assert [path for path in (lake / "_quarantine").rglob("*") if path.is_file()] == []
    assert verify(lake).problems == []


def test_a_quarantine_file_that_is_gone_is_written_again(
    landing: Path,
    lake: Path,
    add_lines: Callable[..., Path],
    read_quarantine: Callable[[Path], list[tuple[str, int, str, bytes]]],
) -> None:
    add_lines(landing, "customer", ["no json"])
    build(lake, landing)
    before = read_quarantine(lake)
    shutil.rmtree(lake / "_quarantine")
    build(lake, landing)
    assert read_quarantine(lake) == before != []
    assert verify(lake).problems == []


@pytest.mark.parametrize("damage", ["gone", "cut", "grown"])
def test_a_table_whose_file_is_damaged_is_made_again(landing: Path, lake: Path, read_lake: Read, damage: str) -> None:
    build(lake, landing)
    before = read_lake(lake)
    file = lake / "customer/trusted/customer_trusted-0.parquet"
    data = file.read_bytes()
    if damage == "gone":
        file.unlink()
    else:
        file.write_bytes(data[:-1] if damage == "cut" else data + b"x")
    run = build(lake, landing)
    assert set(run.stale) == {"customer_trusted"}
    assert read_lake(lake) == before
    assert file.read_bytes() == data
    assert not build(lake, landing).stale


def test_files_that_are_not_ours_stay_and_are_named(landing: Path, lake: Path, stedi: Callable[..., Answer]) -> None:
    foreign = lake / "customer/trusted/part-00000.snappy.parquet"
    foreign.parent.mkdir(parents=True)
    foreign.write_bytes(b"of another engine")
    code, _, err = stedi("build", "--landing", landing, "--lake", lake)
    assert code == 0
    assert "customer/trusted/: 1 file that stedi did not write, as customer/trusted/part-00000.snappy.parquet" in err
    assert foreign.read_bytes() == b"of another engine"
    # of a lake without its record the tables are built over, and are nobody's
    foreign.unlink()
    (lake / "_stedi/manifest.json").unlink()
    assert not [note for note in build(lake, landing).notes if "did not write" in note]
