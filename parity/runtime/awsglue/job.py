"""The job object: it keeps no bookmarks here, so its calls only have to be in order."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from parity_runtime.notes import note

__all__ = ["Job"]


class Job:
    """A Glue job, between `init` and `commit`."""

    _initialized: ClassVar[bool] = False

    @classmethod
    def continuation_options(cls) -> list[str]:
        """Return an option that Glue reserves, and its values."""
        return ["--continuation-option", "continuation-enabled", "continuation-readonly", "continuation-ignore"]

    @classmethod
    def job_bookmark_options(cls) -> list[str]:
        """Return the option of job bookmarks, and its values."""
        return ["--job-bookmark-option", "job-bookmark-enable", "job-bookmark-pause", "job-bookmark-disable"]

    @classmethod
    def job_bookmark_range_options(cls) -> list[str]:
        """Return the options of a range of bookmarks."""
        return ["--job-bookmark-from", "--job-bookmark-to"]

    @classmethod
    def id_params(cls) -> list[str]:
        """Return the options that name the job and its run."""
        return ["--JOB_NAME", "--JOB_ID", "--JOB_RUN_ID", "--SECURITY_CONFIGURATION"]

    @classmethod
    def encryption_type_options(cls) -> list[str]:
        """Return the option of encryption, and its values."""
        return ["--encryption-type", "sse-s3"]

    @classmethod
    def data_lineage_options(cls) -> list[str]:
        """Return the option of data lineage."""
        return ["--enable-data-lineage"]

    def __init__(self, glue_context_or_spark_session: Any) -> None:
        from pyspark.sql import SparkSession

        from awsglue.context import GlueContext

        if not isinstance(glue_context_or_spark_session, GlueContext | SparkSession):
            raise TypeError(
                f"Job takes a GlueContext or a SparkSession, not {type(glue_context_or_spark_session).__name__}"
            )

    def init(self, job_name: str, args: Mapping[str, Any] | None = None) -> None:
        """Begin; bookmarks, where they are asked for, are not kept: every run reads everything."""
        if (args or {}).get("job_bookmark_option") == "job-bookmark-enable":
            note("ignored", "job bookmarks: every run reads all of its input")
        type(self)._initialized = True

    def isInitialized(self) -> bool:
        """Say whether `init` was called."""
        return type(self)._initialized

    def commit(self) -> None:
        """End: nothing to do."""
