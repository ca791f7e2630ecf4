"""One night: measure what is new, keep it, publish it, judge it."""

import re
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from asv.machine import Machine, MachineCollection
from asv.util import UserError
from filelock import FileLock, Timeout

from tools.analysis.change import Change
from tools.analysis.metrics import Measured, Series
from tools.analysis.verdicts import AGAIN, Row, after_repeats, called_again
from tools.asv.files import only, read_history
from tools.asv.git import Repository
from tools.asv.history import judge
from tools.asv.project import Project
from tools.asv.run import MARK, Asv, end_all
from tools.atomic import write_bytes
from tools.errors import ReportError, ToolError
from tools.words import plural

from . import rounds, summary
from .results_branch import ResultsBranch

_MACHINE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
NO_REGRESSION, REGRESSION, FAILED = 0, 1, 2
Progress = Callable[[int, int], None]
Outcome = tuple[int, Sequence[str], Sequence[str]]  # the exit code, what goes to stdout, what to stderr


@dataclass(frozen=True)
class Options:
    """What the command line says; None is the default, which often stands in asv's configuration."""

    config: Path
    branch: str | None
    machine: str | None
    bench: tuple[str, ...]
    backfill: int
    batch_size: int
    time_limit: float | None
    results_branch: str | None
    remote: str | None
    dashboard_url: str | None


def run(options: Options, progress: Progress) -> Outcome:
    """Do all of it, alone in the work folder. Raises ToolError: it cannot be done, or another run is at work."""
    started = time.monotonic()
    project = Project.of(options.config)
    repository = Repository(project.repository)
    if not (repository.path / ".git").exists():  # asv's clone of what lies elsewhere
        repository.git("fetch", "--quiet", "origin")
    branch = options.branch or repository.branch(project.branch)
    if repository.find(branch) is None:
        raise ToolError(f"there is no branch {branch!r} in {repository.path}; name one with --branch")
    line = repository.line(branch, first_parent=True)
    work = project.config.parent / ".asv" / "nightly"
    work.mkdir(parents=True, exist_ok=True)
    try:
        alone = FileLock(work / "lock", timeout=0).acquire()  # the system frees it however this process ends
    except Timeout:
        raise ToolError(f"another run is at work in {work}; wait for it") from None
    with alone, _scratch(work) as scratch:
        kept = None
        if options.results_branch is not None:
            kept = ResultsBranch(repository, options.results_branch, work / "results-branch", options.remote)
            kept.open()
        home = (kept.folder if kept else project.results_dir) / _register_machine(options.machine)
        asv = Asv(project, branch, work / "asv.log", {MARK: work, "TMPDIR": scratch})
        night = _Night(options, asv, work, repository, line, home, kept, progress)
        deadline = None if options.time_limit is None else started + options.time_limit * 3600
        notes = []
        if options.branch is None and branch != project.branch:
            notes.append(f"there is no branch {project.branch!r} here; {branch!r} was followed")
        if repository.is_shallow:
            notes.append("this is a shallow clone: what came before it was not looked at (git fetch --unshallow)")
        new, old = night.measure(options.backfill, deadline, notes)
        return night.finish(new, old, notes)


@dataclass(frozen=True)
class _Night:
    """One night's work, and the places that it works in; `home` is the folder of the machine in the results."""

    options: Options
    asv: Asv
    work: Path
    repository: Repository
    line: list[str]
    home: Path
    kept: ResultsBranch | None
    progress: Progress

    def finish(self, new: list[str], old: list[str], notes: list[str]) -> Outcome:
        freshness = summary.Freshness.of(self.line, self.home)
        newest = freshness.commit
        pending = rounds.new_commits(self.line, self.measured())
        if newest is None or (not new and not old and newest == rounds.judged_until(self.home)):
            if self.kept is not None:
                self.kept.push()  # what a push that was refused has left
            what = f"No time to measure {plural(len(pending), 'new commit')}" if pending else "Nothing new"
            return NO_REGRESSION, [f"{what} on {self.asv.branch}. {freshness.sentence(self.asv.branch)}"], ()
        if pending:
            notes.append(f"{plural(len(pending), 'new commit')} left for the next run: the time was up")
        self.asv.run("publish", ["publish", "--no-pull"], self.home.parent)
        told = self.told(newest, freshness, new, old, notes)
        file = self.work / "summary.md"
        write_bytes(file, summary.render(told, self.repository, self.home).encode())
        write_bytes(self.home / rounds.JUDGED_NAME, f"{newest}\n".encode())
        self.keep(f"Judged {newest[:8]}")
        said = (summary.title(told, self.repository), freshness.sentence(self.asv.branch))
        regressed = isinstance(told.change, Change) and told.change.regressions
        code = REGRESSION if regressed else FAILED if told.trouble else NO_REGRESSION
        errors = [f"error: {told.trouble}"] if code == FAILED else []
        return code, said, [f"Written: {file}", *errors]

    def keep(self, what: str) -> None:
        if self.kept is not None:
            self.kept.commit(f"{what} on {self.home.name}")
            self.kept.push()

    def measured(self) -> set[str]:
        return set(rounds.whole(self.home))

    def measure(self, backfill: int, deadline: float | None, notes: list[str]) -> tuple[list[str], list[str]]:
        """Finish what was begun, then batch after batch; returns the new and the old commits that were measured."""
        before = self.measured()
        fingerprint = self.asv.project.fingerprint(*self.options.bench)
        turns = rounds.Rounds(self.asv, self.work, self.home, self.options.bench, fingerprint)
        turns.keep()
        begun = [one for one in rounds.read(self.home).values() if not one.is_whole and one.commit in self.line]
        if any(one.fingerprint != fingerprint for one in begun):
            notes.append("unfinished rounds were dropped: suite, configuration or --bench have changed")
        known = {*self.measured(), *(one.commit for one in begun)}
        new = rounds.new_commits(self.line, known)
        old = rounds.backfill(self.line, {*known, *new}, backfill)
        todo = [*(one.commit for one in begun), *new, *old]
        for start in range(0, len(todo), self.options.batch_size):
            if deadline is not None and time.monotonic() >= deadline:
                break
            commits = todo[start : start + self.options.batch_size]
            (self.work / "asv.log").unlink(missing_ok=True)
            turns.measure(commits, self.progress)
            self.keep(f"Results of {', '.join(commit[:8] for commit in commits)}")
        added = [commit for commit in self.line if commit in self.measured() - before]
        last = max((place for place, commit in enumerate(self.line) if commit in before), default=len(self.line) - 1)
        earlier = set(self.line[:last])
        return [one for one in added if one not in earlier], [one for one in added if one in earlier]

    def told(
        self, newest: str, freshness: summary.Freshness, new: list[str], old: list[str], notes: list[str]
    ) -> summary.Night:
        backfilled, measured, until = None, self.measured(), rounds.judged_until(self.home)
        is_whole = not self.repository.is_shallow
        if until and until not in self.line and is_whole and self.repository.find(until) is not None:
            notes.append(f"{until[:8]}, which was judged last, is not part of {self.asv.branch} as it is now")
            until = None
        since = rounds.judged_since(self.line, measured, new or [newest], until)
        before = f"nothing came after {newest[:8]}, which was judged before"
        change = before if since == newest else self._judge(newest, since)
        if old:
            earlier = [one for one in self.line[: self.line.index(old[0])] if one in measured]
            start = earlier[-1] if earlier else next(one for one in self.line if one in measured)
            backfilled = self._judge(newest, start) if start != newest else None
        # The benchmarks, with parameters, that fail at the newest commit.
        runs = read_history(self.home.parent, machine=self.home.name).runs(newest)
        series = [one for run in runs for one in run.series.items()]
        return summary.Night(
            branch=self.asv.branch,
            measured=tuple(commit for commit in self.line if commit in {*new, *old}),
            change=self._confirmed(change) if isinstance(change, Change) else change,
            backfilled=backfilled if isinstance(backfilled, Change) else None,
            failed=tuple(sorted({one.name for one, measured in series if measured.status == "failed"})),
            freshness=freshness,
            notes=tuple(notes),
            dashboard_url=self.options.dashboard_url,
            commit_url=self.asv.project.commit_url or None,
        )

    def _judge(self, commit: str, since: str | None) -> Change | str:
        results, machine, repository = self.home.parent, self.home.name, self.repository.path
        try:
            return judge(results, commit=commit, since=since, machine=machine, repository=repository)
        except ReportError as error:
            return str(error)

    def _confirmed(self, change: Change) -> Change:
        """Measure what is called once more, at the commit that is named and the one before it, in turns."""
        called = [row for row in change.regressions if row.guilty in self.line[1:] and row.head is not None]
        asked = called_again(called)
        if not asked:
            return change
        pattern = only(sorted({row.series.benchmark for row in asked}))
        before = {row.guilty: self.line[self.line.index(row.guilty or "") - 1] for row in asked}
        scratch, machine = self.work / "confirmed", self.home.name
        shutil.rmtree(scratch, ignore_errors=True)
        arguments = [
            "--machine",
            machine,
            "--bench",
            pattern,
            "--record-samples",
            "--attribute",
            "rounds=1",
            "--no-pull",
        ]
        measured: list[dict[str, Mapping[Series, Measured]]] = []
        for number in range(1 if all(row.is_exact for row in asked) else AGAIN):
            commits = list(dict.fromkeys(map(str, (*before.values(), *before))))
            for commit in commits[:: -1 if number % 2 else 1]:
                what = f"measure {commit[:8]} again"
                self.asv.run(what, ["run", f"{commit}^!", *arguments], scratch / str(number))
            files = read_history(scratch / str(number), machine=machine).files
            measured.append({file.commit: file.run.series for file in files})

        def pair(row: Row, values: Mapping[str, Mapping[Series, Measured]]) -> list[Sequence[float]]:
            sides = (values.get(commit, {}).get(row.series) for commit in (before[row.guilty], row.guilty or ""))
            return [one.sample for one in sides if one is not None and one.status == "ok"]

        pairs = {row: [two for values in measured if len(two := pair(row, values)) == 2] for row in asked}
        return replace(change, rows=after_repeats(change.rows, called, pairs))


def _register_machine(template: str | None) -> str:
    """Write this machine into `~/.asv-machine.json` (of which `asv machine --yes --machine NAME` keeps no hardware) and
    return its name: the template, `{cpu}` in which becomes the processor's model and number of cores, so that hired
    machines that differ are not taken for one; else the host's name.
    """
    fields = dict(Machine.get_defaults())
    cpu = re.sub(r"[^a-z0-9]+", "-", f"{fields['cpu'] or fields['arch']} {fields['num_cpu']}".lower()).strip("-")
    name = fields["machine"] if template is None else template.replace("{cpu}", cpu)
    if not _MACHINE.fullmatch(name):
        raise ToolError(f"{name!r} cannot name a machine: letters, digits, '.', '_' and '-' only")
    try:
        MachineCollection.save(name, {**fields, "machine": name})
    except (UserError, OSError) as error:
        place = MachineCollection.get_machine_file_path()
        raise ToolError(f"asv's machine file {place} cannot be written: {error}") from error
    return str(name)


@contextmanager
def _scratch(work: Path) -> Iterator[str]:
    """A folder for temporary files, noted in `work` (too long for a socket); what a killed run left ends first."""
    note = work / "scratch"
    end_all(str(work))
    if note.exists():
        shutil.rmtree(note.read_text(encoding="utf-8"), ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix="nightly-", ignore_cleanup_errors=True) as folder:
        write_bytes(note, folder.encode())
        try:
            yield folder
        finally:
            note.unlink()
