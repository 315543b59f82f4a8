"""A bucket as a parity run uses it: files up, tables down, and nothing left of either."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath

from stedi.errors import EnvironmentFault, UsageError
from stedi.glue.aws import Aws, explained
from stedi.storage import make_private, make_private_folder

__all__ = ["Bucket"]

_AT_ONCE = 8
_PAGE = 1000


class Bucket:
    """One bucket; everything is told by its key."""

    def __init__(self, account: Aws, name: str) -> None:
        self._account = account
        self._name = name
        self._what = f"bucket {name}"

    def text(self, uri: str) -> str:
        """Return the content of a small object, by its URI."""
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        answer = self._account.call("s3", "get_object", uri, Bucket=bucket, Key=key)
        with explained(uri, "s3:GetObject"):
            return str(answer["Body"].read().decode())

    def upload(self, file: Path, key: str) -> None:
        """Put a file, in parts where it is large."""
        with explained(self._what, "s3:PutObject"):
            self._account.client("s3").upload_file(str(file), self._name, key)

    def write(self, key: str, text: str) -> None:
        """Write a small object."""
        self._account.call("s3", "put_object", self._what, Bucket=self._name, Key=key, Body=text.encode())

    def fetch(self, prefix: str, folder: Path) -> list[Path]:
        """Fetch the objects under a prefix that readers see as data into a private folder, and return the files."""
        pages = self._account.pages("s3", "list_objects_v2", self._what, "Contents", Bucket=self._name, Prefix=prefix)
        files = {}
        for item in pages:
            path = PurePosixPath(str(item["Key"]).removeprefix(prefix))
            if path.parts and not any(part[0] in "._" for part in path.parts) and not str(item["Key"]).endswith("/"):
                if ".." in path.parts or path.is_absolute():
                    raise UsageError(f"{self._what}: {item['Key']}: is no name of a table's file", fix="remove it")
                files[str(item["Key"])] = folder / path
        make_private_folder(folder)
        client = self._account.client("s3")

        def one(pair: tuple[str, Path]) -> Path:
            key, target = pair
            make_private_folder(target.parent)
            client.download_file(self._name, key, str(target))
            make_private(target)
            return target

        with explained(self._what, "s3:GetObject"), ThreadPoolExecutor(_AT_ONCE) as pool:
            return list(pool.map(one, files.items()))

    def remove(self, prefix: str) -> None:
        """Delete everything under a prefix, old versions too: copies of landing data hold personal data."""
        found: list[dict[str, str]] = []
        for key in ("Versions", "DeleteMarkers"):
            pages = self._account.pages("s3", "list_object_versions", self._what, key, Bucket=self._name, Prefix=prefix)
            found += [{"Key": str(item["Key"]), "VersionId": str(item["VersionId"])} for item in pages]
        left: list[str] = []
        for start in range(0, len(found), _PAGE):
            some = {"Objects": found[start : start + _PAGE], "Quiet": True}
            answer = self._account.call("s3", "delete_objects", self._what, Bucket=self._name, Delete=some)
            left += [str(error["Key"]) for error in answer.get("Errors", ())]
        if left:
            raise EnvironmentFault(
                f"{self._what}: {len(left)} objects of this run could not be removed, as {left[0]}",
                fix=f"remove everything under s3://{self._name}/{prefix}; allow s3:DeleteObjectVersion",
            )
