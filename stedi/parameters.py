"""What is given to a run besides landing data: the key of the pseudonyms, and how far clocks may be apart.

Stages read both from the relation `run_parameters`. The key is never written anywhere, in a statement or a file.
"""

from __future__ import annotations

import hashlib
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path

from stedi.errors import UsageError
from stedi.storage import faults

__all__ = ["KEY_VARIABLE", "MAX_CLOCK_SKEW_MS", "MOST_KEY_BYTES", "Parameters", "is_random", "read_key"]

KEY_VARIABLE = "STEDI_PSEUDONYM_KEY"
"""The environment variable that holds the key itself, for who has no file of it."""

LONG_KEY = 32
"""Characters from which on a key is taken for one that cannot be guessed."""

MAX_CLOCK_SKEW_MS = 60_000
"""Clocks further apart would have devices match any phone."""

MOST_KEY_BYTES = 4096
_FINGERPRINT_OF = b"stedi pseudonym key"
_RANDOM = "random "


@dataclass(frozen=True)
class Parameters:
    """What one run was given; `pseudonym_key` is None where nobody gave a key."""

    pseudonym_key: str | None = field(default=None, repr=False)
    clock_skew_ms: int = 0

    def __post_init__(self) -> None:
        """Refuse what is out of range."""
        if not 0 <= self.clock_skew_ms <= MAX_CLOCK_SKEW_MS:
            raise UsageError(
                f"a clock skew of {self.clock_skew_ms} ms", fix=f"give 0 to {MAX_CLOCK_SKEW_MS:,} ms, 0 being off"
            )
        if self.pseudonym_key is not None and not self.pseudonym_key:
            raise UsageError("the pseudonym key is empty", fix="give one of 32 characters or more, or none at all")

    @cached_property
    def key(self) -> str:
        """The key to use: the one given, else one drawn for this run alone."""
        return self.pseudonym_key or secrets.token_hex(32)

    @cached_property
    def fingerprint(self) -> str:
        """What a manifest may hold of the key, to tell it from another.

        Of a given key it is a slow hash, so that a short key cannot be found from it by trying; the pseudonyms
        themselves tell more to who knows an email. A random key is used once, so nothing of it is kept.
        """
        if self.pseudonym_key is None:
            return f"{_RANDOM}{secrets.token_hex(8)}"
        return _slow_hash(self.pseudonym_key)

    def ids(self, published: Mapping[str, str]) -> dict[str, str]:
        """Return what stands for each parameter; without a key that of the published tables, whatever theirs was."""
        kept = published.get("pseudonym_key") if self.pseudonym_key is None else None
        return {"pseudonym_key": kept or self.fingerprint, "clock_skew_ms": str(self.clock_skew_ms)}

    def notes(self, published: Mapping[str, str]) -> list[str]:
        """Return what to tell whoever has tables with pseudonyms made, where those `published` have theirs."""
        known = published.get("pseudonym_key", "")
        if self.pseudonym_key is None and known and not is_random(known):
            text = "the last build had a key and this one has none, so all pseudonyms of training_curated have changed"
            return [f"pseudonyms: {text}; give that key again with --pseudonym-key-file to have them back"]
        if self.pseudonym_key is None:
            text = "no key was given, so training_curated has those of a random one, which is not kept"
            return [f"pseudonyms: {text}; give --pseudonym-key-file to have the same ones in every build"]
        if len(self.pseudonym_key) < LONG_KEY:
            text = f"a key of {len(self.pseudonym_key)} characters can be guessed"
            return [f"pseudonyms: {text}; `openssl rand -hex 32` makes a good one"]
        return []


@lru_cache(maxsize=8)
def _slow_hash(key: str) -> str:
    """Return a slow hash of a key; a process that builds again and again is slow once."""
    return hashlib.scrypt(key.encode(), salt=_FINGERPRINT_OF, n=1 << 14, r=8, p=1, dklen=16).hex()


def is_random(fingerprint: str) -> bool:
    """Return whether what a manifest holds of a key is of one that was drawn for a build."""
    return fingerprint.startswith(_RANDOM)


def read_key(file: str | os.PathLike[str] | None, environment: Mapping[str, str] = os.environ) -> str | None:
    """Return the key in a file, else in the environment, without blanks around it; None where nobody gave one.

    UsageError where there is no key in the file or both are given, EnvironmentFault where it cannot be read.
    """
    given = environment.get(KEY_VARIABLE)
    if file is None:
        return None if given is None else _checked(given, f"${KEY_VARIABLE}")
    if given is not None:
        raise UsageError(
            f"a pseudonym key in {os.fspath(file)} and one in ${KEY_VARIABLE}", fix=f"unset one, as ${KEY_VARIABLE}"
        )
    with faults(f"cannot read the pseudonym key in {os.fspath(file)}"), Path(file).open("rb") as stream:
        data = stream.read(MOST_KEY_BYTES + 1)
    try:
        return _checked(data.decode(), os.fspath(file))
    except UnicodeDecodeError:
        raise UsageError(
            f"{os.fspath(file)}: is no text, so no pseudonym key", fix="write one line of text: openssl rand -hex 32"
        ) from None


def _checked(text: str, where: str) -> str:
    key = text.strip()
    fix = "write one line of text: openssl rand -hex 32"
    if not key:
        raise UsageError(f"{where}: the pseudonym key is empty", fix=fix)
    if not key.isprintable() or len(text.encode()) > MOST_KEY_BYTES:
        raise UsageError(f"{where}: the pseudonym key is no line of at most {MOST_KEY_BYTES:,} bytes", fix=fix)
    return key
