"""What a spider did: the summary for people and scripts, and the record that is kept of the crawl."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from spiders.registry import described
from spiders.summary import CrawlSummary

_RESPONSES = "downloader/response_status_count/"


def summary(spider: Any) -> CrawlSummary:
    """What the crawl of a spider with a desk did so far."""
    desk = spider.desk
    return CrawlSummary(
        source=described(spider.spec), prefix=spider.prefix, new=desk.new, changed=desk.changed,
        described=desk.described, gone=desk.gone, withdrawn=desk.withdrawn, missed=desk.missed,
        unchanged=spider.unchanged + desk.unchanged, failed=dict(desk.failed), recovered=desk.recovered,
        partitions=tuple(desk.partitions), seconds=round((datetime.now(UTC) - spider.began).total_seconds(), 3),
        requests=spider.crawler.stats.get_value("downloader/request_count", 0),
        notes=(*spider.notes, *desk.notes()),
    )  # fmt: skip


def record(spider: Any) -> dict[str, Any]:
    """The record of the crawl, for `crawls.write`."""
    desk, stats, found = spider.desk, spider.crawler.stats.get_stats(), summary(spider)
    return {
        "source": spider.name, "spec": {**spider.spec, **_places(spider)}, "recheck": spider.recheck,
        "began_at": spider.began.isoformat(timespec="seconds"), "summary": found.to_json(),
        "error": {"kind": type(spider.error).__name__, "message": str(spider.error)} if spider.error else None,
        "responses": {key.removeprefix(_RESPONSES): n for key, n in stats.items() if key.startswith(_RESPONSES)},
        "bytes": stats.get("downloader/response_bytes", 0), "retries": stats.get("retry/count", 0),
        "requests_a_second": round(found.requests / found.seconds, 2) if found.seconds else None,
        "pauses": len(spider.pauses), "paused_seconds": round(sum(spider.pauses), 1), "expected": spider.expected,
        "optout_signals": dict(desk.signals), "unchecked": dict(desk.unchecked), "truncated": spider.truncated,
        "hosts_given_up": sorted(spider.given_up), "robots": spider.robots,
    }  # fmt: skip


def _places(spider: Any) -> dict[str, Any]:
    """Where and how much, which the name of the source leaves out."""
    places = {"limit": spider.limit, "base_url": None if spider.base == spider.home.rstrip("/") else spider.base}
    return {key: value for key, value in places.items() if value is not None}
