"""Commits measured in turns, so that a kill costs one round of one commit; and what was measured when and under which
conditions: `<results>/<machine>/nightly.jsonl`, a line a commit.

asv writes in place, so that a kill leaves half a file, and its own `--interleave-rounds` starts anew each time. So each
round of each commit is a run of asv of its own, in a scratch folder that starts with the results so far. When it is
done, the folder is renamed, and each file copied to the results in one step; done twice, that changes nothing. A commit
counts as measured when it has a whole line in the file of records, whose name does not end with .json, so that asv
takes it for no result; results alone may be from a run by hand, of one benchmark.
"""

import shutil
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import msgspec
import psutil

from tools.asv.files import only, selected, suite_of
from tools.asv.run import Asv
from tools.atomic import write_bytes
from tools.errors import ToolError

FILE_NAME = "nightly.jsonl"
JUDGED_NAME = "nightly.judged"
BUSY_LOAD_PER_CPU = 0.5


@dataclass(frozen=True)
class Conditions:
    """What may explain a timing later; nothing that names a person or a path."""

    at: datetime
    load_avg: tuple[float, ...]
    cpus: int
    nice: int

    @property
    def is_busy(self) -> bool:
        """Whether something else was at work before the round began."""
        return self.load_avg[0] > BUSY_LOAD_PER_CPU * self.cpus


def observe() -> Conditions:
    load = tuple(round(load, 2) for load in psutil.getloadavg())
    return Conditions(datetime.now(UTC).replace(microsecond=0), load, psutil.cpu_count() or 1, psutil.Process().nice())


@dataclass(frozen=True)
class Record:
    """One commit: when its last round began (UTC), what was observed before each round, the `fingerprint` of the suite,
    the configuration and the chosen benchmarks; `is_whole` is false while rounds are missing.
    """

    commit: str
    measured: datetime
    rounds: tuple[Conditions, ...]
    fingerprint: str = ""
    is_whole: bool = True


def read(home: Path) -> dict[str, Record]:
    """The records of one machine by commit, in the order in which they were made."""
    path = home / FILE_NAME
    found = {}
    for number, line in enumerate(path.read_bytes().splitlines() if path.exists() else (), 1):
        try:
            record = msgspec.json.decode(line, type=Record)
        except ValueError as error:
            raise ToolError(f"{path}, line {number}, is not a record ({error}); remove that line") from error
        found[record.commit] = record
    return found


def whole(home: Path) -> dict[str, Record]:
    return {commit: record for commit, record in read(home).items() if record.is_whole}


def add(home: Path, record: Record) -> None:
    """Add a record, in place of an older one of the same commit."""
    kept = read(home)
    kept.pop(record.commit, None)
    lines = [msgspec.json.encode(one) + b"\n" for one in (*kept.values(), record)]
    write_bytes(home / FILE_NAME, b"".join(lines))


def judged_until(home: Path) -> str | None:
    """The newest commit that a summary has spoken of."""
    path = home / JUDGED_NAME
    return (path.read_text(encoding="utf-8").strip() or None) if path.exists() else None


def judged_since(
    line: Sequence[str], measured: Collection[str], new: Collection[str], judged: str | None
) -> str | None:
    """The commit up to which all was judged (None: nowhere, or rewritten), else the last measured before the new."""
    if judged is not None and judged in measured:
        return judged
    first = min((line.index(commit) for commit in new), default=0)
    return next((commit for commit in line[:first][::-1] if commit in measured), None)


def new_commits(line: Sequence[str], measured: Collection[str]) -> list[str]:
    """The commits after the newest measured one, oldest first; the newest alone where nothing was measured yet."""
    newest = max((place for place, commit in enumerate(line) if commit in measured), default=len(line) - 2)
    return list(line[max(0, newest + 1) :])


def backfill(line: Sequence[str], measured: Collection[str], count: int) -> list[str]:
    """Up to `count` unmeasured commits, each from the middle of what is then the widest gap, oldest first; first of all
    the first commit of the line, so that every step halves a gap.
    """
    known = {place for place, commit in enumerate(line) if commit in measured}
    chosen: list[int] = []
    while len(chosen) < count and len(known) < len(line):
        gaps = pairwise(sorted({*known, len(line)}))
        _, start, end = max(((end - start, start, end) for start, end in gaps), default=(0, 0, 0))
        place = (start + end) // 2 if 0 in known else 0
        known.add(place)
        chosen.append(place)
    return [line[place] for place in sorted(chosen)]


@dataclass(frozen=True)
class Rounds:
    """Rounds of one `fingerprint` (suite and benchmarks): others do not mix. `home` is the folder of the machine."""

    asv: Asv
    work: Path
    home: Path
    bench: tuple[str, ...]
    fingerprint: str

    def measure(self, commits: Sequence[str], progress: Callable[[int, int], None]) -> None:
        """Run the rounds of some commits that are not there yet, every second one backwards; tell how many are done."""
        number, last = 1, 1
        while number <= last:
            for commit in commits if number % 2 else commits[::-1]:
                kept = read(self.home)  # of another fingerprint they do not mix with these
                same = {one: one in kept and kept[one].fingerprint == self.fingerprint for one in commits}
                known = {one: kept[one].rounds if same[one] else () for one in commits}
                if number > len(known[commit]):
                    progress(sum(map(len, known.values())), len(commits) * last)
                    self._run(commit, number, known[commit])
            last = max(self._rounds(self.home.parent).values(), default=1)
            number += 1
        progress(len(commits) * last, len(commits) * last)

    def keep(self) -> None:
        """Copy the round that was measured last to the results, where that is not done yet."""
        done = self.work / "done"
        if done.exists():
            record = msgspec.json.decode((done / "record").read_bytes(), type=Record)
            for path in (done / self.home.name).iterdir():
                write_bytes(self.home / path.name, path.read_bytes())
            write_bytes(self.home.parent / "benchmarks.json", (done / "benchmarks.json").read_bytes())
            add(self.home, record)
            shutil.rmtree(done)

    def _run(self, commit: str, number: int, known: tuple[Conditions, ...]) -> None:
        unit = self.work / "unit"
        shutil.rmtree(unit, ignore_errors=True)
        home = unit / self.home.name
        home.mkdir(parents=True)
        for path in self.home.glob(f"{commit[:8]}*.json"):
            shutil.copyfile(path, home / path.name)
        arguments = ["run", f"{commit}^!", "--machine", self.home.name]
        arguments += ["--attribute", "rounds=1", "--record-samples", "--show-stderr", "--no-pull"]
        patterns = list(self.bench)
        if number > 1:
            names = (name for name, rounds in self._rounds(self.home.parent).items() if rounds >= number)
            patterns = [only(names, "|".join(patterns))]
            arguments.append("--append-samples")
        arguments += [f"--bench={pattern}" for pattern in patterns]
        observed, what = observe(), f"measure {commit[:8]}"
        self.asv.run(what, arguments, unit)
        if not any(home.glob(f"{commit[:8]}*.json")):
            raise self.asv.failed(what)
        is_whole = number >= max(self._rounds(unit).values(), default=1)
        record = Record(commit, observed.at, (*known, observed), self.fingerprint, is_whole)
        write_bytes(unit / "record", msgspec.json.encode(record))
        unit.rename(self.work / "done")
        self.keep()

    def _rounds(self, results: Path) -> dict[str, int]:
        """How many each of the benchmarks has that are asked for, by asv's own rule."""
        suite = suite_of(results)
        return {name: suite[name].rounds for name in selected(suite, self.bench)}
