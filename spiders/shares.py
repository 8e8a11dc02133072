"""A limit shared out among several lists that are read side by side; what one does not have goes to the others."""

from __future__ import annotations

import asyncio
from collections import Counter


class Shares:
    """Equal shares of a limit, the first ones one larger; without a limit everybody may take all.

    What several lists have counts for each of them. A list that has taken its share waits until all others have theirs
    or have ended; what is then left of the limit goes to the waiting ones in their order, one after the other, and
    what another has taken counts no more. So the outcome depends on the lists alone, not on who was faster.
    """

    def __init__(self, names: list[str], limit: int | None) -> None:
        self.names, self.limit = list(names), limit
        each, over = divmod(limit or 0, len(names))
        self.allowed = {name: each + (place < over) for place, name in enumerate(names)}
        self.taken: Counter[str] = Counter()
        self.different = 0
        self.is_rest = False
        self.active = set(names)
        self._waiting: dict[str, asyncio.Future[bool]] = {}

    def left(self, name: str) -> int | None:
        """How many more a list may take without waiting; None: all."""
        return None if self.limit is None else max(0, self.allowed[name] - self.taken[name])

    def listed(self, name: str, first: bool) -> None:
        """One was taken, `first` before any other list had it."""
        self.different += first
        self.taken[name] += first or not self.is_rest

    async def more(self, name: str) -> bool:
        """Whether a list may take another one; waits for the others when its share is taken."""
        while self.left(name) == 0:
            self._waiting[name] = asyncio.get_running_loop().create_future()
            self._settle()
            if not await self._waiting[name]:
                return False
        return True

    def finished(self, name: str) -> None:
        """A list has ended, or was never begun."""
        self.active.discard(name)
        self._settle()

    def _settle(self) -> None:
        """When all that go on are waiting, give what is left to the first of them, or end them all."""
        waiting = [name for name in self.names if name in self._waiting and not self._waiting[name].done()]
        if not waiting or set(waiting) != self.active:
            return
        rest = (self.limit or 0) - self.different
        if rest > 0:
            self.is_rest = True
            self.allowed[waiting[0]] += rest
            self._waiting[waiting[0]].set_result(True)
            return
        for name in waiting:
            self._waiting[name].set_result(False)
