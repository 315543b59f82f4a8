"""What a build has to do: the order of the stages, what is stale and why.

Pure: nothing here reads a file or runs a query. A table's build id is a hash of everything it is made from, down
to the landing files; so the same inputs always give the same id, and a table whose id is the published one,
with its files untouched, need not be made again.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Mapping

from stedi.errors import UsageError

__all__ = ["build_id", "build_ids", "order", "stale"]


def order(inputs: Mapping[str, Collection[str]], given: Collection[str]) -> list[str]:
    """Return the stages of a graph so that each comes after its inputs; alphabetical where free.

    `inputs` maps a stage to the tables it reads, `given` are the tables that are there already. UsageError
    names an input that nothing makes, or a circle.
    """
    done = set(given)
    waiting = dict(sorted(inputs.items()))
    result: list[str] = []
    for name, names in waiting.items():
        if unknown := sorted(set(names) - done - set(waiting)):
            raise UsageError(f"{name} reads {unknown[0]}, which no stage makes", fix="correct the SQL of the stage")
    while waiting:
        ready = next((name for name, names in waiting.items() if done.issuperset(names)), None)
        if ready is None:
            raise UsageError(f"stages read each other in a circle: {', '.join(waiting)}", fix="break the circle")
        del waiting[ready]
        done.add(ready)
        result.append(ready)
    return result


def build_id(*parts: object) -> str:
    """Return 16 hex digits that stand for the parts (anything JSON can hold)."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]


def build_ids(
    stages: Iterable[str],
    inputs: Mapping[str, Collection[str]],
    digests: Mapping[str, str],
    landed: Mapping[str, str],
    product: str,
) -> dict[str, str]:
    """Return the id of every table: `landed` as given, then the stages in their order.

    `digests` holds the hash of each stage's SQL; `product` is the version of what runs it.
    """
    ids = dict(landed)
    for name in stages:
        ids[name] = build_id(product, digests[name], {table: ids[table] for table in inputs[name]})
    return ids


def stale(
    stages: Iterable[str],
    inputs: Mapping[str, Collection[str]],
    ids: Mapping[str, str],
    published: Mapping[str, str],
    damaged: Collection[str],
    *,
    force: str = "",
) -> dict[str, str]:
    """Return why each stage has to run, in order; a stage that is not in it need not.

    `published` maps tables (landing too) to the ids of the last build, `damaged` names tables whose files
    are not as that build left them, `force` is a reason to run them all.
    """
    reasons: dict[str, str] = {}
    for name in stages:
        if name not in published:
            reasons[name] = "not built yet"
        elif name in damaged:
            reasons[name] = "its files are missing or changed"
        elif ids[name] != published[name]:
            changed = sorted(table for table in inputs[name] if ids[table] != published.get(table))
            reasons[name] = f"{', '.join(changed)} changed" if changed else "its SQL changed"
        elif force:
            reasons[name] = force
    return reasons
