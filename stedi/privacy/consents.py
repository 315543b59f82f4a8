"""Who agreed to research and since when, from the landed customer lines, by another road than the stages.

Record by record in Python, where the stages compare maxima in SQL. Personal values are collected on the way.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from stedi.privacy.values import PERSONAL, Values
from stedi.tombstones import normal
from stedi.unpacked import is_zipped, unpacked

__all__ = ["Consents", "read_customers"]

_EVER, _NEVER = float("inf"), float("-inf")


@dataclass(slots=True)
class Consents:
    """Who agrees: `since` by email (epoch ms), the serial numbers of their agreeing records, and how many landed.

    `spelled_otherwise` counts those of them who refuse in a record as late whose email is theirs but for its spelling.
    """

    since: dict[str, int] = field(default_factory=dict)
    serials: set[str] = field(default_factory=set)
    customers: int = 0
    records: int = 0
    spelled_otherwise: int = 0


def read_customers(files: Iterable[Path], values: Values) -> Consents:
    """Read good customer lines: who agrees, and every personal value.

    Of several records of an email the one updated last counts, of two equally late ones the one that does not agree. A
    record without an update time counts as the latest where it does not agree, and as the earliest where it does.
    """
    # by email: when it was last agreed, since when by that record, and when it was last refused
    agreed: dict[str, tuple[float, int]] = {}
    refused: dict[str, float] = {}
    serials: dict[str, set[str]] = {}
    found = Consents()
    for record in _records(files):
        found.records += 1
        for column in PERSONAL & record.keys():
            if isinstance(record[column], str):
                values.add(column, record[column])
        email, since, updated = record["email"], record.get("shareWithResearchAsOfDate"), record.get("lastUpdateDate")
        if since is not None and since > 0:
            this = (_NEVER if updated is None else updated, since)
            agreed[email] = max(agreed.get(email, this), this)
            serials.setdefault(email, set()).add(record["serialNumber"])
        else:
            refused[email] = max(refused.get(email, _NEVER), _EVER if updated is None else updated)
    found.customers = len(agreed.keys() | refused.keys())
    for email, (updated, since) in agreed.items():
        if email not in refused or updated > refused[email]:
            found.since[email] = since
            found.serials |= serials[email]
    last: dict[str, float] = {}
    for email, updated in refused.items():
        last[normal(email)] = max(last.get(normal(email), _NEVER), updated)
    for email in found.since:
        refusal = last.get(normal(email))
        found.spelled_otherwise += refusal is not None and refusal >= agreed[email][0]
    return found


def _records(files: Iterable[Path]) -> Iterator[dict[str, Any]]:
    for file in files:
        with unpacked(file, zipped=is_zipped(file)) as lines:
            for line in lines:
                if line.strip():
                    yield json.loads(line)
