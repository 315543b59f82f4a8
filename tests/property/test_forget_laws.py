"""The laws of forgetting, on landing folders that hypothesis makes up: as if the customer had never landed."""

from __future__ import annotations

import gzip
import unicodedata
from collections import Counter
from pathlib import Path

import oracle
import strategies
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from property.test_laws import built, folder

from stedi.forget import Forgetting, forget
from stedi.verify import verify

EXAMPLES = settings().max_examples // 12
"""An example is three builds and a forget."""


def plain(email: object) -> str:
    seen = "".join(sign for sign in str(email) if unicodedata.category(sign) != "Cf")
    return unicodedata.normalize("NFC", seen.casefold()).strip()


def drawn_email(data: st.DataObject, feeds: dict[str, oracle.Feed]) -> str:
    """Draw one of the emails that landed."""
    emails = {str(row[1]) for row in feeds["customer"].rows} | {str(row[0]) for row in feeds["accelerometer"].rows}
    named = sorted(email for email in emails if plain(email))
    assume(named)
    return data.draw(st.sampled_from(named))


def is_theirs(feed: str, row: oracle.Row, found: Forgetting, email: str) -> bool:
    """Return whether a row is of the customer who was forgotten, or of one of their devices."""
    if feed == "step_trainer":
        return row[1] in found.person.devices
    return plain(row[1 if feed == "customer" else 0]) == plain(email)


def read(source: Path) -> dict[str, oracle.Feed]:
    return {name: oracle.read_feed(source, name) for name in oracle.FEEDS}


@settings(max_examples=EXAMPLES)
@given(landing=strategies.landings(), data=st.data())
def test_forgetting_is_as_if_the_customer_had_never_landed(landing: strategies.Landing, data: st.DataObject) -> None:
    with folder() as here:
        source, lake = strategies.write(landing, here / "landing"), here / "lake"
        before = read(source)
        email = drawn_email(data, before)
        built(lake, source)
        found = forget(lake, email, pseudonym_key=oracle.KEY)
        after = read(source)
        for feed, was in before.items():
            # all rows of theirs, and none of anybody else
            kept = [row for row in was.rows if not is_theirs(feed, row, found, email)]
            assert Counter(after[feed].rows) == Counter(kept)
            # bad lines: none is new, and none that is left has the email in quotes
            bad = Counter((reason, raw) for _, _, reason, raw in was.bad)
            assert Counter((reason, raw) for _, _, reason, raw in after[feed].bad) <= bad
            assert not [raw for *_, raw in after[feed].bad if f'"{email}"'.encode() in raw]
        claimed_by_others = {row[4] for row in before["customer"].rows if plain(row[1]) != plain(email)}
        assert not found.person.claimed & claimed_by_others
        expected = oracle.lakehouse(source)
        assert oracle.published(lake) == expected.tables
        assert oracle.published_quarantine(lake) == expected.quarantine
        assert verify(lake).problems == []


@settings(max_examples=EXAMPLES)
@given(landing=strategies.landings(), data=st.data())
def test_what_lands_late_changes_no_table(landing: strategies.Landing, data: st.DataObject) -> None:
    with folder() as here:
        source, lake = strategies.write(landing, here / "landing"), here / "lake"
        email = drawn_email(data, read(source))
        built(lake, source)
        found = forget(lake, email, pseudonym_key=oracle.KEY)
        tables, quarantine = oracle.published(lake), oracle.published_quarantine(lake)
        late = 0
        for path, content in landing.items():
            feed = path.split("/", 1)[0]
            data_of = gzip.decompress(content) if path.lower().endswith(".gz") else content
            judged = [(line, oracle.judge(feed, line)) for _, _, line in oracle.lines_of(data_of)]
            lines = [line for line, said in judged if not said.reason and is_theirs(feed, said.row, found, email)]
            (source / feed / "landing" / f"late {len(lines)} {abs(hash(path))}.json").write_bytes(b"\n".join(lines))
            late += len(lines)
        manifest = built(lake, source)
        assert oracle.published(lake) == tables
        assert oracle.published_quarantine(lake) == quarantine
        assert late
        assert sum(entry.forgotten for entry in manifest.ledger) == late
        assert all(entry.lines == entry.kept + entry.dropped + entry.quarantined for entry in manifest.ledger)
        assert verify(lake).problems == []
