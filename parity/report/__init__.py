"""Reports of a parity run: for a terminal, a script, a CI server, a pull request and a browser.

They hold no personal data unless the verdicts do, and all of them the same: report.json is the whole, the others show
it.
"""

from __future__ import annotations

from pathlib import Path

from parity.report.document import Report, document
from parity.report.junit import junit
from parity.report.markdown import markdown
from parity.report.page import page
from parity.report.terminal import print_report
from stedi.local import LocalStorage

__all__ = ["FILES", "Report", "document", "junit", "markdown", "page", "print_report", "write_reports"]

FILES = ("report.json", "junit.xml", "report.md", "report.html")
"""What `write_reports` writes."""


def write_reports(report: Report, folder: Path) -> list[Path]:
    """Write all reports into a folder, which is made where there is none; return their paths.

    EnvironmentFault where it cannot be written.
    """
    import json

    texts = (json.dumps(document(report), indent=1) + "\n", junit(report), markdown(report), page(report))
    place = LocalStorage(folder)
    for name, text in zip(FILES, texts, strict=True):
        place.write(name, text.encode())
    return [folder / name for name in FILES]
