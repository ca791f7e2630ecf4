"""A few commits measured in turns, so that a kill at any moment costs one round of one commit and nothing else.

asv saves once a commit and round, in place: killed while it writes, it leaves half a file behind, which it cannot read
the next time; and its own `--interleave-rounds` starts anew when it is started again. So each round of each commit is a
run of asv of its own, in a scratch folder that starts with the samples of the rounds before. When it is done, the
folder is renamed to `<commit>/round-<n>`: a folder of that name is a whole round, and no other record is kept. A
finished batch is copied file by file (each in one step) to the results; done twice, that changes nothing.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec

from tools.asv.files import only, selected, suite_of
from tools.asv.run import SOME_FAILED
from tools.atomic import write_bytes
from tools.errors import ToolError

from . import conditions, records
from .asv import Asv

_NOT_RESULTS = {"machine.json", "conditions.json"}


@dataclass(frozen=True)
class Plan:
    """What a batch measures; a batch is resumed only with the same suite, benchmarks and machine."""

    commits: tuple[str, ...]
    machine: str
    bench: tuple[str, ...]
    fingerprint: str


@dataclass(frozen=True)
class Batch:
    """One batch on disk, below the work folder."""

    asv: Asv
    plan: Plan

    @property
    def folder(self) -> Path:
        return self.asv.work / "batch"

    @classmethod
    def begin(cls, asv: Asv, plan: Plan) -> Batch:
        """Start a batch; what was there is gone."""
        batch = cls(asv, plan)
        shutil.rmtree(batch.folder, ignore_errors=True)
        write_bytes(batch.folder / "plan.json", msgspec.json.encode(plan))
        return batch

    @classmethod
    def resume(cls, asv: Asv) -> Batch | None:
        """The batch that an earlier run left unfinished."""
        path = asv.work / "batch" / "plan.json"
        try:
            return cls(asv, msgspec.json.decode(path.read_bytes(), type=Plan))
        except FileNotFoundError:
            return None
        except msgspec.DecodeError as error:
            raise ToolError(f"{path} is no plan of a batch ({error}); remove {path.parent}") from error

    def measure(self, results_dir: Path, progress: Callable[[int, int], None]) -> None:
        """Run every round that is not there yet.

        Args:
            results_dir: Where the commits may have results already, which are kept unless they are measured anew.
            progress: Told how many rounds are done, and of how many.

        Raises:
            ToolError: If asv cannot measure at all. A benchmark that fails is a result.
        """
        first = self.plan.commits[0]
        if not self._round(first, 1).exists():
            self._run(first, 1, results_dir, progress)
        for number, commit in self._order():
            if not self._round(commit, number).exists():
                self._run(commit, number, results_dir, progress)

    def promote(self, results_dir: Path) -> None:
        """Move the finished batch to the results, and end it."""
        home = results_dir / self.plan.machine
        rounds = self._rounds()
        for commit in self.plan.commits:
            last = self._round(commit, rounds)
            for path in _result_files(last):
                write_bytes(home / path.name, path.read_bytes())
            write_bytes(home / "machine.json", (last / "machine.json").read_bytes())
        write_bytes(results_dir / "benchmarks.json", (self.folder / "benchmarks.json").read_bytes())
        for commit in self.plan.commits:
            files = (self._round(commit, number) / "conditions.json" for number in range(1, rounds + 1))
            observed = [msgspec.json.decode(file.read_bytes(), type=conditions.Conditions) for file in files]
            records.add(home, records.Record(commit, observed[-1].at, tuple(observed)))
        shutil.rmtree(self.folder)

    def _order(self) -> Iterator[tuple[int, str]]:
        """All commits in each round, every second round backwards, so that no commit is always the first."""
        for number in range(1, self._rounds() + 1):
            for commit in self.plan.commits if number % 2 else self.plan.commits[::-1]:
                yield number, commit

    def _run(self, commit: str, number: int, results_dir: Path, progress: Callable[[int, int], None]) -> None:
        unit = self.asv.work / "unit"
        shutil.rmtree(unit, ignore_errors=True)
        home = unit / self.plan.machine
        home.mkdir(parents=True)
        seeds = results_dir / self.plan.machine if number == 1 else self._round(commit, number - 1)
        for path in _result_files(seeds, commit):
            shutil.copyfile(path, home / path.name)
        arguments = ["run", f"{commit}^!", "--machine", self.plan.machine]
        arguments += ["--attribute", "rounds=1", "--record-samples", "--show-stderr", "--no-pull"]
        patterns = list(self.plan.bench)
        if number > 1:
            patterns = [only((name for name, rounds in self._selected() if rounds >= number), "|".join(patterns))]
            arguments.append("--append-samples")
        for pattern in patterns:
            arguments.append(f"--bench={pattern}")
        observed = conditions.observe()
        done = sum(1 for _ in self.folder.glob("*/round-*"))
        total = len(self.plan.commits) * self._rounds() if self._suite_file.exists() else len(self.plan.commits)
        code = self.asv.run(arguments, unit, self.asv.work / "html", lambda: progress(done, total))
        if code not in (0, SOME_FAILED) or not _result_files(home, commit):
            raise self.asv.failed(f"measure {commit[:8]}")
        write_bytes(home / "conditions.json", msgspec.json.encode(observed))
        if not self._suite_file.exists():
            write_bytes(self._suite_file, (unit / "benchmarks.json").read_bytes())
        self._round(commit, number).parent.mkdir(exist_ok=True)
        home.rename(self._round(commit, number))

    @property
    def _suite_file(self) -> Path:
        return self.folder / "benchmarks.json"

    def _round(self, commit: str, number: int) -> Path:
        return self.folder / commit / f"round-{number}"

    def _rounds(self) -> int:
        return max((rounds for _, rounds in self._selected()), default=1)

    def _selected(self) -> list[tuple[str, int]]:
        """The benchmarks asked for, by asv's own rule, each with its rounds."""
        suite = suite_of(self.folder)
        return [(name, int(suite[name].get("rounds", 1))) for name in selected(suite, self.plan.bench)]


def _result_files(folder: Path, commit: str | None = None) -> Sequence[Path]:
    return sorted(
        path for path in folder.glob(f"{commit[:8] if commit else ''}*.json") if path.name not in _NOT_RESULTS
    )
