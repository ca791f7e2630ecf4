"""Which commits are measured."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tools.nightly import rounds

lines = st.integers(1, 60).flatmap(
    lambda length: st.tuples(
        st.just([f"{place:040x}" for place in range(length)]), st.sets(st.sampled_from(range(length)))
    )
)


@given(lines)
def test_new_is_what_came_after_the_newest_measured(case: tuple[list[str], set[int]]) -> None:
    line, places = case
    new = rounds.new_commits(line, {line[place] for place in places})
    assert new == (line[max(places) + 1 :] if places else line[-1:])


@given(lines, st.integers(0, 70))
def test_backfill_reaches_every_commit_once(case: tuple[list[str], set[int]], count: int) -> None:
    line, places = case
    measured = {line[place] for place in places}
    chosen = rounds.backfill(line, measured, count)
    assert len(chosen) == min(count, len(line) - len(places))
    assert len({*chosen}) == len(chosen)
    assert not measured.intersection(chosen)
    assert chosen == sorted(chosen)


@given(lines)
def test_backfill_halves_the_widest_gap(case: tuple[list[str], set[int]]) -> None:
    line, places = case
    measured = {line[place] for place in places} | {line[0], line[-1]}
    ends = [place for place, commit in enumerate(line) if commit in measured]
    widest = max((b - a for a, b in pairwise(ends)), default=0)
    for commit in rounds.backfill(line, measured, 1):
        place = line.index(commit)
        before, after = max(end for end in ends if end < place), min(end for end in ends if end > place)
        assert after - before == widest
        assert abs((after - place) - (place - before)) <= 1


@pytest.mark.parametrize(
    ("measured", "new", "judged", "since"),
    [
        ("abcd", "d", "c", "c"),  # every night
        ("abxcd", "cd", "x", "x"),  # git does not know it here: the clone is shallow
        ("abxcd", "cd", None, "b"),  # rewritten: what was judged last is not of this branch any more
        ("acd", "cd", "b", "a"),  # judged, but its results are lost
        ("d", "d", None, None),
    ],
)
def test_what_is_judged_begins_where_the_last_night_ended(
    measured: str, new: str, judged: str | None, since: str | None
) -> None:
    assert rounds.judged_since("abcd", measured, new, judged) == since
