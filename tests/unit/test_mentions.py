"""Whose a landing line is: words of bad lines, spellings of an email, and what is only like one."""

from __future__ import annotations

import pytest

from stedi.contracts import TABLES
from stedi.escapes import readings
from stedi.mentions import Mentions
from stedi.tombstones import NOBODY, Tombstones, normal

EMAIL = "Zoë.Quill@example.com"
STONES = NOBODY.adding(EMAIL, ["device-1"])
CUSTOMER, DEVICE = (TABLES[name] for name in ("customer_landing", "step_trainer_landing"))


@pytest.mark.parametrize(
    "spelling",
    [
        EMAIL,
        EMAIL.upper(),
        f"  {EMAIL}\t",
        "zoë.quill@EXAMPLE.com",
        "Zoe\u0308.Quill@example.com",
        f"{EMAIL}\x7f\ufe0f\0",
    ],
)
def test_spellings_of_one_email(spelling: str) -> None:
    assert normal(spelling) == normal(EMAIL)
    assert STONES.has_customer(spelling)
    assert STONES.adding(spelling, []) == STONES


@pytest.mark.parametrize(
    "other", ["zoe.quill@example.com", "oë.quill@example.com", "", "device-1", "Zoë.Quill@example.co"]
)
def test_what_is_another_email(other: str) -> None:
    assert not STONES.has_customer(other)


def test_a_device_is_no_customer() -> None:
    assert STONES.has_device("device-1")
    assert not STONES.has_device("DEVICE-1")
    assert not STONES.has_device(EMAIL)
    assert not NOBODY.has_device("device-1")


THEIRS = [
    '{"email": "%s"',
    '{"a": 1}{"email":"%s"}',
    "{'user': '%s'}",
    "email=%s;phone=1",
    "write to %s.",
    "<%s>",
    '{"email": "%s", "email": "other@example.com"}',
    "mailto:%s?subject=hello",
    "*%s* and `%s`!",
    "\N{LEFT DOUBLE QUOTATION MARK}%s\N{RIGHT DOUBLE QUOTATION MARK}",
    "wrote to %s#reply",
]


@pytest.mark.parametrize("line", THEIRS)
@pytest.mark.parametrize(
    "spelling",
    [
        EMAIL,
        EMAIL.upper(),
        "Zo\\u00eb.Quill\\u0040example.com",
        "Zo\\\\u00eb.Quill@example.com",
        "Zo%C3%AB.Quill%40example.com",
        "Zo&euml;.Quill&#64;example.com",
    ],
)
@pytest.mark.parametrize("feed", [CUSTOMER, DEVICE], ids=["customer", "device"])
@pytest.mark.parametrize("how", ["by its tombstone", "by the email"])
def test_a_bad_line_that_names_them(*, line: str, spelling: str, feed: object, how: str) -> None:
    stones, email = (STONES, "") if how == "by its tombstone" else (NOBODY, EMAIL)
    mentions = Mentions(feed, stones, email)  # type: ignore[arg-type]
    assert mentions.in_bad(line.replace("%s", spelling).encode())
    assert not mentions.in_bad(line.replace("%s", "other@example.com").encode())


def test_a_bad_line_with_an_email_of_unusual_signs() -> None:
    email = "o'neil&co@example.com"
    for mentions in (Mentions(CUSTOMER, NOBODY.adding(email, [])), Mentions(CUSTOMER, NOBODY, email)):
        assert mentions.in_bad(b"see o'neil&co@example.com there")
        assert not mentions.in_bad(b"see neil&co@example.com there")


@pytest.mark.parametrize("digits", ["1" * 5000, "0" * 5000, "0" * 5000 + "64", "99999999999"])
def test_a_reference_of_html_is_read_however_many_digits_it_has(digits: str) -> None:
    line = f"&#{digits};@ Zoë.Quill&#0064;example.com"
    assert Mentions(CUSTOMER, STONES).in_bad(line.encode())
    assert list(readings(line)) == [
        f"{'@' if digits.endswith('064') else chr(0xFFFD)}@ Zoë.Quill@example.com",
    ]


def test_long_texts_are_not_remembered() -> None:
    mentions = Mentions(CUSTOMER, STONES)
    mentions.in_bad(b"x" * 1_000_000 + b" y")
    assert set(mentions._known) == {"y"}


@pytest.mark.parametrize("word", ["x%s", "x.%s", "a-%s", "%s.au", "%s-x.org", "%sx", "x+%s"])
def test_a_longer_email_is_another(word: str) -> None:
    mentions = Mentions(CUSTOMER, STONES, EMAIL)
    assert not mentions.in_bad(f'{{"email": "{word % EMAIL}"'.encode())
    assert not mentions.in_bad(f"see {word % EMAIL} there".encode())


def test_the_name_counts_where_nobody_else_is_named() -> None:
    mentions = Mentions(CUSTOMER, STONES, EMAIL, {"zoë quill", "2025550142"})
    assert mentions.in_bad('{"customerName": "Zoë QUILL", "em'.encode())
    assert mentions.in_bad(b'"phone": 2025550142}')
    assert mentions.in_bad('{"customerName": "Zoë  Quill"'.encode())
    assert mentions.in_bad('{"customerName": "Zoë\u00a0Quill"'.encode())
    assert mentions.in_bad('\ufeff{"customerName": "Zoë Quill"'.encode("utf-16-le"))
    assert not mentions.in_bad(b'"phone": 12025550142}')
    assert not mentions.in_bad('{"customerName": "Zoë Quill", "email": "namesake@example.com"'.encode())
    assert not mentions.in_bad('{"customerName": "Zoë Quillfeather"'.encode())
    assert not Mentions(CUSTOMER, STONES).in_bad('{"customerName": "Zoë QUILL", "em'.encode())


def test_the_serial_number_counts_in_lines_of_devices_only() -> None:
    line = b'{"serialNumber": "device-1"'
    assert Mentions(DEVICE, STONES).in_bad(line)
    assert not Mentions(CUSTOMER, STONES).in_bad(line)


def test_a_short_serial_number_is_no_distance() -> None:
    mentions = Mentions(DEVICE, NOBODY.adding(EMAIL, ["42"]))
    for theirs in (
        b'{"serialNumber": "42", "dist',
        b"{'SerialNumber':42}",
        b"serialnumber=42;",
        b'"{\\"serialNumber\\": \\"42\\"',
    ):
        assert mentions.in_bad(theirs)
    for anothers in (b'{"serialNumber": "7", "distanceFromObject": 42', b"42", b'{"serialNumber": "421"', b'"42"'):
        assert not mentions.in_bad(anothers)


def test_lines_that_are_rows() -> None:
    customer, device = Mentions(CUSTOMER, STONES), Mentions(DEVICE, STONES)
    assert customer.owns(f'{{"serialNumber": "x", "email": "{EMAIL.lower()}"}}'.encode())
    assert customer.owns(b'{"email": "Zo\\u00eb.Quill@example.com"}')
    assert not customer.owns(f'{{"customerName": "{EMAIL}", "email": "other@example.com"}}'.encode())
    assert device.owns(b'{"serialNumber": "device-1"}')
    for line in (
        b"",
        b"[" * 100_000,
        b"7",
        b'"x"',
        b'{"email": 7}',
        b"\xff",
        b'{"email": ["' + EMAIL.encode() + b'"]}',
    ):
        assert not customer.owns(line)


def test_a_tombstone_of_another_key_says_nothing() -> None:
    other = Tombstones("0" * 64, STONES.all)
    assert not other.has_customer(EMAIL)
    assert NOBODY.adding(EMAIL, ["device-1"]).all != STONES.all
