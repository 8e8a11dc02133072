"""Licences in every spelling that sources use, their addresses, families, and filters."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline import licences
from pipeline.errors import UsageError
from spiders.licences import FLICKR, STATEMENTS, flickr, licence, open_access

NKC = "http://rightsstatements.org/vocab/NKC/1.0/"
SPELLINGS = {
    "CC-BY-SA-4.0": (
        "CC BY-SA 4.0", "cc-by-sa-4.0", "CC BY-SA 4.0-3.0-2.5-2.0-1.0", "CC-BY-SA-4.0", "cc_by_sa_4.0",
        "Creative Commons Attribution-ShareAlike 4.0 International License",
        "https://creativecommons.org/licenses/by-sa/4.0/deed.en", "//creativecommons.org/licenses/by-sa/4.0",
        "<a href='https://creativecommons.org/licenses/by-sa/4.0'>CC BY-SA 4.0</a>",
        "Jane Doe, CC BY-SA 4.0, via Wikimedia Commons",
    ),
    "CC-BY-2.0": ("CC BY 2.0", "Photo by Jane, CC BY 2.0, via Flickr", "http://creativecommons.org/licenses/by/2.0/"),
    "CC-BY-SA-3.0": ("cc-by-sa-3.0-migrated", "Creative Commons Attribution-Share Alike 3.0 Unported"),
    "CC-BY-SA-3.0-DE": ("CC BY-SA 3.0 de", "http://creativecommons.org/licenses/by-sa/3.0/de/deed.de"),
    "CC-BY-3.0-DE": ("Creative Commons Attribution 3.0 Germany",),
    "CC-BY-3.0-US": ("https://creativecommons.org/licenses/by/3.0/us/",),
    "CC-BY-SA-3.0-IGO": ("CC BY-SA 3.0 IGO",),
    "CC-BY-NC-ND-1.0": ("https://creativecommons.org/licenses/by-nd-nc/1.0/", "CC BY-NC-ND 1.0"),
    "https://creativecommons.org/licenses/by/3.0/pl/": ("CC BY 3.0 pl", "http://creativecommons.org/licenses/by/3.0/pl"),
    "https://creativecommons.org/licenses/by/": ("CC BY", "by", "Attribution License"),
    "https://creativecommons.org/licenses/by-nc-nd/": ("by-nc-nd", "Attribution-NonCommercial-NoDerivs License"),
    "https://creativecommons.org/licenses/sampling+/": ("sampling+",),
    "CC0-1.0": (
        "CC0", "cc-zero", "CC0 1.0", "Creative Commons Zero v1.0 Universal", "CC0-1.0",
        "Public Domain Dedication (CC0)",
        "CC0 1.0 Universal (CC0 1.0) Public Domain Dedication", "https://creativecommons.org/publicdomain/zero/1.0/",
    ),
    "CC-PDM-1.0": (
        "Public domain", "pdm", "PD", "PD-old-100", "PD-Art", "Public Domain Mark 1.0", "PDM-owner",
        "http://creativecommons.org/publicdomain/mark/1.0/",
    ),
    "CC-PDDC": ("https://creativecommons.org/licenses/publicdomain/",),
    "LicenseRef-InC": (
        "All rights reserved", "all-rights-reserved", "© 2012 Jane Doe. All rights reserved.", "Copyrighted",
        "http://rightsstatements.org/vocab/InC/1.0/", "https://rightsstatements.org/page/InC/1.0/?language=de",
        "In Copyright", "http://www.europeana.eu/rights/rr-f/",
    ),
    "http://rightsstatements.org/vocab/NoC-US/1.0/": ("No Copyright - United States", "PD-US"),
    NKC: ("No known copyright restrictions", "No restrictions", "https://www.flickr.com/commons/usage/"),
    licences.US_GOVERNMENT: ("United States Government Work", "http://www.usa.gov/copyright.shtml"),
    "GFDL-1.2-or-later": ("GFDL", "GFDL 1.2"),
    "GFDL-1.3-or-later": ("http://www.gnu.org/copyleft/fdl.html", "https://www.gnu.org/licenses/fdl-1.3.html"),
    "LAL-1.3": ("FAL", "Free Art License"),
    "https://unsplash.com/license": ("https://unsplash.com/license",),
    "NOASSERTION": (
        "", "  ", "NOASSERTION", "Not determined", "Usage conditions apply", "not public domain", "by Jane Doe",
        "standby", "CC BY or CC BY-NC", "Attribution", "4", "http://www.europeana.eu/rights/unknown/", "permission",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("text", "name"), [(text, name) for name, texts in SPELLINGS.items() for text in texts])
def test_a_licence_is_read_in_the_spellings_of_its_sources(text: str, name: str) -> None:
    found, where = licence(text)
    assert found == name
    assert (where is None) == (name == "NOASSERTION")
    assert licence(found) == (found, where), "what comes out goes in again"


def test_codes_of_openverse_have_their_version_beside_them() -> None:
    assert licence("by-sa", "4.0")[0] == "CC-BY-SA-4.0"
    assert licence("by-nc-nd", "2.0")[0] == "CC-BY-NC-ND-2.0"
    assert (licence("cc0", "1.0")[0], licence("pdm", "1.0")[0]) == ("CC0-1.0", "CC-PDM-1.0")
    assert licence("nc-sampling+", "1.0")[0] == "https://creativecommons.org/licenses/nc-sampling+/1.0/"
    assert licence("by", None)[0] == "https://creativecommons.org/licenses/by/"


def test_statements_are_known_by_address_and_by_label() -> None:
    for name, label in STATEMENTS.items():
        by_address = licence(f"https://rightsstatements.org/vocab/{name}/1.0/")
        assert by_address == licence(label.title()) and by_address[1] is not None
        assert by_address[1].startswith("http://rightsstatements.org/vocab/")


def test_numbers_of_flickr_and_flags_of_museums() -> None:
    assert flickr("4") == ("CC-BY-2.0", "https://creativecommons.org/licenses/by/2.0/")
    assert flickr(0)[0] == "LicenseRef-InC" and flickr(7)[0] == NKC and flickr(16)[0] == "CC-BY-NC-ND-4.0"
    assert all(where for where in (flickr(number)[1] for number in FLICKR))
    assert flickr(99) == flickr(None) == flickr("x") == ("NOASSERTION", None)
    assert open_access(True)[0] == open_access("True")[0] == "CC0-1.0"
    assert open_access(False) == open_access(None) == ("NOASSERTION", None)


@given(st.one_of(st.none(), st.integers(), st.text(), st.lists(st.text())))
def test_whatever_comes_in_a_licence_comes_out(value: object) -> None:
    name, where = licence(value)
    assert name and (where is None or re.match(r"https?://", where))
    assert licences.families(name) <= set(licences.FAMILIES)


@pytest.mark.parametrize("name", sorted(licences.CC_IDS | set(licences.ADDRESSES)))
def test_every_known_id_has_an_address_that_leads_back_to_it(name: str) -> None:
    where = licences.address(name)
    assert where is not None and licence(where)[0] in (name, name.replace("-only", "-or-later"))
    assert licences.admits(licences.wanted(name), name)


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("CC-BY-3.0-DE", "cc-by"), ("CC-BY-NC-ND-1.0", "cc-by-nc-nd"), ("CC-PDM-1.0", "public-domain"),
        ("https://creativecommons.org/licenses/by-sa/2.5/pl/", "cc-by-sa"), ("CC-SA-1.0", "other"),
        ("https://creativecommons.org/licenses/by/", "cc-by"), ("LicenseRef-InC", "in-copyright"),
        ("http://rightsstatements.org/vocab/InC-NC/1.0/", "in-copyright"), (NKC, "no-known-copyright"),
        ("http://rightsstatements.org/vocab/CNE/1.0/", "unknown"), ("NOASSERTION", "unknown"),
        ("https://unsplash.com/license", "other"), ("GFDL-1.2-or-later", "gfdl"), ("LAL-1.3", "free-art"),
        (licences.US_GOVERNMENT, "public-domain"), ("LicenseRef-Mine", "other"),
    ],
)  # fmt: skip
def test_families(name: str, family: str) -> None:
    assert licences.families(name) == {family}
    assert licences.admits(licences.wanted(family), name)


def test_filters_take_families_ids_and_addresses() -> None:
    chosen = licences.wanted("cc0, CC BY,public-domain")
    assert chosen == ("cc0", "cc-by", "public-domain")
    kept = {"CC0-1.0", "CC-BY-2.0", "CC-PDM-1.0"}
    assert {name for name in (*kept, "CC-BY-SA-4.0", "NOASSERTION", "LicenseRef-InC")
            if licences.admits(chosen, name)} == kept  # fmt: skip
    assert licences.admits(licences.wanted(["cc-by-4.0"]), "CC-BY-4.0")
    assert not licences.admits(licences.wanted("CC-BY-4.0"), "CC-BY-2.0")
    assert licences.admits(licences.wanted(NKC), NKC)
    assert licences.wanted("any") == licences.wanted("cc0,any") == ()
    assert licences.admits((), "LicenseRef-InC")
    assert licences.wanted("by-sa") == ("cc-by-sa",) and licences.wanted("pdm") == ("cc-pdm-1.0",)


def test_a_family_misspelt_is_answered_with_the_nearest() -> None:
    with pytest.raises(UsageError, match=r"There is no licence called .cc-bye.\. Did you mean cc-by"):
        licences.wanted("cc0,cc-bye")
    with pytest.raises(UsageError, match=r"Known families: cc0, public-domain"):
        licences.wanted("§§§")
