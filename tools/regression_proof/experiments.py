"""Which faults are injected, what watches for them, and how often."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass

from tools import compare

SAME = "the same commit (A/A)"
SAME_REPETITIONS = 20
FAULT_REPETITIONS = 10

# Whatever the package parses at once, a line or a page of a hundred items: the same share of its bytes is parsed once
# more, an item at a time.
_PARSE_MORE = """
import orjson

_loads = orjson.loads
_once_more = b""
_owed = 0.0


def _slower(data):
    global _once_more, _owed
    document = _loads(data)
    if not _once_more:
        _once_more = orjson.dumps(document["features"][0] if document.get("features") else document)
    _owed += {share} * len(data)
    while _owed >= len(_once_more):
        _owed -= len(_once_more)
        _loads(_once_more)
    return document


orjson.loads = _slower
"""
_ASK_TWICE = """
from stac_manager.api import http

_send = http.Client.send


async def _twice(self, request, *rest, **options):
    if "search" in str(request.url):
        await _send(self, request, *rest, **options)
    return await _send(self, request, *rest, **options)


http.Client.send = _twice
"""
_ONE_AT_A_TIME = """
_parse = IngestConfig.parse
IngestConfig.parse = classmethod(lambda cls, options: _parse({**options, "concurrency": 1}))
"""
_KEEP_MEMORY = """
_BALLAST = bytearray(b"x") * 20_000_000
"""

MORE_INSTRUCTIONS = "1 % more instructions"
TEN_PERCENT = "10 % slower parsing"
SLOWER_PARSING = {f"{share} % slower parsing": _PARSE_MORE.format(share=share / 100) for share in (10, 30)}


@dataclass(frozen=True)
class Experiment:
    """What watches, and for which faults.

    Attributes:
        name: The watched quantity.
        command: The options of `compare` that measure the same and judge among the same number of comparisons.
        bench: Chooses the benchmarks.
        rounds: How often each side is measured in one repetition.
        faults: Names and code, which is added to the package.
    """

    name: str
    command: str
    bench: str
    rounds: int
    faults: Mapping[str, str]

    @property
    def key(self) -> str:
        """Tells measurements of this definition from those of an earlier one."""
        content = json.dumps([self.bench, compare.REPEAT, dict(self.faults)])
        return hashlib.sha256(content.encode()).hexdigest()[:8]

    def sides(self, number: int) -> tuple[str, ...]:
        """What a repetition measures beside the commit before the fault."""
        return (SAME, *self.faults) if number < FAULT_REPETITIONS else (SAME,)


_API_BENCH = r"\.APIIngest\.time_ingest\(10, 500\)"
_API_ROUNDS = 10

EXPERIMENTS = (
    Experiment(
        "instructions",
        "",
        r"^instructions\.",
        1,
        # What it costs to count the bytes is part of it. The four paths have 0.5 % to 1.3 %, on average 1.0 %.
        {MORE_INSTRUCTIONS: _PARSE_MORE.format(share=0.0075), TEN_PERCENT: SLOWER_PARSING[TEN_PERCENT]},
    ),
    Experiment("counts", "", r"^counts\.", 1, {"one needless request a page": _ASK_TWICE}),
    Experiment(
        "memory",
        "",
        rf"^(?=.*\.peakmem_)(?=.*(?:{compare.BENCH}))",
        compare.MEMORY_ROUNDS,
        {"20 MB more memory": _KEEP_MEMORY},
    ),
    Experiment(
        "time of files",
        "--quick",
        rf"^(?=.*\.time_)(?=.*(?:{compare.QUICK_BENCH}))",
        compare.QUICK_ROUNDS,
        SLOWER_PARSING,
    ),
    Experiment(
        "time of an API",
        f"--bench '{_API_BENCH}' --rounds {_API_ROUNDS}",
        _API_BENCH,
        _API_ROUNDS,
        {"lost overlap at concurrency 10": _ONE_AT_A_TIME},
    ),
)
