"""What a run leaves behind with `--report DIR`: reports, logs of the jobs, and the receipt where all is the same.

The logs are what the scripts printed, so they may hold personal data: they stay private (a folder and files of this
user alone), and no report quotes them. Reports hold none and may be passed on.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from parity.outcome import Outcome
from parity.report import FILES, write_reports
from parity.run import ParityRun
from parity.summary import report_of
from stedi.glue.receipt import SAME, Receipt, digests
from stedi.local import LocalStorage
from stedi.storage import faults, make_private, make_private_folder

__all__ = ["LOGS", "RECEIPT", "clear_artifacts", "receipts", "write_artifacts"]

LOGS = "logs"
RECEIPT = "receipt.json"


def clear_artifacts(folder: Path) -> None:
    """Make the folder ready, and remove what an earlier run has left: nothing of it is to be taken for this one's.

    EnvironmentFault where nothing can be written there: better before the jobs run than after.
    """
    with faults(f"cannot write to {folder}"):
        make_private_folder(folder)
        for old in (*(folder / name for name in FILES), *folder.glob(f"{Path(RECEIPT).stem}*.json")):
            old.unlink(missing_ok=True)
        if (folder / LOGS).exists():
            shutil.rmtree(folder / LOGS)
        with tempfile.TemporaryFile(dir=folder):
            pass


def write_artifacts(folder: Path, asked: ParityRun, outcome: Outcome, reproducer: str = "") -> None:
    """Write everything into a folder, in the place of what an earlier run has left there.

    `reproducer` is that of a property test, of data that were made up: it stands in the reports as it is.
    """
    clear_artifacts(folder)
    with faults(f"cannot write to {folder}"):
        write_reports(report_of(outcome, reproducer), folder)
        _write_logs(folder / LOGS, asked)
        for name, receipt in receipts(asked, outcome).items():
            LocalStorage(folder).write(name, receipt.dump().encode())


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
            scripts=digests(asked.made[side.glue].texts or asked.chosen[side.glue].texts),
            tables={verdict.table: str(verdict.verdict) for verdict in side.tables},
            versions={**outcome.versions, **side.versions},
            finished=outcome.finished,
        )
    return found


def _write_logs(folder: Path, asked: ParityRun) -> None:
    make_private_folder(folder)
    for glue, made in asked.made.items():
        for job in made.jobs:
            if job.log is not None and job.log.exists():
                target = folder / (job.log.name if len(asked.made) == 1 else f"{glue}-{job.log.name}")
                shutil.copyfile(job.log, target)
                make_private(target)
