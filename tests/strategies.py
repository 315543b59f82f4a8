r"""What the tests are tried on: hand-written lines with their verdicts, damaged lines, and whole landing folders.

Everything is small and drawn from small pools on purpose, so that emails meet again, serial numbers repeat, instants
collide and dates tie. What a strategy gives is bytes, as they would lie in a landing folder:

- `CASES`: lines of the accelerometer feed and what the reading rule says of each, written by hand.
- `good_line(feed)`: a line the rule takes, in many spellings; about one in three not as the feed writes it.
- `damaged_line(feed)`: such a line after a few accidents (`damage`), mostly bad, sometimes still good.
- `any_line(feed)`: mostly good, some damaged, some hand-written, some blank.
- `landings()`: a landing folder, path to content: several files a feed, CRLF, BOM, gzip, odd names.
- `refusing_customer(taken)`: landing lines of a customer, new to the lake, who does not consent.
- `edits()`: what may happen to a landing folder between two builds.
"""

from __future__ import annotations

import gzip
import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from random import Random
from typing import NamedTuple, TypeVar

from hypothesis import strategies as st

FEEDS = ("customer", "accelerometer", "step_trainer")

Landing = dict[str, bytes]
"""A landing folder: path below it to content."""

Lines = dict[str, list[bytes]]
"""Lines of each feed, without line breaks."""


# hand-written lines


class Case(NamedTuple):
    """A line of the accelerometer feed; `reason` is None for a row, and "blank" for what is no line at all."""

    name: str
    line: bytes
    reason: str | None


def reading(
    *, user: str = '"c"', timestamp: str = "1", x: str = "1.5", y: str = "2", z: str = "-3", tail: str = ""
) -> bytes:
    """Spell an accelerometer line from the text of its values."""
    return f'{{"user":{user},"timestamp":{timestamp},"x":{x},"y":{y},"z":{z}{tail}}}'.encode()


_GOOD = reading()
_KEYS = {"timestamp": "bad_type:timestamp", "x": "bad_type:x", "user": "bad_type:user"}


def _wrong(key: str, *values: str) -> list[Case]:
    return [Case(f"{key}={value[:40]}", reading(**{key: value}), f"bad_type:{key}") for value in values]


def _right(key: str, *values: str) -> list[Case]:
    return [Case(f"{key}={value[:40]}", reading(**{key: value}), None) for value in values]


def _not_flat(**lines: bytes) -> list[Case]:
    return [Case(name, line, "not_flat_json") for name, line in lines.items()]


CASES: tuple[Case, ...] = (
    Case("plain", _GOOD, None),
    # keys: absent, null, empty, twice, unknown, in another case
    Case("absent_optional", b'{"user":"c","timestamp":1}', None),
    Case("null_optional", reading(x="null", y="null", z="null"), None),
    Case("empty_object", b"{}", "missing:user"),
    Case("absent_user", b'{"timestamp":1,"x":1,"y":2,"z":3}', "missing:user"),
    Case("absent_timestamp", b'{"user":"c","x":1,"y":2,"z":3}', "missing:timestamp"),
    Case("null_user", reading(user="null"), "empty:user"),
    Case("empty_user", reading(user='""'), "empty:user"),
    Case("blank_user", reading(user='" "'), None),
    Case("null_timestamp", reading(timestamp="null"), "empty:timestamp"),
    Case("empty_timestamp", reading(timestamp='""'), "empty:timestamp"),
    Case("first_reason_counts", reading(user="12", timestamp='""', x="true"), "bad_type:user"),
    Case("key_order", b'{"z":1,"y":2,"x":3,"timestamp":4,"user":"c"}', None),
    Case("extra_scalar", reading(tail=',"zz":1e400'), None),
    Case("extra_first", b'{"zz":null,"user":"c","timestamp":1}', None),
    Case("extra_empty_key", reading(tail=',"":true'), None),
    Case("dup_user", reading(tail=',"user":"d"'), "dup_key"),
    Case("dup_user_null", reading(tail=',"user":null'), "dup_key"),
    Case("dup_x_bad", reading(tail=',"x":"abc"'), "dup_key"),
    Case("dup_extra", reading(tail=',"zz":1,"zz":1'), "dup_key"),
    Case("upper_case_keys", b'{"USER":"c","TIMESTAMP":1}', "missing:user"),
    Case("upper_case_too", b'{"USER":"upper","user":"lower","timestamp":1,"x":1,"y":2,"z":3}', None),
    Case("key_in_a_value", reading(user=r'"{\"user\":null,\"timestamp\":\"\"}"'), None),
    Case("key_in_an_extra_key", reading(tail=',",x":1'), None),
    Case("comma_value_before_key", b'{"zz":",","user":"c","timestamp":1,"x":"{","y":2,"z":3}', "bad_type:x"),
    # integers
    *_right("timestamp", "0", "-1", "999999999999999999", "-999999999999999999"),
    *_wrong("timestamp", '"123"', '" 123 "', '"+123"', '"1_000"', '"1.0"', '"0x10"', '"abc"'),
    *_wrong("timestamp", "1.0", "1.5", "2.5", "1e3", "-0", "true", "false"),
    *_wrong("timestamp", "1000000000000000000", "9223372036854775807", "-9223372036854775808"),
    *_wrong("timestamp", "9223372036854775808", "18446744073709551616", "1" * 31),
    # doubles
    *_right("x", "3", "-0.0", "-0", "0", "1E-5", "1e+99", "1e-99", "9007199254740993", "0.1", "99999999999999999"),
    *_right("x", "0.10000000000000000555", "4.9406564584124654e-99", "12345678901234567.12345678901234567890E-10"),
    *_wrong("x", '""', '"1.5"', '"NaN"', '"Infinity"', '"-INF"', '"nan"', '"1.5f"', "true", "false"),
    *_wrong("x", "18446744073709551617", "1e400", "1e-400", "1e100", "1e001", "0.100000000000000005551"),
    # strings
    *_right("user", r'"a\u0000b"', r'"\ud83d\ude00"', r'"\"\\\/\b\f\n\r\t\u00e9"', r'"\ufffd"', '"é😀漢"'),
    *_right("user", '"a\x7fb"', '"a\u2028b"', '"a\u0085b"', '"\\\\"', r'"\\\""', '"null"', '"{"', r'"\uFEFF"'),
    *_wrong("user", "true", "12", "1.0", "1.10", "1e3", "1" * 30),
    *_not_flat(
        # nested values
        object_value=reading(user='{"x":1}'),
        array_value=reading(user='[1, "a"]'),
        empty_array_value=reading(x="[]"),
        nested_extra=reading(tail=',"zz":{"q":[1,{}]}'),
        deep_nest=reading(tail=',"zz":' + "[" * 900 + "]" * 900),
        deeper_nest=reading(tail=',"zz":' + "[" * 5000 + "]" * 5000),
        # text before, after and between
        trailing_text=_GOOD + b" xyz",
        trailing_brace=_GOOD + b"}",
        trailing_comma=_GOOD + b",",
        inner_trailing_comma=reading(tail=","),
        inner_leading_comma=b"{," + _GOOD[1:],
        two_commas=_GOOD.replace(b",", b",,", 1),
        no_comma=_GOOD.replace(b",", b" ", 1),
        no_colon=_GOOD.replace(b":", b" ", 1),
        two_colons=_GOOD.replace(b":", b"::", 1),
        leading_text=b"xyz " + _GOOD,
        two_objects=_GOOD + _GOOD,
        two_objects_apart=_GOOD + b" " + _GOOD,
        two_objects_comma=_GOOD + b"," + _GOOD,
        carriage_return_between=_GOOD + b"\r" + _GOOD,
        truncated=_GOOD[:-5],
        truncated_in_string=b'{"user":"c',
        truncated_at_key=b'{"user"',
        only_brace=b"{",
        array_of_objects=b"[" + _GOOD + b"]",
        empty_array=b"[]",
        number=b"42",
        string=b'"abc"',
        null=b"null",
        comment=_GOOD + b" // c",
        comment_inside=_GOOD.replace(b",", b",/*x*/", 1),
        # spelling of JSON
        single_quotes=_GOOD.replace(b'"', b"'"),
        bare_keys=b'{user:"c",timestamp:1}',
        number_key=b'{1:2,"user":"c","timestamp":1}',
        leading_zero=reading(timestamp="0123"),
        leading_zero_negative=reading(timestamp="-01"),
        plus=reading(timestamp="+1"),
        minus_alone=reading(timestamp="-"),
        hex_number=reading(timestamp="0x10"),
        point_first=reading(x=".5"),
        point_last=reading(x="5."),
        exponent_empty=reading(x="1e"),
        nan=reading(x="NaN"),
        infinity=reading(x="Infinity"),
        minus_infinity=reading(x="-Infinity"),
        nan_lower=reading(x="nan"),
        nan_timestamp=reading(timestamp="NaN"),
        nan_extra=reading(tail=',"zz":NaN'),
        python_true=reading(tail=',"zz":True'),
        half_true=reading(tail=',"zz":tru'),
        many_digits=reading(x="1" * 32),
        thousands_of_digits=reading(x="1" * 5000),
        many_decimals=reading(x="0.1000000000000000055511151231257"),
        long_exponent=reading(tail=',"zz":1e1000'),
        unicode_digit=reading(timestamp="\u0661"),
        # escapes
        key_escaped=_GOOD.replace(b'"user"', rb'"\u0075ser"'),
        extra_key_escaped=reading(tail=r',"z\n":1'),
        half_surrogate_high=reading(user=r'"a\ud83dz"'),
        half_surrogate_low=reading(user=r'"a\ude00z"'),
        surrogates_swapped=reading(user=r'"\ude00\ud83d"'),
        high_then_high=reading(user=r'"\ud83d\ud83d"'),
        high_then_other_escape=reading(user=r'"\ud83d\u0041"'),
        escape_unknown=reading(user=r'"a\xb"'),
        escape_quote=reading(user=r'"a\'b"'),
        escape_short=reading(user=r'"\u12"'),
        escape_not_hex=reading(user=r'"\u12g4"'),
        escape_capital=reading(user=r'"\U0041"'),
        backslash_at_end=reading(user='"a\\"'),
        # bytes
        tab_in_string=reading(user='"a\tb"'),
        control_in_string=reading(user='"a\x01b"'),
        nul_in_string=reading(user='"a\x00b"'),
        nul_after=_GOOD + b"\x00",
        nul_alone=b"\x00",
        return_in_string=reading(user='"a\rb"'),
        replacement_character=reading(user='"a\N{REPLACEMENT CHARACTER}"'),
        replacement_character_in_extra_key=reading(tail=',"\N{REPLACEMENT CHARACTER}":1'),
        utf8_ff=_GOOD.replace(b'"c"', b'"a\xffb"'),
        utf8_truncated=_GOOD.replace(b'"c"', b'"a\xc3"'),
        utf8_overlong=_GOOD.replace(b'"c"', b'"a\xc0\x80b"'),
        utf8_surrogate=_GOOD.replace(b'"c"', b'"a\xed\xa0\xbdb"'),
        utf8_beyond=_GOOD.replace(b'"c"', b'"\xf4\x90\x80\x80"'),
        utf8_in_extra=reading(tail=',"zz":"?"').replace(b"?", b"\xff"),
        utf8_after=_GOOD + b"\xff",
        latin1=_GOOD.replace(b'"c"', b'"caf\xe9"'),
        bom_inside=b"{\xef\xbb\xbf" + _GOOD[1:],
        no_break_space=_GOOD.replace(b",", b",\xc2\xa0", 1),
        form_feed_inside=_GOOD.replace(b",", b",\x0c", 1),
        vertical_tab_inside=_GOOD.replace(b",", b",\x0b", 1),
        utf16=_GOOD.decode().encode("utf-16-le"),
    ),
    # blanks
    Case("spaces", b'{ "user" : "c" ,\t"timestamp" : 1 , "x" : 1.5 ,\r"y":2,"z":3 }', None),
    Case("blanks_around", b" \t\r\v\f" + _GOOD + b" \f\v\t\r", None),
    Case("carriage_return_after", _GOOD + b"\r", None),
    Case("no_text", b"", "blank"),
    Case("only_spaces", b"   ", "blank"),
    Case("only_blanks", b"\t \r\v\f", "blank"),
    Case("only_carriage_return", b"\r", "blank"),
)


# good lines

EMAILS = (
    "ann@stedi.example",
    "Ann@stedi.example",
    "ann@stedi.example ",
    "bo@stedi.example",
    "åsa@stedi.example",
    "a\u030asa@stedi.example",
    "漢😀@stedi.example",
    "o'; drop table customer_trusted; --",
    'q"uo\\te/*%_?[',
    "nul\x00@stedi.example",
    "null",
    " ",
)
SERIALS = ("s-1", "S-1", "s-1 ", "å", "0", "\x00", "s-2")
_DATES = ("1", "2", "1655564376361", "0", "-1", "999999999999999999", "-999999999999999999")
_INSTANTS = ("1655564376361", "1655564376362", "0", "-1", "1", "999999999999999999", "-999999999999999999")
_DOUBLES = (
    "0",
    "-0",
    "0.0",
    "-0.0",
    "1",
    "-1.5",
    "0.1",
    "0.10000000000000000555",
    "1e99",
    "1E-99",
    "-4.9406564584124654e-99",
    "9007199254740993",
    "99999999999999999",
)
_TEXTS = ("Ann", "", "0967-01-01", "555", 'x"\\\n', "\x7f\u2028", "é")


class Pairs(NamedTuple):
    """The keys of a line with the text of their values: declared ones in declared order."""

    pairs: tuple[tuple[str, str], ...]

    def spell(self, shape: int, ascii_only: bool) -> bytes:
        """Write the line: as the feed writes it for most shapes, else in a spelling the rule takes too."""
        pairs = list(self.pairs)
        if shape == 0:
            pairs.reverse()
        elif shape == 1:
            pairs.append(("firmware_version", "-1.5e300"))
        comma, colon, start = ((" ,\t", " :  ", " {\r"), (", ", ": ", "{"), (",", ":", "{"))[min(shape % 4, 2)]
        text = start + comma.join(f"{json.dumps(key)}{colon}{value}" for key, value in pairs) + "}"
        return (_escaped(text) if ascii_only else text).encode()


def _escaped(text: str) -> str:
    """Write what is beyond ASCII, which stands in strings only, as escapes."""
    return "".join(char if char < "\x80" else json.dumps(char)[1:-1] for char in text)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _strings(*texts: str) -> st.SearchStrategy[str]:
    return st.sampled_from([_text(text) for text in texts])


T = TypeVar("T")


def _mostly(
    often: st.SearchStrategy[T], sometimes: st.SearchStrategy[T], seldom: st.SearchStrategy[T]
) -> st.SearchStrategy[T]:
    """Draw from three strategies with shares of about 5 : 4 : 1; `one_of` forgets what it is given twice."""
    return st.sampled_from([often] * 5 + [sometimes] * 4 + [seldom]).flatmap(lambda strategy: strategy)


def _optional(value: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    """Draw the text of a value, seldom null, or "" for a key that is absent."""
    return _mostly(value, value, st.sampled_from(["null", ""]))


_OTHER_INTEGER = st.integers(-999999999999999999, 999999999999999999).map(str)
_OTHER_DOUBLE = st.floats(-1e99, 1e99, allow_subnormal=False).filter(lambda x: not 0 < abs(x) < 1e-80).map(repr)
_OTHER_TEXT = st.text(st.characters(exclude_characters="\N{REPLACEMENT CHARACTER}", codec="utf-8"), min_size=1).map(
    _text
)

# the first of a pool is drawn as often as all others together, or lines would seldom have to do with each other
_EMAIL = _mostly(_strings(EMAILS[0]), _strings(*EMAILS), _OTHER_TEXT)
_SERIAL = _mostly(_strings(SERIALS[0]), _strings(*SERIALS), _OTHER_TEXT)
_DATE = _mostly(st.sampled_from(_DATES[:3]), st.sampled_from(_DATES), _OTHER_INTEGER)
_INSTANT = _mostly(st.just(_INSTANTS[0]), st.sampled_from(_INSTANTS), _OTHER_INTEGER)
_DOUBLE = _optional(st.one_of(st.sampled_from(_DOUBLES), _OTHER_DOUBLE))
_FILLER = st.sampled_from([(_text(text), "1") for text in _TEXTS] + [("null", "null"), ("", "")])


def _customer(  # noqa: PLR0917 - st.builds gives them by position
    email: str, serial: str, updated: str, research: str, filler: tuple[str, str], public: str
) -> tuple[tuple[str, str], ...]:
    text, number = filler
    values = {
        "customerName": text,
        "email": email,
        "phone": text,
        "birthDay": text,
        "serialNumber": serial,
        "registrationDate": number,
        "lastUpdateDate": updated,
        "shareWithResearchAsOfDate": research,
        "shareWithPublicAsOfDate": public,
        "shareWithFriendsAsOfDate": public,
    }
    return tuple((key, value) for key, value in values.items() if value)


def _phone(user: str, timestamp: str, x: str, y: str, z: str) -> tuple[tuple[str, str], ...]:
    values = {"user": user, "timestamp": timestamp, "x": x, "y": y, "z": z}
    return tuple((key, value) for key, value in values.items() if value)


def _device(time: str, serial: str, distance: str) -> tuple[tuple[str, str], ...]:
    values = {"sensorReadingTime": time, "serialNumber": serial, "distanceFromObject": distance}
    return tuple((key, value) for key, value in values.items() if value)


_RECORDS: dict[str, st.SearchStrategy[tuple[tuple[str, str], ...]]] = {
    "customer": st.builds(_customer, _EMAIL, _SERIAL, _optional(_DATE), _optional(_DATE), _FILLER, _optional(_DATE)),
    "accelerometer": st.builds(_phone, _EMAIL, _INSTANT, _DOUBLE, _DOUBLE, _DOUBLE),
    "step_trainer": st.builds(_device, _INSTANT, _SERIAL, _optional(st.sampled_from(["0", "-1", "250"]))),
}


@cache
def good_line(feed: str) -> st.SearchStrategy[bytes]:
    """Draw a line that is a row of its feed."""
    pairs = _RECORDS[feed].map(Pairs)
    return st.builds(Pairs.spell, pairs, st.integers(0, 7), st.booleans())


# damaged lines

_TOKENS = (
    *(b"{", b"}", b"[", b"]", b",", b":", b'"', b"\\", b" ", b"\t", b"\r", b"\v", b"\f", b"\x00", b"\x7f", b"'"),
    *(b"null", b"true", b"NaN", b"-Infinity", b'""', b"0", b"-", b".", b"e", b"E+", b"1.5", b"-0", b"1e3", b"9" * 19),
    *(b"\\u0000", b"\\ud83d", b"\\ude00", b"\\n", b"\\x", b"\\u00", b'\\"', b"\\\\"),
    *(
        b"\xff",
        b"\xc3",
        b"\xc0\x80",
        b"\xed\xa0\xbd",
        b"\xef\xbb\xbf",
        b"\xef\xbf\xbd",
        b"\xe2\x80\xa8",
        "é😀".encode(),
    ),
    *(b'"user":', b'"email":""', b',"timestamp":1', b',"serialNumber":null', b'"x":1,', b',"zz":"', b',"zz":{}', b"//"),
)


def damage(random: Random, line: bytes) -> bytes:
    """Do one to three accidents to a line: bytes flipped, cut, doubled, moved, or a token put in; no line break."""
    for _ in range(random.choice((1, 1, 1, 2, 3))):
        at, end = random.randrange(len(line) + 1), random.randrange(len(line) + 1)
        if random.randrange(2):  # a short piece rather than any
            end = at + random.randrange(4)
        at, end = min(at, end), max(at, end)
        piece = line[at:end]
        match random.randrange(6):
            case 0:
                line = line[:at] + bytes(byte ^ 1 << random.randrange(8) for byte in piece[:1]) + line[at + 1 :]
            case 1:
                line = line[:at] + line[end:]
            case 2:
                line = line[:end] + piece + line[end:]
            case 3:
                rest = line[:at] + line[end:]
                to = random.randrange(len(rest) + 1)
                line = rest[:to] + piece + rest[to:]
            case 4:
                line = line[:at] + random.choice(_TOKENS) + line[at:]
            case _:
                line = line[:at] + random.choice(_TOKENS) + line[end:]
    return line.replace(b"\n", b" ")


@cache
def damaged_line(feed: str) -> st.SearchStrategy[bytes]:
    """Draw a good line after a few accidents."""
    return st.builds(damage, st.randoms(use_true_random=False), good_line(feed))


@cache
def any_line(feed: str) -> st.SearchStrategy[bytes]:
    """Draw a line of a feed: mostly good."""
    odd = st.sampled_from([case.line for case in CASES if len(case.line) < 1000])
    return _mostly(good_line(feed), good_line(feed), st.one_of(damaged_line(feed), odd))


def random_line(random: Random, feed: str) -> bytes:
    """Draw a good line quickly and without hypothesis, for fuzzing in bulk."""
    pick = random.choice

    def text() -> str:
        return _text("".join(pick('ab"\\/\n\x7fé漢😀\u2028{,:}') for _ in range(random.randrange(1, 6))))

    def integer() -> str:
        return pick((*_DATES, str(random.randrange(-(10**18) + 1, 10**18))))

    def double() -> str:
        digits = str(random.randrange(10 ** random.randrange(1, 18)))
        exact = repr(random.uniform(-20, 20))
        fraction = "." + "".join(pick("0123456789") for _ in range(random.randrange(1, 21)))
        exponent = pick("eE") + pick(("", "+", "-")) + str(random.randrange(100))
        return pick(
            (exact, exact, pick(_DOUBLES), pick(("", "-")) + digits + pick(("", fraction)) + pick(("", exponent)))
        )

    def maybe(value: str) -> str:
        return pick((value,) * 6 + ("null", ""))

    match feed:
        case "customer":
            filler = pick(((text(), integer()), ("null", "null"), (text(), "1")))
            pairs = _customer(text(), text(), integer(), maybe(integer()), filler, maybe(integer()))
        case "accelerometer":
            pairs = _phone(text(), integer(), double(), maybe(double()), double())
        case _:
            pairs = _device(integer(), text(), maybe(integer()))
    return Pairs(pairs).spell(random.randrange(30), pick((True, False)))


# landing folders

_NAMES = (
    "1.json",
    "2.jsonl",
    "nested/deeper/3.json",
    "it's; drop.json",
    "100% [a-z]*?.json",
    "å b\u030a 漢.JSON",
    "dots../x..y.json",
    "{a,b}.json",
    "date=2024-01-01/4.json",
)
_LEFT_ALONE = ("_SUCCESS", ".hidden.json", "readme.txt", "_tmp/5.json")


@dataclass(frozen=True)
class _Writing:
    """How a file is written around its lines."""

    line_break: bytes
    bom: bool
    final: bool
    zipped: bool

    def __call__(self, lines: list[bytes]) -> bytes:
        text = b"\xef\xbb\xbf" * self.bom + self.line_break.join(lines) + self.line_break * self.final
        if not self.zipped:
            return text
        half = len(text) // 2  # a gzip file may have several members
        return gzip.compress(text[:half], mtime=0) + gzip.compress(text[half:], mtime=0)


_ONE_IN_FIVE = st.integers(0, 4).map(lambda n: n == 4)
_WRITING = st.builds(_Writing, st.sampled_from([b"\n", b"\n", b"\r\n"]), _ONE_IN_FIVE, st.booleans(), _ONE_IN_FIVE)


@st.composite
def _folder(draw: st.DrawFn, feed: str, most: int) -> Landing:
    found: Landing = {}
    for name in draw(st.lists(st.sampled_from(_NAMES), min_size=1, max_size=3, unique=True)):
        writing = draw(_WRITING)
        content = writing(draw(st.lists(any_line(feed), max_size=most)))
        found[f"{feed}/landing/{name}{'.gz' if writing.zipped else ''}"] = content
    if draw(_ONE_IN_FIVE):
        found[f"{feed}/landing/{draw(st.sampled_from(_LEFT_ALONE))}"] = b"not a landing file\xff"
    return found


@st.composite
def _walk(draw: st.DrawFn) -> Landing:
    """Draw a walk of somebody: device and phone record at the same five to nine instants, but for a few.

    Random lines have too little in common for anybody to be the owner of a device.
    """
    instants = draw(st.lists(st.integers(1655564376361, 1655564376372), min_size=5, max_size=9, unique=True))
    user, serial = draw(_strings(*EMAILS[:4])), draw(_strings(*SERIALS))
    lost = draw(st.lists(st.sampled_from(instants), max_size=2))
    phones = [_phone(user, str(t), draw(_DOUBLE), "0", "-1.5") for t in instants if t not in lost]
    devices = [_device(str(t), serial, str(t % 300)) for t in instants if t not in lost[1:]]
    owner = draw(
        st.builds(
            _customer, st.just(user), _SERIAL, _DATE, st.just(str(draw(st.sampled_from(instants)))), _FILLER, _DATE
        )
    )
    lines = {"customer": [owner], "accelerometer": phones, "step_trainer": devices}
    name = draw(st.sampled_from(["walk.json", "another walk.json"]))
    return {
        f"{feed}/landing/{name}": b"".join(Pairs(pairs).spell(3, ascii_only=True) + b"\n" for pairs in of_feed)
        for feed, of_feed in lines.items()
    }


@st.composite
def landings(draw: st.DrawFn, most: int = 6) -> Landing:
    """Draw a landing folder; `most` bounds the lines of a file."""
    walks = [path for walk in draw(st.lists(_walk(), max_size=2)) for path in walk.items()]
    return {path: content for feed in FEEDS for path, content in draw(_folder(feed, most)).items()} | dict(walks)


def arranged(lines: Lines, cuts: int = 0) -> Landing:
    """Put lines into files: in order, `cuts` + 1 files a feed.

    Each file begins with a blank line: a line that begins as a BOM does would lose it at a file's start.
    """
    found: Landing = {}
    for feed, of_feed in lines.items():
        size = max(1, -(-len(of_feed) // (cuts + 1)))
        for i in range(cuts + 1):
            part = of_feed[i * size : (i + 1) * size]
            found[f"{feed}/landing/{i}.json"] = b"".join(b"\n" + line for line in part)
    return found


@st.composite
def refusing_customer(draw: st.DrawFn) -> Lines:
    """Draw a customer whose email and device nobody in a landing folder has, and who does not consent: with readings.

    Their records may carry another customer's serial number, which is what the fulfilment bug does, and may agree
    first; readings may be of instants that others recorded at.
    """
    email, device = _text("refusing@stedi.example"), _text("device of refusing")
    serial = st.one_of(_SERIAL, st.just(device))
    no = st.sampled_from(["", "null", "0", "-1", "-999999999999999999"])
    first = draw(st.builds(_customer, st.just(email), serial, st.just("5"), no, _FILLER, _optional(_DATE)))
    agreed = draw(st.lists(st.sampled_from(["5", "4", "0", "-1", "", "null"]), max_size=2))
    name = (_text("A"), "1")
    records = [first, *(_customer(email, draw(serial), updated, "1655564376361", name, "") for updated in agreed)]
    phones = draw(
        st.lists(st.builds(_phone, st.just(email), _INSTANT, _DOUBLE, _DOUBLE, _DOUBLE), min_size=1, max_size=4)
    )
    devices = draw(st.lists(st.builds(_device, _INSTANT, st.just(device), st.just("7")), min_size=1, max_size=4))
    return {
        feed: [Pairs(pairs).spell(3, ascii_only=True) for pairs in draw(st.permutations(of_feed))]
        for feed, of_feed in zip(FEEDS, (records, phones, devices), strict=True)
    }


@st.composite
def edits(draw: st.DrawFn, landing: Landing) -> dict[str, bytes | None]:
    """Draw what happens to a landing folder: path to new content, None where the file goes; each feed keeps a file."""
    found: dict[str, bytes | None] = {}
    for feed in draw(st.lists(st.sampled_from(FEEDS), min_size=1, max_size=3, unique=True)):
        files = [path for path in landing if path.startswith(feed)]
        kind = draw(st.sampled_from(["add", "change", "remove", "append"]))
        path = draw(st.sampled_from(files))
        if kind == "add" or (path.endswith(".gz") and kind == "append"):
            found[f"{feed}/landing/added.json"] = _Writing(b"\n", bom=False, final=True, zipped=False)(
                draw(st.lists(any_line(feed), max_size=4))
            )
        elif kind == "append":
            found[path] = landing[path] + b"\n" + draw(any_line(feed))
        elif kind == "change":
            zipped = path.endswith(".gz")
            found[path] = _Writing(b"\n", bom=False, final=False, zipped=zipped)(
                draw(st.lists(any_line(feed), min_size=1, max_size=4))
            )
        else:
            found[path] = None
            found[f"{feed}/landing/kept.json"] = b""
    return found


def write(landing: Landing, folder: Path) -> Path:
    """Write a landing folder to the disk and return it."""
    for path, content in landing.items():
        file = folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content)
    return folder
