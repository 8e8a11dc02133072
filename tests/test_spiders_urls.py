"""The import of a list of addresses, end to end: real files, real HTTP on loopback, real Scrapy in a child process."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from pipeline import tables
from pipeline.errors import Reason, UsageError
from pipeline.storage import Root
from spiders import run
from tests.spiders_site import Script, Site, ok, png, rows


def spec(path: Path, site: Site, **more: Any) -> dict[str, Any]:
    return {"import": "urls", "path": str(path), "base_url": site.url, **more}


def test_a_list_is_taken_with_its_columns_and_a_second_time_nothing_is_asked(tmp_path: Path, root: Root) -> None:
    lines = tmp_path / "list.jsonl"
    with Site() as site:
        body = [{"url": f"{site.url}/images/a/{n}.png", "caption": f"no {n}", "license": "CC BY 2.0", "label": n,
                 "md5": hashlib.md5(png(n), usedforsecurity=False).hexdigest()} for n in range(30)]  # fmt: skip
        lines.write_text("\n".join(map(json.dumps, body)))
        first = run.take(spec(lines, site), root)
        asked = len(site.log)
        second = run.take(spec(lines, site), root)
        assert len(site.log) == asked
        lines.write_text("\n".join(map(json.dumps, [*body, {"url": "/images/a/99.png"}])))
        third = run.take(spec(lines, site), root)
    assert (first.new, dict(first.failed), first.requests) == (30, {}, 32)  # and robots.txt and tdmrep.json
    assert (second.new, second.unchanged) == (0, 30) and (third.new, third.unchanged) == (1, 30)
    found = rows(root)
    assert [row["title"] for row in found[:3]] == ["no 0", "no 1", "no 2"]
    assert {row["licence"] for row in found[:30]} == {"CC-BY-2.0"} and found[30]["licence"] == "NOASSERTION"
    assert json.loads(found[7]["extra"])["label"] == 7 and found[7]["query"] == "list.jsonl"
    assert root.read(tables.original_path(found[7]["id"], "png")) == png(7)


def test_poisoned_rows_do_nothing_but_stand_in_the_table(tmp_path: Path, root: Root) -> None:
    poison = [
        "file:///etc/passwd", "ftp://h.example/x.jpg", "data:image/png;base64,AAAA", "gopher://h.example/",
        "http://169.254.169.254/latest/meta-data/", "http://10.0.0.1/", "http://[64:ff9b::a00:1]/", "http://167772161/",
        "http://0x0a000001/", "http://0300.0250.0.1/", "http://user:pw@h.example/", "http://h.example:22/",
        "nonsense:x", "http://metadata/", "http://a\\@b/", "javascript:alert(1)", f"data:,{'x' * 9000}",
    ]  # fmt: skip
    with Site(scripts={"/redirect": lambda site, n: (302, {"Location": "http://10.0.0.1/x.png"}, b""),
                       "/file": lambda site, n: (302, {"Location": "file:///etc/passwd"}, b"")}) as site:  # fmt: skip
        path = tmp_path / "list.txt"
        path.write_text("\n".join([*poison, "/redirect", "/file", "/images/a/1.png"]))
        done = run.take(spec(path, site), root)
    found = rows(root)
    assert (done.new, len(found)) == (1, len(poison) + 3)
    assert {row["reason"] for row in found[:-1]} == {"address_refused"}
    assert all(row["detail"] and len(row["url"]) < 4100 for row in found[:-1])
    assert not [row for row in found if "pw@" in f"{row}"]


def test_bytes_that_break_their_promise_are_not_kept(tmp_path: Path, root: Root) -> None:
    with Site() as site:
        path = tmp_path / "list.csv"
        path.write_text(f"url,hash\n/images/a/1.png,{hashlib.sha256(png(1)).hexdigest()}\n/images/a/2.png,{'0' * 64}\n")
        done = run.take(spec(path, site, hash_col="hash"), root)
    assert (done.new, dict(done.failed)) == (1, {"hash_mismatch": 1})
    wrong = rows(root)[1]
    assert f"sha256 is {hashlib.sha256(png(2)).hexdigest()}" in wrong["detail"] and wrong["sha256"] is None


def test_doubles_optouts_robots_and_licences(tmp_path: Path, root: Root) -> None:
    noai: dict[str, Script] = {"/noai.png": lambda site, n: ok(png(5), X_Robots_Tag="noai")}
    with Site(scripts=noai, robots="User-agent: *\nDisallow: /images/a/3.png") as site:
        path = tmp_path / "list.csv"
        path.write_text(
            "url,license\n/images/a/1.png,CC BY 4.0\n/images/a/1.png#again,\n/images/a/%31.png,\n,\n"
            "/images/a/2.png,all rights reserved\n/noai.png,cc0\n/images/a/3.png,cc0\n"
        )
        done = run.take(spec(path, site, license="cc0,cc-by"), root)
    assert (done.new, dict(done.failed)) == (1, {"licence": 1, "opted_out": 1, "robots": 1})
    assert not site.asked("/images/a/2.png") and not site.asked("/images/a/3.png")
    assert len(site.asked("/images/a/1.png")) == 1
    assert [note for note in done.notes if note.startswith("2 addresses stand in the list more than once")]
    assert [note for note in done.notes if note.startswith("1 rows have no address")]


def test_robots_are_obeyed_by_all_that_wait_for_them(tmp_path: Path, root: Root) -> None:
    with Site(robots="User-agent: *\nDisallow: /images/a/") as site:
        path = tmp_path / "list.txt"
        path.write_text("\n".join(f"/images/a/{n}.png" for n in range(20)))
        done = run.take(spec(path, site), root)
        assert (done.new, dict(done.failed)) == (0, {"robots": 20})
        assert not site.asked("/images/")


def test_a_dry_run_counts_and_asks_nothing(tmp_path: Path, root: Root) -> None:
    path = tmp_path / "list.txt"
    with Site() as site:
        path.write_text("\n".join(f"/images/a/{n}.png" for n in range(70)) + "\nhttps://other.example/x.jpg")
        ahead = run.estimate(spec(path, site), root)
        assert not site.log
    assert (ahead.pictures, ahead.requests, ahead.seconds) == (71, 73, 70.0)
    assert "2 hosts" in ahead.notes[0] and not tables.names(root, tables.CRAWLED)


def test_a_list_that_is_none_is_said_in_one_sentence(tmp_path: Path, root: Root) -> None:
    with Site() as site:
        (tmp_path / "empty.txt").write_text("# nothing\n")
        (tmp_path / "names.csv").write_text("name\nJane\n")
        with pytest.raises(UsageError, match="empty"):
            run.take(spec(tmp_path / "empty.txt", site), root)
        with pytest.raises(UsageError, match="no column of addresses"):
            run.take(spec(tmp_path / "names.csv", site), root)
        with pytest.raises(UsageError, match=r"There is no file or folder .*gone.txt"):
            run.take(spec(tmp_path / "gone.txt", site), root)


def test_a_host_that_refuses_does_not_stop_the_others(tmp_path: Path, root: Root) -> None:
    blocked: dict[str, Script] = {f"/images/a/{n}.png": lambda site, times: (403, {}, b"") for n in range(40)}
    with Site(scripts=blocked) as bad, Site() as good:
        path = tmp_path / "list.txt"
        path.write_text("\n".join(f"{bad.url.replace('127.0.0.1', 'localhost')}/images/a/{n}.png\n"
                                  f"{good.url}/images/a/{n}.png" for n in range(40)))  # fmt: skip
        done = run.take(spec(path, good), root)
    assert done.new == 40 and sum(done.failed.values()) == 40
    assert len(bad.asked("/images/")) < 30, "given up"


def test_hosts_that_stand_one_after_the_other_are_asked_side_by_side(tmp_path: Path, root: Root) -> None:
    """A list sorted by host: none of the first host's pictures comes before the others may be asked."""
    path = tmp_path / "sorted.txt"
    with Site(address="0.0.0.0") as site:
        port = site.url.rpartition(":")[2]
        hosts = (1, 2, 3)
        numbers = [(host, 100 * host + n) for host in hosts for n in range(70)]
        path.write_text("\n".join(f"http://127.0.0.{host}:{port}/images/a/{n}.png" for host, n in numbers))
        done = run.take(spec(path, site), root)
        began = [site.asked(f"/images/a/{host}")[0] for host in hosts]
        ended = min(site.asked(f"/images/a/{host}")[-1] for host in hosts)
    assert done.new == 210 and max(began) < ended
    assert [row["url"] for row in rows(root)] == path.read_text().split("\n"), "the rank is the place in the list"


def test_rows_of_a_list_are_tried_again_without_the_list_and_keep_their_promise(tmp_path: Path, root: Root) -> None:
    path = tmp_path / "list.csv"
    fails: dict[str, Script] = {f"/images/a/{n}.png": lambda site, n: (500, {}, b"") for n in range(3)}
    with Site(scripts=fails) as site:
        hashes = [hashlib.md5(png(n), usedforsecurity=False).hexdigest() for n in (0, 1, 9)]
        path.write_text("url,md5\n" + "".join(f"/images/a/{n}.png,{hashes[n]}\n" for n in range(3)))
        assert dict(run.take(spec(path, site), root).failed) == {"http_5xx": 3}
        site.scripts.clear()
        path.unlink()
        (again,) = run.retry(root, [Reason.HTTP_5XX])
    assert (again.new, dict(again.failed)) == (2, {"hash_mismatch": 1})
