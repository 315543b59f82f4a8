"""The clean proof, by DuckDB and by Arrow: what is proven, how many rows, and what is not."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import oracle
import pytest
import strategies

from stedi import blocks, proof
from stedi.contracts import FEEDS
from stedi.engine import Engine
from stedi.errors import EnvironmentFault
from stedi.proof import ARROW_FROM_BYTES, Proofs, prove
from stedi.rule import MAX_LINE_CHARS

FEED = FEEDS[1]
GOOD = strategies.reading()
BAD = b"no json"

Prove = Callable[..., Proofs]


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


@pytest.fixture(params=["duckdb", "arrow"])
def proofs_of(request: pytest.FixtureRequest, engine: Engine, monkeypatch: pytest.MonkeyPatch) -> Prove:
    """Prove files by DuckDB alone, or by Arrow with DuckDB for what it leaves."""
    if request.param == "duckdb":
        monkeypatch.setattr(blocks, "prove_blocks", lambda *_: {})
    return lambda *files: prove(engine, FEED, files, 0, arrow_from=0)


@pytest.mark.parametrize("case", strategies.CASES, ids=[case.name for case in strategies.CASES])
def test_a_file_is_proven_where_every_line_is_as_the_feed_writes_it(
    case: strategies.Case, proofs_of: Prove, tmp_path: Path
) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(b"\n".join([GOOD, case.line, GOOD, b""]))
    if case.reason == "blank":
        rows: int | None = 2
    else:
        in_order = oracle.judge("accelerometer", case.line.strip(oracle.BLANKS)).in_order
        rows = 3 if case.reason is None and in_order else None
    assert proofs_of(file) == {file: rows}


def test_arrow_proves_by_itself_and_leaves_the_rest_to_duckdb(engine: Engine, tmp_path: Path) -> None:
    contents = {
        "clean": (GOOD + b"\n" + GOOD, 2, 2),
        "crlf": (GOOD + b"\r\n" + GOOD + b"\r\n", 2, 2),
        "blank line": (GOOD + b"\n\n" + GOOD, None, 2),
        "bad": (GOOD + b"\n" + BAD, None, None),
        "trimmed": (b"\v" + GOOD + b"\f", None, 1),
    }
    files = {name: tmp_path / f"{name}.json" for name in contents}
    for name, (content, _, _) in contents.items():
        files[name].write_bytes(content)
    zipped = tmp_path / "a.json.gz"
    zipped.write_bytes(gzip.compress(GOOD))
    alone = blocks.prove_blocks(FEED, [*files.values(), zipped], 2)
    assert alone == {files[name]: by_arrow for name, (_, by_arrow, _) in contents.items()}
    together = prove(engine, FEED, [*files.values(), zipped], 0, arrow_from=0)
    assert together == {files[name]: in_all for name, (_, _, in_all) in contents.items()} | {zipped: 1}


def test_arrow_is_asked_from_a_size_on_or_where_it_is_there_already(
    engine: Engine, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(GOOD)
    asked: list[int] = []

    def leave_all(*_: object) -> Proofs:
        asked.append(1)
        return {}

    monkeypatch.setattr(blocks, "prove_blocks", leave_all)
    monkeypatch.delitem(sys.modules, "pyarrow.compute", raising=False)
    for size, times in ((0, 0), (ARROW_FROM_BYTES - 1, 0), (ARROW_FROM_BYTES, 1)):
        asked.clear()
        assert prove(engine, FEED, [file], size) == {file: 1}
        assert len(asked) == times
    monkeypatch.setitem(sys.modules, "pyarrow.compute", blocks)
    asked.clear()
    assert prove(engine, FEED, [file], 0) == {file: 1}
    assert asked


def test_no_files_need_no_proof(engine: Engine) -> None:
    assert prove(engine, FEED, [], 0) == {}


def test_each_file_is_proven_for_itself(proofs_of: Prove, tmp_path: Path) -> None:
    contents = {
        "one.json": (GOOD, 1),
        "two.jsonl": (GOOD + b"\n" + GOOD + b"\n", 2),
        "bad.json": (GOOD + b"\n" + BAD, None),
        "bytes.json": (GOOD + b"\n\xff", None),
        "empty.json": (b"", 0),
        "blank.json": (b"\n \n\r\n", None),
        "a.json.gz": (gzip.compress(GOOD) + gzip.compress(b"\n" + GOOD), 2),
        "A.JSON": (GOOD, 1),
    }
    for name, (content, _) in contents.items():
        (tmp_path / name).write_bytes(content)
    assert proofs_of(*(tmp_path / name for name in contents)) == {
        tmp_path / name: rows for name, (_, rows) in contents.items()
    }


def test_a_byte_order_mark_is_proven_only_where_the_typed_read_passes_over_it(
    proofs_of: Prove, engine: Engine, tmp_path: Path
) -> None:
    file = tmp_path / "bom.json"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD)
    rows = proofs_of(file)[file]  # DuckDB reads it from 2.0.1 on; before, the sieve does
    assert rows in (1, None)
    if rows:
        engine.view_json(FEED, [file], name="bom")
        assert engine.run("typed read", 'select count(*) from bom where "user" is not null') == [(1,)]


@pytest.mark.parametrize("trouble", [b"x" * 9_000_000, b" " * 3_000_000 + b"x" * 9_000_000])
def test_an_endless_line_in_one_file_spoils_no_other(trouble: bytes, proofs_of: Prove, tmp_path: Path) -> None:
    files = [tmp_path / f"{number}.json" for number in range(5)]
    for file in files:
        file.write_bytes(GOOD)
    files[3].write_bytes(GOOD + b"\n" + trouble)
    assert proofs_of(*files) == {file: None if file == files[3] else 1 for file in files}


BUFFER = 16_777_212
"""Bytes that DuckDB's JSON reader takes at a time; on several threads it forgets a last single byte."""


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("content", [b"x", b"\x00", b"{", b'"', b"1", b"\xff"])
def test_a_file_of_one_byte_is_never_proven(
    content: bytes, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "a.json"
    file.write_bytes(content)
    with Engine(threads=threads) as engine:
        assert prove(engine, FEED, [file], 0, arrow_from=0) == {file: None}
        monkeypatch.setattr(blocks, "prove_blocks", lambda *_: {})
        assert prove(engine, FEED, [file], 0, arrow_from=0) == {file: None}


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("over", [0, 1, 2])
@pytest.mark.parametrize("ending", [b"", b"\n"], ids=["open", "closed"])
@pytest.mark.parametrize("zipped", [False, True], ids=["plain", "gz"])
def test_the_last_line_counts_wherever_a_read_buffer_ends(
    *, zipped: bool, ending: bytes, over: int, threads: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    line = strategies.reading(user=f'"{"a" * 1_000}"') + b"\n"
    rows, rest = divmod(BUFFER + over, len(line))
    last = strategies.reading(user=f'"{"b" * (rest + 1_001 - len(ending))}"') + ending
    content = line * (rows - 1) + last
    assert len(content) == BUFFER + over
    file = tmp_path / ("a.json.gz" if zipped else "a.json")
    file.write_bytes(gzip.compress(content, 1) if zipped else content)
    with Engine(threads=threads) as engine:
        by_both = prove(engine, FEED, [file], 0, arrow_from=0)[file]
        monkeypatch.setattr(blocks, "prove_blocks", lambda *_: {})
        by_duckdb = prove(engine, FEED, [file], 0, arrow_from=0)[file]
        # a file that is not proven goes through the sieve; of one that is, the typed read gives every row
        assert {by_both, by_duckdb} <= {rows, None}
        if rows in (by_both, by_duckdb):
            engine.view_json(FEED, [file])
            assert engine.run("typed read", f'select count(*), sum("timestamp") from {FEED.name}') == [(rows, rows)]


def test_a_file_that_is_gone_spoils_no_other(proofs_of: Prove, tmp_path: Path) -> None:
    files = [tmp_path / "a.json", tmp_path / "gone.json", tmp_path / "b.json"]
    for file in (files[0], files[2]):
        file.write_bytes(GOOD)
    assert proofs_of(*files) == {files[0]: 1, files[1]: None, files[2]: 1}


@pytest.mark.parametrize("char", ["a", "😀"])
def test_a_proven_line_may_have_a_million_characters_and_no_more(
    char: str, proofs_of: Prove, engine: Engine, tmp_path: Path
) -> None:
    room = MAX_LINE_CHARS - len(strategies.reading(user='""'))
    longest, too_long = tmp_path / "longest.json", tmp_path / "too long.json"
    longest.write_bytes(strategies.reading(user='"' + char * room + '"') + b"\n" + GOOD)
    too_long.write_bytes(strategies.reading(user='"' + char * (room + 1) + '"') + b"\n" + GOOD)
    assert proofs_of(longest, too_long) == {longest: 2, too_long: None}
    engine.view_json(FEED, [longest], name="longest")
    [(user,), (other,)] = engine.run("typed read", 'select "user" from longest')
    engine.run("typed read", "drop view longest")
    assert (user, other) == (char * room, "c")


@pytest.mark.parametrize(
    "name",
    ["it's.json", 'q".json', "a;b.json", "100% %41.json", "a*?b.json", "[ab].json", "{a,b}.json", "å b\u030a 漢😀.json",
     "..x..json", "a b\tc.json", "a#b?c=d.json", "$HOME ~.json", "--.json", "user=ann.json", "a\\b.json"],
)  # fmt: skip
@pytest.mark.parametrize("folder", ["plain", "user=bob", "timestamp=7/x=1", "json=1", "[*]"])
def test_a_name_is_only_a_name(name: str, folder: str, proofs_of: Prove, engine: Engine, tmp_path: Path) -> None:
    file, decoys = tmp_path / folder / name, [tmp_path / folder / decoy for decoy in ("a.json", "b.json", "axyb.json")]
    file.parent.mkdir(parents=True)
    for decoy in decoys:
        decoy.write_bytes(BAD)
    file.write_bytes(GOOD)
    if "\\" in name and "*" in folder:  # DuckDB has no spelling for both in one path
        with pytest.raises(EnvironmentFault, match=r"rename|backslash"):
            proof._by_duckdb(engine, FEED, [file])
        return
    assert proofs_of(file) == {file: 1}
    engine.view_json(FEED, [file], name="named")
    try:
        assert engine.run("typed read", "from named") == [("c", 1, 1.5, 2.0, -3.0)]
    finally:
        engine.run("typed read", "drop view named")


def damaged() -> Iterator[tuple[str, bytes]]:
    stored = gzip.compress(GOOD.replace(b'"timestamp":1', b'"timestamp":1111'), compresslevel=0)
    at = stored.index(b"1111")
    yield "value changed", stored[:at] + b"9" + stored[at + 1 :]
    yield "checksum changed", stored[:-8] + bytes([stored[-8] ^ 1]) + stored[-7:]
    yield "length changed", stored[:-1] + bytes([stored[-1] ^ 1])
    yield "text after the end", stored + GOOD
    for cut in (1, 4, 8, 9, 30):
        yield f"cut by {cut}", stored[:-cut]


@pytest.mark.parametrize("content", [pytest.param(content, id=name) for name, content in damaged()])
def test_a_damaged_gzip_file_is_never_proven(content: bytes, proofs_of: Prove, tmp_path: Path) -> None:
    file, other = tmp_path / "damaged.json.gz", tmp_path / "other.json.gz"
    file.write_bytes(content)
    other.write_bytes(gzip.compress(GOOD))
    assert proofs_of(file, other) == {file: None, other: 1}
