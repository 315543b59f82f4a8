"""junit.xml: a test case a table, as CI servers read it."""

from __future__ import annotations

import xml.etree.ElementTree as ET

from parity.report.document import Report, clean
from parity.report.terminal import story
from parity.verdict import Verdict

__all__ = ["junit"]


def junit(report: Report) -> str:
    """Return JUnit XML: different and missing tables are failures, failed ones errors, known ones are skipped."""
    kinds = [verdict.verdict for verdict in report.verdicts]
    errors = kinds.count(Verdict.FAILED)
    skipped = sum(map(report.is_known, report.verdicts))
    counts = {
        "tests": str(len(kinds)),
        "failures": str(len(kinds) - errors - skipped - kinds.count(Verdict.SAME)),
        "errors": str(errors),
        "skipped": str(skipped),
        "time": f"{report.seconds:.3f}",
    }
    suites = ET.Element("testsuites", {"name": clean(report.title), **counts})
    suite = ET.SubElement(
        suites, "testsuite", {"name": "parity", "timestamp": report.finished.isoformat(timespec="seconds"), **counts}
    )
    for verdict in report.verdicts:
        case = ET.SubElement(
            suite,
            "testcase",
            {"classname": "parity", "name": clean(verdict.table), "time": f"{verdict.seconds:.3f}"},
        )
        if verdict.same:
            continue
        if report.is_known(verdict):
            ET.SubElement(case, "skipped", {"message": "a known difference"})
            continue
        kind = "error" if verdict.verdict is Verdict.FAILED else "failure"
        about = str(verdict.cause or verdict.verdict)
        message = verdict.problem or (verdict.explanation.evidence if verdict.explanation else str(verdict.verdict))
        found = ET.SubElement(case, kind, {"type": about, "message": clean(message)})
        found.text = "\n".join(story(verdict, report.labels))
    if report.reproducer:
        ET.SubElement(suite, "system-out").text = "\n".join(map(clean, report.reproducer.splitlines()))
    ET.indent(suites)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(suites, encoding="unicode") + "\n"
