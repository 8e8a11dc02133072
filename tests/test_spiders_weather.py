"""Bad weather between a crawler and a picture: names that fail, certificates that lie, answers that break off or
never end, and storms of failures that pass. What is good arrives, and the rest has a reason."""

from __future__ import annotations

import gzip
import random
import ssl
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from pipeline.errors import SourceRefused
from pipeline.storage import Root
from spiders.asking import ask
from spiders.run import crawl
from spiders.summary import CrawlSummary
from tests.spiders_anywhere import MODULE
from tests.spiders_names import stub
from tests.spiders_site import Answer, Script, Site, always, ok, png, rows

HERE = ["127.0.0.0/8", "::1/128"]


def port_of(site: Site) -> int:
    return int(site.url.rpartition(":")[2])


def listed(site: Site, root: Root, urls: list[str], *others: Site, **given: Any) -> CrawlSummary:
    site.scripts["/list.json"] = lambda site, times: site.json(urls)
    ports = [port_of(one) for one in (site, *others)]
    settings = {**MODULE, "GUARD_ALLOW": HERE, "GUARD_PORTS": ports, "RETRY_BACKOFF": 0.05, **given}
    return crawl("wikiart", root, base_url=site.url, settings=settings)


# names


def test_names_that_fail_and_names_that_flap(root: Root, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stub(monkeypatch, tmp_path / "names", dead_example=[[]], flap_example=[[], [], ["127.0.0.1"]])
    with Site(1) as site:
        port = port_of(site)
        urls = [f"http://{host}.example:{port}/images/a/1.png" for host in ("dead", "flap", "unknown")]
        summary = listed(site, root, urls, RETRY_TIMES=3)
    assert [row["reason"] for row in rows(root)] == ["connection_failed", None, "connection_failed"]
    assert summary.new == 1 and rows(root)[0]["detail"] == "its name is not known"


def test_a_practice_gallery_lifts_the_brakes_for_this_machine_alone(
    root: Root, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stub(monkeypatch, tmp_path / "names", live_example=[["127.0.0.1"]])
    with Site(1) as site:
        public = [f"http://live.example:{port_of(site)}/images/live/{number}.png" for number in range(4)]
        local = [f"{site.url}/images/local/{number}.png" for number in range(12)]
        site.scripts |= {f"/images/live/{n}.png": always(*ok(png(n))) for n in range(4)}
        site.scripts |= {f"/images/local/{n}.png": always(*ok(png(n + 4))) for n in range(12)}
        assert listed(site, root, [*public, *local], PUBLIC_DELAY=0.5).new == 16
        live, here = site.asked("/images/live/"), site.asked("/images/local/")
    assert len(live) == 4 and live[-1] - live[0] >= 1.0
    assert here[-1] < live[-1], "loopback does not wait for the other host"


def test_a_host_with_ipv6_addresses_alone(root: Root, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    stub(monkeypatch, tmp_path / "names", six_example=[["::1"]])
    with Site(1) as site, Site(1, address="::1") as six:
        url = f"http://six.example:{port_of(six)}/images/a/1.png"
        literal = f"http://[::1]:{port_of(six)}/images/a/2.png"
        assert listed(site, root, [url, literal], six).new == 2
        assert ask(url, allow=HERE, ports=[port_of(six)]).body == png(1)


# certificates


def certificate(folder: Path, days: int) -> ssl.SSLContext:
    """A server's context with a certificate of its own making for 127.0.0.1, which ends in so many days."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    made = (
        x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
        .serial_number(1).not_valid_before(now - timedelta(days=90)).not_valid_after(now + timedelta(days=days))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(ip_address("127.0.0.1"))]), critical=False)
        .sign(key, hashes.SHA256())
    )  # fmt: skip
    path = folder / f"{days}.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


@pytest.mark.parametrize("days", [-1, 90], ids=["expired", "self-signed"])
def test_a_certificate_that_is_not_valid(days: int, root: Root, tmp_path: Path) -> None:
    with Site(1) as site, Site(1, tls=certificate(tmp_path, days)) as secure:
        url = f"{secure.url}/images/a/1.png"
        summary = listed(site, root, [url, f"{site.url}/images/a/1.png"], secure, RETRY_TIMES=0)
        with pytest.raises(SourceRefused, match="shows a certificate that is not valid"):
            ask(url, allow=HERE, ports=[port_of(secure)])
    assert summary.new == 1 and secure.log == []
    assert (rows(root)[0]["reason"], rows(root)[0]["detail"]) == ("connection_failed", "its certificate is not valid")


def test_a_certificate_that_is_trusted(root: Root, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Site(1) as site, Site(3, tls=certificate(tmp_path, 90)) as secure:
        monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "90.pem"))
        urls = [f"{secure.url}/images/a/{number}.png" for number in (1, 2, 3)]
        summary = listed(site, root, urls, secure)
    assert (summary.new, summary.failed) == (3, {})
    assert [row["final_url"] for row in rows(root)] == urls


# answers


def raw(head: str, body: bytes = b"") -> Script:
    return lambda site, times: iter([head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body])


def loris(site: Site, times: int) -> Iterator[bytes]:
    for letter in b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n" * 20:
        time.sleep(0.1)
        yield bytes([letter])


def endless(site: Site, times: int) -> Iterator[bytes]:
    yield b"HTTP/1.1 200 OK\r\nContent-Type: image/png\r\n\r\n"
    for _ in range(2000):
        yield bytes(10_000)


def bomb(site: Site, times: int) -> Answer:
    return ok(gzip.compress(bytes(20_000_000)), Content_Encoding="gzip")


HTML, SVG = b"<!DOCTYPE html><title>Log in</title>", b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>'
ANSWERS: dict[str, tuple[Script, set[str | None]]] = {
    "loris": (loris, {"timeout"}), "endless": (endless, {"too_large"}), "bomb": (bomb, {"too_large"}),
    "declared": (always(200, {"Content-Length": "3000000"}, bytes(3_000_000)), {"too_large"}),
    "short": (raw("HTTP/1.1 200 OK\nContent-Length: 9999", png(1)), {"connection_failed"}),
    "long": (raw("HTTP/1.1 200 OK\nContent-Length: 20", png(1)), {None}),
    "no length": (raw("HTTP/1.1 200 OK\nContent-Type: image/png", png(2)), {None}),
    "negative": (raw("HTTP/1.1 200 OK\nContent-Length: -5", png(3)), {"connection_failed", "empty"}),
    "two lengths": (raw("HTTP/1.1 200 OK\nContent-Length: 5\nContent-Length: 900", png(3)), {"connection_failed"}),
    "no http": (raw("220 ftp.example ready", b""), {"connection_failed"}),
    "html": (always(*ok(HTML, "image/jpeg")), {"not_a_picture"}),
    "svg": (always(*ok(SVG, "image/jpeg")), {"not_a_picture"}),
    "eps": (always(*ok(b"%!PS-Adobe-3.0 EPSF-3.0\n", "image/jpeg")), {"not_a_picture"}),
    "pdf": (always(*ok(b"%PDF-1.7\n", "image/jpeg")), {"not_a_picture"}),
    "mvg": (always(*ok(b"push graphic-context\nviewbox 0 0 1 1\n", "image/png")), {"not_a_picture"}),
    "zip": (always(*ok(b"PK\x03\x04" + png(1), "image/png")), {"not_a_picture"}),
    "html before": (always(*ok(HTML + png(1), "image/png")), {"not_a_picture"}),
    "html after": (always(*ok(png(5) + HTML, "image/png")), {None}),
    "gif and javascript": (always(*ok(b"GIF89a/*\0\0\0\0*/=1;alert(1)", "image/gif")), {None}),
}  # fmt: skip


def test_every_odd_answer_has_its_reason(root: Root) -> None:
    names = list(ANSWERS)
    with Site(1) as site:
        for number, name in enumerate(names):
            site.scripts[f"/odd/{number}.png"] = ANSWERS[name][0]
        urls = [f"{site.url}/odd/{number}.png" for number in range(len(names))]
        listed(site, root, urls, RETRY_TIMES=0, DOWNLOAD_TIMEOUT=2, DOWNLOAD_MAXSIZE=1_000_000)
    found = {names[row["rank"]]: row["reason"] for row in rows(root)}
    wrong = {name: reason for name, reason in found.items() if reason not in ANSWERS[name][1]}
    assert not wrong and set(found) == set(names)
    stored = {path.suffix for path in (root.local or Path()).glob("originals/*/*")}
    assert stored == {".png", ".gif"}


def test_a_list_has_a_limit_too(root: Root) -> None:
    with (
        Site(1, {"/list.json": always(200, {"Content-Length": str(40 * 2**20)}, b"[")}) as site,
        pytest.raises(SourceRefused, match="answered with more than 32 MiB"),
    ):
        crawl("wikiart", root, base_url=site.url, settings={**MODULE, "RETRY_TIMES": 0})


def test_all_good_pictures_arrive_through_a_storm(root: Root) -> None:
    """Three answers in ten fail: with HTTP 500, 503, 429 with and without a wait, a reset or half a body."""
    dice = random.Random(7)

    def stormy(number: int) -> Script:
        def answer(site: Site, times: int) -> Any:
            if times > 2 or dice.random() > 0.3:
                return ok(png(number))
            return dice.choice([
                (500, {}, b"oops"), (503, {}, b""), (503, {"Retry-After": "0"}, b""), (429, {"Retry-After": "0"}, b""),
                iter(()), iter([b"HTTP/1.1 200 OK\r\nContent-Length: 900\r\n\r\n" + png(number)]),
            ])  # fmt: skip

        return answer

    with Site(150) as site:
        for number in range(150):
            site.scripts[f"/images/a/{number}.png"] = stormy(number)
        urls = [f"{site.url}/images/a/{number}.png" for number in range(150)]
        summary = listed(site, root, urls)
        if summary.failed:
            summary = listed(site, root, urls)
    stored = [row for row in rows(root) if row["reason"] is None]
    assert len({row["url"] for row in stored}) == 150
    assert len(list((root.local or Path()).glob("originals/*/*"))) == 150
