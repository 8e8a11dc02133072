"""Every Scrapy setting that matters, asserted as the crawler gets it."""

from __future__ import annotations

from typing import Any

import pytest
from scrapy.settings import Settings

from spiders import settings
from spiders.desk import MAX_BYTES
from spiders.wikiart import WikiArtSpider


def effective() -> Settings:
    found = Settings()
    found.setmodule("spiders.settings", priority="project")
    return found


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ROBOTSTXT_OBEY", True), ("ROBOTSTXT_USER_AGENT", "wunderkammer"), ("OBEY_OPTOUT", True),
        ("IGNORE_OPTOUT", []),
        ("DOWNLOAD_VERIFY_CERTIFICATES", True), ("DOWNLOAD_MAXSIZE", 64 * 2**20), ("DOWNLOAD_TIMEOUT", 60),
        ("DOWNLOAD_FAIL_ON_DATALOSS", True), ("TELNETCONSOLE_ENABLED", False), ("REMOTE_CONTROL_ENABLED", False),
        ("COOKIES_ENABLED", False), ("METAREFRESH_ENABLED", False), ("HTTPPROXY_ENABLED", False),
        ("HTTPCACHE_ENABLED", False), ("REDIRECT_MAX_TIMES", 3), ("REFERRER_POLICY", "no-referrer"),
        ("AUTOTHROTTLE_ENABLED", True), ("DOWNLOAD_DELAY", 1.0), ("DOWNLOAD_DELAY_JITTER", 0.0),
        ("CONCURRENT_REQUESTS", 8), ("CONCURRENT_REQUESTS_PER_DOMAIN", 2), ("RETRY_TIMES", 2),
        ("PAUSE_SECONDS", 60.0), ("PAUSE_MAX", 900.0),
        ("HOST_PAUSE_MAX", 120.0), ("PUBLIC_DELAY", 1.0), ("RETRY_BACKOFF", 2.0),
        ("GUARD_ALLOW", []), ("GUARD_PORTS", []),
        ("TWISTED_DNS_RESOLVER", "spiders.guard.GuardedResolver"), ("JOBDIR", None), ("FEEDS", {}),
    ],
)  # fmt: skip
def test_setting(name: str, value: Any) -> None:
    found = effective()[name]
    assert (dict(found) if isinstance(value, dict) else found) == value


def test_every_source_is_a_module_of_ours() -> None:
    modules = effective()["SPIDER_MODULES"]
    assert "spiders.wikiart" in modules and all(name.startswith("spiders.") for name in modules)


def test_only_http_and_https_can_be_fetched() -> None:
    handlers = effective().getwithbase("DOWNLOAD_HANDLERS")
    assert {scheme for scheme, handler in handlers.items() if handler} == {"http", "https"}


def test_no_media_pipeline_and_no_shell_is_on() -> None:
    found = effective()
    assert dict(found.getwithbase("ITEM_PIPELINES")) == {"spiders.handover.Handover": 100}
    on = {name for name, place in found.getwithbase("EXTENSIONS").items() if place is not None}
    assert not any("telnet" in name or "remote_control" in name for name in on)
    assert "spiders.politeness.Throttle" in on and "scrapy.extensions.throttle.AutoThrottle" not in on


def test_our_middlewares_take_the_place_of_scrapys() -> None:
    on = {name: place for name, place in effective().getwithbase("DOWNLOADER_MIDDLEWARES").items() if place is not None}
    assert on["spiders.guard.Guard"] == min(on.values())
    assert {"spiders.robots.Robots", "spiders.politeness.Hosts", "spiders.politeness.Patience"} <= set(on)
    assert not any(name.endswith(("retry.RetryMiddleware", "robotstxt.RobotsTxtMiddleware")) for name in on)


def test_the_agent_says_who_it_is() -> None:
    assert effective()["USER_AGENT"].startswith("wunderkammer/")


def test_a_live_site_has_one_rate_for_all_its_hosts_and_no_private_address() -> None:
    made = settings.for_site(WikiArtSpider.home, {"wikiart-data": 2.0, "wikiart-pictures": 5.0})
    slots = made["DOWNLOAD_SLOTS"]
    assert (slots["wikiart-data"]["delay"], slots["wikiart-pictures"]["delay"]) == (0.5, 0.2)
    assert "GUARD_ALLOW" not in made and "ROBOTSTXT_OBEY" not in made
    assert (WikiArtSpider.rates["data"], WikiArtSpider.rates["pictures"]) == (2.0, 5.0)


@pytest.mark.parametrize(
    ("url", "practice"),
    [("http://127.0.0.1:8899", True), ("http://localhost:1", True), ("http://[::1]:8", True),
     ("http://10.0.0.1", False),
     ("https://www.wikiart.org", False), ("http://127.0.0.1.example.org", False), ("http://192.168.0.2:80", False)],
)  # fmt: skip
def test_only_loopback_is_a_practice_gallery(url: str, practice: bool) -> None:
    made = settings.for_site(url, {})
    assert made.get("GUARD_ALLOW", []) == (["127.0.0.0/8", "::1/128"] if practice else [])
    assert made.get("AUTOTHROTTLE_ENABLED", True) is not practice


def test_the_size_limit_is_one_for_crawls_and_imports() -> None:
    assert effective()["DOWNLOAD_MAXSIZE"] == MAX_BYTES
