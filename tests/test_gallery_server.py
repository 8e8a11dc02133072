"""The running gallery: wire formats of surfaces A and B, image hosts, faults, clean start and stop."""

import http.client
import io
import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote, urlsplit

import pytest
from PIL import Image

from pipeline.errors import UsageError
from spiders.gallery import Catalogue, Faults, Gallery

ARTIST_KEYS = {
    "contentId", "artistName", "url", "lastNameFirst", "image", "wikipediaUrl", "birthDay", "deathDay",
    "birthDayAsString", "deathDayAsString", "dictonaries",
}  # fmt: skip
SHORT_KEYS = {
    "title", "contentId", "artistContentId", "artistName", "completitionYear", "yearAsString", "width", "height",
    "image",
}  # fmt: skip
FULL_KEYS = SHORT_KEYS | {
    "artistUrl", "url", "dictionaries", "location", "period", "serie", "genre", "material", "style", "technique",
    "sizeX", "sizeY", "diameter", "auction", "yearOfTrade", "lastPrice", "galleryName", "tags", "description",
}  # fmt: skip
LISTING_KEYS = {
    "ArtistsHtml", "CanLoadMoreArtists", "Paintings", "Artists", "AllArtistsCount", "PaintingsHtml",
    "PaintingsHtmlBeta", "AllPaintingsCount", "PageSize", "TimeLog",
}  # fmt: skip
ITEM_KEYS = {
    "id", "title", "year", "width", "height", "artistName", "image", "map", "paintingUrl", "artistUrl", "albums",
    "flags", "images",
}  # fmt: skip


def fetch(url: str, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=20)
    target = quote(parts.path, safe="/!:%") + (f"?{parts.query}" if parts.query else "")
    connection.request("GET", target, headers=headers)
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    return answer, body


def get(gallery: Gallery, target: str) -> dict | list:
    answer, body = fetch(gallery.url + target)
    assert answer.status == 200, body
    return json.loads(body)


def answers(url: str) -> bool:
    try:
        return fetch(f"{url}/robots.txt")[0].status == 200
    except OSError:
        return False


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """130 pictures of two artists; one title is hostile, one artist not ASCII."""
    folder = tmp_path_factory.mktemp("pictures")
    lines = ["path,title,artist,style,genre,year,technique"]
    for number in range(130):
        Image.new("RGB", (700 + number, 500), (number, 90, 255 - number)).save(folder / f"{number:03}.jpg")
        artist = "Ærø Grünewald" if number % 13 == 0 else "Jane Doe"
        title = "<script>alert('x')</script>" if number == 5 else f"A Valley {number}"
        lines.append(f'{number:03}.jpg,"{title}",{artist},Romanticism,"landscape, cityscape",c.1836,"oil, canvas"')
    (folder / "index.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def gallery(pictures: Path) -> Iterator[Gallery]:
    with Gallery(Catalogue.from_folder(pictures)) as running:
        yield running


def test_surface_a_has_exactly_the_fields_of_the_site(gallery: Gallery) -> None:
    artists = get(gallery, "/en/App/Artist/AlphabetJson?v=new")
    assert [set(artist) for artist in artists] == [ARTIST_KEYS] * 2
    works = get(gallery, "/en/App/Painting/PaintingsByArtist?artistUrl=jane-doe&json=2")
    assert len(works) == 120 and all(set(work) == SHORT_KEYS for work in works)
    assert works[0]["artistName"] == "Doe Jane"
    assert works[0]["image"].endswith(".jpg!Large.jpg")
    full = get(gallery, f"/en/App/Painting/ImageJson/{works[0]['contentId']}")
    assert set(full) == FULL_KEYS
    assert (full["genre"], full["style"], full["technique"]) == ("landscape, cityscape", "Romanticism", "oil, canvas")
    assert (full["completitionYear"], full["yearAsString"], full["location"]) == (1836, "c.1836", None)


def test_listing_has_pages_of_sixty_and_ends_with_null(gallery: Gallery) -> None:
    sizes, ids = [], set()
    for page in (1, 2, 3):
        listing = get(gallery, f"/en/paintings-by-style/romanticism?json=2&layout=new&page={page}&resultType=masonry")
        assert set(listing) == LISTING_KEYS
        assert (listing["AllPaintingsCount"], listing["PageSize"]) == (130, 60)
        assert all(set(item) == ITEM_KEYS for item in listing["Paintings"])
        sizes.append(len(listing["Paintings"]))
        ids |= {item["id"] for item in listing["Paintings"]}
    assert sizes == [60, 60, 10] and len(ids) == 130
    assert get(gallery, "/en/paintings-by-style/romanticism?json=2&page=4")["Paintings"] is None


def test_items_of_surface_b_carry_bare_originals_and_join_surface_a_by_slugs(gallery: Gallery) -> None:
    item = get(gallery, "/fr/jane-doe/mode/all-paintings?json=2&layout=new&page=1&resultType=masonry")["Paintings"][0]
    assert item["image"].endswith(".jpg") and "!" not in item["image"]
    assert item["year"] == "c.1836" and len(item["id"]) == 24
    answer, body = fetch(gallery.url + item["paintingUrl"])
    assert answer.status == 200 and f'data-painting-id="{item["id"]}"'.encode() in body


def test_unknown_names_answer_as_the_site_does(gallery: Gallery) -> None:
    assert get(gallery, "/en/paintings-by-style/no-such-style?json=2&page=1")["Paintings"] is None
    assert fetch(f"{gallery.url}/en/nobody/mode/all-paintings?json=2")[0].status == 404
    redirect, _ = fetch(f"{gallery.url}/en/App/Painting/ImageJson/7")
    assert redirect.status == 302
    assert fetch(gallery.url + redirect.headers["Location"])[0].status == 500


def test_vocabularies_and_facets(gallery: Gallery) -> None:
    styles = get(gallery, "/en/App/wiki/DictionariesJson/2")
    assert [(entry["title"], entry["url"], entry["group"]) for entry in styles] == [("Romanticism", "romanticism", 2)]
    assert {entry["url"] for entry in get(gallery, "/en/App/wiki/DictionariesJson/3")} == {"landscape", "cityscape"}
    facet = get(gallery, "/en/artists-by-art-movement?json=2")
    assert facet["Dictionaries"][0]["Count"] == 2
    found = get(gallery, "/en/App/Search/Artists-by-art-movement?json=3&searchterm=romanticism&page=1")
    assert {artist["artistUrl"] for artist in found["Artists"]} == {"/en/jane-doe", "/en/r-grunewald"}


def test_search_and_popular_works(gallery: Gallery) -> None:
    assert get(gallery, "/en/Search/Jane Doe A Valley 77?json=2")["AllPaintingsCount"] == 1
    assert get(gallery, "/en/search/valley/2?json=2")["Paintings"]
    popular = get(gallery, "/en/App/Painting/MostViewedPaintings?randomSeed=123&json=2&limit=7")
    assert len(popular) == 7
    assert popular == get(gallery, "/en/App/Painting/MostViewedPaintings?randomSeed=123&json=2&limit=7")


def test_image_hosts_serve_the_bytes_of_the_file(gallery: Gallery, pictures: Path) -> None:
    works = get(gallery, "/en/r-grunewald/mode/all-paintings?json=2&page=1")["Paintings"]
    assert "/images/ærø-grünewald/" in works[0]["image"]
    answer, body = fetch(works[0]["image"])
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert body in {file.read_bytes() for file in pictures.glob("*.jpg")}
    assert len({urlsplit(work["image"]).hostname for work in works}) > 1 or "127.0.0.1:" in works[0]["image"]


def test_variants_are_six_hundred_pixels_long_and_some_are_missing(gallery: Gallery) -> None:
    works = get(gallery, "/en/App/Painting/PaintingsByArtist?artistUrl=jane-doe&json=2")
    answers = [fetch(work["image"]) for work in works]
    found = [body for answer, body in answers if answer.status == 200]
    assert 0.6 < len(found) / len(works) < 0.85
    assert {answer.status for answer, _ in answers} == {200, 404}
    (size,) = {max(Image.open(io.BytesIO(body)).size) for body in found}
    assert size == 600
    assert fetch(works[0]["image"].replace("!Large", "!Square"))[0].status == 404


def test_conditional_requests_answer_304(gallery: Gallery) -> None:
    url = get(gallery, "/en/jane-doe/mode/all-paintings?json=2&page=1")["Paintings"][3]["image"]
    first, _ = fetch(url)
    for headers in ({"If-None-Match": first.headers["ETag"]}, {"If-Modified-Since": first.headers["Last-Modified"]}):
        again, body = fetch(url, **headers)
        assert (again.status, body) == (304, b"")
    assert fetch(url, **{"If-None-Match": '"other"'})[0].status == 200


def test_robots_and_sitemap(gallery: Gallery) -> None:
    _, robots = fetch(f"{gallery.url}/robots.txt")
    assert b"Allow: /" in robots and f"Sitemap: {gallery.url}/sitemap/sitemap_index.xml".encode() in robots
    _, index = fetch(f"{gallery.url}/sitemap/sitemap_index.xml")
    assert index.count(b"<loc>") == 2
    assert fetch(f"{gallery.url}/sitemap/sitemap_1.xml")[1].count(b"<loc>") == 130


def test_hostile_titles_are_escaped_in_pages_and_whole_in_json(gallery: Gallery) -> None:
    found = get(gallery, "/en/Search/alert?json=2")["Paintings"][0]
    assert found["title"] == "<script>alert('x')</script>"
    for path in ("/en/jane-doe", "/en/jane-doe/all-works/text-list", found["paintingUrl"]):
        assert b"<script>alert" not in fetch(gallery.url + path)[1]


def test_connection_is_kept_alive_and_head_has_no_body(gallery: Gallery) -> None:
    connection = http.client.HTTPConnection(urlsplit(gallery.url).netloc, timeout=20)
    connection.request("HEAD", "/robots.txt")
    answer = connection.getresponse()
    assert answer.read() == b"" and int(answer.headers["Content-Length"]) > 20
    sock = connection.sock
    connection.request("GET", "/robots.txt")
    assert len(connection.getresponse().read()) == int(answer.headers["Content-Length"])
    assert connection.sock is sock
    connection.close()


def test_faults_strike_once_per_address_and_are_told_apart(pictures: Path) -> None:
    faults = Faults(seed=3, too_many_every=9, retry_after=2, throttle_every=15, error_every=9)
    targets = [f"/en/paintings-by-style/romanticism?json=2&page={page}" for page in range(1, 121)]
    with Gallery(Catalogue.from_folder(pictures), faults) as gallery:
        first = [fetch(gallery.url + target) for target in targets]
        second = [fetch(gallery.url + target)[0].status for target in targets]
        counts = gallery.counts()
    assert set(second) == {200}
    assert {answer.status for answer, _ in first} == {200, 429, 500, 503}
    assert {answer.headers["Retry-After"] for answer, _ in first if answer.status == 429} == {"2"}
    throttled = [body for answer, body in first if answer.status == 500 and b"Free API limit" in body]
    assert len(throttled) == counts["fault_throttled"] >= faults.burst
    assert counts["requests"] == 240 and counts["http_429"] == counts["fault_too_many"]


def test_log_tells_what_was_asked(pictures: Path) -> None:
    with Gallery(Catalogue.from_folder(pictures)) as gallery:
        fetch(f"{gallery.url}/robots.txt")
        assert [entry[1:] for entry in gallery.log()] == [("/robots.txt", 200)]


def test_a_stopped_gallery_is_gone_and_a_taken_port_is_said(pictures: Path) -> None:
    catalogue = Catalogue.from_folder(pictures, limit=2)
    with Gallery(catalogue) as first:
        port = urlsplit(first.url).port
        with pytest.raises(UsageError, match="is taken"), Gallery(catalogue, port=port or 0):
            pass
    with socket.socket() as probe, pytest.raises(ConnectionRefusedError):
        probe.connect(("127.0.0.1", port))


def test_a_gallery_never_outlives_the_process_that_started_it(pictures: Path) -> None:
    code = (
        "import sys, time; from spiders.gallery import Catalogue, Gallery\n"
        "with Gallery(Catalogue.from_folder(sys.argv[1], 1)) as gallery: print(gallery.url, flush=True); time.sleep(99)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(pictures)], stdout=subprocess.PIPE, text=True) as starter:
        assert starter.stdout is not None
        url = starter.stdout.readline().strip()
        assert fetch(f"{url}/robots.txt")[0].status == 200
        starter.kill()
    deadline = time.monotonic() + 30
    while answers(url) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not answers(url)


def test_a_page_beyond_the_cap_is_empty_whatever_the_count_says(pictures: Path, tmp_path: Path) -> None:
    source = next(pictures.glob("*.jpg")).read_bytes()
    (tmp_path / "one.jpg").write_bytes(source)
    lines = ["path,title,style"] + [f"one.jpg,Number {number},Realism" for number in range(3700)]
    (tmp_path / "index.csv").write_text("\n".join(lines))
    with Gallery(Catalogue.from_folder(tmp_path)) as gallery:
        last = get(gallery, "/en/paintings-by-style/realism?json=2&page=60")
        beyond = get(gallery, "/en/paintings-by-style/realism?json=2&page=61")
    assert len(last["Paintings"]) == 60 and beyond["Paintings"] is None
    assert beyond["AllPaintingsCount"] == 3700
