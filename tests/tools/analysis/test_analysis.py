"""What is decided from the numbers, and what is said of it: tables of cases."""

from dataclasses import replace
from typing import Any

import pytest
from made_data_sets import MB, data_set, level, make_data_set, measured_level, missing_level, summarised_level, timed

from tools.analysis.analysis import Analysis
from tools.analysis.model import DataSet, Usage
from tools.analysis.scaling import ScalingLaw, fit

PROGRAM = "python tools/benchmark_ingest.py api --max-items 1000"


def said(found: DataSet) -> str:
    """Everything under the table, as a page shows it."""
    lines = Analysis(found).lines
    return "\n".join(f"{line.label}: {line.text}{f': {line.command}' if line.command else ''}" for line in lines)


def details(found: DataSet) -> str:
    return "\n".join(Analysis(found).details)


IDLE, HALF, BUSY = 0.05, 0.5, 0.97


@pytest.mark.parametrize(
    ("made", "effect", "bottleneck", "best", "recommended"),
    [
        # How much workers help, by the speedup as the table shows it.
        (timed({1: 3.0, 10: 1.0}, IDLE), "significant", "waiting", 10, 10),
        (timed({1: 2.94, 10: 1.0}, HALF), "modest", "mixed", 10, 10),
        (timed({1: 1.2, 10: 1.0}, HALF), "modest", "mixed", 10, 10),
        (timed({1: 1.1, 10: 1.0}, BUSY), "none", "cpu", 10, 1),
        (data_set(level(1, 1.12, HALF, noise=0.035), level(5, 1.0, HALF, noise=0.035)), "none", "serialised", 5, 1),
        (timed({1: 1.0, 10: 1.5}, BUSY), "none", "cpu", 1, 1),
        (timed({1: 1.0, 10: 1.0}, BUSY), "none", "cpu", 1, 1),
        # The smallest level that cannot be told from the fastest is the best one.
        (timed({1: 10.0, 5: 1.02, 10: 1.01, 20: 1.0}, IDLE), "significant", "limited", 5, 5),
        (data_set(level(1, 10.0), level(5, 1.2), level(10, 1.23, noise=0.2), level(20, 1.14, noise=0.001)),
         "significant", "waiting", 20, 5),  # not 10, noisy as it is: 5 is faster
        # 10 % more throughput pays, and small steps add up.
        (timed({1: 10.0, 5: 1.15, 10: 1.0}, IDLE), "significant", "waiting", 10, 10),
        (timed({1: 10.0, 5: 1.07, 10: 1.0}, IDLE), "significant", "limited", 10, 5),
        (timed({1: 10.0, 5: 1.2, 10: 1.12, 20: 1.05}, IDLE), "significant", "limited", 20, 10),
        (timed({1: 10.0, 5: 2.2, 10: 1.05, 20: 1.0, 50: 0.97}, IDLE), "significant", "limited", 50, 10),
        # A level that is no number must beat the numbers by as much.
        (timed({1: 4.0, 5: 2.0, "auto": 1.0}, IDLE), "significant", "waiting", "auto", "auto"),
        (timed({1: 4.0, 5: 1.0, "auto": 0.95}, IDLE), "significant", "waiting", "auto", 5),
        (timed({1: 4.0, 5: 2.0, "2 processes": 1.0}, IDLE), "significant", "waiting", "2 processes", "2 processes"),
        # Nor do more processes pay for 5 %.
        (timed({1: 4.0, "2 processes": 2.1, "4 processes": 2.0}, BUSY), "modest", "cpu", "4 processes", "2 processes"),
        # An idle CPU contradicts "CPU-bound"; a busy one contradicts "waiting".
        (timed({1: 1.0, 5: 1.0, 10: 1.0}, 0.1), "none", "serialised", 1, 1),
        (data_set(level(1, 4.0, 0.99), level(4, 1.0, 3.9)), "significant", "cpu", 4, 4),
        (data_set(level(1, 4.0, 0.6), level(4, 1.0, 2.2)), "significant", "mixed", 4, 4),
        # A small pool that does all that it can is bound by what it waits for.
        (data_set(level(1, 2.0, 0.02), level(2, 1.02, 0.04)), "modest", "waiting", 2, 2),
        (timed({1: 1.45, 2: 1.0}, IDLE), "modest", "waiting", 2, 2),  # 70 % of the number of workers is nearly all
        (timed({1: 1.35, 2: 1.0}, IDLE), "modest", "limited", 2, 2),
        # More workers that lose a fifth of the throughput hinder each other.
        (timed({1: 4.0, 4: 1.0, 6: 1.27}, IDLE), "significant", "contention", 4, 4),
        (timed({1: 4.0, 4: 1.0, 6: 1.23}, IDLE), "significant", "waiting", 4, 4),
        # On a crowded machine CPU-bound work has little CPU for its time on the wall.
        (data_set(*(level(n, 1.0, 0.4, queue_seconds=0.58) for n in (1, 5))), "none", "cpu", 1, 1),
        (data_set(*(level(n, 1.0, 0.2, queue_seconds=0.5) for n in (1, 5))), "none", "unknown", 1, 1),
        (data_set(*(level(n, 1.0, 0.2, queue_seconds=0.11) for n in (1, 5))), "none", "unknown", 1, 1),
        (data_set(*(level(n, 1.0, 0.2, queue_seconds=0.09) for n in (1, 5))), "none", "serialised", 1, 1),
        # Memory that grows by more than the throughput is dear, if it is by more than an allocator rounds.
        (data_set(level(1, 2.0), level(2, 1.0, peak_bytes=10 * MB), level(4, 0.7, peak_bytes=26 * MB)),
         "modest", "waiting", 4, 4),
        (data_set(level(1, 2.0), level(2, 1.0, peak_bytes=10 * MB), level(4, 0.7, peak_bytes=27 * MB)),
         "modest", "waiting", 4, 2),
        # A plateau with an idle CPU is a limit outside; with too little to share it is none.
        (timed({1: 8, 2: 4, 4: 2, 8: 2, 16: 2}, IDLE), "significant", "limited", 4, 4),
        (data_set(*(level(n, t, IDLE, tasks=4) for n, t in {1: 8, 2: 4, 4: 2, 8: 2, 16: 2}.items())),
         "significant", "waiting", 4, 4),
        (data_set(*(level(n, t, 0.1, tasks=7) for n, t in {1: 0.9, 5: 0.45, 10: 0.45}.items())),
         "modest", "waiting", 5, 5),
        (data_set(*(level(n, t, 0.1, tasks=70) for n, t in {1: 0.9, 5: 0.45, 10: 0.45}.items())),
         "modest", "limited", 5, 5),
        # Workers that hinder each other.
        (timed({n: 10 * (1 + 0.03 * n * (n - 1)) / n for n in (1, 2, 4, 8, 16)}, IDLE),
         "modest", "contention", 4, 4),
        # Noise is no verdict, but the CPU may know better than the clock.
        (data_set(level(1, 1.3, 0.3, noise=0.3), level(5, 1.0, 0.3, noise=0.3)),
         "inconclusive", "waiting", None, None),
        (data_set(level(1, 1.3, noise=0.3), level(5, 1.0, noise=0.3)), "inconclusive", "inconclusive", None, None),
        (data_set(*(level(n, 1.0, 0.04, noise=0.3, queue_seconds=0.5) for n in (1, 5))),
         "inconclusive", "waiting", None, None),
        (data_set(*(level(n, 1.0, 0.06, noise=0.3, queue_seconds=0.5) for n in (1, 5))),
         "inconclusive", "inconclusive", None, None),
        (data_set(level(1, 1.3, BUSY, noise=0.3), level(5, 1.0, BUSY, noise=0.3)), "inconclusive", "cpu", None, 1),
        # Without CPU times: from the speedup alone.
        (timed({1: 5.0, 10: 1.0}), "significant", "waiting", 10, 10),
        (timed({1: 1.0, 10: 1.0}), "none", "cpu", 1, 1),
        (timed({1: 2.0, 2: 1.05}), "modest", "waiting", 2, 2),
        (timed({1: 4.0, "4 processes": 1.1}), "significant", "unknown", "4 processes", "4 processes"),
        # With one page to share, nothing could have been faster.
        (data_set(*(level(n, 1.0, IDLE, tasks=1) for n in (1, 5))), "none", "waiting", 1, 1),
        (data_set(*(level(n, 1.0, HALF, tasks=1) for n in (1, 5))), "none", "mixed", 1, 1),
        (data_set(*(level(n, 1.0, 0.2, queue_seconds=0.5, tasks=1) for n in (1, 5))), "none", "unknown", 1, 1),
        # A server that refuses is a limit on the rate, and no level at which it refused is recommended, nor one above.
        (data_set(level(1, 8, IDLE, refusals=0), level(5, 4, IDLE, refusals=6), level(10, 2, IDLE), kind="api"),
         "significant", "limited", 10, 1),
        (data_set(level(1, 8, IDLE), level(2, 4, IDLE), level(5, 2, IDLE, refusals=1)), "significant", "limited", 5, 2),
        (data_set(level(1, 8, IDLE, refusals=1), level(5, 2, IDLE, refusals=6)), "significant", "limited", 5, None),
        # It leaves 1 worker, whatever the samples of the others tell.
        (data_set(level(1, 1.7, IDLE), *(level(n, 1.7, IDLE, noise=0.3, refusals=n) for n in (2, 5))),
         "inconclusive", "limited", None, 1),
        (data_set(*(level(n, 2.0, IDLE, count=1, refusals=n - 1) for n in (1, 2))), "unknown", "limited", None, 1),
        (data_set(*(level(n, 2.0, IDLE, items=9 + n, refusals=n - 1) for n in (1, 2))),
         "unknown", "limited", None, None),
        # What orders nothing: one sample, no spread, other items, no baseline, one level, none.
        (data_set(level(1, 9.0, IDLE, count=1), level(5, 1.0, IDLE, count=1)), "unknown", "waiting", None, None),
        (data_set(level(1, 9.0, 1.0, count=1), level(5, 9.0, 1.0, count=1)), "unknown", "cpu", None, None),
        (data_set(level(1, 9.0, IDLE), level(5, 1.0, IDLE, count=1)), "unknown", "waiting", None, None),
        (data_set(level(1, 9.0, noise=0), level(5, 1.0, noise=0)), "unknown", "unknown", None, None),
        (data_set(level(1, 9.0, items=10), level(5, 1.0, items=9)), "unknown", "unknown", None, None),
        (timed({5: 2.0, 10: 1.0, 20: 0.95}, IDLE), "unknown", "unknown", 20, 10),
        (data_set(level(1, 1.0, IDLE), missing_level(5, "n/a")), "unknown", "waiting", None, None),
        (data_set(missing_level(1, "failed")), "unknown", "unknown", None, None),
        (data_set(), "unknown", "unknown", None, None),
    ],
)  # fmt: skip
def test_decisions(made: DataSet, effect: str, bottleneck: str, best: object, recommended: object) -> None:
    found = Analysis(made)
    decided = (found.effect, found.bottleneck, found.as_json()["best"], found.recommended)
    assert decided == (effect, bottleneck, best, recommended), said(made)


def throttled() -> DataSet:
    """Every speedup is shown, and the server refused at every level but the first."""
    levels = [
        level(1, 6.71, 0.08, noise=0.005, count=3, refusals=0.0, tasks=50),
        level(5, 3.66, 0.11, noise=0.1, count=3, refusals=6.3, tasks=52),
        level(10, 3.45, 0.11, noise=0.1, count=3, refusals=12.0, tasks=55),
        level(20, 3.33, 0.12, noise=0.04, count=3, refusals=15.3, tasks=60),
    ]
    return data_set(*levels, kind="api", command=f"{PROGRAM} --concurrency=1,5,10,20 --repeat 3")


@pytest.mark.parametrize(
    ("made", "words"),
    [
        (
            data_set(level(1, 10.9, 0.06), level(10, 1.29, 0.4), level(20, 0.797, 0.5), level(50, 0.77, 0.53),
                     kind="api"),
            "Use 20 workers: 13.7x the throughput of 1 worker; 50 workers are only 4 % faster\n"
            "Best Performance: 50 workers with 14.2x speedup\n"
            "Bottleneck: waiting for the server (1 worker keeps the CPU busy 6 % of the time)\n"
            "Next: See whether fewer than 20 workers are enough, by the same command with: "
            "--concurrency 1,10,12,15,18,20",
        ),
        (
            throttled(),
            "Use 1 worker: the server refused requests at 5, 10 and 20 workers, which reached 2.2x at most\n"
            "Best Performance: 5 workers with 2.0x speedup (10 and 20 workers are not measurably faster)\n"
            "Bottleneck: the server's rate limit (refused requests in a run: 6 at 5 workers, 12 at 10 workers, "
            "15 at 20 workers)\n"
            "Note: only 3 samples a level, so the intervals are wide\n"
            f"Next: Find the highest rate that the server accepts: {PROGRAM} --repeat 3 --concurrency 1,2,3,4",
        ),
        (
            timed({1: 1.0, 5: 1.0}, BUSY),
            "Use 1 worker: more workers are not measurably faster\n"
            "Best Performance: 1 worker (sequential), nothing is faster\n"
            "Bottleneck: the CPU (1 worker keeps it busy 97 % of the time)",
        ),
        (
            data_set(level(1, 1.1, HALF), level(5, 1.0, HALF)),
            "Use 1 worker: 5 workers are only 10 % faster\n"
            "Best Performance: 5 workers with 1.1x speedup\n"
            "Bottleneck: a serial resource: the bandwidth, a lock, or a server that handles one request at a time (1 "
            "worker keeps the CPU busy 50 % of the time)",
        ),
        (
            data_set(level(1, 1.3, 0.3, noise=0.3), level(5, 1.0, 0.3, noise=0.3), command=PROGRAM),
            "No advice yet: the samples are too noisy to judge (5 workers: 0.59x to 2.89x)\n"
            "Best Performance: too noisy to judge\n"
            "Bottleneck: waiting for the disk (1 worker keeps the CPU busy 30 % of the time)\n"
            f"Next: Repeat each level: {PROGRAM} --repeat 10",
        ),
        (
            data_set(level(1, 9.0, count=1), level(5, 2.0, count=1), command=PROGRAM),  # as asv's `run --quick`
            "No advice yet: one run a level shows that it works, not which level is faster\n"
            "Best Performance: not judged\n"
            "Bottleneck: unknown\n"
            f"Next: Repeat each level: {PROGRAM} --repeat 5",
        ),
        (
            data_set(level(1, 2.4), level(5, 0.6, count=3), level(10, 0.45, noise=0.25, count=3), command=PROGRAM),
            "Use 5 workers: 4.0x the throughput of 1 worker; the samples do not tell whether 10 workers are faster\n"
            "Best Performance: 5 workers with 4.0x speedup (10 workers are not measurably faster)\n"
            "Bottleneck: waiting for the disk (from the speedup alone)\n"
            "Note: only 3 to 5 samples a level, so the intervals are wide\n"
            f"Next: Repeat each level: {PROGRAM} --repeat 10",
        ),
        (
            # A polite run of somebody else's API.
            data_set(*(level(n, t, 0.1, count=1, tasks=6) for n, t in {1: 9.0, 5: 2.0}.items()), kind="api",
                     command=f"{PROGRAM} --repeat 1"),
            "No advice yet: one run a level shows that it works and where the time goes, not which level is faster\n"
            "Best Performance: not judged\n"
            "Bottleneck: waiting for the server (1 worker keeps the CPU busy 10 % of the time)\n"
            f"Next: Repeat each level (about 60 requests): {PROGRAM} --repeat 5",
        ),
        (
            data_set(level(1, 10, 0.1, tasks=7), level(5, 2, 0.3, tasks=7), level(10, 1.5, 0.3, tasks=7), kind="api",
                     command=PROGRAM),
            "Use 10 workers: 6.7x the throughput of 1 worker\n"
            "Best Performance: 10 workers with 6.7x speedup\n"
            "Bottleneck: waiting for the server (1 worker keeps the CPU busy 10 % of the time)\n"
            "Note: only 7 pages to share, too few for 10 workers\n"
            "Next: Measure more items, so that every worker has work (about 1,600 requests): "
            "python tools/benchmark_ingest.py api --max-items 15000",
        ),
        (
            # More work for 1,000 workers would not help: 100, which had enough, were slower than 50.
            data_set(*(level(n, t, 0.1, tasks=500) for n, t in {1: 10, 20: 0.6, 50: 0.3, 100: 0.4, 1000: 0.5}.items()),
                     kind="api", command=PROGRAM),
            "Use 50 workers: 33.3x the throughput of 1 worker\n"
            "Best Performance: 50 workers with 33.3x speedup\n"
            "Bottleneck: contention between workers (1,000 workers have 60 % of the throughput of 50 workers)\n"
            "Note: only 500 pages to share, too few for 1,000 workers\n"
            f"Next: See whether fewer than 50 workers are enough: {PROGRAM} --concurrency 1,20,28,35,42,50",
        ),
        (
            # Of somebody else's server no more items than before.
            data_set(level(1, 10, 0.1, tasks=7), level(10, 1.5, 0.3, tasks=7), kind="api",
                     command="python tools/benchmark_ingest.py api --catalog-url https://example.com"),
            "Use 10 workers: 6.7x the throughput of 1 worker\n"
            "Best Performance: 10 workers with 6.7x speedup\n"
            "Bottleneck: waiting for the server (1 worker keeps the CPU busy 10 % of the time)\n"
            "Note: only 7 pages to share, too few for 10 workers\n"
            "Next: Ask for smaller pages, so that every worker has work (about 1,000 requests): "
            "python tools/benchmark_ingest.py api --catalog-url https://example.com --limit 9",
        ),
        (
            # Nor where its pages cannot be made small enough.
            data_set(level(1, 10, 0.1, tasks=7), level(200, 1.5, 0.3, tasks=7), kind="api",
                     command="python tools/benchmark_ingest.py api --catalog-url https://example.com"),
            "Use 200 workers: 6.7x the throughput of 1 worker\n"
            "Best Performance: 200 workers with 6.7x speedup\n"
            "Bottleneck: waiting for the server (1 worker keeps the CPU busy 10 % of the time)\n"
            "Note: only 7 pages to share, too few for 200 workers",
        ),
        (
            # One file of one's own: more items than it has cannot be measured.
            data_set(level(1, 0.1, 1.0, tasks=1), level(5, 0.1, 1.0, tasks=1), kind="file",
                     command="python tools/benchmark_ingest.py file --source mine.ndjson --max-items 900"),
            "Use 1 worker: more workers are not measurably faster\n"
            "Best Performance: 1 worker (sequential), nothing is faster\n"
            "Bottleneck: the CPU (1 worker keeps it busy 100 % of the time)\n"
            "Note: only 1 document to share, too few for 5 workers",
        ),
        (
            data_set(level(1, 10, peak_bytes=100 * MB), level(2, 5, peak_bytes=150 * MB),
                     level(50, 4, peak_bytes=900 * MB)),
            "Use 2 workers: 2.0x the throughput of 1 worker; 50 workers are 25 % faster, at 6.0x the memory\n"
            "Best Performance: 50 workers with 2.5x speedup\n"
            "Bottleneck: partly waiting for the disk, partly the CPU (from the speedup alone)",
        ),
        (
            data_set(level(1, 8, 0.1), level(10, 1, 0.4), missing_level(20, "failed"), missing_level("auto", "n/a")),
            "Use 10 workers: 8.0x the throughput of 1 worker\n"
            "Best Performance: 10 workers with 8.0x speedup\n"
            "Bottleneck: waiting for the disk (1 worker keeps the CPU busy 10 % of the time)\n"
            "Note: 20 workers failed\n"
            "Next: Fix what failed and measure again",
        ),
        (
            data_set(*(level(n, 1.0, 0.2, queue_seconds=0.5) for n in (1, 5)), command=PROGRAM),
            "Use 1 worker: more workers are not measurably faster\n"
            "Best Performance: 1 worker (sequential), nothing is faster\n"
            "Bottleneck: unknown\n"
            "Note: the CPU was not always free (other work, or a quota)\n"
            f"Next: Measure again on a quiet machine: {PROGRAM}",
        ),
        (  # more runs beside other work are no better
            data_set(*(level(n, 1.0, 0.2, queue_seconds=0.5, noise=0.3) for n in (1, 5)), command=PROGRAM),
            "No advice yet: the samples are too noisy to judge (5 workers: 0.45x to 2.22x)\n"
            "Best Performance: too noisy to judge\n"
            "Bottleneck: inconclusive, the samples are too noisy (1 worker keeps the CPU busy 40 % of the time)\n"
            "Note: the CPU was not always free (other work, or a quota)\n"
            f"Next: Measure again on a quiet machine: {PROGRAM}",
        ),
        (
            timed({5: 2.0, 10: 1.0, 20: 0.95}),
            "Use 10 workers: the speedup is unknown, because the baseline (1 worker) was not measured; 20 workers are "
            "only 5 % faster\n"
            "Best Performance: 20 workers, speedup n/a\n"
            "Bottleneck: unknown\n"
            "Next: Measure 1 worker too, by the same command with: --concurrency 1,5,10,20",
        ),
        (
            data_set(missing_level(1, "failed"), missing_level(5, "failed"), command=PROGRAM),
            "No advice yet: no level has a time\n"
            "Best Performance: not judged\n"
            "Bottleneck: unknown\n"
            "Note: 1 and 5 workers failed\n"
            f"Next: Fix what failed and measure again: {PROGRAM}",
        ),
        (
            data_set(level("auto", 2.0), command=f"{PROGRAM} --concurrency auto"),
            "No advice yet: only one level has a time\n"
            "Best Performance: not judged\n"
            "Bottleneck: unknown\n"
            f"Next: Measure 1 worker too: {PROGRAM} --concurrency 1,auto",
        ),
        (  # asv's levels are those of the suite, and of a suite of others the program has no data
            data_set(level("auto", 2.0), command="asv run --bench x 1234abcd^!"),
            "No advice yet: only one level has a time\n"
            "Best Performance: not judged\n"
            "Bottleneck: unknown\n"
            "Next: Measure 1 worker too, by other parameters of the benchmark",
        ),
        (
            data_set(*(missing_level(x, "failed") for x in (1, 5, "auto", "-1")), command="asv run --bench x 12ab^!"),
            "No advice yet: no level has a time\n"
            "Best Performance: not judged\n"
            "Bottleneck: unknown\n"
            "Note: 1 and 5 workers and concurrency -1 and auto concurrency failed\n"
            "Next: Fix what failed and measure again: asv run --bench x 12ab^!",
        ),
        (
            data_set(level("2 processes", 2.0), level("4 processes", 1.0), command=f"{PROGRAM} --workers 2,4"),
            "Use 4 processes: the speedup is unknown, because the baseline (1 worker) was not measured\n"
            "Best Performance: 4 processes, speedup n/a\n"
            "Bottleneck: unknown\n"
            f"Next: Measure 1 worker too: {PROGRAM} --workers 1,2,4",
        ),
        (  # what the CPU allows is reached: larger levels cannot help
            data_set(level(1, 1.2, 0.85), level(2, 1.0, 1.0)),
            "Use 2 workers: 1.2x the throughput of 1 worker\n"
            "Best Performance: 2 workers with 1.2x speedup\n"
            "Bottleneck: the CPU (1 worker keeps it busy 85 % of the time)",
        ),
        (
            data_set(level(1, 1.0), level("auto", 8.0)),
            "Use 1 worker: auto concurrency is slower\n"
            "Best Performance: 1 worker (sequential), nothing is faster\n"
            "Bottleneck: the CPU (from the speedup alone)",
        ),
        (  # most workers are not the fastest, and by how much they are faster is not known
            data_set(level(1, 10, noise=0.3), level(5, 2, noise=1 / 3), level(10, 3, noise=0.1), command=PROGRAM),
            "Use 5 workers: 5.0x the throughput of 1 worker\n"
            "Best Performance: 5 workers with 5.0x speedup\n"
            "Bottleneck: waiting for the disk (from the speedup alone)\n"
            "Note: noisy samples: the speedup of 5 workers may be anything from 2.17x to 12.3x\n"
            f"Next: Repeat each level: {PROGRAM} --repeat 10",
        ),
        (  # ten times as many workers for an eighth more: twice as many again would not pay
            timed({1: 100.0, 10: 11.0, 100: 9.7}),
            "Use 100 workers: 10.3x the throughput of 1 worker\n"
            "Best Performance: 100 workers with 10.3x speedup\n"
            "Bottleneck: waiting for the disk (from the speedup alone)\n"
            "Next: See whether fewer than 100 workers are enough, by the same command with: "
            "--concurrency 1,10,32,55,78,100",
        ),
        (
            data_set(level(1, 10, noise=0.001), level(2, 7.2, noise=0.001), level(4, 7.15, noise=0.001)),
            "Use 2 workers: 1.4x the throughput of 1 worker; 4 workers are less than 1 % faster\n"
            "Best Performance: 4 workers with 1.4x speedup\n"
            "Bottleneck: partly waiting for the disk, partly the CPU (from the speedup alone)",
        ),
        (
            data_set(level(1, 4.0, noise=0), level(4, 1.0, noise=0), command=PROGRAM),
            "No advice yet: all samples of a level are the same, so their noise is not known\n"
            "Best Performance: not judged\n"
            "Bottleneck: unknown\n"
            f"Next: Repeat each level: {PROGRAM} --repeat 10",
        ),
    ],
)  # fmt: skip
def test_words(made: DataSet, words: str) -> None:
    assert said(made) == words


def test_details_hold_the_rest() -> None:
    made = data_set(
        *(level(n, t, 0.07, peak_bytes=n * 10 * MB) for n, t in {1: 10.0, 5: 2.1, 10: 1.3}.items()), kind="api"
    )
    assert details(made).splitlines() == [
        "Speedups with 95 % intervals: 5 workers 4.76x (4.65x to 4.87x), 10 workers 7.69x (7.52x to 7.87x).",
        "With 1 worker: 93 % waiting for the server and 7 % decoding; the CPU was busy 7 % of the time.",
        "One thread must do 7 % of the work, which limits the speedup to 14x (Amdahl's law).",
        "10 workers kept the CPU busy 7 % of the time.",
        "Peak memory: 10 MB with 1 worker, 50 MB with 5 workers.",
        "Every sample (s), 1 worker: 9.8, 9.9, 10.0, 10.1, 10.2; 5 workers: 2.06, 2.08, 2.1, 2.12, 2.14; "
        "10 workers: 1.27, 1.29, 1.3, 1.31, 1.33.",
    ]
    assert "from 3 samples a level" in details(throttled())


@pytest.mark.parametrize(
    ("peaks", "words"),
    [
        ((100, 99, 98), "Peak memory: 100 MB, about the same with 5 workers."),
        ((100, 112, 101), "Peak memory: 100 MB with 1 worker, 112 MB with 5 workers."),
        ((100, 60, 50), "Peak memory: 100 MB with 1 worker, 60 MB with 5 workers."),
    ],
)
def test_details_compare_the_memory_of_a_worker_with_that_of_others(peaks: tuple[int, ...], words: str) -> None:
    levels = (level(n, 10.0, peak_bytes=peak * MB) for n, peak in zip((1, 5, 10), peaks, strict=True))
    assert words in details(data_set(*levels)).splitlines()


@pytest.mark.parametrize(
    ("count", "words"),
    [
        (21, "Samples (s), 1 worker: 21 from 10.0 to 12.0, half of them from 10.4 to 11.6."),
        (20, f"Every sample (s), 1 worker: {', '.join(f'{10 + n / 10:.1f}' for n in range(20))}."),
    ],
)
def test_details_sum_up_what_is_too_much_to_read(count: int, words: str) -> None:
    made = measured_level(1, [10 + n / 10 for n in range(count)], items=1000)
    assert words in details(data_set(made))


@pytest.mark.parametrize(
    ("cores", "words"),
    [(1.19, "4 workers kept the CPU busy 100 % of the time."), (1.21, "4 workers keep 1.2 cores busy.")],
)
def test_more_than_one_core_is_said_from_a_fifth_more_on(cores: float, words: str) -> None:
    assert words in details(data_set(level(1, 4.0, 0.5), level(4, 2.0, cores)))


def test_the_scaling_law_is_among_the_details() -> None:
    found = Analysis(timed({n: 10 * (1 + 0.03 * n * (n - 1)) / n for n in (1, 2, 4, 8, 16)}, IDLE))
    assert isinstance(found.law, ScalingLaw)
    assert found.law.coherency == pytest.approx(0.03, rel=0.05)
    assert found.law.peak_workers == pytest.approx(5.8, abs=0.3)
    law = "Universal Scalability Law: no measurable contention, coherency 3.0 %, a predicted peak at 6 workers"
    assert law in "\n".join(found.details)
    assert "Slower than 8 workers: 16 workers." in found.details


@pytest.mark.parametrize(
    ("peak", "predicted"),
    [
        (30, 30),
        (34, None),  # further out than twice the largest level
        (24, 24),
        (20, None),  # throughput is less than 5 % higher there than at the largest level
    ],
)
def test_which_peak_is_predicted(peak: int, predicted: int | None) -> None:
    law = fit(timed({n: 10 * (1 + n * (n - 1) / peak**2) / n for n in (1, 2, 4, 8, 16)}))
    assert law is not None
    assert law.peak_workers == (predicted and pytest.approx(predicted, rel=0.01))


@pytest.mark.parametrize(("factor", "is_a_law"), [(1.2, True), (1.25, False)])
def test_a_law_that_misses_a_level_by_more_than_an_eighth_is_none(factor: float, is_a_law: bool) -> None:
    seconds: dict[int | str, float] = {n: 10 * (1 + 0.02 * n * (n - 1)) / n for n in (1, 2, 4, 8, 16)}
    seconds[4] *= factor
    assert (fit(timed(seconds)) is not None) == is_a_law


def test_levels_of_different_items_are_not_compared_in_the_details_either() -> None:
    made = data_set(level(1, 9.0, items=10), level(5, 1.0, items=9), level(10, 2.0, items=9))
    assert [x.speedup for x in made.levels] == [1.0, None, None]
    found = details(made)
    assert not {"Speedups", "Not", "Slower"} & set(found.split())
    assert "intervals" not in said(data_set(*(level(n, 1.0, items=n, count=3) for n in (1, 5))))


@pytest.mark.parametrize(
    ("stages", "words"),
    [
        # Reading includes the wait for the disk, the wait for a server its pauses and what is decoded meanwhile.
        ({"waiting": 6.0, "reading": 7.0, "decoding": 2.0},
         "60 % waiting for the disk, 20 % decoding, 10 % reading and 10 %"),
        ({"waiting": 9.0, "paused": 7.0, "decoding": 1.0},
         "70 % pausing because the server asked for it, 20 % waiting for the disk and 10 % decoding;"),
        ({"waiting": 9.0, "paused": 9.5, "decoding": 1.0},
         "90 % pausing because the server asked for it and 10 % decoding;"),
        ({"waiting": 9.0, "decoding": 2.0, "consumer": 1.0},
         "70 % waiting for the disk, 20 % decoding and 10 % in the code that takes the items;"),
        # Less than one in a hundred is noise.
        ({"waiting": 8.0, "decoding": 0.11, "consumer": 0.09},
         "80 % waiting for the disk, 1 % decoding and 19 % other;"),
        ({"waiting": 9.7, "decoding": 0.21}, "97 % waiting for the disk and 2 % decoding;"),
    ],
)  # fmt: skip
def test_stages_are_not_counted_twice(stages: dict[str, float], words: str) -> None:
    usage = Usage(1, 10.0, 3.0, stages=stages)
    assert words in details(data_set(measured_level(1, [9.9, 10.0, 10.1], usage=usage), level(5, 2.0)))


@pytest.mark.parametrize(
    ("known", "waits_for"),
    [
        ({}, "disk"),
        ({"kind": "api"}, "server"),
        ({"source": "s3://bucket/items/"}, "server"),
        ({"source": "file:///items"}, "disk"),
        ({"source": "FILE:///items"}, "disk"),
        ({"key": "remote_catalog.RemoteCatalogIngest(test_size=500)"}, "server"),
    ],
)
def test_what_is_waited_for(known: dict[str, Any], waits_for: str) -> None:
    made = replace(data_set(level(1, 10, 0.06), level(10, 1.2, 0.4)), **known)
    assert f"Bottleneck: waiting for the {waits_for} (1 worker keeps" in said(made)
    assert f"waiting for the {waits_for} and" in details(made)


@pytest.mark.parametrize(("smaller", "is_narrowed"), [(8, True), (9, False)])
def test_levels_closer_than_by_half_are_not_narrowed(smaller: int, is_narrowed: bool) -> None:
    found = said(timed({1: 120.0, smaller: 16.0, 12: 12.0, 16: 11.9}, IDLE))
    assert ("See whether fewer than 12 workers are enough" in found) == is_narrowed


@pytest.mark.parametrize(("noise", "is_uncertain"), [(0.14, False), (0.15, True)])
def test_a_speedup_is_uncertain_if_the_ends_of_its_interval_differ_twofold(noise: float, is_uncertain: bool) -> None:
    found = Analysis(data_set(level(1, 10, noise=noise), level(5, 2, noise=noise)))
    assert (found.uncertain is not None) == is_uncertain


@pytest.mark.parametrize(("seconds", "ceiling"), [(0.47, 2.0), (0.44, None)])
def test_a_ceiling_that_the_speedup_exceeds_by_a_tenth_is_none(seconds: float, ceiling: float | None) -> None:
    assert Analysis(timed({1: 1.0, 4: seconds}, HALF)).ceiling == ceiling


def test_asv_results_without_samples_are_judged_by_their_quartiles() -> None:
    def summary(name: int, median: float, spread: float) -> object:
        return summarised_level(name, median, 9, median - spread, median + spread)

    clear = Analysis(data_set(summary(1, 2.5, 0.1), summary(5, 1.5, 0.1)))
    assert clear.effect == "modest"
    assert Analysis(data_set(summary(1, 2.5, 1.0), summary(5, 1.9, 0.9))).effect == "inconclusive"


def test_asv_s_levels_are_those_of_the_suite() -> None:
    """What takes other levels is the program, where it has the same data; else the suite would have to be changed."""
    asv = "asv run --append-samples --bench FileIngest abcd1234^!"
    levels = [level(1, 8, 0.1), level(10, 1, 0.4)]
    plain = make_data_set("1K JSON Files", "k", "file", "s", 1000, levels, command=asv)
    assert Analysis(plain).lines[-1].command == (
        "python tools/benchmark_ingest.py file --test-size 1000 --concurrency 1,10,20,40"
    )
    cold = make_data_set("1K JSON Files, cold", "k", "file", "s", 1000, levels, command=asv)
    assert Analysis(cold).lines[-1].text.endswith("rising, by other parameters of the benchmark")
    assert Analysis(cold).lines[-1].command is None


def test_a_command_that_is_none_is_left_out() -> None:
    """A report is a file, which anybody may edit."""
    levels = [level(1, 8, 0.1), level(10, 1, 0.4)]
    found = Analysis(make_data_set("10 files", "k", "file", "s", 1000, levels, command="python 'unclosed"))
    assert found.lines[-1].text.endswith("by the same command with")
    assert found.lines[-1].command == "--concurrency 1,10,20,40"
