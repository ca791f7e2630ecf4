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
from datetime import UTC, datetime
from pathlib import Path

import msgspec

from tools.asv.files import only, selected, suite_of
from tools.asv.run import SOME_FAILED
from tools.atomic import write_bytes

from . import conditions, records
from .asv import Asv
from .records import Record


@dataclass(frozen=True)
class Rounds:
    """Rounds with the same suite and benchmarks, of which `fingerprint` tells: samples of others do not mix."""

    asv: Asv
    results: Path
    machine: str
    bench: tuple[str, ...]
    fingerprint: str

    @property
    def home(self) -> Path:
        return self.results / self.machine

    def measure(self, commits: Sequence[str], progress: Callable[[int, int], None]) -> None:
        """Run every round of some commits that is not there yet, every second one backwards.

        Args:
            progress: Told how many rounds are done, and of how many.

        Raises:
            ToolError: If asv cannot measure at all. A benchmark that fails is a result.
        """
        number, last = 1, 1
        while number <= last:
            for commit in commits if number % 2 else commits[::-1]:
                if number > len(self._begun(commit).rounds):
                    done = sum(len(self._begun(one).rounds) for one in commits)
                    progress(done, len(commits) * last)
                    self._run(commit, number)
            last = self._last(self.results)
            number += 1

    def keep(self) -> None:
        """Copy the round that was measured last to the results, where that is not done yet."""
        done = self.asv.work / "done"
        if done.exists():
            record = msgspec.json.decode((done / "record").read_bytes(), type=Record)
            for path in (done / self.machine).iterdir():
                write_bytes(self.home / path.name, path.read_bytes())
            write_bytes(self.results / "benchmarks.json", (done / "benchmarks.json").read_bytes())
            records.add(self.home, record)
            shutil.rmtree(done)

    def _begun(self, commit: str) -> Record:
        """The rounds of a commit that are there, or a record without any."""
        found = records.read(self.home).get(commit)
        if found is not None and found.fingerprint == self.fingerprint:
            return found
        return Record(commit, datetime.now(UTC), (), self.fingerprint, is_whole=False)

    def _run(self, commit: str, number: int) -> None:
        unit = self.asv.work / "unit"
        shutil.rmtree(unit, ignore_errors=True)
        home = unit / self.machine
        home.mkdir(parents=True)
        for path in self.home.glob(f"{commit[:8]}*.json"):
            shutil.copyfile(path, home / path.name)
        arguments = ["run", f"{commit}^!", "--machine", self.machine]
        arguments += ["--attribute", "rounds=1", "--record-samples", "--show-stderr", "--no-pull"]
        patterns = list(self.bench)
        if number > 1:
            names = (name for name, rounds in self._selected(self.results) if rounds >= number)
            patterns = [only(names, "|".join(patterns))]
            arguments.append("--append-samples")
        arguments += [f"--bench={pattern}" for pattern in patterns]
        observed = conditions.observe()
        code = self.asv.run(arguments, unit, self.asv.work / "html")
        if code not in (0, SOME_FAILED) or not any(home.glob(f"{commit[:8]}*.json")):
            raise self.asv.failed(f"measure {commit[:8]}")
        rounds = (*self._begun(commit).rounds, observed)
        record = Record(commit, observed.at, rounds, self.fingerprint, number >= self._last(unit))
        write_bytes(unit / "record", msgspec.json.encode(record))
        unit.rename(self.asv.work / "done")
        self.keep()

    def _selected(self, results: Path) -> list[tuple[str, int]]:
        """The benchmarks asked for, by asv's own rule, each with its rounds."""
        suite = suite_of(results)
        return [(name, int(suite[name].get("rounds", 1))) for name in selected(suite, self.bench)]

    def _last(self, results: Path) -> int:
        return max((rounds for _, rounds in self._selected(results)), default=1)
