"""The museums that are known: one module of pure functions for each, behind one form (`model.Museum`)."""

from __future__ import annotations

from spiders.pages.museum.artic import ArtInstitute
from spiders.pages.museum.cleveland import Cleveland
from spiders.pages.museum.europeana import Europeana
from spiders.pages.museum.met import Met
from spiders.pages.museum.model import Museum
from spiders.pages.museum.rijksmuseum import Rijksmuseum
from spiders.pages.museum.smithsonian import Smithsonian

MUSEUMS: dict[str, Museum] = {
    museum.slug: museum
    for museum in (Met(), Cleveland(), Smithsonian(), Europeana(), ArtInstitute(), Rijksmuseum())
}  # fmt: skip
"""Museums by the word that `--museum` takes."""
