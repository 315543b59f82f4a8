"""Tombstones: who is forgotten, known by keyed hashes only, so that no later line of theirs becomes a row again.

A tombstone holds the HMAC-SHA256 of the email and those of the serial numbers of the customer's devices. The key is
drawn at the first forget and lies beside them in the lake, for its owner alone: whatever builds this lake needs it, and
without it nobody can try emails against the hashes. A lake that has lost either is not built.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import re
import secrets
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property

from stedi.contracts import Table
from stedi.errors import EnvironmentFault
from stedi.manifest import JOURNAL, OWN
from stedi.storage import Entry, Storage

__all__ = ["KEY", "NOBODY", "TOMBSTONES", "Tombstone", "Tombstones", "load_tombstones", "normal", "subject"]

KEY = "_stedi/forgotten.key"
TOMBSTONES = "_stedi/forgotten.json"

_FORMAT = 1
_HASH = re.compile("[0-9a-f]{64}")
_SHAPES = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef]")


def normal(email: str) -> str:
    """Return an email without what its spellings may differ in: blanks around it, case, accents' form, unseen signs."""
    if not (email.isascii() and email.isprintable()):
        for sign in filter(_is_unseen, set(email)):
            email = email.replace(sign, "")
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", email).casefold()).strip()


def _is_unseen(sign: str) -> bool:
    """Return whether nothing is shown for a sign: for formats, controls but blanks, and what only shapes another."""
    category = unicodedata.category(sign)
    return category == "Cf" or (category == "Cc" and not sign.isspace()) or _SHAPES.match(sign) is not None


def subject(feed: Table) -> tuple[str, bool]:
    """Return the column that says whose a row of a feed is, and whether that is a customer; else it is a device."""
    for column in feed.columns:
        if column.pii and column.name in feed.required:
            return column.name, True
    return "serialNumber", False


@dataclass(frozen=True, slots=True)
class Tombstone:
    """One forgotten customer: the keyed hash of the email, and those of the serial numbers of the devices."""

    customer: str
    devices: tuple[str, ...] = ()


@dataclass(frozen=True)
class Tombstones:
    """Everybody who is forgotten in a lake, and the key that their hashes are made with."""

    key: str = field(default="", repr=False)
    all: tuple[Tombstone, ...] = ()

    def __bool__(self) -> bool:
        """Whether anybody is forgotten."""
        return bool(self.all)

    @cached_property
    def digest(self) -> str:
        """What stands for them where something was made without the forgotten; "" where nobody is.

        It begins with how many hashes there are, which only grows: fewer are those of before.
        """
        return f"{self._size}-{hashlib.sha256(self.dump()).hexdigest()[:16]}" if self.all else ""

    @cached_property
    def _size(self) -> int:
        return sum(1 + len(stone.devices) for stone in self.all)

    def are_before(self, digest: str) -> bool:
        """Return whether these are of before those that a digest stands for: somebody of them is not forgotten here."""
        size, _, _ = digest.rpartition("-")
        return self._size < int(size if size.isdecimal() else 0)

    @cached_property
    def _customers(self) -> frozenset[str]:
        return frozenset(stone.customer for stone in self.all)

    @cached_property
    def _devices(self) -> frozenset[str]:
        return frozenset(device for stone in self.all for device in stone.devices)

    def has_customer(self, email: str) -> bool:
        """Return whether the customer with this email is forgotten, however it is spelled."""
        return bool(self.all) and _hashed(self.key, "customer", normal(email)) in self._customers

    def has_device(self, serial: str) -> bool:
        """Return whether a device with this serial number was a forgotten customer's."""
        return bool(self._devices) and _hashed(self.key, "device", serial) in self._devices

    def has(self, value: str, *, customer: bool) -> bool:
        """Return whether what stands in the `subject` column of a row is forgotten."""
        return self.has_customer(value) if customer else self.has_device(value)

    def without(self, email: str) -> Tombstones:
        """Return the tombstones of all others."""
        theirs = _hashed(self.key, "customer", normal(email))
        return Tombstones(self.key, tuple(stone for stone in self.all if stone.customer != theirs))

    def adding(self, email: str, devices: Iterable[str]) -> Tombstones:
        """Return these with the tombstone of one customer more; the first draws the key."""
        keyed = self if self.key else Tombstones(secrets.token_hex(32))
        theirs = _hashed(keyed.key, "customer", normal(email))
        known = {device for stone in keyed.all if stone.customer == theirs for device in stone.devices}
        hashes = tuple(sorted(known | {_hashed(keyed.key, "device", serial) for serial in devices}))
        # sorted, so that their order does not say who was forgotten when
        every = (*keyed.without(email).all, Tombstone(theirs, hashes))
        return Tombstones(keyed.key, tuple(sorted(every, key=lambda stone: stone.customer)))

    def dump(self) -> bytes:
        """Return the tombstones as the JSON of their file; the key is told by a hash, to know it again."""
        stones = [{"customer": stone.customer, "devices": list(stone.devices)} for stone in self.all]
        document = {"format": _FORMAT, "key": _hashed(self.key, "key", ""), "forgotten": stones}
        return (json.dumps(document, indent=1) + "\n").encode()


NOBODY = Tombstones()


def load_tombstones(lake: Storage, known: str | None, entries: Iterable[Entry] | None = None) -> Tombstones:
    """Return the tombstones of a lake.

    `known` is the digest that the last build had, None where there was none; `entries` are the files below OWN, where
    they have been listed. Whatever the manifest says, tombstones that stand are obeyed: it may be one of before.
    EnvironmentFault where they, or their key, are lost, damaged or of before: a build then would let a forgotten
    customer back.
    """
    there = {entry.path for entry in (lake.list(OWN) if entries is None else entries)}
    data = lake.read(TOMBSTONES) if TOMBSTONES in there else None
    if data is None:
        # a forget that puts both in place has a journal until it is done, and whoever meets that finishes it first
        if known or (KEY in there and JOURNAL not in there):
            raise _lost(f"{lake.uri}/{TOMBSTONES}: is gone, and with it who is forgotten in this lake")
        return NOBODY
    key = lake.read(KEY)
    if key is None:
        raise _lost(f"{lake.uri}/{KEY}: is gone; without this key nobody knows whose lines are to be dropped")
    try:
        found = _parse(json.loads(data), key.decode("ascii").strip())
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
        raise _lost(f"{lake.uri}/{TOMBSTONES}: is damaged") from error
    if json.loads(data)["key"] != _hashed(found.key, "key", ""):
        raise _lost(f"{lake.uri}/{KEY}: is not the key that {TOMBSTONES} was made with")
    if found.are_before(known or ""):
        raise _lost(f"{lake.uri}/{TOMBSTONES}: is of before the last forget, and does not know all who are forgotten")
    return found


def _hashed(key: str, kind: str, value: str) -> str:
    """Return a keyed hash; the word before a value keeps a device from having a customer's."""
    return hmac.digest(key.encode(), f"{kind} {value}".encode(errors="surrogatepass"), "sha256").hex()


def _lost(message: str) -> EnvironmentFault:
    return EnvironmentFault(
        f"{message}; nothing was read",
        fix=f"put {TOMBSTONES} and {KEY} back as they were, from a copy (docs/privacy.md says what if there is none)",
    )


def _parse(raw: dict[str, object], key: str) -> Tombstones:
    if raw["format"] != _FORMAT or not key or not isinstance(raw["forgotten"], list):
        raise ValueError("another format")
    stones = tuple(Tombstone(stone["customer"], tuple(stone["devices"])) for stone in raw["forgotten"])
    if not all(_HASH.fullmatch(value) for stone in stones for value in (stone.customer, *stone.devices)):
        raise ValueError("no hashes")
    return Tombstones(key, stones)
