"""Read untrusted XML: no document type, so no entities to blow up and nothing to fetch."""

from __future__ import annotations

from collections.abc import Iterator
from xml.etree import ElementTree
from xml.parsers import expat

from spiders.pages.fields import Drift

Element = ElementTree.Element

_DEEPEST = 64


def load(body: bytes) -> Element:
    """The root of an XML document. Raises Drift when it is none, declares a document type, or nests too deep."""
    depth = 0

    def refused(*_: object) -> None:
        raise Drift("the XML declares a document type, which is not read")

    def begun(*_: object) -> None:
        nonlocal depth
        depth += 1
        if depth > _DEEPEST:
            raise Drift("the XML nests too deep")

    def ended(*_: object) -> None:
        nonlocal depth
        depth -= 1

    parser = expat.ParserCreate()
    parser.StartDoctypeDeclHandler = refused
    parser.StartElementHandler, parser.EndElementHandler = begun, ended
    try:
        parser.Parse(body, True)
        return ElementTree.fromstring(body)
    except (expat.ExpatError, ElementTree.ParseError, LookupError, ValueError) as error:
        if isinstance(error, Drift):
            raise
        page = body[:64].lstrip().lower().startswith((b"<!doctype", b"<html", b"<h"))
        raise Drift("the answer is a web page" if page else "the answer is no valid XML") from None


def local(element: Element) -> str:
    """The name of an element without its namespace."""
    return element.tag.rpartition("}")[2]


def attribute(element: Element, name: str) -> str | None:
    """An attribute by its local name."""
    return next((value for key, value in element.attrib.items() if key.rpartition("}")[2] == name), None)


def every(element: Element, name: str) -> Iterator[Element]:
    """All descendants with a local name, in order."""
    return (one for one in element.iter() if local(one) == name)


def first(element: Element, name: str) -> Element | None:
    """The first descendant with a local name."""
    return next(every(element, name), None)


def children(element: Element, name: str) -> list[Element]:
    """Children with a local name."""
    return [one for one in element if local(one) == name]
