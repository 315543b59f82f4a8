"""A folder as the place of a lake: what each operation of the storage does, and what it refuses."""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Callable
from pathlib import Path

import pytest

from stedi.build import build
from stedi.contracts import FEEDS
from stedi.errors import EnvironmentFault, LakeBusy, UsageError
from stedi.listing import list_feed
from stedi.local import LocalStorage
from stedi.storage import Entry, open_storage


@pytest.fixture
def storage(tmp_path: Path) -> LocalStorage:
    return LocalStorage(tmp_path / "root")


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_list_finds_files_in_nested_folders_sorted(storage: LocalStorage) -> None:
    for path in ("a/z", "a/b/c/d", "a/B", "other"):
        storage.write(path, path.encode())
    assert [(entry.path, entry.size) for entry in storage.list("a/")] == [("a/B", 3), ("a/b/c/d", 7), ("a/z", 3)]
    assert storage.list("a/b") == [storage.stat("a/b/c/d")]


def test_list_of_nothing_is_empty(storage: LocalStorage) -> None:
    assert storage.list("nothing/at/all") == []


def test_list_of_a_file_is_refused(storage: LocalStorage) -> None:
    storage.write("file", b"")
    with pytest.raises(EnvironmentFault, match=r"cannot list .*file: Not a directory"):
        storage.list("file")


def test_list_names_a_link_that_leads_nowhere(storage: LocalStorage) -> None:
    storage.workspace("a")
    (storage.root / "a/link").symlink_to("nowhere")
    assert [entry.path for entry in storage.list("a")] == ["a/link"]
    assert storage.stat("a/link") is None
    assert storage.read("a/link") is None


def test_list_follows_links_to_files(storage: LocalStorage, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_bytes(b"12345")
    storage.workspace("a")
    (storage.root / "a/link").symlink_to(tmp_path / "elsewhere")
    assert [(entry.path, entry.size) for entry in storage.list("a")] == [("a/link", 5)]


def test_stat_changes_when_the_content_does(storage: LocalStorage) -> None:
    storage.write("file", b"one")
    before = storage.stat("file")
    storage.write("file", b"two")
    os.utime(storage.root / "file", ns=(7, 7))
    after = storage.stat("file")
    assert before != after == Entry("file", 3, "7")


def test_stat_and_read_of_nothing(storage: LocalStorage) -> None:
    storage.write("file", b"")
    for path in ("nothing", "no/thing", "file/below"):
        assert storage.stat(path) is None
        assert storage.read(path) is None


def test_a_folder_is_no_file(storage: LocalStorage) -> None:
    storage.write("a/b", b"")
    with pytest.raises(EnvironmentFault, match="it is a folder, where a file belongs"):
        storage.stat("a")
    with pytest.raises(EnvironmentFault, match="cannot read"):
        storage.read("a")


def test_write_replaces_in_one_step_and_leaves_nothing_else(storage: LocalStorage) -> None:
    storage.write("a/file", b"long content")
    storage.write("a/file", b"short")
    assert storage.read("a/file") == b"short"
    assert [path.name for path in (storage.root / "a").iterdir()] == ["file"]


def test_a_write_that_fails_leaves_the_old_content(storage: LocalStorage, monkeypatch: pytest.MonkeyPatch) -> None:
    storage.write("file", b"old")

    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(EnvironmentFault, match=r"cannot write .*file: no space left on the disk"):
        storage.write("file", b"new")
    assert storage.read("file") == b"old"


def test_write_over_a_folder_is_refused(storage: LocalStorage) -> None:
    storage.write("a/b", b"")
    with pytest.raises(EnvironmentFault, match="cannot write"):
        storage.write("a", b"")
    assert storage.read("a/b") == b""


def test_move_puts_a_file_over_another(storage: LocalStorage) -> None:
    storage.write("staged", b"new")
    storage.write("deep/down/final", b"old")
    storage.move("staged", "deep/down/final")
    assert storage.read("deep/down/final") == b"new"
    assert storage.stat("staged") is None


def test_move_makes_folders(storage: LocalStorage) -> None:
    storage.write("staged", b"new")
    storage.move("staged", "deep/down/final")
    assert storage.read("deep/down/final") == b"new"
    assert mode(storage.root / "deep/down") == 0o700


def test_move_of_nothing_and_onto_a_folder_are_refused(storage: LocalStorage) -> None:
    with pytest.raises(EnvironmentFault, match=r"cannot put .*final in place"):
        storage.move("nothing", "final")
    storage.write("staged", b"new")
    storage.write("final/below", b"")
    with pytest.raises(EnvironmentFault, match=r"cannot put .*final in place"):
        storage.move("staged", "final")
    assert storage.read("staged") == b"new"


def test_delete_and_clear(storage: LocalStorage, tmp_path: Path) -> None:
    storage.write("a/b/c", b"")
    storage.write("a/d", b"")
    storage.delete("a/d")
    assert [entry.path for entry in storage.list("a")] == ["a/b/c"]
    storage.clear("a")
    assert not (storage.root / "a").exists()
    storage.clear("a")
    storage.delete("no/thing")
    keep = tmp_path / "keep"
    keep.mkdir()
    (keep / "file").touch()
    (storage.root / "link").symlink_to(keep)
    storage.clear("link")
    assert (keep / "file").exists()
    assert not (storage.root / "link").is_symlink()


@pytest.mark.parametrize("path", ["../out", "a/../../out", "..", "a/..", "/etc/passwd"])
def test_no_path_leads_out(storage: LocalStorage, tmp_path: Path, path: str) -> None:
    (tmp_path / "out").write_bytes(b"kept")
    calls: list[Callable[[], object]] = [
        lambda: storage.list(path),
        lambda: storage.stat(path),
        lambda: storage.read(path),
        lambda: storage.write(path, b"changed"),
        lambda: storage.move("a", path),
        lambda: storage.move(path, "a"),
        lambda: storage.delete(path),
        lambda: storage.local(path),
        lambda: storage.workspace(path),
        lambda: storage.lock(path, "me").__enter__(),
    ]
    for call in calls:
        with pytest.raises(UsageError, match="leads out of"):
            call()
    assert (tmp_path / "out").read_bytes() == b"kept"


@pytest.mark.parametrize("path", ["a..b", "..a/b", "a...", "...", "*", "a\nb", "a\\b", "~"])
def test_dots_and_signs_within_a_name_are_a_name(storage: LocalStorage, path: str) -> None:
    storage.write(path, b"x")
    assert storage.read(path) == b"x"
    assert [entry.path for entry in storage.list("")] == [path]


def test_everything_made_is_private(storage: LocalStorage) -> None:
    before = os.umask(0)
    try:
        storage.write("a/b/file", b"")
        storage.workspace("c/d")
        with storage.lock("e/lock", "me"):
            paths = list(storage.root.rglob("*"))
            assert {path.name for path in paths} == {"a", "b", "file", "c", "d", "e", "lock", "lock.holder"}
            assert {path.name: mode(path) for path in [storage.root, *paths]} == {
                path.name: 0o700 if path.is_dir() else 0o600 for path in [storage.root, *paths]
            }
    finally:
        os.umask(before)


def test_the_mode_of_a_folder_that_is_there_stays(storage: LocalStorage) -> None:
    storage.root.mkdir()
    storage.root.chmod(0o755)
    storage.write("file", b"")
    assert mode(storage.root) == 0o755
    assert mode(storage.root / "file") == 0o600


def test_everything_in_a_lake_is_private(landing: Path, lake: Path, add_lines: Callable[..., Path]) -> None:
    add_lines(landing, "customer", ["no json"])
    seen: dict[str, int] = {}

    def look(what: str, done: int, total: int) -> None:
        assert done < total, what
        seen.update({path.relative_to(lake).as_posix(): mode(path) for path in lake.rglob("*")})

    before = os.umask(0)
    try:
        build(lake, landing, progress=look)
    finally:
        os.umask(before)
    look("after", 0, 1)
    folders = {path for path, bits in seen.items() if bits == 0o700}
    files = {path for path, bits in seen.items() if bits == 0o600}
    assert seen.keys() - folders - files == set()
    assert mode(lake) == 0o700
    [staging] = [path for path in folders if path.endswith("/tables")]
    staging = staging.removesuffix("/tables")
    assert {"_stedi", "_stedi/staging", staging, "_quarantine", "customer/trusted"} <= folders
    assert {
        "_stedi/manifest.json",
        "_stedi/lock",
        "_quarantine/customer/quarantine.parquet",
        "machine_learning/curated/machine_learning_curated-0.parquet",
        f"{staging}/quarantine/customer_landing.parquet",
        f"{staging}/sieved/customer/bad.json",
    } <= files


def test_a_lock_is_held_by_one(storage: LocalStorage) -> None:
    other = LocalStorage(storage.root)
    with storage.lock("lock", "the first"):
        with (
            pytest.raises(LakeBusy, match=r"another process .*\(the first\)") as caught,
            other.lock("lock", "the second"),
        ):
            pytest.fail("two hold it")
        assert (caught.value.holder, caught.value.exit_code) == ("the first", 2)
    with other.lock("lock", "the second"):
        assert b"the second" in (storage.root / "lock.holder").read_bytes()
    assert not (storage.root / "lock.holder").exists()


def test_a_lock_is_let_go_when_its_block_fails(storage: LocalStorage) -> None:
    with pytest.raises(KeyboardInterrupt), storage.lock("lock", "me"):
        raise KeyboardInterrupt
    with storage.lock("lock", "me again"):
        assert (storage.root / "lock").exists()


@pytest.mark.parametrize("content", [b"", b"not json", b"\xff\xfe"])
def test_a_holder_whose_name_cannot_be_read(storage: LocalStorage, content: bytes) -> None:
    with storage.lock("lock", "me"):
        (storage.root / "lock.holder").write_bytes(content)
        with pytest.raises(LakeBusy, match="its name is not known yet"), storage.lock("lock", "you"):
            pytest.fail("two hold it")


@pytest.mark.parametrize("uri", ["https://example.com", "gs://x", "s3:/bucket/x", "S3:bucket", "arn:aws:s3:::bucket"])
def test_other_places_are_refused(uri: str) -> None:
    with pytest.raises(UsageError, match="neither a folder nor on S3"):
        open_storage(uri)


def test_an_empty_path_is_refused() -> None:
    with pytest.raises(UsageError, match="an empty path"):
        open_storage("")


def test_a_tilde_is_home_only_where_it_stands_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/somewhere")
    assert open_storage("~/lake").uri == "/somewhere/lake"
    assert open_storage("./~/lake").uri == f"{tmp_path}/~/lake"


def test_a_landing_file_replaced_by_a_folder_holds_what_is_in_it(landing: Path) -> None:
    file = landing / "customer/landing/customers.json"
    data = file.read_bytes()
    file.unlink()
    file.mkdir()
    (file / "part.json").write_bytes(data)
    (file / "note.txt").write_bytes(data)
    listing = list_feed(open_storage(landing), FEEDS[0])
    assert [entry.path for entry in listing.files] == ["customer/landing/customers.json/part.json"]
    assert listing.left == ("customer/landing/customers.json/note.txt",)
