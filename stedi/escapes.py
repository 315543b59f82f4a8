"""What else a text says: escaped as in JSON, in a URL or in HTML, or of two bytes a letter."""

from __future__ import annotations

import html
import re
from collections.abc import Iterator
from urllib.parse import unquote

__all__ = ["decoded", "letters", "readings"]

_DEEP = 2
"""How many escapes within each other are undone, as of JSON in a text of JSON."""

_JSON = re.compile(r"\\u([0-9a-fA-F]{4})|\\(.)", re.DOTALL)
_CODED = re.compile(r"(?:\\u[0-9a-fA-F]{4})+|\\x[0-9a-fA-F]{2}")
_ZEROS = re.compile(r"&#0+")
_NO_LETTER = re.compile(r"&#[0-9]{9,};?")


def decoded(line: bytes) -> str:
    """Return a line as text: of UTF-8, and where it has zeros, of UTF-16 too, whichever byte of a letter is first."""
    texts = [line.decode(errors="replace")]
    if b"\0" in line:
        texts += [part.decode(end, "replace") for part in (line, line[1:]) for end in ("utf-16-le", "utf-16-be")]
    return "\n".join(texts)


def readings(text: str) -> Iterator[str]:
    """Yield what a text says without its escapes, each reading once; nothing where it has none."""
    seen = {text}
    new = [text]
    for _ in range(_DEEP):
        found = []
        for reading in (other for known in new for other in _unescaped(known)):
            if reading not in seen:
                seen.add(reading)
                found.append(reading)
        yield from found
        new = found


def letters(text: str) -> str:
    r"""Return a text with the letters that are written as `\u00e9`, `\xe9`, `%C3%A9` or `&eacute;`, once or twice over.

    All else of it stays as it is, backslashes too: it is to be shown, where readings are only searched.
    """
    for _ in range(_DEEP):
        told = _CODED.sub(_letter, text) if "\\" in text else text
        told = unquote(told) if "%" in told else told
        told = _without_html(told) if "&" in told else told
        if told == text:
            break
        text = told
    return text


def _unescaped(text: str) -> Iterator[str]:
    if "\\" in text:
        # two escapes may be one letter
        yield _JSON.sub(_plain, text).encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    if "%" in text:
        yield unquote(text)
    if "\0" in text:
        yield text.replace("\0", "")  # UTF-16 without a mark, read as UTF-8
    if "&" in text:
        yield _without_html(text)


def _without_html(text: str) -> str:
    # Python refuses to read a number of thousands of digits, and no letter has one
    return html.unescape(_NO_LETTER.sub("\N{REPLACEMENT CHARACTER}", _ZEROS.sub("&#0", text)))


def _letter(escape: re.Match[str]) -> str:
    kind = escape.group()[1]
    units = bytes.fromhex(escape.group().replace(f"\\{kind}", ""))
    return units.decode("utf-16-be" if kind == "u" else "latin-1", "replace")


def _plain(escape: re.Match[str]) -> str:
    if escape[1]:
        return chr(int(escape[1], 16))
    return escape[2] if escape[2] in '"\\/' else " "
