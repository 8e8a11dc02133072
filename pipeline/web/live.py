"""What a server knows: the newest edition of a corpus, the decisions on it, and its pages as they stand by now."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from pipeline import corpus as corpora
from pipeline import tables
from pipeline.decisions import Event, Journal, standing
from pipeline.errors import PipelineError, UsageError
from pipeline.storage import Root
from pipeline.web import journal, looks, serving, vectors
from pipeline.web.catalogue import ID_DIGITS, Catalogue
from pipeline.web.livefacts import LiveFacts
from pipeline.web.pictures import LivePictures
from pipeline.web.site import Site

_PAGES = 64
_PREVIEWS = 20
_PATIENCE = 1.0
"""Seconds that the request which finds a newer edition waits for it to be read; those of small corpora then are."""
_OF_AN_EDITION = ("edition", "catalogue", "events", "vectors", "facts", "_pages", "_site", "_behind")


@dataclass(frozen=True)
class Preview:
    """How a theme would be split: the ids of each part, nearest to its middle first."""

    theme: int
    parts: Sequence[Sequence[str]]


class Live:
    """The state of a server. Use it within `held`: one request at a time changes it or reads the tables.

    The journal is the only truth: what other servers and the command line add to it is seen by the next request.
    A newer edition is read in the background, and shown once all that its pages ask is known.
    Raises UsageError when the corpus has no edition.
    """

    def __init__(self, root: Root, corpus: str, token: str) -> None:
        self.root = root
        self.corpus = corpus
        self.token = token
        self.journal = Journal(root, corpus)
        self.previews: OrderedDict[str, Preview] = OrderedDict()
        self._lock = threading.RLock()
        self._starting = threading.Lock()
        self._reducing = threading.Lock()
        self._reader: threading.Thread | None = None
        self._trouble: PipelineError | None = None
        self.edition: Mapping[str, Any] = corpora.newest(root, corpus)
        self.catalogue = Catalogue(root, self.edition)
        self.events: list[Event] | None = None
        self._pages: OrderedDict[str, bytes | None] = OrderedDict()
        self._site: Site | None = None
        self._behind = True

    @contextmanager
    def held(self) -> Iterator[None]:
        """Hold the state, brought up to date with the journal. Raises what kept a newer edition from being read."""
        if (reader := self.follow()) is not None:
            reader.join(_PATIENCE)
        with self._lock:
            trouble, self._trouble = self._trouble, None
            if trouble is not None:
                raise trouble
            self.refresh()
            yield

    def follow(self) -> threading.Thread | None:
        """Begin to read a newer edition beside the one that is shown; None when there is none, or it is being read."""
        with self._starting:
            busy = self._reader is not None and self._reader.is_alive()
            if busy or corpora.editions(self.root, self.corpus)[-1] == self.edition["edition"]:
                return None
            self._reader = threading.Thread(target=self._read_newest, daemon=True)
            self._reader.start()
            return self._reader

    def _read_newest(self) -> None:
        try:
            fresh = Live(self.root, self.corpus, self.token)
            fresh.warm()
            fresh.prepare()
        except PipelineError as error:
            self._trouble = error
            return
        with self._lock:
            for name in _OF_AN_EDITION:
                self.__dict__.pop(name, None)
            self.__dict__.update({name: fresh.__dict__[name] for name in _OF_AN_EDITION if name in fresh.__dict__})

    def refresh(self) -> None:
        """Take in what the journal says by now."""
        events = self.journal.events()
        if events != self.events:
            self.events = events
            self.catalogue.replay(standing(events))
            self._behind = True
            self._pages.clear()

    def warm(self) -> None:
        """Find out beforehand what all pages ask."""
        with self._lock:
            self.refresh()
            self.page("clusters.html")

    def prepare(self) -> None:
        """Find out what the first split asks, which takes long of many pictures, while requests are answered."""
        catalogue = self.catalogue
        if not catalogue.ids:
            return
        found = self._reduced(catalogue)
        with self._lock:
            if self.catalogue is catalogue:
                self.__dict__["vectors"] = found

    @property
    def live(self) -> list[Event]:
        """The events that stand."""
        return standing(self.events or [])

    # pages

    @property
    def site(self) -> Site:
        """The pages as decisions leave them."""
        if self._site is None:
            self._site = Site(self.facts, LivePictures(), token=self.token)
        if self._behind:
            self.facts.replay(self.live)
            self._site.redraw()
            self._behind = False
        return self._site

    @cached_property
    def facts(self) -> LiveFacts:
        """What the tables say, and what decisions make of it."""
        return LiveFacts(self.root, self.edition, self.catalogue)

    def where(self, picture: str, kind: str) -> serving.Source | None:
        """Where the bytes for `thumb`, `large` or `prepared` of a picture lie; None when there are none."""
        known = self.catalogue
        row = known.row_of.get(picture[:ID_DIGITS])
        if row is None:
            return None
        if kind == "prepared":
            return self._prepared(picture)
        form, decoded = known.said["format"][row].as_py(), known.measured["width"][row].is_valid
        return serving.Source(tables.original_path(picture[:ID_DIGITS], form)) if form and decoded else None

    def _prepared(self, picture: str) -> serving.Source | None:
        known = self.catalogue
        if picture not in known.rows:
            return None
        member = known.rows[picture]
        folder = self.edition["folders"]["prepared"]
        part = tables.read(self.root, folder, known.partitions[member], ["shard", "offset", "size"])
        place = part.slice(int(known.places[member]), 1).to_pylist()[0]
        return serving.Source(f"{folder}/shards/{place['shard']}", place["offset"], place["size"])

    def page(self, address: str) -> bytes | None:
        """A page by its address from the top, None when there is none; kept until something changes."""
        if address not in self._pages:
            self._pages[address] = self.site.render(address)
            while len(self._pages) > _PAGES:
                self._pages.popitem(last=False)
        return self._pages[address]

    # themes

    def run_of(self, theme: int) -> str | None:
        """The folder of the GAN of a theme."""
        runs = (run for run in self.edition.get("runs") or [] if run["cluster"] == theme and run.get("path"))
        return next((str(run["path"]) for run in runs), None)

    def scores(self, theme: int) -> dict[str, float]:
        """What the discriminator of a theme thinks of its pictures, by id."""
        run = self.run_of(theme)
        return looks.scores(self.root, run) if run else {}

    @cached_property
    def vectors(self) -> NDArray[np.float32]:
        """The features of the members in few dimensions; made once for an edition."""
        return self._reduced(self.catalogue)

    def _reduced(self, catalogue: Catalogue) -> NDArray[np.float32]:
        with self._reducing:  # who comes second finds them in the cache
            return vectors.reduced(catalogue)

    def distances(self, rows: NDArray[np.int64], theme: int) -> NDArray[np.float32]:
        """How far members are from the middle of their theme: as the edition says, or anew where people moved some."""
        if theme in self.catalogue.touched and len(rows):
            return vectors.from_the_middle(self.vectors[rows])
        found: NDArray[np.float32] = self.catalogue.distances[rows]
        return found

    def keep(self, token: str, preview: Preview) -> None:
        """Remember how a split would come out, until it is decided or forgotten."""
        self.previews[token] = preview
        while len(self.previews) > _PREVIEWS:
            self.previews.popitem(last=False)

    def preview(self, token: Any) -> Preview:
        """What was previewed. Raises UsageError when that is forgotten."""
        if not isinstance(token, str) or token not in self.previews:
            raise UsageError("That preview is gone: look at the split again.")
        return self.previews[token]

    def said(self, event: Event) -> str:
        """What an event decided, as a sentence."""
        known = {event.id: event, **{one.id: one for one in self.events or [] if one.id == event.fields.get("event")}}
        told = journal.entries(list(known.values())[::-1], self.catalogue.names)
        sentence = next(entry.said for entry in told if entry.id == event.id)
        return f"{sentence[:1].upper()}{sentence[1:]}."

