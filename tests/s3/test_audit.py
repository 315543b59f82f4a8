"""The certificate of a lake in a bucket is that of a lake in a folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from s3.bucket import Bucket

Command = Callable[..., tuple[int, str, str]]


def test_a_lake_in_a_bucket_is_certified_until_a_personal_value_is_put_there(
    *, s3: Bucket, landing: Path, stedi: Command, write_walk: Callable[..., None]
) -> None:
    write_walk(landing, "Ada")
    s3.upload(landing, "lake")
    assert stedi("build", "--lake", s3.uri("lake"))[0] == 0

    code, out, err = stedi("privacy", "audit", "--lake", s3.uri("lake"))
    assert (code, err) == (0, "")
    certificate = json.loads(out)
    assert certificate["verdict"] == "clean"
    for file in certificate["files"]:
        assert hashlib.sha256(s3.get(f"lake/{file['path']}")).hexdigest() == file["sha256"]
    assert {f"lake/{file['path']}" for file in certificate["files"]} == set(s3.keys())

    s3.put("lake/_stedi/build.log", b"for ada.quillfeather@example.com")
    code, out, err = stedi("privacy", "audit", "--lake", s3.uri("lake"))
    assert code == 1
    assert "_stedi/build.log holds email, 1 time, as a***" in err
    assert "quillfeather" not in (out + err).lower()
