"""Measure what is new, keep it, publish it, judge it: what a timer starts every night.

Measures the commits of the branch that came since the last run, several at a time, in rounds that take turns; asv's
results, the dashboard and a summary in Markdown come out. Killed at any moment it loses one round of one commit;
started again it goes on. Two runs at once are refused.

\b
Exit code
  0    no regression, or nothing new, or too little history to judge
  1    a regression; the summary names the commit that brought it
  2    it could not be done, or benchmarks fail; the last line says why
  130  interrupted; the next run goes on from there
"""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import click
from filelock import FileLock, Timeout
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from tools import regression
from tools.atomic import write_bytes
from tools.errors import ReportError
from tools.tracking import choice, conditions, machine, records, summary
from tools.tracking.batch import Batch, Plan
from tools.tracking.errors import TrackingError
from tools.tracking.project import Project, end_leftovers, last_line
from tools.tracking.repository import Repository
from tools.tracking.results_branch import ResultsBranch

ROOT = Path(__file__).resolve().parent.parent
NO_REGRESSION, REGRESSION, FAILED, INTERRUPTED = 0, 1, 2, 130


@click.command(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100}, help=__doc__)
@click.option("--config", type=click.Path(exists=True, dir_okay=False, path_type=Path), default=ROOT / "asv.conf.json",
              help="asv's configuration. [default: asv.conf.json of this project]")  # fmt: skip
@click.option("--branch", help="Branch to follow. [default: the first of asv's configuration]")
@click.option("--machine", "machine_name", metavar="NAME",
              help="Name of this machine; {cpu} in it becomes the processor. [default: the host's name]")  # fmt: skip
@click.option("--bench", multiple=True, metavar="REGEX", help="Benchmarks to run, as for asv. [default: all]")
@click.option("--backfill", type=click.IntRange(0), default=0, metavar="N",
              help="Measure also N old commits, each in the middle of the widest gap.")  # fmt: skip
@click.option("--batch", "batch_size", type=click.IntRange(1), default=4, show_default=True,
              help="Commits that are measured in turns.")  # fmt: skip
@click.option("--time-limit", type=click.FloatRange(min=0), metavar="HOURS",
              help="Start no further batch after so long; the next run goes on.")  # fmt: skip
@click.option("--results", "results_dir", type=click.Path(file_okay=False, path_type=Path),
              help="Folder of the results. [default: asv's results_dir]")  # fmt: skip
@click.option("--results-branch", metavar="BRANCH", help="Keep the results on this git branch instead.")
@click.option("--push", "remote", metavar="REMOTE", help="Fetch the results branch from this remote and push it there.")
@click.option("--work", type=click.Path(file_okay=False, path_type=Path),
              help="Folder for what is unfinished. [default: .asv/nightly beside the configuration]")  # fmt: skip
@click.option("--html", "html_dir", type=click.Path(file_okay=False, path_type=Path),
              help="Folder of the dashboard, which is emptied first. [default: asv's html_dir]")  # fmt: skip
@click.option("--summary", "summary_file", type=click.Path(dir_okay=False, path_type=Path),
              help="Markdown file to write. [default: summary.md in the work folder]")  # fmt: skip
@click.option("--dashboard-url", metavar="URL", help="Where the dashboard will be found, for the links.")
@click.option("--cpus", metavar="LIST", help="Processors to stay on, such as 2-3. [default: isolated ones, if any]")
@click.option("--quieten/--no-quieten", default=True, show_default=True,
              help="Raise the priority and keep to the processors, as far as permitted.")  # fmt: skip
@click.option("--tune-system", is_flag=True, help="Fix frequencies by `pyperf system tune` meanwhile (root).")
def command(
    config: Path,
    branch: str | None,
    machine_name: str | None,
    bench: tuple[str, ...],
    backfill: int,
    batch_size: int,
    time_limit: float | None,
    results_dir: Path | None,
    results_branch: str | None,
    remote: str | None,
    work: Path | None,
    html_dir: Path | None,
    summary_file: Path | None,
    dashboard_url: str | None,
    cpus: str | None,
    quieten: bool,
    tune_system: bool,
) -> int:
    started = time.monotonic()
    if results_dir is not None and results_branch is not None:
        raise click.UsageError("--results and --results-branch exclude each other")
    if remote is not None and results_branch is None:
        raise click.UsageError("--push needs --results-branch")
    _check_cpus(cpus)
    project = Project.load(config)
    repository = Repository(project.repository)
    branch = branch or project.branch
    line = repository.line(branch)
    work = (work or project.config_file.parent / ".asv" / "nightly").resolve()
    work.mkdir(parents=True, exist_ok=True)
    summary_file = summary_file or work / "summary.md"
    with _alone(work):
        end_leftovers(work)
        kept = None
        if results_branch is not None:
            kept = ResultsBranch(repository, results_branch, work / "results-branch", remote)
            kept.open()
        results = kept.folder if kept else (results_dir or project.results_dir).resolve()
        name = machine.register(machine_name)
        home = results / name
        night = _Run(project, repository, branch, line, work, results, name, bench, batch_size, kept)
        deadline = None if time_limit is None else started + time_limit * 3600
        notes = conditions.quieten(cpus) if quieten else []
        with conditions.tuned_system(tune_system, notes):
            new, old = night.measure(backfill, deadline, notes)
        newest = summary.Freshness.of(line, home).commit
        pending = choice.new_commits(line, night.measured())
        if not new and not old and newest is not None and records.judged_until(home) == newest:
            click.echo(f"Nothing new on {branch}. {summary.Freshness.of(line, home).sentence(branch)}")
            return NO_REGRESSION
        if pending:
            notes.append(f"{len(pending)} new commits were left for the next run: the time was up")
        night.publish((html_dir or project.html_dir).resolve())
        told = night.told(new, old, notes, dashboard_url)
        write_bytes(summary_file, summary.render(told, repository, home).encode())
        if newest is not None:
            records.set_judged_until(home, newest)
        if kept is not None:
            kept.commit(f"Judged {newest[:8] if newest else branch} on {name}")
            kept.push()
        click.echo(summary.title(told, repository))
        click.echo(told.freshness.sentence(branch))
        click.echo(f"Written: {summary_file}", err=True)
        if told.regressed:
            return REGRESSION
        if told.failed:
            click.echo(f"error: {len(told.failed)} benchmarks fail, the first: {told.failed[0]}", err=True)
            return FAILED
        return NO_REGRESSION


class _Run:
    """One night's work, and the places that it works in."""

    def __init__(
        self,
        project: Project,
        repository: Repository,
        branch: str,
        line: list[str],
        work: Path,
        results: Path,
        machine_name: str,
        bench: tuple[str, ...],
        batch_size: int,
        kept: ResultsBranch | None,
    ) -> None:
        self.project = project
        self.repository = repository
        self.branch = branch
        self.line = line
        self.work = work
        self.results = results
        self.home = results / machine_name
        self.machine = machine_name
        self.bench = bench
        self.batch_size = batch_size
        self.kept = kept
        self.log = work / "asv.log"

    def measured(self) -> set[str]:
        return {record.commit for record in records.read(self.home)}

    def measure(self, backfill: int, deadline: float | None, notes: list[str]) -> tuple[list[str], list[str]]:
        """Finish what was begun, then batch after batch; returns the new and the old commits that were measured."""
        before = self.measured()
        fingerprint = self.project.fingerprint()
        left = Batch.resume(self.project, self.work, self.branch)
        if left is not None:
            if left.plan == Plan(left.plan.commits, self.machine, self.bench, fingerprint):
                self._measure_batch(left)
            else:
                notes.append("an unfinished batch was dropped: suite, configuration, --bench or --machine have changed")
        new = choice.new_commits(self.line, self.measured())
        old = choice.backfill(self.line, {*self.measured(), *new}, backfill)
        todo = [*new, *old]
        for start in range(0, len(todo), self.batch_size):
            if deadline is not None and time.monotonic() >= deadline:
                break
            plan = Plan(tuple(todo[start : start + self.batch_size]), self.machine, self.bench, fingerprint)
            self._measure_batch(Batch.begin(self.project, self.work, self.branch, plan))
        added = self.measured() - before
        newest_before = max((self.line.index(commit) for commit in before if commit in self.line), default=-1)
        in_order = [commit for commit in self.line if commit in added]
        if newest_before < 0:
            return in_order[-1:], in_order[:-1]
        places = {commit: place for place, commit in enumerate(self.line)}
        return (
            [commit for commit in in_order if places[commit] > newest_before],
            [commit for commit in in_order if places[commit] < newest_before],
        )

    def _measure_batch(self, batch: Batch) -> None:
        self.log.unlink(missing_ok=True)
        with _shown() as progress:
            batch.measure(self.results, progress)
        batch.promote(self.results)
        if self.kept is not None:
            names = ", ".join(commit[:8] for commit in batch.plan.commits)
            self.kept.commit(f"Results of {names} on {self.machine}")
            self.kept.push()

    def publish(self, html_dir: Path) -> None:
        """The dashboard of everything that there is.

        Raises:
            TrackingError: If asv cannot make it.
        """
        code = self.project.asv(
            ["publish", "--no-pull"], results_dir=self.results, html_dir=html_dir, branch=self.branch,
            work=self.work, log=self.log,
        )  # fmt: skip
        if code:
            raise TrackingError(f"asv could not publish: {last_line(self.log)}; all it said: {self.log}")

    def told(self, new: list[str], old: list[str], notes: list[str], dashboard_url: str | None) -> summary.Night:
        """Judge, and gather what the summary tells."""
        freshness = summary.Freshness.of(self.line, self.home)
        judgement, reason, backfilled = None, None, None
        if freshness.commit is not None:
            since = records.judged_until(self.home)
            if since == freshness.commit:
                reason = f"nothing came after {freshness.commit[:8]}, which was judged before"
            else:
                judgement, reason = self._judge(freshness.commit, since if since in self.measured() else None)
            if old:
                measured = self.measured()
                earlier = [one for one in self.line[: self.line.index(old[0])] if one in measured]
                first = next(one for one in self.line if one in measured)
                start = earlier[-1] if earlier else first
                if start != freshness.commit:
                    backfilled, _ = self._judge(freshness.commit, start)
        url = str(self.project.settings.get("show_commit_url") or "")
        return summary.Night(
            branch=self.branch,
            machine=self.machine,
            measured=tuple(commit for commit in self.line if commit in {*new, *old}),
            judgement=judgement,
            not_judged=reason,
            backfilled=backfilled,
            failed=summary.failing(self.home, freshness.commit),
            freshness=freshness,
            notes=tuple(notes),
            dashboard_url=dashboard_url,
            commit_url=url if url.startswith("http") else None,
        )

    def _judge(self, commit: str, since: str | None) -> tuple[regression.Judgement | None, str | None]:
        try:
            judgement = regression.judge(
                self.results, commit=commit, since=since, machine=self.machine, repository=self.repository.path
            )
        except regression.RegressionError as error:
            return None, str(error)
        return judgement, None


@contextmanager
def _alone(work: Path) -> Iterator[None]:
    """Hold the lock of the work folder; the system frees it however this process ends."""
    try:
        with FileLock(work / "lock", timeout=0):
            yield
    except Timeout:
        raise TrackingError(f"another run is at work in {work}; wait for it, or give this one its own --work") from None


@contextmanager
def _shown() -> Iterator[_Show]:
    """Show how many rounds are done: on a terminal only."""
    console = Console(stderr=True)
    columns = (TextColumn("measuring"), BarColumn(), MofNCompleteColumn(), TextColumn("rounds"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        yield _Show(bar)


class _Show:
    def __init__(self, bar: Progress) -> None:
        self.bar = bar
        self.task = bar.add_task("measuring", total=None)

    def __call__(self, done: int, total: int) -> None:
        self.bar.update(self.task, completed=done, total=total)


def _check_cpus(cpus: str | None) -> None:
    try:
        conditions.parse_cpus(cpus or "")
    except ValueError:
        raise click.UsageError(f"--cpus {cpus!r} is not a list such as 0,2-3") from None


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command; every error is one line."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill cleans up as Ctrl-C does
    try:
        code = command.main(args=arguments, standalone_mode=False)
    except click.ClickException as error:
        _fail(error.format_message(), FAILED)
    except (TrackingError, regression.RegressionError, ReportError, OSError) as error:
        _fail(str(error), FAILED)
    except (click.Abort, KeyboardInterrupt):
        _fail("interrupted; start it again to go on", INTERRUPTED)
    sys.exit(code)


def _fail(message: str, code: int) -> None:
    click.echo(f"error: {message}", err=True)
    sys.exit(code)


if __name__ == "__main__":
    main()
