"""What all transforms have: `apply`, and a description made from their signatures."""

from __future__ import annotations

import inspect
from typing import Any, ClassVar

__all__ = ["GlueTransform"]


class GlueTransform:
    """Base of the transforms: `apply` makes one and calls it. They describe themselves from their signatures."""

    _returns: ClassVar[str] = "DynamicFrame"

    @classmethod
    def apply(cls, *args: Any, **kwargs: Any) -> Any:
        """Run the transform."""
        return cls()(*args, **kwargs)  # type: ignore[operator]

    @classmethod
    def name(cls) -> str:
        """Return the transform's name."""
        return cls.__name__

    @classmethod
    def describeArgs(cls) -> list[dict[str, Any]]:
        """Return the arguments: name, type, whether they may be left out, their default."""
        described = []
        for name, parameter in inspect.signature(cls.__call__).parameters.items():
            if name == "self" or parameter.kind in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD):
                continue
            optional = parameter.default is not parameter.empty
            default = str(parameter.default) if optional else None
            kind = str(parameter.annotation)
            described.append(
                {"name": name, "type": kind, "description": name, "optional": optional, "defaultValue": default}
            )
        return described

    @classmethod
    def describeReturn(cls) -> dict[str, str]:
        """Return what comes back."""
        return {"type": cls._returns, "description": f"what {cls.__name__} gives"}

    @classmethod
    def describeTransform(cls) -> str:
        """Return what the transform does, in a sentence."""
        return (cls.__doc__ or "").strip().splitlines()[0]

    @classmethod
    def describeErrors(cls) -> list[dict[str, str]]:
        """Return the errors that are described: none."""
        return []

    @classmethod
    def describe(cls) -> dict[str, Any]:
        """Return all of the description."""
        return {
            "transform": {
                "name": cls.name(),
                "args": cls.describeArgs(),
                "returns": cls.describeReturn(),
                "description": cls.describeTransform(),
                "raises": cls.describeErrors(),
            }
        }

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.__dict__ == other.__dict__

    def __hash__(self) -> int:
        return hash(type(self).__name__)

    def __repr__(self) -> str:
        return f"<Transform: {self.name()}>"
