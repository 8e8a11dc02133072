"""The licence of a work on WikiArt, which states none: computed from its artist's year of death, and explained."""

from __future__ import annotations

from spiders.pages.wikiart import Artist

FULL_YEARS = 70
"""Protection ends with the seventieth calendar year after the artist's death (EU Directive 2006/116/EC, Art. 1, 8)."""
PUBLIC_DOMAIN = "CC-PDM-1.0"
IN_COPYRIGHT = "LicenseRef-InC"
UNKNOWN = "NOASSERTION"
ADDRESSES = {
    PUBLIC_DOMAIN: "https://creativecommons.org/publicdomain/mark/1.0/",
    IN_COPYRIGHT: "http://rightsstatements.org/vocab/InC/1.0/",
    UNKNOWN: None,
}


def licence(artist: Artist | None, this_year: int) -> tuple[str, str]:
    """The licence by the artist's year of death, and the reason for it in one sentence.

    Public domain when 70 full years have passed since the year of death, in copyright when they have not or
    the artist lives, NOASSERTION when nothing is known.
    """
    name = (artist.name or artist.slug) if artist else "the artist"
    if artist is None or (artist.death is None and not artist.living):
        return UNKNOWN, f"the year of death of {name} is not known"
    if artist.death is None:
        return IN_COPYRIGHT, f"{name} lives"
    died = f"{name} died in {_year(artist.death)}"
    if artist.death <= this_year - FULL_YEARS - 1:
        return PUBLIC_DOMAIN, f"{died}, more than {FULL_YEARS} full years ago"
    return IN_COPYRIGHT, f"{died}: protected until the end of {artist.death + FULL_YEARS}"


def _year(year: int) -> str:
    """An astronomical year as people write it: -279 is 279 BC here, as the site's own texts are read."""
    return f"{-year} BC" if year < 0 else str(year)


def left_out(counts: dict[str, int], this_year: int) -> str:
    """What was left out of a crawl for the public domain alone, and why, in one sentence."""
    copyright_, unknown = counts.get(IN_COPYRIGHT, 0), counts.get(UNKNOWN, 0)
    latest = this_year - FULL_YEARS - 1
    return (
        f"{copyright_ + unknown:,} works were left out: of {copyright_:,} the artist lives or died after {latest}, "
        f"of {unknown:,} the artist's year of death is not known."
    )


def told(counts: dict[str, int]) -> str:
    """Which licences the works of a crawl have, in one sentence."""
    free, copyright_, unknown = (counts.get(name, 0) for name in (PUBLIC_DOMAIN, IN_COPYRIGHT, UNKNOWN))
    return (
        f"By the artists' years of death {free:,} works are in the public domain, {copyright_:,} in copyright, and of "
        f"{unknown:,} it is not known; `--public-domain` takes the first alone."
    )
