"""A boto3 and a botocore for environments that have none: on Glue they are always there, so scripts import them.

Clients are made, as the real ones are, and what is called on them is refused by the name of the API's operation.
"""

from __future__ import annotations

import importlib.abc
import importlib.machinery
import types
from collections.abc import Callable
from typing import Any, NoReturn

__all__ = ["PACKAGES", "Absent"]

PACKAGES = ("boto3", "botocore")


class Absent(importlib.abc.Loader):
    """Makes any module of the two packages; `refuse(service, operation)` is told of every call."""

    def __init__(self, refuse: Callable[[str, str], NoReturn]) -> None:
        self._refuse = refuse

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType:
        """Return the module that is asked for."""
        return _Module(spec.name, self._refuse)

    def exec_module(self, module: types.ModuleType) -> None:
        """Do nothing: it is there."""


class _Module(types.ModuleType):
    def __init__(self, name: str, refuse: Callable[[str, str], NoReturn]) -> None:
        super().__init__(name)
        self._refuse = refuse

    def __getattr__(self, name: str) -> Any:
        """Return the maker of clients, or a class for whatever else is imported: exceptions, configurations."""
        if name.startswith("__"):
            raise AttributeError(name)
        made: Any
        if name in ("client", "resource"):
            made = lambda service_name, *_, **__: _Client(service_name, self._refuse)  # noqa: E731
        elif name == "Session":
            made = lambda *_, **__: self  # noqa: E731 - what it makes are clients, too
        else:
            made = type(name, (Exception,), {"__init__": lambda *_, **__: None})
        setattr(self, name, made)
        return made


class _Client:
    def __init__(self, service: str, refuse: Callable[[str, str], NoReturn]) -> None:
        self._service = service
        self._refuse = refuse

    def __getattr__(self, method: str) -> Any:
        if method.startswith("__"):
            raise AttributeError(method)
        operation = "".join(part[:1].upper() + part[1:] for part in method.split("_"))
        return lambda *_, **__: self._refuse(self._service, operation)
