"""Licences as rows hold them, SPDX ids or addresses: their address, their family, and what a filter lets pass."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pipeline.errors import UsageError, did_you_mean

UNKNOWN = "NOASSERTION"
IN_COPYRIGHT = "LicenseRef-InC"
PUBLIC_DOMAIN_MARK = "CC-PDM-1.0"
US_GOVERNMENT = "https://www.usa.gov/government-works"

CC_IDS = frozenset(
    f"CC-{name}"
    for names in (
        "BY-1.0 BY-2.0 BY-2.5 BY-2.5-AU BY-3.0 BY-3.0-AT BY-3.0-AU BY-3.0-DE BY-3.0-IGO BY-3.0-NL BY-3.0-US BY-4.0",
        "BY-NC-1.0 BY-NC-2.0 BY-NC-2.5 BY-NC-3.0 BY-NC-3.0-DE BY-NC-3.0-IGO BY-NC-4.0",
        "BY-NC-ND-1.0 BY-NC-ND-2.0 BY-NC-ND-2.5 BY-NC-ND-3.0 BY-NC-ND-3.0-DE BY-NC-ND-3.0-IGO BY-NC-ND-4.0",
        "BY-NC-SA-1.0 BY-NC-SA-2.0 BY-NC-SA-2.0-DE BY-NC-SA-2.0-FR BY-NC-SA-2.0-UK BY-NC-SA-2.5 BY-NC-SA-3.0",
        "BY-NC-SA-3.0-DE BY-NC-SA-3.0-IGO BY-NC-SA-4.0 BY-ND-1.0 BY-ND-2.0 BY-ND-2.5 BY-ND-3.0 BY-ND-3.0-DE BY-ND-4.0",
        "BY-SA-1.0 BY-SA-2.0 BY-SA-2.0-UK BY-SA-2.1-JP BY-SA-2.5 BY-SA-3.0 BY-SA-3.0-AT BY-SA-3.0-DE BY-SA-3.0-IGO",
        "BY-SA-4.0 SA-1.0",
    )
    for name in names.split()
)
"""The Creative Commons licences that SPDX lists; others, such as most ports to a country, go by their address."""

_GNU = "https://www.gnu.org/licenses"
ADDRESSES = {
    "CC0-1.0": "https://creativecommons.org/publicdomain/zero/1.0/",
    PUBLIC_DOMAIN_MARK: "https://creativecommons.org/publicdomain/mark/1.0/",
    "CC-PDDC": "https://creativecommons.org/licenses/publicdomain/",
    IN_COPYRIGHT: "http://rightsstatements.org/vocab/InC/1.0/",
    "PDDL-1.0": "https://opendatacommons.org/licenses/pddl/1-0/",
    "ODbL-1.0": "https://opendatacommons.org/licenses/odbl/1-0/",
    "LAL-1.2": "https://artlibre.org/licence/lal/licence-art-libre-12/",
    "LAL-1.3": "https://artlibre.org/licence/lal/en/",
    **{
        f"GFDL-{version}-{suffix}": f"{_GNU}/{'fdl' if version == '1.3' else f'old-licenses/fdl-{version}'}.html"
        for version in ("1.1", "1.2", "1.3")
        for suffix in ("only", "or-later")
    },
    "OGL-UK-1.0": "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/1/",
    "OGL-UK-2.0": "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/2/",
    "OGL-UK-3.0": "https://www.nationalarchives.gov.uk/doc/open-government-licence/version/3/",
    "OGL-Canada-2.0": "https://open.canada.ca/en/open-government-licence-canada",
    "etalab-2.0": "https://github.com/DISIC/politique-de-contribution-open-source/blob/master/LICENSE.pdf",
    "DL-DE-BY-2.0": "https://www.govdata.de/dl-de/by-2-0",
    "DL-DE-ZERO-2.0": "https://www.govdata.de/dl-de/zero-2-0",
    "MIT": "https://opensource.org/licenses/MIT",
    "Apache-2.0": "https://www.apache.org/licenses/LICENSE-2.0",
    "BSD-3-Clause": "https://opensource.org/licenses/BSD-3-Clause",
    "GPL-2.0-or-later": f"{_GNU}/old-licenses/gpl-2.0.html",
    "GPL-3.0-or-later": f"{_GNU}/gpl-3.0.html",
    "LGPL-3.0-or-later": f"{_GNU}/lgpl-3.0.html",
    "Unlicense": "https://unlicense.org/",
    "WTFPL": "http://www.wtfpl.net/about/",
}
"""Where the other licences that are known by an SPDX id can be read."""

FAMILIES = {
    "cc0": "given to the public domain by its maker (CC0)",
    "public-domain": "in the public domain: marked so, given to it (CC0 included), or made by the US government",
    "no-known-copyright": "no known copyright, or none in one country (rightsstatements.org NoC and NKC)",
    "cc-by": "Creative Commons, any version: name the creator",
    "cc-by-sa": "… and share alike",
    "cc-by-nc": "… not for commerce",
    "cc-by-nd": "… unchanged",
    "cc-by-nc-sa": "… not for commerce, and share alike",
    "cc-by-nc-nd": "… not for commerce, and unchanged",
    "gfdl": "GNU free documentation licence",
    "free-art": "Licence Art Libre",
    "in-copyright": "all rights reserved",
    "unknown": "nothing is known (NOASSERTION)",
    "other": "a licence or terms of another kind",
}
"""What a filter may name besides SPDX ids and addresses."""

_ALIASES = {
    "pd": "public-domain", "publicdomain": "public-domain", "cc-zero": "cc0", "pdm": "cc-pdm-1.0",
    "all-rights-reserved": "in-copyright", "noassertion": "unknown",
    **{name.removeprefix("cc-"): name for name in FAMILIES if name.startswith("cc-")},
}  # fmt: skip
_CC_ID = re.compile(r"CC-(BY(?:-NC)?(?:-ND|-SA)?|SA)-(\d\.\d)(?:-([A-Z]{2,3}))?")
_CC_URL = re.compile(r"https?://creativecommons\.org/licenses/([a-z+-]+)/(?:(\d\.\d)/)?(?:([a-z]{2,5})/)?")
_STATEMENT = re.compile(r"https?://rightsstatements\.org/vocab/([A-Za-z-]+)/.*")
_GIVEN = frozenset({"CC0-1.0", PUBLIC_DOMAIN_MARK, "CC-PDDC", "PDDL-1.0", "Unlicense", US_GOVERNMENT})


def address(licence: str) -> str | None:
    """Where a licence can be read; None when nobody knows."""
    if found := _CC_ID.fullmatch(licence):
        code, version, port = found[1].lower(), found[2], found[3]
        code = "by-nd-nc" if (code, version) == ("by-nc-nd", "1.0") else code
        return f"https://creativecommons.org/licenses/{code}/{version}/" + (f"{port.lower()}/" if port else "")
    return licence if licence.startswith(("http://", "https://")) else ADDRESSES.get(licence)


def creative_commons(code: str, version: str | None = None, port: str | None = None) -> str:
    """The SPDX id of a Creative Commons licence by its code, such as `by-sa`; its address when SPDX lists none."""
    ordered = "by-nc-nd" if code == "by-nd-nc" else code
    name = "-".join(part.upper() for part in ("cc", ordered, version, port) if part)
    if name in CC_IDS:
        return name
    return "https://creativecommons.org/licenses/" + "".join(f"{part}/" for part in (code, version, port) if part)


def families(licence: str) -> frozenset[str]:
    """The families of FAMILIES that a licence is in: CC0 is in two, every other in one."""
    if licence == "CC0-1.0":
        return frozenset({"cc0", "public-domain"})
    return frozenset({_family(licence)})


def _family(licence: str) -> str:
    if licence in ("", "NONE", UNKNOWN):
        return "unknown"
    if licence in _GIVEN:
        return "public-domain"
    if found := _CC_ID.fullmatch(licence):
        return _known(f"cc-{found[1].lower()}")
    if found := _CC_URL.fullmatch(licence):
        return _known(f"cc-{'by-nc-nd' if found[1] == 'by-nd-nc' else found[1]}")
    if licence.startswith(("GFDL-", "LAL-")):
        return "gfdl" if licence.startswith("G") else "free-art"
    name = found[1] if (found := _STATEMENT.fullmatch(licence)) else licence.removeprefix("LicenseRef-")
    if name.startswith(("NoC-", "NKC")):
        return "no-known-copyright"
    if name == "InC" or name.startswith("InC-"):
        return "in-copyright"
    return "unknown" if found and name in ("CNE", "UND") else "other"


def _known(name: str) -> str:
    return name if name in FAMILIES else "other"


def wanted(names: str | Iterable[str]) -> tuple[str, ...]:
    """A filter from what a person typed: names of families, SPDX ids or addresses, parted by commas.

    Empty when everything may pass (`any`). Raises UsageError for a name that is none of these.
    """
    parts = names.split(",") if isinstance(names, str) else [part for name in names for part in name.split(",")]
    chosen = tuple(dict.fromkeys(_one(part.strip()) for part in parts if part.strip()))
    return () if "any" in chosen else chosen


def _one(name: str) -> str:
    if name.startswith(("http://", "https://")):
        return name
    lower = re.sub(r"[\s_]+", "-", name.lower())
    lower = _ALIASES.get(lower, lower)
    ids = {known.lower() for known in (*CC_IDS, *ADDRESSES)}
    if lower in FAMILIES or lower in ids or lower == "any" or lower.startswith("licenseref-"):
        return lower
    hint = did_you_mean(lower, [*FAMILIES, *ids]) or f" Known families: {', '.join(FAMILIES)}."
    raise UsageError(f"There is no licence called {name!r}.{hint}")


def admits(chosen: Iterable[str], licence: str) -> bool:
    """Whether a filter made by `wanted` lets a licence pass: an empty one lets everything."""
    names = set(chosen)
    if not names:
        return True
    where = address(licence)
    return bool(names & {*families(licence), licence.lower(), *([where] if where else [])})
