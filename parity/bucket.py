"""A bucket as a parity run uses it: files up, tables down, and nothing left of either."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Any

from stedi.errors import EnvironmentFault, UsageError
from stedi.glue.aws import Aws, explained
from stedi.storage import make_private, make_private_folder

__all__ = ["AT_ONCE", "Bucket"]

AT_ONCE = 8
"""Files that are sent or fetched at a time."""

_ONE_REQUEST = 64 << 20
_PAGE = 1000


class Bucket:
    """One bucket of this account; everything is told by its key."""

    def __init__(self, account: Aws, name: str) -> None:
        self._account = account
        self._name = name
        self._what = f"bucket {name}"

    @property
    def _here(self) -> dict[str, Any]:
        """What every call names, so that nothing goes to a bucket of somebody else."""
        return {"Bucket": self._name, "ExpectedBucketOwner": self._account.account.number}

    def text(self, uri: str) -> str:
        """Return the content of a small object of any bucket, by its URI."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        answer = self._account.call("s3", "get_object", uri, Bucket=bucket, Key=key)
        return self._account.body(answer, uri).decode(errors="replace")

    def upload(self, file: Path, key: str) -> None:
        """Put a file, in parts where it is large."""
        self._account.upload(file, self._name, key, {}, _ONE_REQUEST)

    def write(self, key: str, text: str) -> None:
        """Write a small object."""
        self._account.call("s3", "put_object", self._what, **self._here, Key=key, Body=text.encode())

    def fetch(self, prefix: str, folder: Path) -> list[Path]:
        """Fetch the objects under a prefix that readers see as data into a private folder, and return the files."""
        pages = self._account.pages("s3", "list_objects_v2", self._what, "Contents", **self._here, Prefix=prefix)
        files = {}
        for item in pages:
            path = PurePosixPath(str(item["Key"]).removeprefix(prefix))
            if path.parts and not any(part[0] in "._" for part in path.parts) and not str(item["Key"]).endswith("/"):
                if ".." in path.parts or path.is_absolute():
                    raise UsageError(f"{self._what}: {item['Key']}: is no name of a table's file", fix="remove it")
                files[str(item["Key"])] = folder / path
        make_private_folder(folder)
        client, owner = self._account.client("s3"), {"ExpectedBucketOwner": self._here["ExpectedBucketOwner"]}

        def one(pair: tuple[str, Path]) -> Path:
            key, target = pair
            make_private_folder(target.parent)
            client.download_file(self._name, key, str(target), ExtraArgs=owner)
            make_private(target)
            return target

        with explained(self._what, "s3:GetObject"), ThreadPoolExecutor(AT_ONCE) as pool:
            return list(pool.map(one, files.items()))

    def remove(self, prefix: str) -> None:
        """Delete everything under a prefix, old versions and unfinished uploads too: copies hold personal data.

        EnvironmentFault says what is left, and where.
        """
        left = f"remove everything under s3://{self._name}/{prefix} by hand"
        try:
            self._abort(prefix)
            errors = self._delete(prefix)
        except EnvironmentFault as fault:
            fault.fix += f"; {left}"
            raise
        if errors:
            raise EnvironmentFault(
                f"{self._what}: {len(errors):,} objects of this run could not be removed, as {errors[0]}",
                fix=f"allow this identity s3:DeleteObjectVersion; {left}",
            )

    def _delete(self, prefix: str) -> list[str]:
        """Delete objects, and return those that could not be."""
        found: list[dict[str, str]] = []
        pages = self._account.results("s3", "list_object_versions", self._what, **self._here, Prefix=prefix)
        for page in pages:
            items = [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]
            found += [{"Key": str(item["Key"]), "VersionId": str(item["VersionId"])} for item in items]
        errors: list[str] = []
        for start in range(0, len(found), _PAGE):
            some = {"Objects": found[start : start + _PAGE], "Quiet": True}
            answer = self._account.call("s3", "delete_objects", self._what, **self._here, Delete=some)
            errors += [str(error["Key"]) for error in answer.get("Errors", ())]
        return errors

    def _abort(self, prefix: str) -> None:
        pages = self._account.pages("s3", "list_multipart_uploads", self._what, "Uploads", **self._here, Prefix=prefix)
        for upload in list(pages):
            which = {"Key": upload["Key"], "UploadId": upload["UploadId"]}
            self._account.call("s3", "abort_multipart_upload", self._what, **self._here, **which)
