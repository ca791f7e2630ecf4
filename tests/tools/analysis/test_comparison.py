"""Two commits side by side."""

import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from tools.analysis import Environment, Level, Report, compare, make_data_set, measured_level, missing_level
from tools.errors import ReportError
from tools.render import comparison_page, render_markdown, show, write_comparison

STEADY = (0.98, 0.99, 1.0, 1.01, 1.02)


def level(concurrency: int, seconds: float, **more: int) -> Level:
    return measured_level(concurrency, [seconds * step for step in STEADY], items=1000, **more)


def report(commit: str, *levels: Level, key: str = "k") -> Report:
    where = Environment(commit=commit * 8, commit_short=commit, machine="box")
    return Report("2026-01-02T03:04:05+00:00", False, where, (make_data_set("T", key, "file", "s", 1000, levels),))


BEFORE = report("aaaa", level(1, 4.0, peak_bytes=100_000_000), level(5, 2.0), level(10, 1.0), measured_level(20, [1.0]))
AFTER = report(
    "bbbb",
    level(1, 4.0, peak_bytes=120_000_000),
    level(5, 2.6),
    level(10, 0.7),
    measured_level(20, [2.0]),
    missing_level(50, "n/a"),
)


def test_what_the_samples_show() -> None:
    (data_set,) = compare(BEFORE, AFTER).data_sets
    found = {x.concurrency: (x.ratio, x.change) for x in data_set.levels}
    assert found == {
        1: (1.0, "no change"),
        5: (pytest.approx(1.3), "slower"),
        10: (pytest.approx(0.7), "faster"),
        20: (2.0, "few samples"),
        50: (None, "n/a"),
    }


def test_markdown_and_terminal() -> None:
    found = compare(BEFORE, AFTER)
    page = render_markdown(comparison_page(found), title=True)
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in page.splitlines() if line[:1] == "|"]
    assert rows[3][:4] == ["5", "2.0", "2.6", "+30 %"]
    assert rows[3][-1] == "slower"
    assert "100 → 120" in rows[2]
    assert "Slower at concurrency 5.\n\nFaster at concurrency 10." in page
    output = io.StringIO()
    show(comparison_page(found), Console(file=output, width=80))
    assert max(map(len, output.getvalue().splitlines())) <= 80
    assert "…" not in output.getvalue()


def test_what_only_one_has_measured() -> None:
    found = compare(BEFORE, report("bbbb", level(1, 4.0), key="other"))
    assert [x.key for x in found.data_sets] == ["other", "k"]
    assert "Only the commit after has measured this." in render_markdown(comparison_page(found))


def test_json_is_strict(tmp_path: Path) -> None:
    write_comparison(compare(BEFORE, AFTER), tmp_path / "c.json")
    written = json.loads((tmp_path / "c.json").read_text())
    assert written["before"]["environment"]["commit_short"] == "aaaa"
    assert [x["change"] for x in written["changes"][0]["levels"]][:2] == ["no change", "slower"]


def test_machines_are_not_compared() -> None:
    other = replace(AFTER, environment=replace(AFTER.environment, machine="laptop"))
    with pytest.raises(ReportError, match="times of box and of laptop cannot be compared"):
        compare(BEFORE, other)
