"""No way out: a job finds no credentials of AWS, and what reaches for AWS or the network is refused by name."""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import importlib.util
import ipaddress
import os
import re
import sys
import types
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn

from parity_runtime import boto
from parity_runtime.notes import note

__all__ = ["RefusedCallError", "environment", "install"]

# what a Python and a JVM need; everything else of the user's environment stays outside
_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "SYSTEMROOT", "VIRTUAL_ENV")
# audit events of programs that are started -> which argument holds the command
_STARTS = {"subprocess.Popen": 1, "os.system": 0, "os.exec": 1, "os.posix_spawn": 1}
_NETWORK_PROGRAMS = {"aws", "curl", "ftp", "nc", "pip", "pip3", "rsync", "s3cmd", "scp", "sftp", "ssh", "wget"}
_FIRST_WORDS = re.compile(r"(?:^|[;&|(`\n])\s*([\w./-]+)")
_ADVICE = "a parity run has no AWS and no network; move the call out of the job, or compare with `--engine aws`"


class RefusedCallError(RuntimeError):
    """A script tried to call AWS, to reach the network, or to write outside of S3."""


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


def refuse(what: str, advice: str = _ADVICE) -> NoReturn:
    """Raise RefusedCallError, and leave a note."""
    message = f"{what} was refused: {advice}"
    note("refused", message)
    raise RefusedCallError(message)


def _refuse_operation(service: str, operation: str) -> NoReturn:
    refuse(f"the call of AWS {service}:{operation}")


def _refused_api_call(client: Any, operation: str, parameters: Any) -> None:
    _refuse_operation(client.meta.service_model.service_name, operation)


class _Loader(importlib.abc.Loader):
    """Load botocore.client as it is, then take the one method away that all calls go through."""

    def __init__(self, loader: importlib.abc.Loader) -> None:
        self._loader = loader

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        return self._loader.create_module(spec)

    def exec_module(self, module: types.ModuleType) -> None:
        self._loader.exec_module(module)
        module.BaseClient._make_api_call = _refused_api_call


class _Finder(importlib.abc.MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        if fullname == "botocore.client":
            spec = importlib.machinery.PathFinder.find_spec(fullname, path)
            if spec is not None and spec.loader is not None:
                spec.loader = _Loader(spec.loader)
            return spec
        package = fullname.partition(".")[0]
        if package in boto.PACKAGES and importlib.machinery.PathFinder.find_spec(package) is None:
            return importlib.util.spec_from_loader(fullname, boto.Absent(_refuse_operation), is_package=True)
        return None


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
    if event in ("socket.connect", "socket.sendto") and not _local(arguments[1]):
        refuse(f"a connection to {arguments[1][0]}")
    elif event in ("socket.getaddrinfo", "socket.gethostbyname") and arguments[0] is not None:
        name = os.fsdecode(arguments[0])
        if not _local((name,)):
            refuse(f"looking up the host {name}")
    elif event in _STARTS:
        for word in _programs(arguments[_STARTS[event]]):
            if word in _NETWORK_PROGRAMS:
                refuse(f"the program {word}")


def _programs(command: Any) -> list[str]:
    """Return the names of the programs that a command starts, as far as its text shows them."""
    if isinstance(command, list | tuple):
        words = [os.fsdecode(word) for word in command]
        if words[1:2] == ["-m"]:
            return words[2:3]  # python -m pip
        if words[1:2] != ["-c"]:
            return [Path(word).name for word in words[:1]]
        command = "".join(words[2:3])
    return [Path(word).name for word in _FIRST_WORDS.findall(os.fsdecode(command))]


def install() -> None:
    """Refuse AWS and the network in this process from now on; there is no way back."""
    for name in [name for name in os.environ if name.startswith("AWS_") and name != "AWS_EC2_METADATA_DISABLED"]:
        if name != "AWS_DEFAULT_REGION":
            del os.environ[name]
    sys.meta_path.insert(0, _Finder())
    sys.addaudithook(_audit)
