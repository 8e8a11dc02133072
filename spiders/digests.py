"""A set of texts that takes about 30 bytes for each, however long they are: millions of addresses are told apart."""

from __future__ import annotations

import hashlib
from array import array

_FIRST = 1024


class Digests:
    """Remembers texts by eight bytes of their BLAKE2b: of a million texts two are taken for one once in 37 million
    such sets. Open addressing with linear probing, at most half full.
    """

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * _FIRST))
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, text: object) -> bool:
        return isinstance(text, str) and self._slots[self._place(_digest(text))] != 0

    def add(self, text: str) -> None:
        """Remember a text."""
        digest = _digest(text)
        place = self._place(digest)
        if self._slots[place] == 0:
            self._slots[place] = digest
            self._count += 1
            if self._count * 2 > len(self._slots):
                self._grow()

    def _place(self, digest: int) -> int:
        """Where a digest stands, or would."""
        slots, mask = self._slots, len(self._slots) - 1
        place = digest & mask
        while slots[place] not in (0, digest):
            place = (place + 1) & mask
        return place

    def _grow(self) -> None:
        before = self._slots
        self._slots = array("Q", bytes(8 * 2 * len(before)))
        for digest in before:
            if digest:
                self._slots[self._place(digest)] = digest


def _digest(text: str) -> int:
    """Eight bytes as a number that is not 0."""
    found = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(found, "little") or 1
