"""Names for themes: the word of the metadata that stands out in a theme against the whole corpus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

_FIELDS = ("genre", "style", "creator", "tags", "query")
_MIN_SHARE = 0.3
_MIN_LIFT = 1.5
NO_NAMES = {"unknown", "unknown artist", "anonymous", "untitled", "all"}


def words_of(row: Mapping[str, object]) -> set[str]:
    """The words of one picture's metadata a theme may be named by."""
    words: set[str] = set()
    for field in _FIELDS:
        value = row.get(field)
        parts: Iterable[object] = value if isinstance(value, list) else [value]
        words |= {str(part).strip().lower() for part in parts if part and str(part).strip()}
    return words - NO_NAMES


def name_themes(members: Mapping[int, Sequence[set[str]]]) -> dict[int, str]:
    """A name for each theme: words carried by at least 30 % of it and 1.5 times as often as in the corpus.

    The share times the lift (how much oftener than in the corpus) decides. A word names one theme only: others
    of the same word get a second one beside it. Themes without such a word are called `theme 07`.
    """
    corpus = Counter(word for rows in members.values() for words in rows for word in words)
    total = max(sum(len(rows) for rows in members.values()), 1)
    used: set[str] = set()
    names: dict[int, str] = {}
    for theme in sorted(members, key=lambda t: (-len(members[t]), t)):
        ranked = _ranked(members[theme], corpus, total)
        name = next((word for word in _candidates(ranked) if word not in used), None)
        names[theme] = name or numbered(theme)
        used.add(names[theme])
    return names


def numbered(theme: int) -> str:
    """The name of a theme that nothing names."""
    return f"theme {theme:02d}"


def _ranked(rows: Sequence[set[str]], corpus: Counter[str], total: int) -> list[str]:
    counts = Counter(word for words in rows for word in words)
    scored = []
    for word, count in counts.items():
        share, everywhere = count / len(rows), corpus[word] / total
        if share >= _MIN_SHARE and share / everywhere >= _MIN_LIFT:
            scored.append((-share * min(share / everywhere, 20), word))
    return [word for _, word in sorted(scored)]


def _candidates(ranked: Sequence[str]) -> list[str]:
    pairs = [f"{ranked[0]}, {other}" for other in ranked[1:]] if ranked else []
    return [*ranked[:1], *pairs]
