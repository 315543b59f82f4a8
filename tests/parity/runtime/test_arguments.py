"""Arguments of a job, as Glue 5.1 and 6.0 take them."""

from __future__ import annotations

import pytest
from awsglue.job import Job
from awsglue.utils import GlueArgumentError, callsite, getResolvedOptions, iteritems, iterkeys, itervalues, makeOptions

ARGV = ["script.py", "--JOB_NAME", "trusted", "--LAKE", "s3://lake", "--extra", "x"]


def test_named_arguments_and_those_of_glue_come_back() -> None:
    found = getResolvedOptions(ARGV, ["JOB_NAME", "LAKE"])
    assert (found["JOB_NAME"], found["LAKE"]) == ("trusted", "s3://lake")
    assert found["job_bookmark_option"] == "job-bookmark-disable"
    assert found["TempDir"] is None
    assert "extra" not in found


def test_abbreviated_names_are_taken_by_5_1_and_refused_by_6_0() -> None:
    short = ["script.py", "--JOB_NAM", "trusted"]
    assert getResolvedOptions(short, ["JOB_NAME"], allow_abbrev=True)["JOB_NAME"] == "trusted"
    with pytest.raises(GlueArgumentError, match="JOB_NAME"):
        getResolvedOptions(short, ["JOB_NAME"], allow_abbrev=False)


def test_a_missing_argument_is_named() -> None:
    with pytest.raises(GlueArgumentError, match="BUCKET"):
        getResolvedOptions(ARGV, ["JOB_NAME", "BUCKET"])


@pytest.mark.parametrize("name", ["job-bookmark-option", "continuation-option", "job-bookmark-from"])
def test_reserved_names_are_refused(name: str) -> None:
    with pytest.raises(RuntimeError, match=name):
        getResolvedOptions(ARGV, ["JOB_NAME", name])


def test_bookmarks_and_folders() -> None:
    found = getResolvedOptions(
        [*ARGV, "--continuation-option", "continuation-enabled", "--TempDir", "s3://t"], ["JOB_NAME", "TempDir"]
    )
    assert found["job_bookmark_option"] == "job-bookmark-enable"
    assert found["TempDir"] == found["RedshiftTempDir"] == "s3://t"
    pause = [*ARGV, "--job-bookmark-option", "job-bookmark-pause", "--job-bookmark-from", "1"]
    with pytest.raises(RuntimeError, match="--job-bookmark-to"):
        getResolvedOptions(pause, ["JOB_NAME"])


def test_options_of_a_job_are_lists() -> None:
    assert Job.id_params()[0] == "--JOB_NAME"
    lists = (Job.continuation_options, Job.job_bookmark_options, Job.job_bookmark_range_options)
    assert [len(found()) for found in lists] == [4, 4, 2]
    assert Job.encryption_type_options()[0] == "--encryption-type"
    assert Job.data_lineage_options() == ["--enable-data-lineage"]


def test_helpers() -> None:
    assert list(iteritems({"a": 1})) == [("a", 1)]
    assert [*iterkeys({"a": 1}), *itervalues({"a": 1})] == ["a", 1]
    assert makeOptions(None, {"a": 1}) == makeOptions(None, '{"a": 1}')
    assert "test_helpers" in callsite() or callsite()


def test_a_job_wants_a_context() -> None:
    with pytest.raises(TypeError, match="GlueContext"):
        Job("no context")


def test_an_error_of_the_parser_does_not_end_the_process() -> None:
    from awsglue.utils import GlueArgumentParser

    with pytest.raises(GlueArgumentError):
        GlueArgumentParser().error("no")
