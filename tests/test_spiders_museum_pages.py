"""The parsers of museums and IIIF: folders of saved bodies, each with the JSON it must become; years; real answers."""

from __future__ import annotations

import json
from dataclasses import asdict, is_dataclass
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.errors import UsageError
from pipeline.schema import CRAWLED
from spiders import museum_filters
from spiders.pages import iiif, iiif_image, xml
from spiders.pages.fields import Drift
from spiders.pages.museum import MUSEUMS
from spiders.pages.museum.model import Asked, Work, to_record, wanted
from spiders.pages.years import span, year

CASES = Path(__file__).parent / "pages"
SHARED = Path(__file__).parents[2] / "shared" / "data" / "api_fixtures" / "openverse_catalog"
SERVICE = "https://i.example/iiif/img%2F1"


def asked(museum: str, **more: Any) -> Asked:
    return Asked("https://api.example", "skull", **more) if museum != "rijksmuseum" else Asked("https://api.example")


def museum_result(kind: str, body: bytes) -> Any:
    """What a body becomes, and the records of its works, under the terms of open access."""
    slug, _, what = kind.partition("_")
    museum, question = MUSEUMS[slug], asked(slug, most=2)
    if what == "detail":
        work = museum.detail(body, question)
        return {"work": plain(work), "records": records(slug, [work] if work else [], question)}
    url = museum.first(question) if what == "page" else "https://api.example/search/collection?type=painting"
    page = museum.page(body, question, url)
    return {"page": plain(page), "records": records(slug, page.works, question)}


def records(slug: str, works: list[Work], question: Asked) -> list[Any]:
    found = [
        to_record(MUSEUMS[slug], chosen, picture, question, rank)
        for rank, work in enumerate(works)
        for chosen in [wanted(work, question)]
        for picture in chosen.pictures
    ]
    for row in found:
        assert set(row) == set(CRAWLED.names) and "SECRETKEY" not in json.dumps(row)
    return [{key: value for key, value in row.items() if value not in (None, []) and key != "raw"} for row in found]


def iiif_result(kind: str, body: bytes) -> Any:
    if kind == "info":
        found = iiif_image.info(body, SERVICE)
        small = plain(iiif_image.addresses(found, 600))
        return {"info": plain(found), "best": plain(iiif_image.addresses(found)), "at most 600": small}
    document = iiif.document(body, choices=kind.endswith("choices"))
    if isinstance(document, iiif.Collection):
        return plain(document)
    rows = [
        iiif.to_record(document, image, "https://asked.example", rank) for rank, image in enumerate(document.images)
    ]
    kept = [{key: value for key, value in row.items() if value not in (None, []) and key != "raw"} for row in rows]
    return {"manifest": plain(document), "records": kept}


def plain(value: Any) -> Any:
    """A result as JSON, without the copies of the input that it carries."""
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items() if key != "raw"}
    return [plain(item) for item in value] if isinstance(value, list | tuple) else value


def result(folder: Path) -> Any:
    (body,) = folder.glob("body.*")
    parse = museum_result if folder.parts[-3] == "museum" else iiif_result
    try:
        return parse(folder.parent.name, body.read_bytes())
    except Drift as drift:
        return {"drift": str(drift)}


FOLDERS = sorted(path.parent for room in ("museum", "iiif") for path in (CASES / room).glob("*/*/body.*"))


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: "/".join(folder.parts[-3:]))
def test_a_saved_body_becomes_its_expected_json(folder: Path) -> None:
    assert json.loads(json.dumps(result(folder))) == json.loads((folder / "expected.json").read_text(encoding="utf-8"))


# years


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("1912–14", 1912, 1914), ("c. 1660", 1660, 1660), ("1700s", 1700, 1799), ("1950s", 1950, 1959),
        ("late 17th century", 1667, 1699), ("2nd century BC", -200, -101), ("664–332 BCE", -664, -332),
        ("30 BC–AD 14", -30, 14), ("ca. 1353–1336 B.C.", -1353, -1336), ("A.D. 79", 79, 79), ("79 CE", 79, 79),
        ("22 Apr 1958", 1958, 1958), ("12th-13th century", 1100, 1299), ("mid-18th century", 1733, 1766),
        ("3rd–2nd century B.C.", -300, -101), ("first half of the 19th century", 1800, 1849),
        ("Qing dynasty (1644–1911)", 1644, 1911), ("c.1503–c.1519", 1503, 1519), ("1853 or 1854", 1853, 1854),
        ("18.5.1890", 1890, 1890), ("1st century A.D.", 1, 99), ("500 v. Chr.", -500, -500), ("-500", -500, -500),
    ],
)  # fmt: skip
def test_dates_in_the_spellings_of_museums(text: str, first: int, last: int) -> None:
    assert span(text) == (first, last)


@pytest.mark.parametrize("text", ["", "n.d.", "12 x 14 in.", "1,200", "no. 7", "undated", "9999999 BC"])
def test_what_is_no_date(text: str) -> None:
    assert span(text) is None


@given(st.integers(1000, 2099), st.integers(0, 99))
def test_ranges_read_back(start: int, length: int) -> None:
    end = min(start + length, 2100)
    assert span(f"ca. {start}–{end}") == (start, end)
    assert year(f"ca. {start}–{end}", start, end) == end
    assert year(str(start), start - 5, start + 5) == start


@given(st.integers(2, 9999), st.integers(1, 9998))
def test_ranges_before_christ_run_forwards(start: int, end: int) -> None:
    if start > end:
        assert span(f"{start}–{end} BC") == (-start, -end)


@given(st.text(max_size=60))
def test_any_text_is_a_span_in_order_or_none(text: str) -> None:
    found = span(text)
    assert found is None or (found[0] <= found[1] and all(-100_000 <= one <= 2100 for one in found))
    assert year(text) is None or year(text) == (found or (None, None))[1]


# XML, IIIF and filters


@pytest.mark.parametrize(
    "body",
    [
        b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', b"<a>" * 100 + b"</a>" * 100, b"<html><body>no</body></html",
        '<?xml version="1.0" encoding="UTF-16"?><!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'.encode("utf-16"), b"",
        b'<?xml version="1.0" encoding="klingon"?><a/>', b"\xff\xfe\x00",
    ],
)  # fmt: skip
def test_dangerous_or_broken_xml_is_drift(body: bytes) -> None:
    with pytest.raises(Drift):
        xml.load(body)


@given(
    st.integers(1, 60_000), st.integers(1, 60_000), st.integers(0, 2), st.sampled_from([2, 3]),
    st.one_of(st.none(), st.integers(1, 5000)), st.one_of(st.none(), st.integers(1, 10**7)),
    st.one_of(st.none(), st.integers(1, 4000)),
)  # fmt: skip
def test_a_service_is_never_asked_for_more_than_it_gives(
    width: int, height: int, level: int, version: int, most: int | None, area: int | None, longest: int | None
) -> None:
    said = {"@context": f"http://iiif.io/api/image/{version}/context.json", "width": width, "height": height}
    limits = {key: value for key, value in (("maxWidth", most), ("maxArea", area)) if value}
    profile = f"level{level}" if version == 3 else [f"http://iiif.io/api/image/2/level{level}.json", limits]
    found = iiif_image.info(
        json.dumps({**said, **(limits if version == 3 else {}), "profile": profile}).encode(), SERVICE
    )
    wide, high = found.largest
    assert wide <= width and high <= height
    assert most is None or (wide <= most and high <= most) or (wide, high) == (1, 1) or 1 in (wide, high)
    assert area is None or wide * high <= area or 1 in (wide, high)
    addresses = iiif_image.addresses(found, longest)
    assert addresses and len({url for _name, url in addresses}) == len(addresses)
    for _name, url in addresses:
        size = url.removeprefix(SERVICE).split("/")[2]
        numbers = [int(part) for part in size.split(",") if part.isdigit()]
        assert size in ("max", "full") or numbers[0] <= wide
        assert size != "full" or found.limit is None


def test_each_museum_says_no_in_one_sentence() -> None:
    for given_, words in [
        ({"museum": "mett"}, "Did you mean met"), ({"museum": "met", "type": "x"}, "cannot be asked by type"),
        ({"museum": "met", "rights": "all"}, "open or any"), ({"museum": "met", "images": "2"}, "all or first"),
    ]:  # fmt: skip
        with pytest.raises(UsageError, match=words):
            museum_filters.check("museum", given_)
    with pytest.raises(UsageError, match="not the address of a manifest"):
        museum_filters.check("iiif", {"manifest": "manifest.json"})
    with pytest.raises(UsageError, match="longest side in pixels"):
        museum_filters.check("iiif", {"manifest": "https://i.example/m", "size": "large"})
    with pytest.raises(UsageError, match="not both"):
        MUSEUMS["met"].first(Asked("B", "skull", {"artist": "Rembrandt"}))
    with pytest.raises(UsageError, match="by decades"):
        MUSEUMS["smithsonian"].first(Asked("B", "skull", {"from_year": "-300"}))
    with pytest.raises(UsageError, match="run backwards"):
        MUSEUMS["artic"].first(Asked("B", "skull", {"from_year": "1700", "to_year": "1600"}))
    with pytest.raises(UsageError, match="give --set alone"):
        MUSEUMS["rijksmuseum"].first(Asked("B", "skull", {"set": "260214"}))


@pytest.mark.parametrize("museum", MUSEUMS)
def test_every_filter_reaches_the_address(museum: str) -> None:
    values = {"from_year": "1650", "to_year": "1659", "department": "19", "set": "260214", "year": "16??"}
    words = {"from_year": "165", "to_year": "165"}
    for name in museum_filters.TAKES[museum]:
        value = values.get(name, f"canary {name}")
        more = {"to_year": "1659"} if name == "from_year" else {"from_year": "1650"} if name == "to_year" else {}
        url = MUSEUMS[museum].first(Asked("https://api.example", filters={name: value, **more}))
        assert words.get(name, value.replace(" ", "+").replace("?", "%3F")) in url, (name, url)


def test_a_search_of_chicago_goes_on_by_id_past_its_window() -> None:
    """The museum pages through 1,000 results of a search; the rest is had in the order of ids."""
    museum, question = MUSEUMS["artic"], Asked("https://api.example", "skull")
    body = json.dumps({"data": [{"id": 7}] * 100, "pagination": {"total": 5_000, "total_pages": 50}}).encode()
    ninth, tenth = (museum.first(question).replace("page=1&", f"page={page}&") for page in (9, 10))
    assert "page=10&" in (museum.page(body, question, ninth).next or "")
    beyond = museum.page(body, question, tenth).next or ""
    assert "sort=id" in beyond and "page=" not in beyond and "q=skull" in beyond and "gt" not in beyond
    assert "%5Brange%5D%5Bid%5D%5Bgt%5D=7" in (museum.page(body, question, beyond).next or "")
    last = json.dumps({"data": [{"id": 9}], "pagination": {"total": 1}}).encode()
    assert museum.page(last, question, beyond).next is None


# real answers


def real(path: str) -> Any:
    file = SHARED / path
    if not file.is_file():
        pytest.skip("the saved answers of real museums are not here")
    return json.loads(file.read_text(encoding="utf-8"))


def test_a_real_object_of_the_met_becomes_what_openverse_made_of_it() -> None:
    body = json.dumps(real("metropolitan_museum_of_art/sample_response.json")).encode()
    work = MUSEUMS["met"].detail(body, asked("met"))
    assert work is not None
    expected = real("metropolitan_museum_of_art/sample_additional_image_data.json")
    assert [picture.id for picture in work.pictures] == [row["foreign_identifier"] for row in expected]
    assert [picture.addresses[0][1] for picture in work.pictures] == [row["image_url"] for row in expected]
    rows = records("met", [work], asked("met"))
    assert {row["licence"] for row in rows} == {"CC0-1.0"} and {row["creator"] for row in rows} == {"Kiyohara Yukinobu"}
    assert {(row["title"], row["year"], row["page_url"]) for row in rows} == {
        (expected[0]["title"], 1682, expected[0]["foreign_landing_url"])
    }
    assert rows[0]["tags"] == ["Birds", "Leaves"]


def test_a_real_page_of_cleveland() -> None:
    body = json.dumps(real("clevelandmuseum/response_success.json")).encode()
    question = asked("cleveland")
    page = MUSEUMS["cleveland"].page(body, question, MUSEUMS["cleveland"].first(question))
    (row,) = records("cleveland", page.works, question)
    assert page.total == 32_483 and page.next is not None and row["licence"] == "CC0-1.0"
    assert (row["title"], row["year"], row["declared_width"]) == ("Scent Bottle", 1799, 2422)
    assert page.works[0].pictures[0].addresses[0][1].endswith("1916.586.a_print.jpg")
    empty = json.dumps(real("clevelandmuseum/response_no_data.json")).encode()
    assert MUSEUMS["cleveland"].page(empty, question, MUSEUMS["cleveland"].first(question)).next is None


@pytest.mark.parametrize("sizes", ["full", "none", "print", "web"])
def test_real_sizes_of_cleveland(sizes: str) -> None:
    images = real(f"clevelandmuseum/image_type_{sizes}.json")
    body = json.dumps({"info": {"total": 1}, "data": [{"id": 1, "share_license_status": "CC0", "images": images}]})
    page = MUSEUMS["cleveland"].page(body.encode(), asked("cleveland"), "")
    found = [picture.addresses[0][0] for picture in page.works[0].pictures]
    assert found == {"full": ["full"], "none": [], "print": ["print"], "web": ["print"]}[sizes]


def test_a_real_record_of_the_smithsonian() -> None:
    row = real("smithsonian/actual_record_data.json")
    body = json.dumps({"response": {"rows": [row], "rowCount": 1}}).encode()
    page = MUSEUMS["smithsonian"].page(body, asked("smithsonian"), "")
    (found,) = records("smithsonian", page.works, asked("smithsonian"))
    assert (found["title"], found["year"]) == ("Passerculus sandwichensis nevadensis", 1958)
    assert page.works[0].id == "nmnhvz_14800560" and found["licence"] == "CC0-1.0"
    assert page.works[0].pictures[0].addresses == [("content", "https://collections.nmnh.si.edu/media/?irn=15814382")]


def test_real_items_of_europeana() -> None:
    items = [real("europeana/image_data_example.json"), real("europeana/image_data_sub_provider_example.json")]
    body = json.dumps({"success": True, "totalResults": 2, "items": items}).encode()
    page = MUSEUMS["europeana"].page(body, asked("europeana"), "https://api.europeana.eu/x?cursor=*")
    rows = [to_record(MUSEUMS["europeana"], work, work.pictures[0], asked("europeana"), 0) for work in page.works]
    assert [row["licence"] for row in rows] == ["CC0-1.0", "CC-BY-4.0"]
    assert rows[0]["creator"] == "Villemin, Charles, fl. 1835-1849" and "Wellcome Collection" in rows[1]["attribution"]
    assert not any("wskey=EoKgCesLr" in row["raw"] for row in rows)
