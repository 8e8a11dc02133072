"""The practice gallery: a small site on loopback that speaks the wire formats of the real sources.

catalogue = Catalogue.from_folder("pictures")
with Gallery(catalogue) as gallery:
    ...  # a spider pointed at gallery.url
"""

from spiders.gallery.catalogue import Catalogue
from spiders.gallery.faults import Faults
from spiders.gallery.gallery import Gallery
from spiders.gallery.score import Truth, score

__all__ = ["Catalogue", "Faults", "Gallery", "Truth", "score"]
