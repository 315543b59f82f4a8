"""Names are checked before anything is asked of AWS."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from stedi.errors import UsageError
from stedi.glue import names

GOOD: list[tuple[Callable[[str], object], str]] = [
    (names.lake, "s3://my-bucket"),
    (names.lake, "s3://abc/a/b=c/d"),
    (names.database, "stedi_2"),
    (names.workgroup, "My-group.1"),
    (names.stack, "stedi-Test"),
    (names.role, "arn:aws:iam::123456789012:role/stedi"),
    (names.role, "arn:aws-us-gov:iam::123456789012:role/path/to/stedi-GlueRole-1A2B"),
    (names.key_file, "s3://abc/key.txt"),
    (names.key_file, "s3://abc/stedi/_stedi/glue/key"),
    (names.vpc, "vpc-0123456789abcdef0"),
    (names.route_tables, "rtb-01234567, rtb-0123456789abcdef0"),
    (names.schedule, "cron(0 3 ? * MON-FRI *)"),
    (names.glue_version, "5.1"),
    (names.glue_version, "6.0"),
]
BAD: list[tuple[Callable[[str], object], str]] = [
    (names.lake, "lake"),
    (names.lake, "/data/lake"),
    (names.lake, "s3://"),
    (names.lake, "s3:///prefix"),
    (names.lake, "s3://ab"),
    (names.lake, "s3://My_Bucket"),
    (names.lake, "s3://a..b"),
    (names.lake, "s3://-abc"),
    (names.lake, "s3://192.168.0.1"),
    (names.lake, "s3://xn--abc"),
    (names.lake, "s3://abc-s3alias"),
    (names.lake, "s3://" + "a" * 64),
    (names.lake, "s3://abc/" + "a" * 100),
    (names.lake, "s3://abc/a*"),
    (names.lake, "s3://abc/a b"),
    (names.lake, "s3://abc/${aws:username}"),
    (names.lake, "s3://abc/a//b"),
    (names.lake, "s3://abc/../b"),
    (names.lake, "s3://abc/it's"),
    (names.lake, "s3://abc/a\nb"),
    (names.database, ""),
    (names.database, "Stedi"),
    (names.database, "st-edi"),
    (names.database, "a`b"),
    (names.database, "a\n"),
    (names.database, "x" * 129),
    (names.workgroup, "a b"),
    (names.stack, "1a"),
    (names.stack, "a_b"),
    (names.role, ""),
    (names.role, "stedi"),
    (names.role, "arn:aws:iam::123456789012:user/stedi"),
    (names.role, "arn:aws:iam::12345678901:role/stedi"),
    (names.role, "arn:aws:iam::123456789012:role/stedi\n"),
    (names.key_file, ""),
    (names.key_file, "key.txt"),
    (names.key_file, "s3://abc"),
    (names.key_file, "s3://abc/"),
    (names.key_file, "s3://abc/keys/"),
    (names.key_file, "s3://a/key"),
    (names.key_file, "s3://abc/key*"),
    (names.key_file, "s3://abc/a/../key"),
    (names.key_file, "s3://abc/ke y"),
    (names.key_file, "s3://abc/" + "k" * 1025),
    (names.vpc, "vpc-1"),
    (names.route_tables, ""),
    (names.route_tables, "rtb-01234567,"),
    (names.schedule, "0 3 * * *"),
    (names.schedule, "cron(0 3 * * *)"),
    (names.schedule, "cron(0 3 * * ? *);"),
    (names.glue_version, "4.0"),
]


@pytest.mark.parametrize(("check", "name"), GOOD)
def test_good_names_are_taken(check: Callable[[str], object], name: str) -> None:
    assert check(name)


@pytest.mark.parametrize(("check", "name"), BAD)
def test_bad_names_are_refused_with_what_to_write(check: Callable[[str], object], name: str) -> None:
    with pytest.raises(UsageError) as caught:
        check(name)
    assert caught.value.fix


@pytest.mark.parametrize(
    ("uri", "key", "location"),
    [
        ("s3://abc", "customer/landing/", "s3://abc/customer/landing/"),
        ("s3://abc/", "customer/landing/", "s3://abc/customer/landing/"),
        ("s3://abc/p/q/", "p/q/customer/landing/", "s3://abc/p/q/customer/landing/"),
    ],
)
def test_a_lake_knows_where_its_objects_are(uri: str, key: str, location: str) -> None:
    lake = names.lake(uri)
    assert lake.uri == uri.rstrip("/")
    assert lake.key("customer/landing/") == key
    assert lake.location("customer/landing/") == location
