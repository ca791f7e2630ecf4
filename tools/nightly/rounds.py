"""Commits measured in turns, so that a kill at any moment costs one round of one commit and nothing else.

asv saves once a commit and round, in place: killed while it writes, it leaves half a file behind, which it cannot read
the next time; and its own `--interleave-rounds` starts anew when it is started again. So each round of each commit is a
run of asv of its own, in a scratch folder that starts with the results so far. When it is done, the folder is renamed:
from then on it is a whole round, which is copied (each file in one step) to the results. Done twice, that changes
nothing.
"""

import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tools.asv.files import only, selected, suite_of
from tools.asv.run import Asv
from tools.atomic import write_bytes

from . import records
from .records import Conditions, Record


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
                known = {one: self._known(one) for one in commits}
                if number > len(known[commit]):
                    progress(sum(map(len, known.values())), len(commits) * last)
                    self._run(commit, number, known[commit])
            last = self._last(self.home.parent)
            number += 1

    def keep(self) -> None:
        """Copy the round that was measured last to the results, where that is not done yet."""
        done = self.work / "done"
        if done.exists():
            record = msgspec.json.decode((done / "record").read_bytes(), type=Record)
            for path in (done / self.home.name).iterdir():
                write_bytes(self.home / path.name, path.read_bytes())
            write_bytes(self.home.parent / "benchmarks.json", (done / "benchmarks.json").read_bytes())
            records.add(self.home, record)
            shutil.rmtree(done)

    def _known(self, commit: str) -> tuple[Conditions, ...]:
        """The rounds of a commit that are there."""
        found = records.read(self.home).get(commit)
        return found.rounds if found is not None and found.fingerprint == self.fingerprint else ()

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
            names = (name for name, rounds in self._selected(self.home.parent) if rounds >= number)
            patterns = [only(names, "|".join(patterns))]
            arguments.append("--append-samples")
        arguments += [f"--bench={pattern}" for pattern in patterns]
        observed, what = records.observe(), f"measure {commit[:8]}"
        self.asv.run(what, arguments, unit)
        if not any(home.glob(f"{commit[:8]}*.json")):
            raise self.asv.failed(what)
        record = Record(commit, observed.at, (*known, observed), self.fingerprint, number >= self._last(unit))
        write_bytes(unit / "record", msgspec.json.encode(record))
        unit.rename(self.work / "done")
        self.keep()

    def _selected(self, results: Path) -> list[tuple[str, int]]:
        """The benchmarks asked for, by asv's own rule, each with its rounds."""
        suite = suite_of(results)
        return [(name, suite[name].rounds) for name in selected(suite, self.bench)]

    def _last(self, results: Path) -> int:
        return max((rounds for _, rounds in self._selected(results)), default=1)
