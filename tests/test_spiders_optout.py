"""What owners say about machine learning, wherever they say it, and what is made of it."""

from __future__ import annotations

import io
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, PngImagePlugin

from pipeline.errors import Reason, UsageError
from spiders import optout


@pytest.mark.parametrize(
    ("headers", "found", "why"),
    [
        ({}, {}, []), ({"x-robots-tag": ["all"]}, {}, []),
        ({"x-robots-tag": ["noai, noimageai"]}, {"x_robots_tag": "noai, noimageai"}, ["x_robots_tag"]),
        ({"x-robots-tag": ["max-snippet: 5, NoAI"]}, {"x_robots_tag": "noai"}, ["x_robots_tag"]),
        ({"x-robots-tag": ["wunderkammer: noindex"]}, {"x_robots_tag": "noindex"}, ["x_robots_tag"]),
        ({"x-robots-tag": ["GPTBot: noimageindex"]}, {"x_robots_tag": "noimageindex"}, ["x_robots_tag"]),
        ({"x-robots-tag": ["googlebot: noindex, noimageindex"]}, {}, []),
        ({"x-robots-tag": ["googlebot: noindex", "noai"]}, {"x_robots_tag": "noai"}, ["x_robots_tag"]),
        ({"x-robots-tag": ["googlebot: noindex, *: none"]}, {"x_robots_tag": "none"}, ["x_robots_tag"]),
        ({"x-robots-tag": ["unavailable_after: 25 Jun 2010 15:00:00 PST"]}, {}, []),
        ({"tdm-reservation": ["1"]}, {"tdm_reservation": "1"}, ["tdm_reservation"]),
        ({"tdm-reservation": ["0"]}, {"tdm_reservation": "0"}, []),
        ({"content-usage": ["search=y, train-ai=n"]}, {"content_usage": "search=y, train-ai=n"}, ["content_usage"]),
        ({"content-usage": ["train-ai=?0;x=1"]}, {"content_usage": "train-ai=?0;x=1"}, ["content_usage"]),
        ({"content-usage": ["train-ai=y"]}, {"content_usage": "train-ai=y"}, []),
        ({"content-usage": ["train-ai"]}, {"content_usage": "train-ai"}, []),
    ],
)  # fmt: skip
def test_headers(headers: dict[str, list[str]], found: dict[str, str], why: list[str]) -> None:
    assert optout.signals(headers) == found
    assert optout.reserved(found) == why


PAGE = """<html><head><META content='noai, noimageai' Name=robots><meta name="tdm-reservation" content="1">
<meta name="googlebot" content="noindex"><meta property="og:title" content="x"></head>"""


def test_a_page() -> None:
    assert optout.in_page(PAGE) == {"meta_robots": "noai, noimageai", "tdm_reservation": "1"}
    assert optout.in_page('<meta name="robots" content="index, follow">') == {}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", {}), ("User-agent: *\nDisallow: /private\n", {}),
        ("User-agent: GPTBot\nUser-agent: CCBot\nDisallow: /\n", {"robots_ai": "GPTBot, CCBot"}),
        ("User-agent: gptbot\nDisallow: /*\n", {"robots_ai": "GPTBot"}),
        ("User-agent: GPTBot\nDisallow: /drafts/\n", {}),
        ("User-agent: GPTBot\nDisallow: /\nAllow: /any/\n", {}),
        ("User-agent: GPTBot\nDisallow:\n", {}),
        ("User-agent: *\nDisallow: /\n\nUser-agent: wunderkammer\nAllow: /\n", {}),
        ("User-agent: img2dataset # a downloader\nDisallow: /\n", {"robots_ai": "img2dataset"}),
        ("User-agent: *\nContent-Signal: search=yes, ai-train=no\nAllow: /\n",
         {"content_signal": "search=yes, ai-train=no"}),
        ("Content-Signal: ai-train=yes\n", {"content_signal": "ai-train=yes"}),
        ("User-agent: bingbot\nContent-Signal: ai-train=no\n", {}),
    ],
)  # fmt: skip
def test_robots_txt(text: str, found: dict[str, str]) -> None:
    assert optout.in_robots(text).signals("/a.jpg") == found
    forbidden = "robots_ai" in found or "ai-train=no" in found.get("content_signal", "")
    assert bool(optout.reserved(found)) is forbidden


def test_content_usage_is_for_paths() -> None:
    robots = optout.in_robots("User-agent: *\nContent-Usage: train-ai=n\nContent-Usage: /open/ train-ai=y\n")
    assert robots.signals("/a.jpg") == {"content_usage": "train-ai=n"}
    assert robots.signals("/open/a.jpg") == {"content_usage": "train-ai=y"}


RULES = [
    {"location": "/", "tdm-reservation": 1, "tdm-policy": "https://h/p"},
    {"location": "/open/*", "tdm-reservation": 0}, {"location": "/*.gif$", "tdm-reservation": 0}, {"location": 5}, "no",
]  # fmt: skip


@pytest.mark.parametrize(
    ("path", "said"), [("/a.jpg", "1"), ("/open/a.jpg", "0"), ("/x/y.gif", "0"), ("/x/y.gif?z", "1")]
)
def test_tdmrep(path: str, said: str) -> None:
    assert optout.in_tdmrep(json.dumps(RULES).encode(), path) == {"tdmrep": said}


def test_the_header_comes_before_the_file() -> None:
    assert optout.reserved({"tdmrep": "1"}) == ["tdmrep"]
    assert optout.reserved({"tdmrep": "1", "tdm_reservation": "0"}) == []
    assert optout.reserved({"tdmrep": "0", "tdm_reservation": "1"}) == ["tdm_reservation"]


@pytest.mark.parametrize("body", [b"", b"{}", b"[]", b"<html>", b"[" * 100_000, b"\xff", b'[{"location":"/x"}]'])
def test_a_tdmrep_that_is_none(body: bytes) -> None:
    assert optout.in_tdmrep(body, "/a.jpg") == {}


def xmp(value: str, form: str) -> bytes:
    url = f"http://ns.useplus.org/ldf/vocab/{value}"
    forms = {
        "attribute": f'<rdf:Description plus:DataMining="{url}"/>',
        "element": f"<plus:DataMining>{url}</plus:DataMining>",
        "resource": f'<plus:DataMining rdf:resource="{url}"/>',
    }
    return f'<x:xmpmeta xmlns:plus="http://ns.useplus.org/ldf/xmp/1.0/">{forms[form]}</x:xmpmeta>'.encode()


@pytest.mark.parametrize("form", ["attribute", "element", "resource"])
@pytest.mark.parametrize(
    ("value", "kept"),
    [("DMI-PROHIBITED", False), ("DMI-PROHIBITED-AIMLTRAINING", False), ("DMI-PROHIBITED-SEECONSTRAINT", False),
     ("DMI-ALLOWED", True), ("DMI-UNSPECIFIED", True)],
)  # fmt: skip
def test_xmp_in_real_files(value: str, kept: bool, form: str) -> None:
    picture, packet = Image.new("RGB", (8, 8)), xmp(value, form)
    for kind in ("JPEG", "PNG", "WEBP"):
        given: dict[str, Any] = {"xmp": packet}
        if kind == "PNG":
            info = PngImagePlugin.PngInfo()
            info.add_itxt("XML:com.adobe.xmp", packet.decode())
            given = {"pnginfo": info}
        stream = io.BytesIO()
        picture.save(stream, kind, **given)
        found = optout.in_file(stream.getvalue())
        assert found == {"xmp_dmi": value}, kind
        assert (optout.reserved(found) == []) is kept


def test_the_word_alone_says_nothing() -> None:
    assert optout.in_file(b"xmlns:DataMining DataMining " + bytes(500) + b"DMI-PROHIBITED") == {}


def cbor(text: str) -> bytes:
    return bytes([0x60 + len(text)]) if len(text) < 24 else bytes([0x78, len(text)])


def training(use: str, key: str = "cawg.ai_generative_training") -> bytes:
    parts = [b"\xa1", cbor("entries"), b"entries\xa1", cbor(key), key.encode(), b"\xa1", cbor("use"), b"use", cbor(use)]
    return b"jumb....cawg.training-mining\x00\x00cbor" + b"".join(parts) + use.encode()


@pytest.mark.parametrize(("use", "kept"), [("notAllowed", False), ("constrained", False), ("allowed", True)])
def test_a_c2pa_manifest(use: str, kept: bool) -> None:
    found = optout.in_file(bytes(3000) + training(use) + bytes(100))
    assert found == {"c2pa": f"cawg.ai_generative_training={use}"}
    assert (optout.reserved(found) == []) is kept


def test_a_manifest_that_is_not_understood_is_recorded() -> None:
    found = optout.in_file(b"c2pa.training-mining")
    assert found == {"c2pa": "training-mining"} and optout.reserved(found) == []


@given(st.binary(max_size=300), st.text(max_size=200))
def test_anything_is_read_without_a_fault(body: bytes, text: str) -> None:
    for found in (optout.in_file(body), optout.in_page(text), optout.in_robots(text).signals("/"),
                  optout.in_tdmrep(body, text), optout.signals({"x-robots-tag": [text], "content-usage": [text]})):
        optout.reserved(found)  # fmt: skip


def test_what_is_ignored_is_recorded() -> None:
    found = {"x_robots_tag": "noai", "tdmrep": "1"}
    row = optout.columns(found, {"tdm"})
    assert row["reason"] == Reason.OPTED_OUT and row["detail"] == "x_robots_tag: noai"
    assert json.loads(row["optout_signals"]) == {**found, "ignored": "tdmrep"}
    row = optout.columns(found, {"all"})
    assert "reason" not in row and json.loads(row["optout_signals"])["ignored"] == "x_robots_tag, tdmrep"
    assert optout.columns({}) == {}


def test_names_of_signals_are_checked() -> None:
    assert optout.to_ignore("tdm, robots-ai") == {"tdm", "robots_ai"}
    assert optout.to_ignore(["all"]) == {"all"} and optout.to_ignore(None) == frozenset()
    with pytest.raises(UsageError, match=r"no opt-out signal called 'robot_ai'. Did you mean .*robots_ai"):
        optout.to_ignore("robot_ai")
