"""Every worker has several partitions, which hold what the plan's held."""

from __future__ import annotations

import json
from itertools import pairwise
from pathlib import Path

import pytest
from support import make_items

from stac_manager import IngestModule, WorkflowContext
from stac_manager.plan import Document, Documents, Interval, Lines, Partition, Plan, RowGroups
from stac_manager.sinks.balance import balanced

FILE = Document("items.ndjson", "ndjson", 80_000, 1)
FAR = Document("https://x.example/items.ndjson", "ndjson", 80_000, 1)
FILES = tuple(Document(f"{number}.json", "json", 10, 1) for number in range(5_000))


@pytest.fixture(autouse=True)
def items_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "items.ndjson").write_bytes(b"{}\n" * 26_667)
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("partitions", "workers", "items"),
    [
        (
            [Lines(FILE, 0, 40_000, estimate=5_000), Lines(FILE, 40_000, 80_000, estimate=5_000)],
            2,
            [1_250, 1_093, 957, 837, 732, 131, 625, 546, 478, 418, 366, 320, 280, *[250] * 7, 217],
        ),
        (
            [Lines(FILE, 0, 48_000, estimate=12_000), Lines(FILE, 48_000, 80_000, estimate=8_000)],
            2,
            [
                2_500,
                2_187,
                1_914,
                1_674,
                1_465,
                1_282,
                978,
                1_000,
                875,
                765,
                670,
                586,
                513,
                448,
                392,
                343,
                301,
                263,
                *[250] * 6,
                344,
            ],
        ),
        ([Lines(FILE, 0, 80_000, estimate=40_000)], 1, [40_000]),
        ([Lines(FAR, 0, 40_000, estimate=5_000), Lines(FAR, 40_000, 80_000, estimate=9)], 2, [5_000, 9]),
        ([Lines(FILE._replace(path="gone.ndjson"), 0, 80_000, estimate=9_000)], 2, [9_000]),
        ([Lines(FILE, 0, 80_000, estimate=350)], 2, [350]),
        ([Lines(FILE, 0, 80_000, estimate=None)], 2, [None]),
        ([Documents(FILES, estimate=5_000)], 4, [312, 293, 274, 257, *[250] * 14, 364]),
        ([Documents(FILES[:1], estimate=5_000)], 4, [5_000]),
        ([RowGroups(FILE, 0, 3, estimate=9_000)], 4, [3_000] * 3),
        ([Interval(0, 10, estimate=9_000)], 4, [9_000]),
    ],
)
def test_partitions_are_cut_for_workers(partitions: list[Partition], workers: int, items: list[int | None]) -> None:
    plan = balanced(Plan("source", "document", tuple(partitions)), workers)
    assert [partition.estimate for partition in plan] == items
    assert len({partition.key for partition in plan}) == len(plan)


def test_pieces_follow_each_other_without_a_gap() -> None:
    lines = list(balanced(Plan("source", "document", (Lines(FILE, 7, 79_999, estimate=10_007),)), 3))
    assert (lines[0].start, lines[-1].stop) == (7, 79_999)  # type: ignore[attr-defined]
    assert all(one.stop == two.start for one, two in pairwise(lines))  # type: ignore[attr-defined]
    files = balanced(Plan("source", "document", (Documents(FILES[:4_321], estimate=4_321),)), 3)
    assert sum((each.documents for each in files), ()) == FILES[:4_321]  # type: ignore[attr-defined]


async def test_values_over_several_lines_stay_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("stac_manager.files.cutting.FIRST_VALUE_BYTES", 20_000)
    monkeypatch.setattr("stac_manager.sinks.balance.LEAST_ITEMS", 5)
    items = make_items(1_500)
    lines = [json.dumps(item, indent=1 if 100 <= number < 200 else None) for number, item in enumerate(items)]
    lines[200:300] = [line.replace(', "properties"', ',\n"properties"') for line in lines[200:300]]
    (tmp_path / "x.ndjson").write_text("\n".join(lines))
    module = IngestModule(source=str(tmp_path / "x.ndjson"))
    plan = await module.plan(partition_items=400)
    cut = balanced(plan, 7)
    context = WorkflowContext.create()
    found = [item for partition in cut async for item in module.read(partition, context)]
    assert 1 < len(plan) < len(cut)
    assert (found, len(context.failure_collector)) == (items, 0)
