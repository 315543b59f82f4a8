"""The sieve: the reading rule on single lines, and on whole files of every make."""

from __future__ import annotations

import gzip
import io
import os
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
import strategies

from stedi import sieve as sieve_module
from stedi.contracts import FEEDS, Table
from stedi.errors import EnvironmentFault
from stedi.rule import MAX_LINE_CHARS
from stedi.sieve import RAW_BYTES_KEPT, UNKNOWN_KEYS_KEPT, BadLine, Judge, Sieved, sieve

CUSTOMER, ACCELEROMETER, STEP_TRAINER = FEEDS
GOOD = strategies.reading()
BAD = b"no json"


def sieved(file: Path, content: bytes | None = None) -> tuple[Sieved, list[bytes], list[tuple[int, str, bytes]]]:
    """Sieve a file of accelerometer lines: what was found, the good lines, the bad ones as (number, reason, raw)."""
    if content is not None:
        file.write_bytes(content)
    good, bad = io.BytesIO(), list[BadLine]()
    found = sieve(Judge(ACCELEROMETER), file, good, bad.append)
    return found, good.getvalue().split(b"\n")[:-1], [(line.number, line.reason, line.raw) for line in bad]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "lines.json"


# single lines


@pytest.mark.parametrize("case", strategies.CASES, ids=[case.name for case in strategies.CASES])
def test_hand_written_lines_get_the_reason_they_should(case: strategies.Case, file: Path) -> None:
    found, good, bad = sieved(file, b"\n".join([GOOD, case.line, GOOD]))
    if case.reason is None:
        assert (found.rows, bad) == (3, [])
        assert good[1].strip() == case.line.strip(b" \t\r\v\f")
    elif case.reason == "blank":
        assert (found.rows, bad) == (2, [])
    else:
        assert (found.rows, bad) == (2, [(2, case.reason, case.line)])
    assert found.reasons == Counter(reason for _, reason, _ in bad)


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"email":"a","serialNumber":"s"}', None),
        (b'{"serialNumber":"s","email":"a","customerName":null}', None),
        (b'{"email":"a"}', "missing:serialNumber"),
        (b'{"serialNumber":"s"}', "missing:email"),
        (b'{"email":"a","serialNumber":""}', "empty:serialNumber"),
        (b'{"email":null,"serialNumber":""}', "empty:email"),
        (b'{"email":"a","serialNumber":12}', "bad_type:serialNumber"),
        (b'{"email":"a","serialNumber":"s","shareWithResearchAsOfDate":"1"}', "bad_type:shareWithResearchAsOfDate"),
        (b'{"email":"a","serialNumber":"s","shareWithResearchAsOfDate":1.5}', "bad_type:shareWithResearchAsOfDate"),
        (b'{"email":"a","serialNumber":"s","shareWithResearchAsOfDate":0}', None),
        (b'{"email":"a","serialNumber":"s","birthDay":9670101}', "bad_type:birthDay"),
        (b'{"email":"a","serialNumber":"s","lastUpdateDate":1,"lastUpdateDate":2}', "dup_key"),
    ],
)
def test_customer_lines(line: bytes, reason: str | None) -> None:
    assert Judge(CUSTOMER).reason(line, set()) == reason


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        (b'{"sensorReadingTime":1,"serialNumber":"s"}', None),
        (b'{"sensorReadingTime":1,"serialNumber":"s","distanceFromObject":null}', None),
        (b'{"serialNumber":"s","distanceFromObject":1}', "missing:sensorReadingTime"),
        (b'{"sensorReadingTime":null,"serialNumber":"s"}', "empty:sensorReadingTime"),
        (b'{"sensorReadingTime":"1","serialNumber":"s"}', "bad_type:sensorReadingTime"),
        (b'{"sensorReadingTime":1,"serialNumber":"s","distanceFromObject":1.0}', "bad_type:distanceFromObject"),
    ],
)
def test_step_trainer_lines(line: bytes, reason: str | None) -> None:
    assert Judge(STEP_TRAINER).reason(line, set()) == reason


def test_unknown_keys_of_good_lines_are_collected_up_to_a_bound() -> None:
    judge, unknown = Judge(ACCELEROMETER), set[str]()
    assert judge.reason(strategies.reading(tail=',"zz":1,"USER":null'), unknown) is None
    assert unknown == {"zz", "USER"}
    assert judge.reason(strategies.reading(user="1", tail=',"of a bad line":1'), unknown) == "bad_type:user"
    assert unknown == {"zz", "USER"}
    for number in range(3 * UNKNOWN_KEYS_KEPT):
        assert judge.reason(strategies.reading(tail=f',"key{number}":1'), unknown) is None
    assert len(unknown) == UNKNOWN_KEYS_KEPT


@pytest.mark.parametrize("char", ["a", "é", "漢", "😀"])
def test_a_line_may_have_a_million_characters_and_no_more(char: str, file: Path) -> None:
    room = MAX_LINE_CHARS - len(strategies.reading(user='""'))
    longest = strategies.reading(user='"' + char * room + '"')
    assert len(longest.decode()) == MAX_LINE_CHARS
    too_long = strategies.reading(user='"' + char * (room + 1) + '"')
    found, good, bad = sieved(file, longest + b"\n" + too_long + b"\n" + GOOD + b"\n")
    assert found.rows == 2
    assert good == [longest, GOOD]
    assert bad == [(2, "too_long", too_long[:RAW_BYTES_KEPT])]


def test_a_long_line_of_invalid_bytes_is_too_long(file: Path) -> None:
    content = b"\xff" * (MAX_LINE_CHARS + 1)
    assert sieved(file, content)[2] == [(1, "too_long", content[:RAW_BYTES_KEPT])]
    assert sieved(file, content[:-1])[2] == [(1, "not_flat_json", content[:-1])]


# whole files


@pytest.mark.parametrize("feed", FEEDS, ids=lambda feed: feed.feed)
@pytest.mark.parametrize("line", [b"{%b", b"{%bx", b'{"a"%b', b'{"a":%b', b'{"a":1%b', b'{"a":1,%b', b'{"a":1%b,"a":1'])
def test_a_line_of_many_blanks_is_decided_at_once(line: bytes, feed: Table) -> None:
    started = time.perf_counter()
    assert Judge(feed).reason(line % (b" " * 900_000), set()) == "not_flat_json"
    assert time.perf_counter() - started < 5  # minutes, where two loops of an expression share the blanks


def test_blank_lines_are_no_lines_but_count_in_line_numbers(file: Path) -> None:
    found, good, bad = sieved(file, b"\n \t\r\v\f\n" + GOOD + b"\n\n" + BAD + b"\n   \n")
    assert (found.rows, good, bad) == (1, [GOOD], [(5, "not_flat_json", BAD)])


def test_crlf_is_read_as_lf_and_stays_in_the_raw_bytes(file: Path) -> None:
    found, good, bad = sieved(file, GOOD + b"\r\n" + BAD + b"\r\n\r\n" + GOOD + b"\r\n")
    assert (found.rows, good, bad) == (2, [GOOD] * 2, [(2, "not_flat_json", BAD + b"\r")])


def test_a_lone_carriage_return_ends_no_line(file: Path) -> None:
    content = GOOD + b"\r" + GOOD
    assert sieved(file, content)[2] == [(1, "not_flat_json", content)]


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf", b"\xef\xbb\xbf\r\n", b"\xef\xbb\xbf \n"])
def test_a_bom_at_the_start_is_read_as_if_not_there(start: bytes, file: Path) -> None:
    found, good, bad = sieved(file, start + GOOD + b"\n")
    assert (found.rows, good, bad) == (1, [GOOD], [])


def test_the_raw_bytes_of_the_first_line_are_without_its_bom(file: Path) -> None:
    assert sieved(file, b"\xef\xbb\xbf" + BAD)[2] == [(1, "not_flat_json", BAD)]


@pytest.mark.parametrize(
    ("content", "number"),
    [(b"\xef\xbb\xbf\xef\xbb\xbf" + GOOD, 1), (b"\n\xef\xbb\xbf" + GOOD, 2), (b" \xef\xbb\xbf" + GOOD, 1)],
)
def test_a_bom_anywhere_else_is_bad(content: bytes, number: int, file: Path) -> None:
    [(line, reason, raw)] = sieved(file, content)[2]
    assert (line, reason) == (number, "not_flat_json")
    assert raw == content.removeprefix(b"\n" if number == 2 else b"\xef\xbb\xbf")


@pytest.mark.parametrize("content", [b"", b"\n", b"\n\n\n", b"\xef\xbb\xbf", b"\xef\xbb\xbf\n", b" \t\r\n"])
def test_a_file_of_nothing_gives_nothing(content: bytes, file: Path) -> None:
    assert sieved(file, content) == (Sieved(), [], [])


def test_the_last_line_needs_no_line_break(file: Path) -> None:
    found, good, _ = sieved(file, GOOD + b"\n" + GOOD)
    assert (found.rows, good) == (2, [GOOD] * 2)


def test_a_truncated_last_line_is_bad(file: Path) -> None:
    found, _, bad = sieved(file, GOOD + b"\n" + GOOD[:-3])
    assert (found.rows, bad) == (1, [(2, "not_flat_json", GOOD[:-3])])


def test_raw_bytes_are_kept_as_they_are(file: Path) -> None:
    raw = b'\t {"user":"\xff\x00\xc3", ' + bytes(set(range(256)) - {10})
    assert sieved(file, GOOD + b"\n" + raw + b"\n" + GOOD)[2] == [(2, "not_flat_json", raw)]


@pytest.mark.parametrize("size", [4_000_000, 4_065_535, 4_065_536, 4_065_537, 8_131_072, 8_131_073, 20_000_000])
@pytest.mark.parametrize("last", [False, True])
def test_an_endless_line_is_one_bad_line_of_which_the_start_is_kept(size: int, last: bool, file: Path) -> None:
    endless = b"x" * size
    found, good, bad = sieved(file, GOOD + b"\n" + endless + (b"" if last else b"\n" + GOOD + b"\n" + BAD))
    assert found.rows == len(good) == (1 if last else 2)
    assert bad[0] == (2, "too_long", endless[:RAW_BYTES_KEPT])
    assert bad[1:] == ([] if last else [(4, "not_flat_json", BAD)])


def test_an_endless_line_takes_little_memory(file: Path) -> None:
    import tracemalloc

    with file.open("wb") as stream:
        for _ in range(60):
            stream.write(b"x" * 1_000_000)
    judge = Judge(ACCELEROMETER)
    tracemalloc.start()
    try:
        found = sieve(judge, file, io.BytesIO(), lambda _: None)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert found.reasons == Counter(too_long=1)
    assert peak < 20_000_000


@pytest.mark.parametrize("blanks", [100, 4_100_000])
def test_a_line_is_judged_without_the_blanks_around_it_however_many(blanks: int, file: Path) -> None:
    # the proof sees such a line without its blanks, so a file is clean with it; then it is a row beside a bad line too
    found, _, bad = sieved(
        file, BAD + b"\n" + b" " * blanks + GOOD + b"\n" + GOOD + b" " * blanks + b"\n" + b" " * blanks
    )
    assert (found.rows, bad) == (2, [(1, "not_flat_json", BAD)])


# gzip


@pytest.mark.parametrize("name", ["a.json.gz", "a.jsonl.gz", "A.JSON.GZ"])
def test_gzip_is_read(name: str, tmp_path: Path) -> None:
    found, good, bad = sieved(tmp_path / name, gzip.compress(GOOD + b"\n" + BAD + b"\n" + GOOD))
    assert (found.rows, good, bad) == (2, [GOOD] * 2, [(2, "not_flat_json", BAD)])


def test_gzip_of_several_members_is_one_file(tmp_path: Path) -> None:
    members = (GOOD + b"\n" + GOOD[:9], GOOD[9:] + b"\n", b"", BAD)
    found, _, bad = sieved(tmp_path / "a.json.gz", b"".join(map(gzip.compress, members)))
    assert (found.rows, bad) == (2, [(3, "not_flat_json", BAD)])


def test_gzip_without_its_ending_is_bad_lines(file: Path) -> None:
    found, _, bad = sieved(file, gzip.compress(GOOD, mtime=0))
    assert found.rows == 0
    assert {reason for _, reason, _ in bad} == {"not_flat_json"}


def damaged() -> Iterator[tuple[str, bytes]]:
    zipped = gzip.compress(b"\n".join(GOOD.replace(b'"timestamp":1', b'"timestamp":%d' % n) for n in range(2_000)))
    for size in (1, 9, 11, len(zipped) // 2, len(zipped) - 9, len(zipped) - 8, len(zipped) - 1):
        yield f"cut at {size}", zipped[:size]
    yield "no gzip at all", GOOD
    yield "data changed", zipped[:200] + bytes(byte ^ 0x55 for byte in zipped[200:210]) + zipped[210:]
    yield "checksum changed", zipped[:-8] + bytes([zipped[-8] ^ 1]) + zipped[-7:]
    yield "length changed", zipped[:-1] + bytes([zipped[-1] ^ 1])
    yield "text after the end", zipped + GOOD


@pytest.mark.parametrize("content", [pytest.param(content, id=name) for name, content in damaged()])
def test_a_damaged_gzip_file_is_a_fault_that_names_it(content: bytes, tmp_path: Path) -> None:
    file = tmp_path / "dam aged.json.gz"
    with pytest.raises(EnvironmentFault, match="cannot be unpacked to its end") as caught:
        sieved(file, content)
    assert str(file) in caught.value.message
    assert caught.value.fix


def test_a_file_that_is_gone_is_a_fault_that_names_it(file: Path) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        sieved(file)
    assert str(file) in caught.value.message


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_a_file_that_may_not_be_read_is_a_fault_that_names_it(file: Path) -> None:
    file.write_bytes(GOOD)
    file.chmod(0)
    with pytest.raises(EnvironmentFault, match="permission denied") as caught:
        sieved(file)
    assert str(file) in caught.value.message


def test_a_folder_is_a_fault_that_names_it(tmp_path: Path) -> None:
    with pytest.raises(EnvironmentFault) as caught:
        sieved(tmp_path)
    assert str(tmp_path) in caught.value.message


def test_the_bound_of_a_line_has_room_for_every_line_that_is_short_enough() -> None:
    assert sieve_module._LONGEST == 4 * MAX_LINE_CHARS
