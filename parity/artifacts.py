"""What a run leaves behind with `--report DIR`: reports, logs of the jobs, and the receipt where all is the same.

The logs are what the scripts printed, so they may hold personal data: they stay private (a folder and files of this
user alone), and no report quotes them. Reports hold none and may be passed on.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path

from parity.outcome import Outcome
from parity.report import write_reports
from parity.run import ParityRun
from parity.summary import report_of
from stedi.glue.receipt import SAME, Receipt, digests
from stedi.storage import faults, make_private, make_private_folder

__all__ = ["LOGS", "RECEIPT", "receipts", "write_artifacts"]

LOGS = "logs"
RECEIPT = "receipt.json"


def write_artifacts(folder: Path, asked: ParityRun, outcome: Outcome) -> None:
    """Write everything into a folder; a receipt of an earlier run is removed where this one is not the same."""
    with faults(f"cannot write to {folder}"):
        folder.mkdir(parents=True, exist_ok=True)
        write_reports(report_of(outcome), folder)
        _write_logs(folder / LOGS, asked)
        for old in folder.glob(f"{Path(RECEIPT).stem}*.json"):
            old.unlink()
        for name, receipt in receipts(asked, outcome).items():
            (folder / name).write_text(receipt.dump(), encoding="utf-8")


def receipts(asked: ParityRun, outcome: Outcome) -> Mapping[str, Receipt]:
    """Return the receipts by file name: one a version of Glue, since each has scripts of its own; none unless same."""
    if not (outcome.rendered and outcome.same):
        return {}
    found = {}
    for side in outcome.sides:
        name = RECEIPT if len(outcome.sides) == 1 else f"{Path(RECEIPT).stem}-{side.glue}.json"
        found[name] = Receipt(
            verdict=SAME,
            glue=(side.glue,),
            scripts=digests(asked.chosen[side.glue].texts),
            tables={verdict.table: str(verdict.verdict) for verdict in side.tables},
            versions={**outcome.versions, **side.versions},
            finished=outcome.finished,
        )
    return found


def _write_logs(folder: Path, asked: ParityRun) -> None:
    if folder.exists():
        shutil.rmtree(folder)
    make_private_folder(folder)
    for glue, made in asked.made.items():
        for job in made.jobs:
            if job.log is not None and job.log.exists():
                target = folder / (job.log.name if len(asked.made) == 1 else f"{glue}-{job.log.name}")
                shutil.copyfile(job.log, target)
                make_private(target)
