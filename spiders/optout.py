"""What owners say about machine learning: in headers, pages, robots.txt, tdmrep.json and inside files.

Pure functions. What is seen is recorded as words by the name of the signal, and judged by `reserved`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from html import unescape
from typing import Any

from protego import Protego

from pipeline.errors import Reason, UsageError, did_you_mean
from spiders.records import redacted

US = "wunderkammer"
WORDS = frozenset({"noai", "noimageai", "noindex", "noimageindex", "none"})
"""Words of X-Robots-Tag, and of robots in a page, that reserve a picture."""
AI_TOKENS = (
    "GPTBot", "CCBot", "Google-Extended", "Applebot-Extended", "img2dataset", "ClaudeBot", "anthropic-ai", "Bytespider",
    "Meta-ExternalAgent", "FacebookBot", "Diffbot", "cohere-ai", "cohere-training-data-crawler", "omgili",
    "omgilibot", "Webzio-Extended", "AI2Bot", "Ai2Bot-Dolma", "ImagesiftBot", "Timpibot", "PanguBot", "ICC-Crawler",
)  # fmt: skip
"""Crawlers that gather what models are trained on: a site that shuts all of itself to them objects to that."""
SIGNALS = {
    "x_robots_tag": "the header X-Robots-Tag: noai, noimageai, noindex, noimageindex",
    "meta_robots": "the same words in the page of the picture",
    "tdm_reservation": "the header or page says tdm-reservation: 1",
    "tdmrep": "/.well-known/tdmrep.json of its host says so, and no header says otherwise",
    "content_usage": "Content-Usage: train-ai=n, in a header or robots.txt (IETF AI preferences)",
    "content_signal": "Content-Signal: ai-train=no in robots.txt",
    "robots_ai": "robots.txt shuts the whole site to crawlers that gather training data, such as GPTBot or CCBot",
    "xmp_dmi": "plus:DataMining in the file's XMP prohibits it (IPTC, PLUS)",
    "c2pa": "training-mining in the file's C2PA manifest does not allow it",
}
"""The signals that are looked for, and what each is."""
GROUPS = {"tdm": frozenset({"tdm_reservation", "tdmrep"})}
"""Names that stand for several signals when people list what to ignore."""

_OTHER_DIRECTIVES = ("max-snippet", "max-image-preview", "max-video-preview", "unavailable_after")
_TRAINING = frozenset({"train-ai", "train-genai", "genai", "ai", "tdm"})
_NO = frozenset({"n", "no", "?0", "0"})
_DMI = re.compile(rb"DataMining[^<>]{0,20}[>=].{0,200}?(DMI-[A-Z-]+)", re.DOTALL)
_ENTRY = re.compile(
    rb"((?:cawg|c2pa)?\.?(?:ai_generative_training|ai_training|data_mining))(.{0,60}?)(notAllowed|allowed|constrained)",
    re.DOTALL,
)
_META = re.compile(r"<meta\s[^>]{0,2000}>", re.IGNORECASE)
_ATTRIBUTE = re.compile(r"""([a-z:_-]+)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""", re.IGNORECASE)
_PAGE = 256 * 1024
_MENTIONS = 50
"""So many mentions of DataMining are looked at: a file that has it a million times does not hold the crawl up."""


def signals(headers: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """The signals among a response's headers (names in lower case, each with its values).

    X-Robots-Tag without an agent's name, with ours, or with one of `AI_TOKENS`; `tdm-reservation` of the TDM
    reservation protocol; `Content-Usage` of the IETF's AI preferences draft.
    """
    found = {}
    words = [word for value in headers.get("x-robots-tag", ()) for word in _addressed(value)]
    if seen := [word for word in words if word in WORDS]:
        found["x_robots_tag"] = ", ".join(dict.fromkeys(seen))
    for name in ("tdm-reservation", "content-usage"):
        if values := [value.strip() for value in headers.get(name, ()) if value.strip()]:
            found[name.replace("-", "_")] = ", ".join(values)[:200]
    return found


def _addressed(value: str) -> list[str]:
    """The words of an X-Robots-Tag that are for us: an agent's name goes for what follows it."""
    ours = {US, "*", *(token.lower() for token in AI_TOKENS)}
    found, for_us = [], True
    for part in value.lower().split(","):
        name, colon, rest = part.partition(":")
        if colon and name.strip() not in _OTHER_DIRECTIVES:
            for_us, part = name.strip() in ours, rest
        if for_us:
            found.append(part.strip())
    return found


def in_page(html: str) -> dict[str, str]:
    """The signals in a page that shows the picture: meta elements `robots` and `tdm-reservation`."""
    found = {}
    for element in _META.findall(html[:_PAGE]):
        pairs = [(name.lower(), unescape(a or b or c)) for name, a, b, c in _ATTRIBUTE.findall(element)]
        said = dict(pairs)
        name, content = said.get("name", "").lower(), said.get("content", "").lower()
        if name in ("robots", US, *(token.lower() for token in AI_TOKENS)):
            words = [word.strip() for word in content.split(",")]
            if seen := [word for word in words if word in WORDS]:
                found["meta_robots"] = ", ".join(seen)
        elif name == "tdm-reservation":
            found["tdm_reservation"] = content.strip()[:200]
    return found


def in_file(body: bytes) -> dict[str, str]:
    """The signals inside a picture's bytes: `plus:DataMining` in XMP, `training-mining` in a C2PA manifest.

    A search for bytes, as the file is not opened here: XMP that is compressed is not seen.
    """
    found = {}
    at = -1
    for _ in range(_MENTIONS):
        at = body.find(b"DataMining", at + 1)
        if at < 0:
            break
        if match := _DMI.match(body, at, at + 300):
            found["xmp_dmi"] = match[1].decode()
            break
    at = body.find(b".training-mining")
    if at >= 0:
        entries = [f"{key.decode()}={use.decode()}" for key, _, use in _ENTRY.findall(body[at : at + 4096])]
        found["c2pa"] = ", ".join(dict.fromkeys(entries)) or "training-mining"
    return found


@dataclass(frozen=True, slots=True)
class Robots:
    """What a robots.txt says about machine learning: for all of the site, and `Content-Usage` by path."""

    whole: Mapping[str, str]
    usage: tuple[tuple[str, str], ...] = ()

    def signals(self, path: str) -> dict[str, str]:
        """The signals for an address with this path and query."""
        found = dict(self.whole)
        fitting = [(len(pattern), said) for pattern, said in self.usage if _fits(pattern, path)]
        if fitting:
            found["content_usage"] = max(fitting, key=lambda one: one[0])[1]
        return found


def in_robots(text: str) -> Robots:
    """The signals of a robots.txt: `AI_TOKENS` that it shuts out by name, Content-Signal and Content-Usage lines.

    Lines of groups for other crawlers do not count.
    """
    whole, usage, named = {}, [], set()
    agents: list[str] = []
    in_rules = False
    for line in text.splitlines():
        key, colon, value = line.partition("#")[0].partition(":")
        key, value = key.strip().lower(), value.strip()
        if not colon:
            continue
        if key == "user-agent":
            agents = [value.lower()] if in_rules else [*agents, value.lower()]
            in_rules = False
            named.add(value.lower())
            continue
        in_rules = True
        if not agents or {"*", US} & set(agents):
            if key == "content-signal":
                whole["content_signal"] = value.lower()[:200]
            elif key == "content-usage":
                usage.append(_usage(value))
    if shut := _shut_out(text, named):
        whole["robots_ai"] = ", ".join(shut)
    return Robots(whole, tuple(usage))


def _usage(value: str) -> tuple[str, str]:
    """Path pattern and preferences of a Content-Usage line, whose path may be left out."""
    pattern, _, said = value.partition(" ")
    return (pattern, said.strip().lower()[:200]) if pattern.startswith("/") else ("/", value.lower()[:200])


def _shut_out(text: str, named: Collection[str]) -> list[str]:
    tokens = [token for token in AI_TOKENS if token.lower() in named]
    if not tokens:
        return []
    rules = Protego.parse(text)
    return [
        token for token in tokens
        if not any(rules.can_fetch(f"https://h.example{path}", token) for path in ("/", "/any/page.jpg"))
    ]  # fmt: skip


def in_tdmrep(body: bytes, path: str) -> dict[str, str]:
    """The signal of a `/.well-known/tdmrep.json` for a path; of several rules the one with the longest pattern."""
    try:
        rules = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    fitting = [(len(pattern), str(said)) for pattern, said in _rules(rules) if _fits(pattern, path)]
    return {"tdmrep": max(fitting, key=lambda one: one[0])[1][:20]} if fitting else {}


def _rules(rules: Any) -> Iterable[tuple[str, Any]]:
    for rule in rules if isinstance(rules, list) else []:
        if isinstance(rule, dict) and isinstance(rule.get("location"), str) and "tdm-reservation" in rule:
            yield rule["location"][:2000], rule["tdm-reservation"]


def _fits(pattern: str, path: str) -> bool:
    """Whether a path begins as the pattern says: `*` is any run of letters, and `$` at its end the end (RFC 9309)."""
    pattern, end = (pattern[:-1], True) if pattern.endswith("$") else (pattern, False)
    first, *others = pattern.split("*")
    if not path.startswith(first):
        return False
    at = len(first)
    for part in others[:-1] if end and others else others:
        if (found := path.find(part, at)) < 0:
            return False
        at = found + len(part)
    if end and others:
        return len(path) - len(others[-1]) >= at and path.endswith(others[-1])
    return not end or at == len(path)


def reserved(found: Mapping[str, str], ignored: Collection[str] = ()) -> list[str]:
    """The names of the signals that keep a picture from training a model, but those ignored; `all` ignores all."""
    skip = {name for one in ignored for name in GROUPS.get(one, (one,))}
    if "all" in skip:
        return []
    return [name for name in SIGNALS if name in found and name not in skip and _reserves(name, found)]


def columns(found: Mapping[str, str], ignored: Collection[str] = ()) -> dict[str, Any]:
    """The columns of a row that signals fill: what was seen, which were `ignored`, and why it is not kept, if so."""
    if not found:
        return {}
    why, over = reserved(found, ignored), reserved(found)
    kept_for = [name for name in over if name not in why]
    seen = {**found, "ignored": ", ".join(kept_for)} if kept_for else found
    row: dict[str, Any] = {"optout_signals": redacted(seen)}
    if why:
        row |= {"reason": str(Reason.OPTED_OUT), "detail": ", ".join(f"{name}: {found[name]}" for name in why)[:300]}
    return row


def to_ignore(given: Any) -> frozenset[str]:
    """The signals to ignore, of a list or a text with commas. Raises UsageError for a name that is none."""
    names = given.split(",") if isinstance(given, str) else [str(one) for one in given or ()]
    words = {name.strip().lower().replace("-", "_") for name in names} - {""}
    known = {*SIGNALS, *GROUPS, "all"}
    for word in sorted(words - known):
        hint = did_you_mean(word, known) or f" Known: {', '.join(sorted(known))}."
        raise UsageError(f"There is no opt-out signal called {word!r}.{hint}")
    return frozenset(words)


def _reserves(name: str, found: Mapping[str, str]) -> bool:
    said = found[name]
    if name == "tdmrep":
        return said == "1" and "tdm_reservation" not in found
    if name == "tdm_reservation":
        return said == "1"
    if name == "content_usage":
        return any(key in _TRAINING and value in _NO for key, value in _pairs(said))
    if name == "content_signal":
        return any(key == "ai-train" and value in _NO for key, value in _pairs(said))
    if name == "xmp_dmi":
        return said.startswith("DMI-PROHIBITED")
    if name == "c2pa":
        return "training=notAllowed" in said or "training=constrained" in said
    return True


def _pairs(said: str) -> list[tuple[str, str]]:
    """Keys and values of a dictionary as RFC 9651 writes it, parameters left out; a key alone says yes."""
    parts = [part.partition(";")[0].partition("=") for part in said.lower().split(",")]
    return [(key.strip(), value.strip() if equals else "y") for key, equals, value in parts]
