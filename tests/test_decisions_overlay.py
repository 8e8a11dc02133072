"""What decisions make of themes: each word holds from where it was said, and the later one counts."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline import overlay
from pipeline.decisions import Event
from pipeline.overlay import NONE

IDS = [f"{number:064x}" for number in range(12)]
GIVEN = np.array([0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, NONE], np.int32)
_few = st.lists(st.sampled_from([*IDS, "f" * 64]), min_size=1, unique=True)
_few_themes = st.lists(st.integers(0, 4), min_size=1)


def said(action: str, **fields: object) -> Event:
    return Event("x", "2026-11-22T06:00:00.000000+00:00", "x", action, fields)


def themes(*events: Event) -> list[int]:
    return overlay.themes_of(IDS, GIVEN, events)[0].tolist()


def test_move_merge_split_and_lasso():
    assert themes(said("move", pictures=IDS[:2], into=2))[:4] == [2, 2, 0, 0]
    assert themes(said("merge", themes=[0, 2], into=2)) == [2] * 4 + [1] * 4 + [2] * 3 + [NONE]
    parts = [IDS[4:6], IDS[6:7]]
    assert themes(said("split", theme=1, parts=parts, numbers=[1, 5]))[4:8] == [1, 1, 5, 1]
    assert themes(said("theme", pictures=[IDS[0], IDS[11]], name="a", number=9))[::11] == [9, NONE]


def test_a_split_takes_only_what_is_in_the_theme_by_then():
    split = said("split", theme=0, parts=[IDS[:2], IDS[2:5]], numbers=[0, 7])
    assert themes(split)[:5] == [0, 0, 7, 7, 1]
    assert themes(said("merge", themes=[1], into=0), split)[:6] == [0, 0, 7, 7, 7, 0]
    assert themes(said("move", pictures=[IDS[2]], into=1), split)[:5] == [0, 0, 1, 7, 1]


def test_a_later_word_counts():
    assert themes(said("move", pictures=IDS[:1], into=1), said("merge", themes=[1], into=2))[0] == 2
    assert themes(said("merge", themes=[0], into=1), said("move", pictures=IDS[:1], into=0))[:2] == [0, 1]
    assert overlay.names([said("rename", theme=1, name="a"), said("theme", pictures=IDS[:1], name="b", number=1)]) == {
        1: "b"
    }
    events = [said("reject", pictures=IDS[:3]), said("rescue", pictures=IDS[1:4]), said("reject", pictures=IDS[3:4])]
    assert set(overlay.left_out(events)) == {IDS[0], IDS[3]}
    assert overlay.rescued(events) == {IDS[1], IDS[2]}


def test_numbers_of_new_themes_and_hidden_ones():
    events = [said("split", theme=1, parts=[IDS[:1], IDS[1:2]], numbers=[1, 5]), said("hide", theme=3),
              said("theme", pictures=IDS[:1], name="b", number=6)]  # fmt: skip
    assert overlay.numbers(events) == {5, 6}
    assert overlay.hidden(events) == {3}


events = st.lists(
    st.one_of(
        st.builds(lambda p, t: said("move", pictures=p, into=t), _few, st.integers(0, 4)),
        st.builds(lambda t, i: said("merge", themes=t, into=i), _few_themes, st.integers(0, 4)),
        st.builds(lambda p, n: said("theme", pictures=p, name="x", number=n), _few, st.integers(0, 4)),
        st.builds(
            lambda t, p, n: said("split", theme=t, parts=[p[:1], p[1:]], numbers=[t, n]),
            st.integers(0, 4), st.lists(st.sampled_from(IDS), min_size=2, unique=True), st.integers(0, 9),
        ),
        st.builds(lambda p: said("reject", pictures=p), _few),
    ),
    max_size=12,
)


@given(events)
def test_no_picture_is_lost_or_comes_from_nowhere(said_of):
    made, moved = overlay.themes_of(IDS, GIVEN, said_of)
    assert ((made == NONE) == (GIVEN == NONE)).all()
    assert (moved == (made != GIVEN)).all()
    assert set(made.tolist()) - set(GIVEN.tolist()) <= {
        *overlay.numbers(said_of), *(e["into"] for e in said_of if "into" in e.fields)
    }


@given(events, st.randoms())
def test_a_picture_fares_the_same_whatever_stands_beside_it(said_of, random):
    order = list(range(len(IDS)))
    random.shuffle(order)
    some = order[: random.randint(0, len(order))]
    whole = overlay.themes_of(IDS, GIVEN, said_of)[0]
    part = overlay.themes_of([IDS[i] for i in some], GIVEN[some], said_of)[0]
    assert part.tolist() == whole[some].tolist()


@given(events, events)
def test_replay_goes_on_where_it_stopped(first, then):
    halfway, _ = overlay.themes_of(IDS, GIVEN, first)
    assert (overlay.themes_of(IDS, halfway, then)[0] == overlay.themes_of(IDS, GIVEN, [*first, *then])[0]).all()
