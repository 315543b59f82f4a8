"""EvaluateDataQuality: rules over a frame, and what came of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from awsglue.dynamicframe import DynamicFrame, DynamicFrameCollection
from parity_runtime.quality import Outcomes, parse

__all__ = ["EvaluateDataQuality"]


class EvaluateDataQuality:
    """Evaluate a ruleset of DQDL; nothing is published, and no rule is evaluated whose outcome nobody reads."""

    @classmethod
    def apply(
        cls,
        frame: DynamicFrame,
        ruleset: str,
        publishing_options: Mapping[str, Any] | None = None,  # noqa: ARG003 - nothing is published
    ) -> DynamicFrame:
        """Return a frame of outcomes, a record a rule."""
        return Outcomes(frame, parse(ruleset)).frame()

    def process_rows(
        self,
        frame: DynamicFrame,
        ruleset: str,
        publishing_options: Mapping[str, Any] | None = None,
        additional_options: Mapping[str, Any] | None = None,
    ) -> DynamicFrameCollection:
        """Return `ruleOutcomes`, a record a rule, `rowLevelOutcomes`, the frame with outcomes, and `originalData`."""
        return Outcomes(frame, parse(ruleset)).collection()
