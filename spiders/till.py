"""What may be spent at a search provider: its quota, a run's budget, and the ledger that remembers both."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from pipeline.storage import Root
from spiders.ledger import Ledger
from spiders.pages.web.base import Provider, Refused

DEFAULT_BUDGET = 20
"""Calls a run may buy of a provider whose price is not known, unless a budget is given."""
PAID_LIMIT = 10_000
"""Google's limit of calls a day, paid ones included."""
_MONTH = timedelta(days=30)


class Till:
    """Counts the calls to one provider before they are made; several runs share one ledger.

    Without `budget` a run makes no call that costs money beyond what is free, and 20 where prices are not known;
    with one it makes so many, also paid ones.
    """

    def __init__(self, provider: Provider, root: Root, budget: int | None = None) -> None:
        self.provider, self.budget = provider, budget
        self.ledger = Ledger(root, provider.name)
        self.made = 0

    @property
    def limit(self) -> int | None:
        """Calls in the provider's period; None where it has none."""
        quota = self.provider.quota
        if quota is None:
            return None
        return PAID_LIMIT if self.provider.price and self.budget is not None else quota.units

    @property
    def _budget(self) -> int | None:
        if self.budget is not None:
            return self.budget
        return DEFAULT_BUDGET if self.provider.price is None else None

    def left(self) -> tuple[int | None, int | None]:
        """Calls that may be made now, and those of them that cost nothing; None: no end."""
        may, quota = self._budget, self.provider.quota
        if not self.provider.metered or quota is None or self.limit is None:
            return may, None
        spent = self.ledger.total(quota.began(datetime.now(UTC)))
        rest = max(0, round(self.limit - spent))
        return rest if may is None else min(may, rest), max(0, round(quota.units - spent))

    def spend(self, what: str) -> Refused | None:
        """Count one call, or say why it may not be made. Raises LockHeld."""
        provider, quota, budget = self.provider, self.provider.quota, self._budget
        if not provider.metered:
            return None
        if budget is not None and self.made >= budget:
            return Refused("budget", f"the budget of {budget:,} calls of {provider.title} is used up")
        now = datetime.now(UTC)
        if quota is None or self.limit is None:
            self.ledger.spend(1, what)
        elif self.ledger.spend_within(1, what, self.limit, quota.began(now)) is None:
            more = "; --budget N buys more" if provider.price and self.budget is None else ""
            return Refused("quota", f"the {self.limit:,} calls that {provider.title} allows in one {quota.per} are "
                           f"used up; it frees at {_moment(quota.frees(now))}{more}")  # fmt: skip
        self.made += 1
        return None

    def give_back(self, what: str) -> None:
        """A call that was counted and refused costs nothing."""
        if self.provider.metered:
            self.ledger.spend(-1, f"not charged: {what}")
            self.made -= 1

    def used_up(self, refused: Refused) -> Refused:
        """The provider itself says so: believe it until its period ends."""
        quota, now = self.provider.quota, datetime.now(UTC)
        frees = now + timedelta(seconds=refused.wait) if refused.wait else None
        if quota is not None and self.limit is not None:
            frees = quota.frees(now)
            left = self.limit - self.ledger.total(quota.began(now))
            if left > 0:
                self.ledger.spend(left, f"used up, says {self.provider.title}")
        when = f"; it frees at {_moment(frees)}" if frees else ""
        return Refused("quota", f"{refused.why}: its quota is used up{when}")

    def told(self) -> str:
        """What was spent and what is left, in one line."""
        provider, quota = self.provider, self.provider.quota
        if not provider.metered:
            return f"{provider.name}: not counted, as it costs nothing"
        now = datetime.now(UTC)
        may, _free = self.left()
        if quota is None:
            spent = self.ledger.total(now - _MONTH)
            return f"{provider.name}: {spent:,.0f} calls in 30 days; a run may make {may:,} (--budget N changes that)"
        spent = self.ledger.total(quota.began(now))
        return f"{provider.name}: {spent:,.0f} of {quota} spent, {may:,} left; it frees at {_moment(quota.frees(now))}"


def _moment(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
