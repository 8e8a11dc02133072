"""The live server: who may ask what, what is answered, and what never gets out."""

from __future__ import annotations

import csv
import io
import json
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from review_serving import Client, serving
from web_corpus import corpus_at

from pipeline import tables
from pipeline.corpus import add_edition
from pipeline.corpus import edition as newest
from pipeline.decisions import Journal
from pipeline.schema import PEOPLE
from pipeline.storage import Root


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("served") / "root"
    root, edition = corpus_at(folder)
    edition.pop("edition")
    edition["folders"]["people"] = "corpora/painted/people/ee"
    add_edition(root, "painted", edition)
    pictures = [one["id"] for one in edition["clusters"]]
    rows = {"id": [f"{number:064x}" for number in pictures], "persons": [[1, number % 2 + 1] for number in pictures]}
    for name in edition["partitions"]:
        tables.write(root, edition["folders"]["people"], name, tables.rows(rows, PEOPLE), PEOPLE)
    (folder / "secret.txt").write_text("not to be seen")
    return folder


@pytest.fixture(scope="module")
def client(place: Path) -> Iterator[Client]:
    with serving(place) as found:
        yield found


@pytest.fixture(autouse=True)
def _nothing_decided(place: Path) -> Iterator[None]:
    yield
    journal = Journal(Root(place), "painted")
    for event in journal.live():
        journal.undo(event.id)


def decided(place: Path) -> list[str]:
    return [event.action for event in Journal(Root(place), "painted").live()]


def ids(client: Client, theme: int) -> list[str]:
    return client.get(f"/api/members?theme={theme}")["ids"]


# who may


@pytest.mark.parametrize("host", ["evil.example", "evil.example:{port}", "127.0.0.1", "127.0.0.1:1", "localhost.evil"])
def test_another_name_of_this_server_is_refused(client: Client, host: str) -> None:
    status, _, data = client.raw("GET", "/", headers={"Host": host.format(port=client.host.split(":")[1])})
    assert status == 403
    assert b"token" not in data


def test_localhost_is_a_name_too(client: Client) -> None:
    host = f"localhost:{client.host.split(':')[1]}"
    assert client.raw("GET", "/", headers={"Host": host})[0] == 200


@pytest.mark.parametrize("other", [
    {"Origin": "http://evil.example"}, {"Origin": "null"}, {"Origin": "http://127.0.0.1:1"},
    {"Sec-Fetch-Site": "cross-site"}, {"X-Wunderkammer": ""}, {"X-Wunderkammer": "a" * 32}, {"X-Wunderkammer": "ä"},
    {"Content-Type": "text/plain"}, {"Content-Type": "application/x-www-form-urlencoded"},
])  # fmt: skip
def test_orders_from_elsewhere_are_refused(client: Client, place: Path, other: dict[str, str]) -> None:
    body = json.dumps({"action": "hide", "theme": 0}).encode()
    headers = {name: value.encode().decode("latin-1") for name, value in {**client.headers, **other}.items()}
    status, _, data = client.raw("POST", "/api/decide", body, headers)
    assert status in (403, 415)
    assert json.loads(data)["error"]
    assert decided(place) == []


def test_an_order_without_a_token_is_refused(client: Client, place: Path) -> None:
    headers = {name: value for name, value in client.headers.items() if name != "X-Wunderkammer"}
    assert client.raw("POST", "/api/decide", b'{"action": "hide", "theme": 0}', headers)[0] == 403
    assert decided(place) == []


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "TRACE"])
def test_other_methods_are_refused(client: Client, method: str) -> None:
    assert client.raw(method, "/api/decide", headers=client.headers)[0] == 405


def test_actions_cannot_be_asked_for(client: Client, place: Path) -> None:
    assert client.raw("GET", "/api/decide?action=hide&theme=0")[0] in (404, 405)
    assert decided(place) == []


def test_a_request_too_large_is_refused_before_it_is_read(client: Client) -> None:
    headers = {**client.headers, "Content-Length": str(1 << 40)}
    assert client.raw("POST", "/api/decide", b"{", headers)[0] == 413
    headers = {**client.headers, "Transfer-Encoding": "chunked", "Content-Length": ""}
    del headers["Content-Length"]
    status, _, _ = client.raw("POST", "/api/decide", None, headers)
    assert status == 411


@pytest.mark.parametrize("path", [
    "/../secret.txt", "/%2e%2e/secret.txt", "/..%2fsecret.txt", "/static/../secret.txt", "/static/..%2f..%2fsecret.txt",
    "/static/%2e%2e%2fapp.py", "/data/../secret.txt", "/data/..%2fsecret.txt", "//secret.txt", "/secret.txt",
    "/picture/../secret.txt/thumb.webp", "/picture/..%2f..%2fsecret.txt/thumb.webp", "/picture/x%00/thumb.webp",
    "/runs/..%2f..%2fsecret.txt", "/originals/", "/static/", "/corpora/painted/editions/00001.json", "/clusters/",
])  # fmt: skip
def test_nothing_but_pages_gets_out(client: Client, path: str) -> None:
    status, _, data = client.raw("GET", path)
    assert status == 404
    assert b"not to be seen" not in data


@pytest.mark.parametrize("path", ["/", "/clusters.html", "/nowhere", "/api/themes", "/static/page.js"])
def test_every_answer_has_a_strict_policy(client: Client, path: str) -> None:
    headers = client.raw("GET", path)[1]
    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"
    assert "Access-Control-Allow-Origin" not in headers
    assert headers["Cache-Control"] == "no-store"


# what is answered


def test_every_page_is_served_and_hostile_words_are_words(client: Client) -> None:
    for page in ("index", "clusters", "clusters/01", "duplicates", "rejects", "map", "runs", "runs/00", "latent/00",
                 "journal", "crawls", "credits", "plants", f"pictures/{ids(client, 1)[0]}"):  # fmt: skip
        status, headers, data = client.raw("GET", f"/{page}.html")
        assert (status, headers["Content-Type"]) == (200, "text/html; charset=utf-8"), page
        assert b"<script>" not in data
        assert b"<img src=x" not in data


def test_pictures_are_made_when_asked_for(client: Client) -> None:
    picture = ids(client, 0)[0]
    for kind in ("thumb", "large", "prepared"):
        status, headers, data = client.raw("GET", f"/picture/{picture}/{kind}.webp")
        assert (status, headers["Content-Type"], data[8:12]) == (200, "image/webp", b"WEBP")
    assert client.raw("GET", f"/picture/{picture}/huge.webp")[0] == 404
    assert client.raw("GET", f"/picture/{'0' * 64}/thumb.webp")[0] == 404


def test_what_is_decided_is_said_kept_and_shown(client: Client, place: Path) -> None:
    before = {theme["id"]: theme["size"] for theme in client.get("/api/themes")["themes"]}
    some = ids(client, 0)[:2]
    answer = client.post("/api/decide", action="move", pictures=some, into=2)
    after = {theme["id"]: theme["size"] for theme in answer["themes"]}
    assert (after[0], after[2]) == (before[0] - 2, before[2] + 2)
    assert answer["said"].startswith("2 pictures moved into 02")
    assert set(some) <= set(ids(client, 2))
    named = client.post("/api/decide", action="rename", theme=2, name="<i>woods</i>")["themes"]
    assert named[2]["name"] == "<i>woods</i>"
    assert b"&lt;i&gt;woods&lt;/i&gt;" in client.raw("GET", "/clusters.html")[2]
    client.post("/api/decide", action="merge", themes=[3], into=2)
    assert 3 not in {theme["id"] for theme in client.get("/api/themes")["themes"]}
    assert client.raw("GET", "/clusters/03.html")[0] == 404
    client.post("/api/decide", action="reject", pictures=some[:1])
    assert some[0] not in ids(client, 2)
    for _ in range(4):
        client.post("/api/undo")
    assert {theme["id"]: theme["size"] for theme in client.get("/api/themes")["themes"]} == before
    assert decided(place) == []
    told = client.get("/api/journal")["events"]
    assert [one["action"] for one in told[:4]] == ["undo"] * 4
    client.post("/api/undo", event=told[0]["id"])
    assert decided(place) == ["move"]


def test_two_servers_and_the_command_line_see_each_other(client: Client, place: Path) -> None:
    with serving(place) as other:
        other.post("/api/decide", action="rename", theme=1, name="seen elsewhere")
        assert client.get("/api/themes")["themes"][1]["name"] == "seen elsewhere"
        Journal(Root(place), "painted").undo()
        assert other.get("/api/themes")["themes"][1]["name"] != "seen elsewhere"


def test_a_split_is_looked_at_first(client: Client, place: Path) -> None:
    plan = client.get("/api/split?theme=0&k=3")
    sizes = [part["size"] for part in plan["parts"]]
    assert sum(sizes) == len(ids(client, 0))
    assert sizes == sorted(sizes, reverse=True)
    assert decided(place) == []
    gone = plan["parts"][0]["medoids"][0]
    client.post("/api/decide", action="reject", pictures=[gone])
    themes = {t["id"]: t["size"] for t in client.post("/api/decide", action="split", token=plan["token"])["themes"]}
    assert themes[0] == sizes[0] - 1
    assert sorted(themes.values())[:2] == sorted(sizes[1:]) or set(sizes[1:]) <= set(themes.values())
    assert not set(themes) & {gone}
    assert client.post("/api/decide", 400, action="split", token="x")["error"].startswith("That preview is gone")


def test_thresholds_are_counted_at_once(client: Client) -> None:
    whole, loose = client.get("/api/count"), client.get("/api/count?min_side=1")
    assert "too_small" in whole["rejected"]
    assert "too_small" not in loose["rejected"]
    assert loose["rejected"]["near_duplicate"] == 5
    # Of those that are small some have another fault besides.
    assert whole["kept"] < loose["kept"] <= whole["kept"] + whole["rejected"]["too_small"]
    assert loose["kept"] + sum(loose["rejected"].values()) == whole["kept"] + sum(whole["rejected"].values())
    assert client.get("/api/count?min_side=100000")["kept"] == 0


def test_what_is_not_there_cannot_be_rescued(client: Client) -> None:
    assert "no picture" in client.post("/api/decide", 400, action="rescue", pictures=["0" * 64])["error"]


@pytest.mark.parametrize(("why", "said"), [
    ("no person 9", {"action": "name_person", "person": 9, "name": "Anna"}),
    ("no person 9", {"action": "merge_people", "persons": [1, 9], "into": 1}),
    ("no person 9", {"action": "merge_people", "persons": [1, 2], "into": 9}),
    ("none of person 2", {"action": "split_person", "person": 2, "faces": [f"{0:064x}-1"], "number": 3}),
    ("has, or had", {"action": "split_person", "person": 1, "faces": [f"{0:064x}-1"], "number": 2}),
    ("leave one", {"action": "split_person", "person": 2, "faces": [f"{n:064x}-2" for n in (1, 3, 5)], "number": 3}),
])  # fmt: skip
def test_who_is_not_there_cannot_be_named(client: Client, place: Path, why: str, said: dict[str, object]) -> None:
    assert why in client.post("/api/decide", 400, **said)["error"]
    assert decided(place) == []


def test_persons_that_are_there_are_named_merged_and_split(client: Client) -> None:
    client.post("/api/decide", action="name_person", person=2, name="Anna")
    client.post("/api/decide", action="split_person", person=2, faces=[f"{1:064x}-2"], number=3)
    client.post("/api/decide", action="merge_people", persons=[1, 3], into=1)
    assert "no person 3" in client.post("/api/decide", 400, action="name_person", person=3, name="Bea")["error"]
    again = {"action": "split_person", "person": 2, "faces": [f"{3:064x}-2"], "number": 3}
    assert "had" in client.post("/api/decide", 400, **again)["error"]


def test_what_the_first_split_asks_is_made_before_anybody_splits(client: Client, place: Path) -> None:
    assert client.raw("GET", "/")[0] == 200
    ends = time.monotonic() + 60
    while not list((place / "cache/review").glob("painted-*.npy")):
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_a_newer_edition_is_shown_without_anybody_waiting_for_it(client: Client, place: Path) -> None:
    root = Root(place)
    facts = newest(root, "painted")
    assert facts is not None
    again = {key: value for key, value in facts.items() if key not in ("edition", "schema_version")}
    add_edition(root, "painted", again)
    ends = time.monotonic() + 60
    while f"dition {facts['edition'] + 1}".encode() not in client.raw("GET", "/")[2]:
        assert time.monotonic() < ends
    assert ids(client, 0)


@pytest.mark.parametrize("said", [
    {}, {"action": 3}, {"action": "undo", "event": "x"}, {"action": "hide", "theme": 77},
    {"action": "hide", "theme": "0"},
    {"action": "reject", "pictures": "all"}, {"action": "reject", "pictures": [None]}, {"action": "hide"},
    {"action": "reject", "pictures": ["../../secret.txt"]}, {"action": "merge", "themes": [], "into": 0},
    {"action": "rename", "theme": 0, "name": "x" * 1000}, {"action": "hide", "theme": 0, "number": 3},
    {"action": "theme", "pictures": [], "name": "x"}, {"action": "split", "theme": 0, "parts": [], "numbers": []},
])  # fmt: skip
def test_nonsense_is_answered_in_a_sentence(client: Client, place: Path, said: dict[str, object]) -> None:
    body = json.dumps(said).encode()
    status, _, data = client.raw("POST", "/api/decide", body, client.headers)
    assert status == 400
    assert json.loads(data)["error"].endswith((".", ":"))
    assert decided(place) == []


@pytest.mark.parametrize("event", [3, [], {}, "x", "../x"])
def test_what_is_no_decision_cannot_be_taken_back(client: Client, place: Path, event: object) -> None:
    assert "decision" in client.post("/api/undo", 400, event=event)["error"]
    assert decided(place) == []


@pytest.mark.parametrize("body", [b"", b"{", b"[1]", b"null", b'"x"', b"[" * 100_000, b"\xff"])
def test_what_is_no_json_is_answered_in_a_sentence(client: Client, body: bytes) -> None:
    status, _, data = client.raw("POST", "/api/decide", body, client.headers)
    assert status == 400
    assert b"error" in data


@pytest.mark.parametrize("path", [
    "/api/members", "/api/members?theme=x", "/api/members?theme=0&order=x", "/api/members?theme=0&q=%22",
    "/api/members?theme=0&q=nope:1", "/api/split?theme=0&k=9", "/api/split?theme=99&k=2", "/api/count?max_aspect=0",
    "/api/count?license=any", "/api/export?format=exe", "/api/journal?limit=-1", "/api/members?theme=0&page=-1",
])  # fmt: skip
def test_a_wrong_question_is_answered_in_a_sentence(client: Client, path: str) -> None:
    status, _, data = client.raw("GET", path)
    assert status == 400
    assert json.loads(data)["error"].endswith((".", "?"))


def test_members_are_ordered_filtered_and_paged(client: Client) -> None:
    nearest, farthest = ids(client, 0), client.get("/api/members?theme=0&order=outlier")["ids"]
    assert nearest == farthest[::-1]
    chance = [client.get(f"/api/members?theme=0&order=random&seed={seed}")["ids"] for seed in (1, 1, 2)]
    assert chance[0] == chance[1] != chance[2]
    assert sorted(chance[0]) == sorted(nearest)
    assert client.get("/api/members?theme=0&q=genre:%22still+life%22+AND+w%3E1")["total"] == len(nearest)
    assert client.get("/api/members?theme=0&q=NOT+genre:%22still+life%22")["total"] == 0
    assert client.get("/api/members?theme=0&page=2")["ids"] == []


def test_the_map_is_packed(client: Client) -> None:
    data = client.raw("GET", "/api/map")[2]
    (count,) = struct.unpack_from("<I", data)
    assert len(data) == 4 + count * (4 + 4 + 4 + 32)
    themes = struct.unpack_from(f"<{count}i", data, 4 + 8 * count)
    assert set(themes) == {theme["id"] for theme in client.get("/api/themes")["themes"]}
    assert data[4 + 12 * count :][:32].hex() in ids(client, themes[0])


def test_members_can_be_taken_along(client: Client) -> None:
    _, headers, data = client.raw("GET", "/api/export?theme=1&format=csv")
    assert headers["Content-Disposition"] == 'attachment; filename="painted-01.csv"'
    rows = list(csv.DictReader(io.StringIO(data.decode())))
    assert [row["id"] for row in rows] == ids(client, 1)
    assert all(not value.startswith(("=", "+", "-", "@")) for row in rows for value in row.values())
    lines = client.raw("GET", "/api/export?format=jsonl")[2].decode().splitlines()
    assert len(lines) == sum(theme["size"] for theme in client.get("/api/themes")["themes"])


def test_trainings_and_mixes_that_cannot_be_say_why(client: Client) -> None:
    assert client.get("/api/runs") == {"runs": []}
    assert "not being trained" in client.post("/api/runs", 400, action="stop", theme=0)["error"]
    assert "which theme" in client.post("/api/runs", 400, action="start", theme=99)["error"]
    assert "whether" in client.post("/api/runs", 400, action="sing", theme=0)["error"]
    assert "no GAN" in client.post("/api/mix", 400, run=5, plus=[1], minus=[])["error"]
    assert "at least one" in client.post("/api/mix", 400, run=0, plus=[], minus=[])["error"]
    assert "list of at most" in client.post("/api/mix", 400, run=0, plus=["rm -rf"], minus=[])["error"]
