"""EntityDetector: which columns hold personal data."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, NoReturn

from awsglue.dynamicframe import DynamicFrame
from awsglue.gluetypes import StringType
from parity_runtime.records import records
from parity_runtime.unsupported import unsupported

__all__ = ["EntityDetector"]

_KINDS = {
    "EMAIL": re.compile(r"[^@\s]+@[^@\s]+\.[A-Za-z]{2,}"),
    "PHONE_NUMBER": re.compile(r"(?!\d{4}-\d\d-\d\d)\+?[\d().\s-]{7,20}"),
    "IP_ADDRESS": re.compile(r"(?:\d{1,3}\.){3}\d{1,3}"),
    "USA_SSN": re.compile(r"\d{3}-\d{2}-\d{4}"),
    "CREDIT_CARD": re.compile(r"(?:\d[ -]?){13,19}"),
}


class EntityDetector:
    """Finds kinds of personal data by their form; Glue's own detector knows more."""

    def classify_columns(
        self,
        frame: DynamicFrame,
        entity_types_to_detect: Iterable[str],
        sample_fraction: float = 1.0,
        threshold_fraction: float = 0.1,
        detection_sensitivity: str = "LOW",
    ) -> dict[str, list[str]]:
        """Return the kinds that a large enough share of a column's values has: column -> kinds."""
        kinds = list(entity_types_to_detect)
        unknown = [kind for kind in kinds if kind not in _KINDS]
        if unknown:
            unsupported(f"EntityDetector of {', '.join(unknown)}", f"it knows {', '.join(_KINDS)} here")
        names = [field.name for field in frame.schema() if isinstance(field.dataType, StringType)]
        patterns = {kind: _KINDS[kind].pattern for kind in kinds}

        def found(record: Any) -> Iterable[tuple[tuple[str, str], tuple[int, int]]]:
            for name in names:
                value = record.get(name)
                if value is not None:
                    for kind, pattern in patterns.items():
                        yield (name, kind), (1 if re.fullmatch(pattern, value) else 0, 1)

        rows = records(frame._content)
        if sample_fraction < 1:
            rows = rows.sample(False, sample_fraction)
        counted = rows.flatMap(found).reduceByKey(lambda a, b: (a[0] + b[0], a[1] + b[1])).collect()
        detected: dict[str, list[str]] = {}
        for (name, kind), (hits, values) in sorted(counted):
            if hits and hits / values >= threshold_fraction:
                detected.setdefault(name, []).append(kind)
        return detected

    def detect(self, *arguments: Any, **options: Any) -> NoReturn:
        """Not supported."""
        unsupported("EntityDetector.detect", "classify_columns says which columns hold personal data")


def __getattr__(name: str) -> NoReturn:
    if name in ("FillMissingValues", "FindIncrementalMatches", "FindMatches"):
        unsupported(f"awsglueml.transforms.{name}", "its models are on AWS: compare the tables before and after it")
    raise AttributeError(f"module 'awsglueml.transforms' has no attribute {name!r}")
