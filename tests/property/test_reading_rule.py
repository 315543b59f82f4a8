"""The reading rule: every evaluator says the same of every line, and typed reads give the values that stand there.

Four evaluators: the sieve's judge (Python's `re`), the proof by DuckDB (RE2), the proof by Arrow (RE2 over blocks), and
the oracle, which walks the JSON. `STEDI_FUZZ_LINES=1000000` damages a million lines instead of a few thousand;
`STEDI_FUZZ_SEED` starts somewhere else.
"""

from __future__ import annotations

import io
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from random import Random

import oracle
import pytest
import strategies
from hypothesis import given
from hypothesis import strategies as st

from stedi import proof
from stedi.blocks import prove_blocks
from stedi.contracts import FEEDS, Table
from stedi.engine import Engine
from stedi.proof import Proofs, prove
from stedi.sieve import BadLine, Judge, Sieved, sieve

FUZZ_LINES = int(os.environ.get("STEDI_FUZZ_LINES") or 6_000)
FUZZ_SEED = int(os.environ.get("STEDI_FUZZ_SEED") or 20_240_229)
BATCH = 1_000

EVERY_FEED = pytest.mark.parametrize("feed", FEEDS, ids=[feed.feed for feed in FEEDS])

JUDGES = {feed.feed: Judge(feed) for feed in FEEDS}


@pytest.fixture(scope="module")
def engine() -> Iterator[Engine]:
    with Engine() as engine:
        yield engine


def judged(feed: str, line: bytes) -> tuple[str | None, frozenset[str]]:
    """Return what the sieve's judge says of a line without the blanks around it."""
    unknown: set[str] = set()
    reason = JUDGES[feed].reason(line, unknown)
    return reason, frozenset(unknown if reason is None else ())


def expected(feed: str, line: bytes) -> tuple[str | None, frozenset[str]]:
    verdict = oracle.judge(feed, line)
    return verdict.reason, verdict.unknown


def rows_of(engine: Engine, feed: Table, files: Sequence[Path]) -> list[oracle.Row]:
    """Return the rows of the typed read, doubles by their bits."""
    engine.view_json(feed, files, name="typed")
    rows = engine.run("typed read", "from typed")
    engine.run("typed read", "drop view typed")
    return [tuple(value.hex() if isinstance(value, float) else value for value in row) for row in rows]


def one_line_files(folder: Path, lines: Sequence[bytes]) -> list[Path]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    files = [folder / f"{number}.json" for number in range(len(lines))]
    for file, line in zip(files, lines, strict=True):
        file.write_bytes(line + b"\n")
    return files


@EVERY_FEED
@given(data=st.data())
def test_judge_and_oracle_agree_on_every_line(feed: Table, data: st.DataObject) -> None:
    for line in data.draw(st.lists(strategies.any_line(feed.feed), max_size=20)):
        if text := line.strip(oracle.BLANKS):
            assert judged(feed.feed, text) == expected(feed.feed, text)


@EVERY_FEED
@given(data=st.data())
def test_a_line_of_any_bytes_is_judged_as_the_oracle_does(feed: Table, data: st.DataObject) -> None:
    alphabet = st.sampled_from([*'{}[]":,\\ntruefalsN-+.eE0123456789 \t\r\v\f\x00\x7fé\ufffd\u2028😀', *feed.required])
    text = "".join(data.draw(st.lists(alphabet, max_size=40))).encode()
    for line in (text, data.draw(st.binary(max_size=20).map(lambda raw: raw.replace(b"\n", b"")))):
        if stripped := line.strip(oracle.BLANKS):
            assert judged(feed.feed, stripped) == expected(feed.feed, stripped)


@EVERY_FEED
def test_four_evaluators_agree_on_damaged_lines(feed: Table, engine: Engine, tmp_path: Path) -> None:
    random = Random(f"{FUZZ_SEED} {feed.name}")
    seen: Counter[str] = Counter()
    for _ in range(max(1, FUZZ_LINES // len(FEEDS) // BATCH)):
        lines = [_fuzzed(random, feed.feed) for _ in range(BATCH)]
        seen += _check_batch(engine, feed, lines, tmp_path)
    # not all good, not all bad, and something for each prover
    assert min(seen["good"], seen["bad"], seen["proven"], seen["proven by Arrow"]) > BATCH // 20


def _fuzzed(random: Random, feed: str) -> bytes:
    line = strategies.random_line(random, feed)
    return line if random.randrange(4) == 0 else strategies.damage(random, line)


def _check_batch(engine: Engine, feed: Table, lines: list[bytes], folder: Path) -> Counter[str]:
    texts = [line.strip(oracle.BLANKS) for line in lines]
    verdicts = [oracle.judge(feed.feed, text) if text else None for text in texts]
    differing = [
        (text, verdict.reason, judged(feed.feed, text))
        for text, verdict in zip(texts, verdicts, strict=True)
        if verdict is not None and (verdict.reason, verdict.unknown) != judged(feed.feed, text)
    ]
    assert not differing

    # one line a file, so that a proof is the verdict on a line
    files = one_line_files(folder / "lines", lines)
    provable = [1 if v is not None and v.reason is None and v.in_order else None for v in verdicts]
    utf8 = [file for file, line in zip(files, lines, strict=True) if _is_utf8(line)]
    arrow = prove_blocks(feed, utf8, 2)
    for proofs in (
        proof._by_duckdb(engine, feed, files),
        prove(engine, feed, files, 0, arrow_from=0) | prove(engine, feed, utf8, 0, arrow_from=0),
    ):
        found = [
            (line, rows)
            for file, line, rows in zip(files, lines, provable, strict=True)
            if proofs[file] != rows and not line.startswith(oracle.BOM)
        ]
        assert not found
    # Arrow alone may leave a line to DuckDB, but never prove one that is bad or none
    assert len(arrow) == len(utf8)
    assert all(arrow[file] is None or provable[int(file.stem)] == 1 for file in utf8)

    _check_sieve(engine, feed, lines, folder / "all.json")
    return Counter(
        {
            "good": sum(v is not None and v.reason is None for v in verdicts),
            "bad": sum(v is not None and v.reason is not None for v in verdicts),
            "proven": sum(rows == 1 for rows in provable),
            "proven by Arrow": sum(rows == 1 for rows in arrow.values()),
        }
    )


def _is_utf8(line: bytes) -> bool:
    try:
        line.decode()
    except UnicodeDecodeError:
        return False
    return True


def _check_sieve(engine: Engine, feed: Table, lines: list[bytes], file: Path) -> None:
    """Hold the sieve of a whole file, and the typed read of its good lines, against the oracle."""
    content = b"\n".join(lines)
    file.write_bytes(content)
    good, bad = io.BytesIO(), list[BadLine]()
    found = sieve(Judge(feed), file, good, bad.append)
    wanted = [(number, line, oracle.judge(feed.feed, text)) for number, line, text in oracle.lines_of(content)]
    assert [(b.number, b.raw, b.reason) for b in bad] == [(n, line, v.reason) for n, line, v in wanted if v.reason]
    rows = [v.row for _, _, v in wanted if v.reason is None]
    assert found.rows == len(rows)
    kept = file.with_name("kept.json")
    kept.write_bytes(good.getvalue())
    assert rows_of(engine, feed, [kept]) == rows


@EVERY_FEED
@given(data=st.data())
def test_a_proven_file_holds_good_lines_only_and_as_many(
    feed: Table, engine: Engine, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    lines = st.lists(st.one_of(strategies.good_line(feed.feed), strategies.any_line(feed.feed)), max_size=5)
    break_ = st.sampled_from([b"\n", b"\r\n", b"\n\n", b"\n \t\n"])
    contents = data.draw(st.lists(st.builds(bytes.join, break_, lines), min_size=1, max_size=8))
    folder = tmp_path_factory.mktemp("proofs")
    files = [folder / f"{number}.json" for number in range(len(contents))]
    for file, content in zip(files, contents, strict=True):
        file.write_bytes(content)
    for proofs in (proof._by_duckdb(engine, feed, files), prove(engine, feed, files, 0, arrow_from=0)):
        assert proofs.keys() == set(files)
        _check_proofs(engine, feed, proofs)


def _check_proofs(engine: Engine, feed: Table, proofs: Proofs) -> None:
    for file, rows in proofs.items():
        if rows is None:
            continue
        found: Sieved = sieve(Judge(feed), file, io.BytesIO(), lambda bad: pytest.fail(f"{bad} in a proven file"))
        assert rows == found.rows
        assert not found.unknown_keys
    proven = [file for file, rows in proofs.items() if rows]
    if proven:
        texts = [text for file in proven for _, _, text in oracle.lines_of(file.read_bytes())]
        assert rows_of(engine, feed, proven) == [oracle.judge(feed.feed, text).row for text in texts]


@EVERY_FEED
def test_typed_reads_give_the_values_that_json_gives(feed: Table, engine: Engine, tmp_path: Path) -> None:
    random = Random(f"{FUZZ_SEED} values {feed.name}")
    lines = [strategies.random_line(random, feed.feed) for _ in range(max(2_000, FUZZ_LINES // 10))]
    file = tmp_path / "good.json"
    file.write_bytes(b"\n".join(lines) + b"\n")
    columns = {column.name: column.type for column in feed.columns}
    rows = []
    for line in lines:
        values = json.loads(line)
        row = [values.get(name) for name in columns]
        doubles = [v is not None and columns[name] == "DOUBLE" for name, v in zip(columns, row, strict=True)]
        rows.append(tuple(float(v).hex() if is_double else v for v, is_double in zip(row, doubles, strict=True)))
    assert rows_of(engine, feed, [file]) == rows


@pytest.mark.parametrize("case", strategies.CASES, ids=[case.name for case in strategies.CASES])
def test_the_oracle_judges_the_hand_written_lines(case: strategies.Case) -> None:
    found = [
        verdict.reason for _, _, text in oracle.lines_of(case.line) for verdict in [oracle.judge("accelerometer", text)]
    ]
    assert found == ([] if case.reason == "blank" else [case.reason])


@EVERY_FEED
def test_the_oracle_reads_flat_objects_as_json_does(feed: Table) -> None:
    random = Random(f"{FUZZ_SEED} oracle {feed.name}")
    flat = 0
    for _ in range(3_000):
        line = _fuzzed(random, feed.feed)
        pairs = oracle.flat_object(line)
        if pairs is None:
            continue
        flat += 1
        assert json.loads(line, object_pairs_hook=list) == [(key, json.loads(value)) for key, value in pairs]
    assert flat > 500
