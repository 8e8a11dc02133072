"""Lists that are read ahead: hosts take turns, nothing is lost, and texts are told apart in little memory."""

from __future__ import annotations

import tracemalloc
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from spiders.ahead import Ahead
from spiders.digests import Digests


@given(st.lists(st.sampled_from("abcde"), max_size=80), st.integers(1, 5), st.randoms())
def test_each_host_keeps_its_order_and_its_limit(hosts: list[str], each: int, random: object) -> None:
    ahead, coming, under_way, got = Ahead(20, each), list(enumerate(hosts)), [], []
    while coming or ahead.count or under_way:
        while coming and not ahead.full:
            number, host = coming.pop(0)
            ahead.put(host, (host, number))
        while (found := ahead.take()) is not None:
            got.append(found)
            under_way.append(found[0])
        assert under_way, "what waits has a host that is busy"
        assert max(Counter(under_way).values()) <= each and ahead.count <= 20
        ahead.back(under_way.pop(random.randrange(len(under_way))))  # type: ignore[attr-defined]
    for host in set(hosts):
        assert [number for one, number in got if one == host] == [n for n, one in enumerate(hosts) if one == host]


def test_hosts_take_turns() -> None:
    ahead = Ahead(each=2)
    for number in range(9):
        ahead.put("abc"[number // 3], number)
    assert [ahead.take() for _ in range(7)] == [0, 3, 6, 1, 4, 7, None]
    ahead.back("b")
    assert ahead.take() == 5 and ahead.take() is None


@given(st.sets(st.text(), max_size=60), st.sets(st.text(), max_size=20))
def test_a_set_of_digests_is_a_set(put: set[str], others: set[str]) -> None:
    digests = Digests()
    assert not digests
    for text in [*put, *put]:
        digests.add(text)
    assert len(digests) == len(put) and all(text in digests for text in put)
    assert not any(text in digests for text in others - put)


def test_it_grows_and_stays_small() -> None:
    tracemalloc.start()
    digests = Digests()
    for number in range(50_000):
        digests.add(f"https://example.org/a/long/folder/of/pictures/{number}.jpg")
    size = tracemalloc.get_traced_memory()[0]
    tracemalloc.stop()
    assert len(digests) == 50_000 and "https://example.org/a/long/folder/of/pictures/49999.jpg" in digests
    assert size / 50_000 < 34
