"""Old files under a path, deleted: what `purge_s3_path` and `purge_table` do."""

from __future__ import annotations

import time

from pyspark.sql import SparkSession

from parity_runtime.notes import note
from parity_runtime.reading import files_below

__all__ = ["purge"]


def purge(session: SparkSession, path: str, hours: float) -> None:
    """Delete the files under a path that are older than so many hours; all of a run are younger than a day."""
    jvm = session._jvm
    assert jvm is not None
    folder = jvm.org.apache.hadoop.fs.Path(path)
    system = folder.getFileSystem(session._jsparkSession.sessionState().newHadoopConf())
    if not system.exists(folder):
        return
    oldest = (time.time() - hours * 3600) * 1000
    gone = 0
    for status in files_below(system, system.getFileStatus(folder)):
        if hours <= 0 or status.getModificationTime() < oldest:
            system.delete(status.getPath(), False)
            gone += 1
    note("written", f"{path}: {gone} files deleted")
