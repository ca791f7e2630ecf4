"""What holds for every data set, whatever its numbers are."""

import re
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from made_data_sets import make_data_set, measured_level, missing_level

from tools.analysis.analysis import Analysis
from tools.analysis.bottleneck import too_few_tasks
from tools.analysis.model import DataSet, Level, Usage
from tools.analysis.next_run import PROGRAM

SECONDS = st.floats(min_value=0.01, max_value=100)
COMMANDS = st.sampled_from(
    [None, f"{PROGRAM} api --max-items 1000 --concurrency=1,5", f"{PROGRAM} file --workers 1,2", "asv run x abcd^!"]
)


@st.composite
def usages(draw: st.DrawFn, seconds: float) -> Usage | None:
    if draw(st.booleans()):
        return None
    share = st.floats(min_value=0, max_value=1)
    stages = {name: seconds * draw(share) for name in ("waiting", "paused", "decoding", "consumer")}
    return Usage(
        runs=1,
        wall_seconds=seconds,
        cpu_seconds=seconds * draw(st.floats(min_value=0, max_value=4)),
        queue_seconds=draw(st.none() | share.map(lambda part: part * seconds)),
        stages=draw(st.sampled_from([None, stages])),
        tasks=draw(st.none() | st.floats(min_value=1, max_value=200)),
        refusals=draw(st.sampled_from([None, 0.0, 0.0, 0.0, 0.3, 7.0])),
    )


@st.composite
def levels(draw: st.DrawFn, name: int | str, base: float) -> Level:
    sizes: dict[str, Any] = {"items": draw(st.sampled_from([1000, 1000, 1000, 1000, 999, None])),
                             "peak_bytes": draw(st.none() | st.integers(10**7, 10**9))}  # fmt: skip
    if draw(st.integers(0, 9)) == 0:
        return missing_level(name, draw(st.sampled_from(["n/a", "failed"])), **sizes)
    # As a rule faster with more workers, up to a limit, with noise; sometimes anything.
    workers = name if isinstance(name, int) else 4
    median = draw(st.just(base / min(workers, draw(st.sampled_from([1, 2, 5, 50])))) | SECONDS)
    noise = draw(st.sampled_from([0.0, 0.002, 0.02, 0.2]))
    count = draw(st.sampled_from([1, 2, 3, 5, 5, 8]))
    samples = [median * draw(st.floats(min_value=1 - noise, max_value=1 + noise)) for _ in range(count)]
    return measured_level(name, samples, usage=draw(usages(median)), **sizes)


@st.composite
def worlds(draw: st.DrawFn) -> DataSet:
    names = st.sampled_from([1, 1, 2, 5, 10, 20, 50, "auto", "2 processes"])
    base = draw(SECONDS)
    made = [draw(levels(name, base)) for name in draw(st.lists(names, max_size=6, unique=True))]
    kind = draw(st.sampled_from(["file", "api"]))
    return make_data_set("1K JSON Files", "k", kind, "s", 1000, made, command=draw(COMMANDS))


@given(worlds())
def test_always(world: DataSet) -> None:
    found = Analysis(world)
    decided, text = found, "\n".join(line.text for line in found.lines)
    said = {line.label: line.text for line in found.lines}
    intervals = {x.concurrency: x.speedup_interval for x in world.levels if x.speedup_interval is not None}
    others = [x for x in world.measured if x is not world.baseline]

    # "Nothing is faster" only where no interval lies above 1; "inconclusive" only where one spans 1.
    if "nothing is faster" in text:
        assert not any(low > 1 for low, _ in intervals.values())
        assert len(intervals) == len(others)
    if decided.effect == "inconclusive" or "inconclusive" in text or "too noisy" in text:
        assert any(low <= 1 <= high for low, high in intervals.values())
    # A speedup that is claimed is one that the samples show, and the number in the table.
    if decided.best is not None and decided.best is not world.baseline and world.baseline is not None:
        assert intervals[decided.best.concurrency][0] > 1
        assert f"{decided.best.speedup:,.1f}x speedup" in said["Best Performance"]
    ordered = {x.concurrency for x in world.measured if len(set(x.samples)) > 1}
    shortest = min((x.median_seconds or 0 for x in world.measured if x.concurrency in ordered), default=0)
    faster = decided.best is not None and (decided.best.median_seconds or 0) > shortest
    assert ("not measurably faster" in said["Best Performance"]) == faster

    # One sample, or samples without spread, order nothing and conclude nothing.
    assert set(intervals) <= ordered
    if world.baseline is None or len(ordered) < 2 or 1 not in ordered:
        assert decided.effect == "unknown"
    for level in (decided.best, decided.default):
        assert level is None or level.concurrency in ordered or (world.refused and level is world.baseline)
    if not ordered and not world.refused and (found.one is None or (found.one.crowded and found.one.busy >= 0.1)):
        assert decided.bottleneck == "unknown"

    # A server that refused limits the rate: never a level at which it refused, never larger ones.
    refused = [x.concurrency for x in world.measured if x.usage is not None and x.usage.refusals]
    numbers = [name for name in refused if isinstance(name, int)]
    if refused:
        assert decided.bottleneck == "limited"
        assert "rate limit" in said["Bottleneck"]
        assert found.recommended not in refused
        assert "larger levels" not in text
    if numbers:
        assert not isinstance(found.recommended, int) or found.recommended < min(numbers)
        if found.lines[-1].label == "Next" and "--concurrency" in (found.lines[-1].command or ""):
            asked = re.search(r"--concurrency[ =](\S+)", found.lines[-1].command or "")
            assert asked is not None
            if "accepts" in found.lines[-1].text:
                assert all(int(name) < min(numbers) for name in asked[1].split(","))

    # What is said to rise does, and nobody smaller outruns the best level.
    counted = [x.median_seconds or 0 for x in world.measured if isinstance(x.concurrency, int)]
    assert "still rising" not in text or counted[-1] < counted[-2]
    if decided.best is not None:
        smaller = world.measured[: world.measured.index(decided.best)]
        ahead = (x for x in smaller if (x.median_seconds or 0) < (decided.best.median_seconds or 0))
        assert not any(x.speedup_interval and x.speedup_interval[0] > 1 for x in ahead)

    # Advice, best line and bottleneck agree.
    assert found.lines[0].label.startswith("No advice" if found.recommended is None else "Use ")
    if decided.effect in ("significant", "modest") and not refused:
        assert found.recommended is not None
        assert found.recommended != 1
    if decided.effect == "none":
        assert found.recommended in (1, None)
        assert decided.bottleneck != "inconclusive"
        assert decided.bottleneck != "waiting" or too_few_tasks(world) is not None
    if decided.default is not None and decided.best is not None and decided.default is not decided.best:
        assert not isinstance(decided.best.concurrency, int) or not isinstance(found.recommended, int) or (
            found.recommended < decided.best.concurrency)  # fmt: skip

    # At most five sentences, the advice first, what to run last; nothing that is no number, and no empty one.
    assert 3 <= len(found.lines) <= 5
    labels = [line.label for line in found.lines]
    assert labels[1:3] == ["Best Performance", "Bottleneck"]
    assert "Next" not in labels[:-1]
    assert all((line.command is not None) <= (line.label == "Next") for line in found.lines)
    command = found.lines[-1].command or ""
    assert "--workers" not in command or "--concurrency" not in command  # which the program refuses
    for sentence in (*(line.text for line in found.lines), *found.details):
        assert sentence.strip() == sentence != ""
        for middle, *ends in re.findall(r" ([\d.]+)x \(([\d.]+)x to ([\d.]+)x\)", sentence):
            assert float(ends[0]) <= float(middle) <= float(ends[1]), sentence
        assert not re.search(r"\bnan\b|\binf\b|None|\(\)|  |,,|\.\.", sentence), sentence
