import pickle
import subprocess
import sys
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from stac_manager.plan import (
    Document,
    Documents,
    Interval,
    Lines,
    NoDatetime,
    NoGeometry,
    Pages,
    Partition,
    Plan,
    RowGroups,
    Tile,
    Whole,
    partition_of,
    plan_of,
)

DEGREES = st.floats(-180, 180, allow_nan=False)
NANOSECONDS = st.none() | st.integers(-(2**63), 2**63 - 1)
NUMBERS = st.integers(0, 2**63 - 1)
DOCUMENT = st.builds(Document, st.text(), st.sampled_from(["json", "ndjson"]), st.none() | NUMBERS, st.none() | NUMBERS)
PARTITIONS: st.SearchStrategy[Partition] = st.one_of(
    st.builds(Documents, st.lists(DOCUMENT, max_size=3).map(tuple)),
    st.builds(Lines, DOCUMENT, NUMBERS, NUMBERS),
    st.builds(RowGroups, DOCUMENT, NUMBERS, NUMBERS, estimate=st.none() | NUMBERS),
    st.builds(Interval, NANOSECONDS, NANOSECONDS, estimate=st.none() | NUMBERS),
    st.builds(Tile, DEGREES, DEGREES, DEGREES, DEGREES, NANOSECONDS, NANOSECONDS),
    st.builds(Pages, NUMBERS, st.none() | NUMBERS, NUMBERS, st.text(), NUMBERS, NUMBERS),
    st.just(NoDatetime()),
    st.just(NoGeometry()),
    st.just(Whole()),
)


@given(st.lists(PARTITIONS, max_size=4))
def test_a_plan_comes_back_from_json_as_it_was(partitions: list[Partition]) -> None:
    plan = Plan("items/", "time", tuple(partitions), counted=7, notes=("a note",))
    back = plan_of(orjson.loads(orjson.dumps(plan.to_json())))
    assert back == plan
    assert [partition.key for partition in back] == [partition.key for partition in plan]
    assert [partition.estimate for partition in back] == [partition.estimate for partition in plan]


@given(PARTITIONS, st.booleans())
def test_a_partition_comes_to_another_process_as_it_is(partition: Partition, has_key: bool) -> None:
    before = partition.key if has_key else vars(partition).get("key")
    back = pickle.loads(pickle.dumps(partition))
    assert (back, back.estimate) == (partition, partition.estimate)
    assert vars(back).get("key") == before
    assert back.key == partition.key


@given(PARTITIONS, PARTITIONS)
def test_keys_are_equal_for_equal_partitions_only(one: Partition, other: Partition) -> None:
    assert (one.key == other.key) == (one == other)
    assert replace(one, estimate=5).key == one.key


def test_a_key_is_the_same_in_another_process() -> None:
    program = "from stac_manager.plan import Interval; print(Interval(0, 10**18).key)"
    found = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == Interval(0, 10**18).key


@pytest.mark.parametrize("document", [{}, {"kind": "tale"}, {"kind": "lines", "start": 1}, {"kind": "documents"}])
def test_what_is_no_partition_is_refused(document: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="not a partition"):
        partition_of(document)
