"""No way out: a job finds no credentials of AWS, and what reaches for AWS or the network is refused by name."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import ipaddress
import os
import sys
import types
from collections.abc import Mapping, Sequence
from typing import Any

from parity_runtime.notes import note

__all__ = ["RefusedCallError", "environment", "install"]

# what a Python and a JVM need; everything else of the user's environment stays outside
_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV")
_ADVICE = "a parity run has no AWS and no network; move the call out of the job, or compare with `--engine aws`"


class RefusedCallError(RuntimeError):
    """A script tried to call AWS or to reach the network."""


def environment(outer: Mapping[str, str], home: str) -> dict[str, str]:
    """Return the environment of a job: what the interpreter needs of `outer`, a home of its own, no credentials."""
    kept = {name: outer[name] for name in _KEPT if name in outer}
    return {
        **kept,
        "HOME": home,
        "TMPDIR": home,
        "TZ": "UTC",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_DEFAULT_REGION": "us-east-1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONHASHSEED": "0",
    }


def refuse(what: str) -> None:
    """Raise RefusedCallError, and leave a note."""
    message = f"{what} was refused: {_ADVICE}"
    note("refused", message)
    raise RefusedCallError(message)


def _refused_api_call(client: Any, operation: str, parameters: Any) -> None:
    service = client.meta.service_model.service_name
    refuse(f"the call of AWS {service}:{operation}")


class _Loader(importlib.abc.Loader):
    """Load botocore.client as it is, then take the one method away that all calls go through."""

    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        self._loader.exec_module(module)
        module.BaseClient._make_api_call = _refused_api_call


class _Boto3(types.ModuleType):
    """A boto3 for environments without one: scripts that only import it run, as on Glue, where it is always there."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return lambda *arguments, **_: refuse(f"boto3.{name}({', '.join(map(repr, arguments))})")


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname == "botocore.client":
            spec = importlib.machinery.PathFinder.find_spec(fullname, path)
            if spec is not None and spec.loader is not None:
                spec.loader = _Loader(spec.loader)
            return spec
        if fullname == "boto3" and importlib.machinery.PathFinder.find_spec("boto3") is None:
            sys.modules["boto3"] = _Boto3("boto3")
            return importlib.util.spec_from_loader("boto3", _Present())
        return None


class _Present(importlib.abc.Loader):
    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        return sys.modules["boto3"]

    def exec_module(self, module: types.ModuleType) -> None:
        """Nothing to do: it is there."""


def _local(address: object) -> bool:
    if not isinstance(address, tuple) or not isinstance(address[0], str):
        return True  # a Unix socket
    host = address[0]
    if host in ("", "localhost"):
        return True
    try:
        return ipaddress.ip_address(host.partition("%")[0]).is_loopback
    except ValueError:
        return False


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    if event == "socket.connect" and not _local(arguments[1]):
        refuse(f"a connection to {arguments[1][0]}")
    elif event == "socket.getaddrinfo" and arguments[0] is not None:
        name = arguments[0].decode() if isinstance(arguments[0], bytes) else str(arguments[0])
        if not _local((name,)):
            refuse(f"looking up the host {name}")


def install() -> None:
    """Refuse AWS and the network in this process from now on; there is no way back."""
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_EC2_METADATA_DISABLED"]:
        if name != "AWS_DEFAULT_REGION":
            del os.environ[name]
    sys.meta_path.insert(0, _Finder())
    sys.addaudithook(_audit)
