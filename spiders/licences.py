"""Read a licence in any spelling: a text, an address, a provider's code; what comes out is SPDX or an address."""

from __future__ import annotations

import html
import re
from typing import Any

from pipeline.licences import (
    ADDRESSES,
    CC_IDS,
    IN_COPYRIGHT,
    PUBLIC_DOMAIN_MARK,
    UNKNOWN,
    US_GOVERNMENT,
    address,
    creative_commons,
)

Licence = tuple[str, str | None]

STATEMENTS = {
    "InC": "in copyright", "InC-OW-EU": "in copyright eu orphan work",
    "InC-EDU": "in copyright educational use permitted", "InC-NC": "in copyright non commercial use permitted",
    "InC-RUU": "in copyright rights holder s unlocatable or unidentifiable",
    "NoC-CR": "no copyright contractual restrictions", "NoC-NC": "no copyright non commercial use only",
    "NoC-OKLR": "no copyright other known legal restrictions", "NoC-US": "no copyright united states",
    "CNE": "copyright not evaluated", "UND": "copyright undetermined", "NKC": "no known copyright",
}  # fmt: skip
"""The twelve statements of rightsstatements.org 1.0 and their labels."""

FLICKR = {
    0: IN_COPYRIGHT, 1: "CC-BY-NC-SA-2.0", 2: "CC-BY-NC-2.0", 3: "CC-BY-NC-ND-2.0", 4: "CC-BY-2.0",
    5: "CC-BY-SA-2.0", 6: "CC-BY-ND-2.0", 7: "http://rightsstatements.org/vocab/NKC/1.0/", 8: US_GOVERNMENT,
    9: "CC0-1.0", 10: PUBLIC_DOMAIN_MARK, 11: "CC-BY-4.0", 12: "CC-BY-SA-4.0", 13: "CC-BY-ND-4.0",
    14: "CC-BY-NC-4.0", 15: "CC-BY-NC-SA-4.0", 16: "CC-BY-NC-ND-4.0",
}  # fmt: skip
"""Flickr's licence numbers."""


def _stated(name: str) -> str:
    return IN_COPYRIGHT if name == "InC" else f"http://rightsstatements.org/vocab/{name}/1.0/"


_NKC, _NOC_US = _stated("NKC"), _stated("NoC-US")
_IDS = {name.lower(): name for name in (*CC_IDS, *ADDRESSES, UNKNOWN)}
_SAYINGS = {
    "CC0-1.0": ("cc0", "cc0 1.0", "cc 0", "cc zero", "creative commons zero", "open access cc0", "pd cc0"),
    PUBLIC_DOMAIN_MARK: (
        "public domain", "publicdomain", "pd", "pdm", "pdm 1.0", "pdm owner", "public domain mark", "cc pdm",
        "public domain mark 1.0", "cc pdm 1.0", "creative commons public domain mark", "out of copyright",
        "public domain work", "gemeinfrei", "domaine public", "dominio publico",
    ),
    IN_COPYRIGHT: (
        "all rights reserved", "copyright", "copyrighted", "inc", "©", "rights reserved", "under copyright",
        "protected by copyright",
    ),
    US_GOVERNMENT: (
        "united states government work", "us government work", "u.s. government work", "pd us gov", "pd usgov",
    ),
    _NKC: ("no known copyright restrictions", "no known restrictions", "no restrictions"),
    _NOC_US: ("pd us",),
    "CC-PDDC": ("pddc", "public domain certification"),
    "GFDL-1.1-or-later": ("gfdl 1.1",),
    "GFDL-1.2-or-later": ("gfdl", "gfdl 1.2", "gnu free documentation license"),
    "GFDL-1.3-or-later": ("gfdl 1.3",),
    "LAL-1.3": ("fal", "lal", "free art license", "free art", "licence art libre"),
    "OGL-UK-3.0": ("ogl", "ogl 3", "ogl 3.0"),
    "OGL-UK-2.0": ("ogl 2", "ogl 2.0"),
    "Apache-2.0": ("apache license 2.0", "apache 2.0"),
    "GPL-3.0-or-later": ("gplv3",),
}  # fmt: skip
"""Whole texts, as `_plain` spells them, that mean one licence."""
_PHRASES = {
    **{label: _stated(name) for name, label in STATEMENTS.items()},
    **{phrase: name for name, phrases in _SAYINGS.items() for phrase in phrases},
}
_PATTERNS = (
    (r"(creative commons )?(cc ?0|cc zero|zero)( v?1\.0)?( cc0 1\.0)?( public domain dedication)?", "CC0-1.0"),
    (r"public domain dedication( cc0)?( 1\.0)?", "CC0-1.0"),
    (r"(cc )?pd (old|art|self|user|author|1923|expired|scan|ineligible|textlogo)\b.*", PUBLIC_DOMAIN_MARK),
    (r"(©|c|copyright) ?(\d{4}\b.*|.*all rights reserved)", IN_COPYRIGHT),
)

_URL = re.compile(r"((?:creativecommons|rightsstatements)\.org/[^\s\"'<>]+)", re.IGNORECASE)
_ANY_URL = re.compile(r"https?://[^\s\"'<>]+")
_CODE = re.compile(r"(?:cc[\s-])?((?:nc-)?sampling\+?|devnations)(?: (\d\.\d))?")
_CC_PATH = re.compile(r"creativecommons\.org/licenses?/([a-z+-]+)(?:/(\d\.\d))?(?:/([a-z]{2,3})(?=/|$))?")
_CC = re.compile(
    r"(?<![a-z0-9])(?:cc|creative commons)?[\s_:-]*\b(by(?:[\s_-]+(?:nc|sa|nd))*)(?![a-z])"
    r"(?:[\s_-]*v?(\d\.\d)(?!\d))?(?:[\s_-]+([a-z]{2,3})(?![a-z]))?"
)
_TERMS = (("nc", r"non[\s-]?commercial"), ("nd", r"no[\s-]?deriv\w*"), ("sa", r"share[\s-]?alike"))
_LONG = re.compile(r"(creative commons\b.*)?\battribution\b(?=[\s-]|$)")
_PORTS = re.compile(
    r"ar|at|au|be|bg|br|ca|ch|cl|cn|co|cr|cz|de|dk|ec|ee|eg|es|fi|fr|ge|gr|gt|hk|hr|hu|ie|igo|il|in|it|jp|kr|lu|mk|mt|mx|"
    r"my|ng|nl|no|nz|pe|ph|pl|pr|pt|ro|rs|se|sg|si|th|tw|ug|uk|us|ve|vn|za"
)
_COUNTRIES = {
    "germany": "de", "austria": "at", "australia": "au", "netherlands": "nl", "united states": "us", "france": "fr",
    "uk": "uk", "england": "uk", "japan": "jp", "spain": "es", "italy": "it", "poland": "pl", "brazil": "br",
    "canada": "ca", "switzerland": "ch",
}  # fmt: skip


def licence(value: Any, version: Any = None) -> Licence:
    """The licence that a text, an address or a code names, and where it can be read.

    An SPDX id where there is one (`CC-BY-SA-4.0`, `CC0-1.0`, `CC-PDM-1.0`; `LicenseRef-InC` is in copyright), else
    an address (statements of rightsstatements.org, licences that SPDX does not list), and `NOASSERTION` without an
    address when nothing certain is said: also when a text names several. `version` goes with Openverse's codes.
    """
    text = html.unescape(re.sub(r"<[^>]*>", " ", value)).strip() if isinstance(value, str) else ""
    if version and text:
        text = f"{text} {version}"
    name = _by_id(text) or _by_address(text) or _by_phrase(text) or _by_code(text) or UNKNOWN
    return name, address(name)


def flickr(number: Any) -> Licence:
    """The licence of one of Flickr's numbers, as number or text."""
    name = FLICKR.get(int(number), UNKNOWN) if re.fullmatch(r"\d{1,3}", str(number)) else UNKNOWN
    return name, address(name)


def open_access(flag: Any) -> Licence:
    """The licence of a museum's flag `is public domain`: CC0 when it is set; when it is not, nothing is said."""
    name = "CC0-1.0" if flag is True or str(flag).strip().lower() in ("true", "yes", "1") else UNKNOWN
    return name, address(name)


def _by_id(text: str) -> str | None:
    if re.fullmatch(r"LicenseRef-[A-Za-z0-9.-]+", text):
        return text
    return _IDS.get(text.lower())


def _by_address(text: str) -> str | None:
    if found := _URL.search(text):
        return _creative_commons(found[1]) if found[1].lower().startswith("c") else _statement(found[1])
    if found := _ANY_URL.search(text):
        return _elsewhere(found[0])
    return None


def _creative_commons(path: str) -> str | None:
    lower = path.lower().replace("%2b", "+")
    if re.search(r"/publicdomain/zero|/licenses?/(cc0|zero)\b", lower):
        return "CC0-1.0"
    if "/publicdomain/mark" in lower:
        return PUBLIC_DOMAIN_MARK
    if re.search(r"/licenses?/publicdomain|/publicdomain/certification", lower):
        return "CC-PDDC"
    found = _CC_PATH.match(lower)
    return creative_commons(found[1], found[2], found[3]) if found else None


def _statement(path: str) -> str | None:
    found = re.match(r"rightsstatements\.org/(?:vocab|page|data)/([a-z-]+)", path.lower())
    name = next((name for name in STATEMENTS if found and name.lower() == found[1]), None)
    return _stated(name) if name else None


def _elsewhere(url: str) -> str:
    """The licence at an address that is neither of Creative Commons nor of rightsstatements.org."""
    lower = re.sub(r"^https?://(www\.)?", "", url.lower()).rstrip("/.,;)")
    known = {re.sub(r"^https?://(www\.)?", "", where.lower()).rstrip("/"): name for name, where in ADDRESSES.items()}
    if lower in known:
        return known[lower]
    for start, name in (
        ("europeana.eu/rights/rr-", IN_COPYRIGHT), ("europeana.eu/rights/unknown", UNKNOWN),
        ("europeana.eu/rights/out-of-copyright", _stated("NoC-NC")), ("gnu.org/copyleft/fdl", "GFDL-1.3-or-later"),
        ("gnu.org/licenses/fdl", "GFDL-1.3-or-later"),
        ("artlibre.org", "LAL-1.3"), ("flickr.com/commons/usage", _NKC), ("usa.gov/copyright", US_GOVERNMENT),
        ("usa.gov/government-", US_GOVERNMENT), ("opendatacommons.org/licenses/pddl", "PDDL-1.0"),
    ):  # fmt: skip
        if lower.startswith(start):
            return name
    return url.rstrip(".,;)")


def _plain(text: str) -> str:
    """Lower case, words and dots of numbers alone, one space between, without what changes nothing."""
    lower = re.sub(r"\b(the|universal|international|unported|generic|deed)\b", " ", text.lower())
    return re.sub(r"\s+", " ", re.sub(r"[^a-z0-9.©]+|\.(?!\d)", " ", lower)).strip()


def _by_phrase(text: str) -> str | None:
    spelled = _plain(text)
    if spelled in _PHRASES:
        return _PHRASES[spelled]
    return next((name for pattern, name in _PATTERNS if re.fullmatch(pattern, spelled)), None)


def _by_code(text: str) -> str | None:
    """The one Creative Commons licence in a text; None when there are none, or several."""
    lower = _shortened(text.lower().replace("_", "-"))
    if sampling := _CODE.fullmatch(lower):
        return creative_commons(sampling[1], sampling[2])
    found = [match for match in _CC.finditer(lower) if _is_code(match, lower)]
    codes = {re.sub(r"[\s_]+", "-", match[1]) for match in found}
    if len(codes) != 1:
        return None
    match = found[0]
    port = match[3] if match[3] and _PORTS.fullmatch(match[3]) else None
    port = port or next((code for name, code in _COUNTRIES.items() if match[2] and f" {name}" in lower), None)
    return creative_commons(_ordered(codes.pop()), match[2], port if match[2] else None)


def _is_code(match: re.Match[str], text: str) -> bool:
    """Whether `by` is not just a word: something of Creative Commons stands with it, or nothing else does."""
    named = re.match(r"(cc|creative commons)", match[0].lstrip(" _:-"))
    return bool(named or re.search(r"[-_\s](nc|sa|nd)$", match[1]) or match[0].strip() == text.strip())


def _shortened(text: str) -> str:
    """Long names as codes: `Attribution-NonCommercial 2.0` becomes `cc by-nc 2.0`."""
    terms = [code for code, spelled in _TERMS if re.search(spelled, text)]
    is_long = terms or "creative commons" in text or re.fullmatch(r"attribution licen[cs]e", text)
    if not (is_long and _LONG.search(text)):
        return text
    version = re.search(r"\d\.\d", text)
    after = text[version.end() :] if version else ""
    return " ".join(["cc", "-".join(["by", *terms]), version[0] if version else "", after]).strip()


def _ordered(code: str) -> str:
    """Terms in the order that Creative Commons gives them: by-nc-sa, by-nc-nd."""
    parts = set(code.split("-"))
    return "-".join(part for part in ("by", "nc", "nd", "sa") if part in parts)
