"""Scrapy settings of every spider: each one that matters is decided here, and asserted by a test.

Rates are those of a live site; a practice gallery on loopback is not slowed (`for_site`).
"""

from __future__ import annotations

import os
from importlib.metadata import PackageNotFoundError, version
from typing import Any
from urllib.parse import urlsplit

from spiders.addresses import LOOPBACK
from spiders.addresses import is_loopback as is_loopback
from spiders.desk import MAX_BYTES


def _version() -> str:
    try:
        return version("wunderkammer")
    except PackageNotFoundError:
        return "0"


CONTACT = os.environ.get("PIPELINE_CONTACT", "")
"""A mail or web address at which the owner of a site can reach whoever crawls it."""

BOT_NAME = "wunderkammer"
COMMANDS_MODULE = "spiders.commands"
SPIDER_CONTRACTS = {"spiders.contracts.Saved": 20, "spiders.contracts.Asks": 30}
SPIDER_MODULES = [
    "spiders.iiif", "spiders.instagram", "spiders.museum", "spiders.urls", "spiders.web", "spiders.wikiart",
]  # fmt: skip
USER_AGENT = f"wunderkammer/{_version()}" + (f" (+{CONTACT})" if CONTACT else "")
WUNDERKAMMER_ROOT = os.environ.get("PIPELINE_ROOT", "wunderkammer-data")

# manners
ROBOTSTXT_OBEY = True
ROBOTSTXT_USER_AGENT = "wunderkammer"
OBEY_OPTOUT = True
IGNORE_OPTOUT: list[str] = []
DRY_RUN = False
DOWNLOAD_DELAY = 1.0
DOWNLOAD_DELAY_JITTER = 0.0
CONCURRENT_REQUESTS = 8
CONCURRENT_REQUESTS_PER_DOMAIN = 2
AUTOTHROTTLE_ENABLED = True
AUTOTHROTTLE_START_DELAY = 0.0
AUTOTHROTTLE_MAX_DELAY = 60.0
AUTOTHROTTLE_TARGET_CONCURRENCY = 2.0
RETRY_TIMES = 2
RETRY_BACKOFF = 2.0
RETRY_HTTP_CODES = [408, 500, 502, 503, 504, 522, 524]
RETRY_GIVE_UP_LOG_LEVEL = "INFO"
PAUSE_SECONDS = 60.0
PAUSE_MAX = 900.0
HOST_PAUSE_MAX = 120.0
PUBLIC_DELAY = 1.0

# safety
DOWNLOAD_VERIFY_CERTIFICATES = True
DOWNLOAD_HANDLERS = {"data": None, "file": None, "ftp": None, "s3": None}
DOWNLOAD_MAXSIZE = MAX_BYTES
DOWNLOAD_WARNSIZE = 0
DOWNLOAD_TIMEOUT = 60
DOWNLOAD_FAIL_ON_DATALOSS = True
REACTOR_THREADPOOL_MAXSIZE = 20  # names are looked up in threads
REDIRECT_MAX_TIMES = 3
METAREFRESH_ENABLED = False
COOKIES_ENABLED = False
REFERER_ENABLED = True
REFERRER_POLICY = "no-referrer"
TELNETCONSOLE_ENABLED = False
REMOTE_CONTROL_ENABLED = False
HTTPCACHE_ENABLED = False
HTTPPROXY_ENABLED = False  # behind a proxy the guard sees the proxy's address alone
TWISTED_DNS_RESOLVER = "spiders.guard.GuardedResolver"
GUARD_ALLOW: list[str] = []
GUARD_PORTS: list[int] = []

# parts
DOWNLOADER_MIDDLEWARES = {
    "spiders.guard.Guard": 10,
    "spiders.politeness.Hosts": 20,
    "scrapy.downloadermiddlewares.robotstxt.RobotsTxtMiddleware": None,
    "spiders.robots.Robots": 100,
    "scrapy.downloadermiddlewares.retry.RetryMiddleware": None,
    "spiders.politeness.Patience": 550,
    "scrapy.downloadermiddlewares.redirect.RedirectMiddleware": None,
    "spiders.guard.Redirects": 600,
    "scrapy.downloadermiddlewares.offsite.OffsiteMiddleware": None,
    "scrapy.downloadermiddlewares.httpauth.HttpAuthMiddleware": None,
}
EXTENSIONS = {
    "scrapy.extensions.throttle.AutoThrottle": None,
    "spiders.politeness.Throttle": 0,
    "scrapy.extensions.telnet.TelnetConsole": None,
    "scrapy.extensions.remote_control.RemoteControl": None,
}
ITEM_PIPELINES = {"spiders.handover.Handover": 100}
DUPEFILTER_CLASS = "scrapy.dupefilters.BaseDupeFilter"  # works are told apart by their ids
SCHEDULER_MEMORY_QUEUE = "scrapy.squeues.FifoMemoryQueue"  # pictures come in the order of their rank
SCRAPER_SLOT_MAX_ACTIVE_SIZE = 32 * 2**20
CONCURRENT_ITEMS = 1  # Scrapy starts so many tasks for the output of each callback, which is one item here
WARN_ON_GENERATOR_RETURN_VALUE = False  # it would read and parse the source of callbacks
DEFAULT_REQUEST_HEADERS = {"Accept": "*/*", "Accept-Language": "en"}
TWISTED_REACTOR = "twisted.internet.asyncioreactor.AsyncioSelectorReactor"
LOG_LEVEL = "INFO"

PRACTICE: dict[str, Any] = {
    "GUARD_ALLOW": list(LOOPBACK),
    "DOWNLOAD_DELAY": 0.0,
    "AUTOTHROTTLE_ENABLED": False,
    "CONCURRENT_REQUESTS": 32,
    "CONCURRENT_REQUESTS_PER_DOMAIN": 16,
    "DOWNLOAD_TIMEOUT": 20,
    "RETRY_BACKOFF": 0.05,
    "PAUSE_SECONDS": 0.25,
}
"""What differs for a practice gallery: naming a loopback address as the base is the switch that allows it.

Other hosts keep their brakes all the same (`politeness.Hosts`)."""


def for_site(url: str, rates: dict[str, float], anywhere: bool = False) -> dict[str, Any]:
    """Settings for one site: no brakes on loopback, else at most so many requests a second in each slot.

    When pictures lie `anywhere`, each of their hosts has the default rate, and more hosts are asked at once.
    """
    if is_loopback(url):
        return PRACTICE
    port = urlsplit(url).port
    slots = {name: {"delay": 1.0 / rate, "concurrency": 4} for name, rate in rates.items()}
    made: dict[str, Any] = {"DOWNLOAD_SLOTS": slots, "GUARD_PORTS": [port] if port else []}
    return made | ({"CONCURRENT_REQUESTS": 32} if anywhere else {})
