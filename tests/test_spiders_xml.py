"""XML that wants to hurt: entities that blow up, files to be fetched, nesting without end. It is refused."""

from __future__ import annotations

import resource
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spiders.pages import xml
from spiders.pages.fields import Drift

LAUGHS = b'<!DOCTYPE l [<!ENTITY a "ha">' + b"".join(
    f'<!ENTITY {chr(98 + n)} "{f"&{chr(97 + n)};" * 10}">'.encode() for n in range(12)
) + b"]><l>&m;</l>"  # fmt: skip
BOMBS = {
    "a billion laughs": LAUGHS,
    "one large entity": b'<!DOCTYPE l [<!ENTITY a "' + b"A" * 50_000 + b'">]><l>' + b"&a;" * 50_000 + b"</l>",
    "a file": b'<!DOCTYPE l [<!ENTITY x SYSTEM "file:///etc/passwd">]><l>&x;</l>',
    "an address": b'<!DOCTYPE l [<!ENTITY x SYSTEM "http://169.254.169.254/latest/meta-data/">]><l>&x;</l>',
    "a document type elsewhere": b'<!DOCTYPE l SYSTEM "http://127.0.0.1:9/l.dtd"><l/>',
    "parameter entities": b'<!DOCTYPE l [<!ENTITY % p SYSTEM "http://127.0.0.1:9/x"> %p;]><l/>',
    "laughs in UTF-16": LAUGHS.decode().encode("utf-16"),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_document_type_is_not_read(name: str) -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(Drift, match="declares a document type"):
        xml.load(BOMBS[name])
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 50 * 1024


def test_nesting_has_an_end() -> None:
    assert xml.load(b"<a>" * 64 + b"</a>" * 64).tag == "a"
    for body in (b"<a>" * 65 + b"</a>" * 65, b"<a>" * 1_000_000):
        with pytest.raises(Drift, match="nests too deep"):
            xml.load(body)


@pytest.mark.parametrize("body", [b"", b"\0", b"<a>&nbsp;</a>", b"<a>&x;</a>", b"<a", b"<a></b>", b"\xff\xfe<", b"{}",
                                  b'<?xml version="1.0" encoding="no-such"?><a/>'])  # fmt: skip
def test_what_is_no_xml_is_said(body: bytes) -> None:
    with pytest.raises(Drift):
        xml.load(body)


@given(st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(body: bytes) -> None:
    with suppress(Drift):
        assert xml.load(body) is not None
