"""What a run leaves behind with `--report DIR`: reports, logs of the jobs, and the receipt where all is the same.

The logs are what the scripts printed, so they may hold personal data: they stay private (a folder and files of this
user alone), and no report quotes them. Reports hold none and may be passed on.
"""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from parity.engines.choice import GLUE
from parity.outcome import Outcome
from parity.report import FILES, write_reports
from parity.run import ParityRun
from parity.summary import report_of
from stedi.errors import UsageError
from stedi.glue.receipt import SAME, Receipt, digests
from stedi.local import LocalStorage
from stedi.storage import faults, make_private, make_private_folder

__all__ = ["LOGS", "RECEIPT", "clear_artifacts", "receipts", "write_artifacts"]

LOGS = "logs"
RECEIPT = "receipt.json"


def clear_artifacts(folder: Path) -> None:
    """Make the folder ready, and remove what an earlier run has left: nothing of it is to be taken for this one's.

    EnvironmentFault where nothing can be written there: better before the jobs run than after. UsageError where its
    logs are somebody else's.
    """
    logs = folder / LOGS
    with faults(f"cannot write to {folder}"):
        make_private_folder(folder)
        if logs.exists() and not _is_ours(logs):
            raise UsageError(f"{logs}: holds no logs of an earlier run", fix="give --report a folder of its own")
        for name in (*FILES, RECEIPT, *map(_receipt_of, GLUE)):
            (folder / name).unlink(missing_ok=True)
        if logs.exists():
            shutil.rmtree(logs)
        with tempfile.TemporaryFile(dir=folder):
            pass


def _is_ours(logs: Path) -> bool:
    """Return whether a folder is of logs that were written beside a report, and holds nothing else."""
    found = list(logs.iterdir()) if logs.is_dir() and (logs.parent / FILES[0]).exists() else [logs]
    return all(path.suffix == ".log" and path.is_file() and not path.is_symlink() for path in found)


def _receipt_of(glue: str) -> str:
    return f"{Path(RECEIPT).stem}-{glue}.json"


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
        name = RECEIPT if len(outcome.sides) == 1 else _receipt_of(side.glue)
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
