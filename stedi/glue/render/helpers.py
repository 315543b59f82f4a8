"""The helpers of a job script: the text of `stedi.glue.parts`, and the imports of the script."""

from __future__ import annotations

import ast
import re
from collections.abc import Callable, Container, Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

__all__ = ["Part", "import_lines", "part"]

_PARTS = Path(__file__).parents[1] / "parts"


@dataclass(frozen=True)
class Part:
    """A module of `stedi.glue.parts`: (module, name) of what it imports, and its code, a function each."""

    imports: tuple[tuple[str, str], ...]
    code: str

    def only(self, name: str) -> Part:
        """Return one function of the part, with the imports it uses."""
        return self._of(lambda other: other == name)

    def without(self, names: Container[str]) -> Part:
        """Return the part without some functions and what only they import."""
        return self._of(lambda other: other not in names)

    def _of(self, wanted: Callable[[str], bool]) -> Part:
        found = re.split(r"\n\n\n(?=def )", self.code)
        code = "\n\n\n".join(text for text in found if wanted(text.removeprefix("def ").partition("(")[0]))
        # an import is what its last word names
        names = [(entry, re.findall(r"\w+", entry[1])[-1]) for entry in self.imports]
        return Part(tuple(entry for entry, name in names if re.search(rf"\b{name}\b", code)), code)


@cache
def part(name: str) -> Part:
    """Read a module of `stedi.glue.parts`."""
    source = (_PARTS / f"{name}.py").read_text(encoding="utf-8")
    imports: list[tuple[str, str]] = []
    start = 0
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            start = node.end_lineno or 0
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            # what is imported from stedi stands in the script, and annotations are evaluated there
            if not module.startswith(("stedi", "__future__")):
                imports += [(module, f"{n.name} as {n.asname}" if n.asname else n.name) for n in node.names]
    return Part(tuple(imports), "\n".join(source.splitlines()[start:]).strip())


def import_lines(imports: Iterable[tuple[str, str]]) -> str:
    """Return import statements in the usual order: the standard library, a blank line, the others."""
    found: dict[str, set[str]] = {}
    for module, name in imports:
        found.setdefault(f"{module} {name}" if " as " in name else module, set()).add(name)
    blocks: tuple[list[str], list[str]] = ([], [])
    for key, names in sorted(found.items()):
        module = key.split(" ")[0]
        theirs = module.startswith(("awsglue", "pyspark"))
        lines = (
            [f"from {module} import {', '.join(sorted(names))}"] if module else [f"import {n}" for n in sorted(names)]
        )
        blocks[theirs].extend(lines)
    return "\n\n".join("\n".join(block) for block in blocks)
