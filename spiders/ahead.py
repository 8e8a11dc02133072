"""Pictures that a list was read ahead for, given out host by host: one slow host does not hold the others up."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any

MOST = 5000
"""So many pictures are held at most: a list sorted by host is fetched from the hosts within this window."""
EACH = 32
"""So many pictures of one host are under way at a time."""


class Ahead:
    """Pictures in the order of the list for each host; hosts take turns. Not for several threads."""

    def __init__(self, most: int = MOST, each: int = EACH) -> None:
        self.most, self.each = most, each
        self.count = 0
        self._waiting: dict[str, deque[Any]] = {}
        self._ready: deque[str] = deque()
        self._under_way: Counter[str] = Counter()

    @property
    def full(self) -> bool:
        """Whether no more should be read of the list."""
        return self.count >= self.most

    def put(self, host: str, picture: Any) -> None:
        """Hold a picture back until its host has its turn."""
        self.count += 1
        self._waiting.setdefault(host, deque()).append(picture)
        if len(self._waiting[host]) == 1 and self._under_way[host] < self.each:
            self._ready.append(host)

    def take(self) -> Any | None:
        """The next picture, now under way; None while all hosts with pictures have as many as they may."""
        if not self._ready:
            return None
        host = self._ready.popleft()
        waiting = self._waiting[host]
        picture = waiting.popleft()
        self.count -= 1
        self._under_way[host] += 1
        if not waiting:
            del self._waiting[host]
        elif self._under_way[host] < self.each:
            self._ready.append(host)
        return picture

    def back(self, host: str) -> None:
        """A picture of the host is no longer under way."""
        if self._under_way[host] == self.each and host in self._waiting:
            self._ready.append(host)
        self._under_way[host] -= 1
        if not self._under_way[host]:
            del self._under_way[host]
