"""The filter language of the sheets: `w<256 AND source:wikiart AND NOT style:cubism`."""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from pipeline.errors import UsageError, did_you_mean

Mask = NDArray[np.bool_]
LONGEST = 500
NUMBERS: Mapping[str, str] = {
    "w": "width", "width": "width", "h": "height", "height": "height", "side": "side", "aspect": "aspect",
    "bytes": "bytes", "sharpness": "sharpness", "brightness": "brightness", "contrast": "contrast",
    "entropy": "entropy", "border": "border", "quality": "jpeg_quality", "year": "year", "distance": "distance",
    "score": "score", "nsfw": "nsfw",
}  # fmt: skip
TEXTS: Mapping[str, str] = {
    "source": "source", "title": "title", "creator": "creator", "artist": "creator", "licence": "licence",
    "license": "licence", "style": "style", "genre": "genre", "tag": "tags", "tags": "tags", "query": "query",
    "format": "format", "id": "id",
}  # fmt: skip
_TOKEN = re.compile(r"""\s*(?:(?P<mark>[()])|(?P<term>(?:[^\s()"]|"[^"]*")+))""")
_TERM = re.compile(r'(?P<field>[A-Za-z_]+)(?P<sign><=|>=|!=|<|>|=|:)(?P<value>.*)', re.DOTALL)
_SIGNS: Mapping[str, Callable[[NDArray[np.float64], float], Mask]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge, "=": operator.eq, ":": operator.eq,
    "!=": operator.ne,
}  # fmt: skip
_DEEPEST = 30


class Columns(Protocol):
    """What a filter looks at: n pictures."""

    def number(self, name: str) -> NDArray[np.float64]:
        """A number of each picture, float64 (n,), NaN where it is not known."""

    def contains(self, name: str, text: str) -> Mask:
        """Whether the words of a column hold `text`, whatever its case: bool (n,)."""


Condition = Callable[[Columns], Mask]


def parse(text: str) -> Condition:
    """The condition that `text` describes.

    Terms are `field<number` (also <=, >, >=, =, !=), `field:word`, or a bare word that title or creator hold; several
    hold together, or as AND, OR, NOT and parentheses say. Quotes keep blanks. Raises UsageError for what is neither.
    """
    if len(text) > LONGEST:
        raise UsageError(f"A filter has at most {LONGEST} characters.")
    tokens = _tokens(text)
    if not tokens:
        raise UsageError("The filter is empty.")
    parser = _Parser(tokens)
    made = parser.either(0)
    if parser.rest():
        raise UsageError("The filter has a ) without its (.")
    return made


def _tokens(text: str) -> list[str]:
    found, at = [], 0
    while text[at:].strip():
        match = _TOKEN.match(text, at)
        if match is None:
            raise UsageError('The filter has a " without its end.')
        found.append(match["mark"] or match["term"])
        at = match.end()
    return found


class _Parser:
    """Recursive descent: either := all (OR all)*; all := one ([AND] one)*; one := NOT one | ( either ) | term."""

    def __init__(self, tokens: Sequence[str]) -> None:
        self._tokens = list(tokens)

    def rest(self) -> str | None:
        """The token that comes next, None at the end."""
        return self._tokens[0] if self._tokens else None

    def either(self, depth: int) -> Condition:
        parts = [self._all(depth)]
        while self.rest() == "OR":
            self._tokens.pop(0)
            parts.append(self._all(depth))
        return parts[0] if len(parts) == 1 else _joined(parts, np.logical_or)

    def _all(self, depth: int) -> Condition:
        parts = [self._one(depth)]
        while self.rest() not in (None, "OR", ")"):
            if self.rest() == "AND":
                self._tokens.pop(0)
            parts.append(self._one(depth))
        return parts[0] if len(parts) == 1 else _joined(parts, np.logical_and)

    def _one(self, depth: int) -> Condition:
        if depth > _DEEPEST:
            raise UsageError("The filter has too many parentheses.")
        token = self._tokens.pop(0) if self._tokens else None
        if token == "NOT":
            inner = self._one(depth + 1)
            return lambda columns: ~inner(columns)
        if token == "(":
            made = self.either(depth + 1)
            if self.rest() != ")":
                raise UsageError("The filter has a ( without its ).")
            self._tokens.pop(0)
            return made
        if token in (None, ")", "AND", "OR"):
            raise UsageError(f"The filter lacks a condition {f'before {token}' if token else 'at its end'}.")
        return _term(str(token))


def _joined(parts: Sequence[Condition], join: Callable[[Mask, Mask], Mask]) -> Condition:
    def made(columns: Columns) -> Mask:
        found = parts[0](columns)
        for part in parts[1:]:
            found = join(found, part(columns))
        return found

    return made


def _term(token: str) -> Condition:
    match = _TERM.fullmatch(token)
    if match is None:
        word = token.replace('"', "")
        return lambda columns: columns.contains("title", word) | columns.contains("creator", word)
    field, sign, value = match["field"].lower(), match["sign"], match["value"].replace('"', "")
    if field in TEXTS:
        if sign not in (":", "=", "!="):
            raise UsageError(f"`{field}` is no number: write {field}:word.")
        column = TEXTS[field]
        if sign == "!=":
            return lambda columns: ~columns.contains(column, value)
        return lambda columns: columns.contains(column, value)
    if field not in NUMBERS:
        hint = did_you_mean(field, [*NUMBERS, *TEXTS])
        raise UsageError(f"A filter knows no `{field[:40]}`.{hint}")
    return _numeric(NUMBERS[field], field, sign, value)


def _numeric(column: str, field: str, sign: str, value: str) -> Condition:
    try:
        limit = float(value)
    except ValueError:
        raise UsageError(f"`{field}` needs a number, not '{value[:40]}'.") from None

    def made(columns: Columns) -> Mask:
        found = columns.number(column)
        held: Mask = _SIGNS[sign](found, limit) & ~np.isnan(found)
        return held

    return made
