"""Which commits come before which, and what each of them measured."""

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tools.asv.results import History, Measured, Run, Series, read_history
from tools.errors import ReportError

from .model import RegressionError

_SHOWN = 10


@dataclass(frozen=True)
class Line:
    """The measured commits that lead to the judged one, which is the last; runs of one commit may be several."""

    machine: str
    commits: tuple[str, ...]
    runs: dict[str, tuple[Run, ...]]

    def values(self, environment: str, series: Series) -> list[tuple[str, Measured]]:
        """What each commit measured of one series, oldest first; commits that did not are left out."""
        return [
            (commit, run.series[series])
            for commit in self.commits
            for run in self.runs[commit]
            if run.environment == environment and series in run.series
        ]


def read_line(results_dir: Path, *, commit: str | None, machine: str | None, repository: Path) -> Line:
    """The line of ancestors of `commit`, or of the newest commit that has results.

    git says who is an ancestor. A commit that git does not know there (results that came from elsewhere) is
    preceded by every commit with an older date.

    Raises:
        RegressionError: there are no results, or the commit or the machine does not say which.
    """
    history = _read(results_dir, machine)
    ancestors = _ancestors(repository, "HEAD")
    in_order = _in_order(history, ancestors)
    chosen = in_order[-1] if commit is None else find(in_order, commit, results_dir)
    if commit is not None:
        in_order = _in_order(history, _ancestors(repository, chosen))
    return _line(history, in_order[: in_order.index(chosen) + 1])


def read_pair(results_dir: Path, *, commit: str | None, base: str, machine: str | None, repository: Path) -> Line:
    """Two commits alone, whichever is the older; the judged one is the last."""
    history = _read(results_dir, machine)
    in_order = _in_order(history, [])
    first = find(in_order, base, results_dir)
    last = (
        _in_order(history, _ancestors(repository, "HEAD"))[-1]
        if commit is None
        else find(in_order, commit, results_dir)
    )
    if first == last:
        raise RegressionError(f"commit {first[:8]} cannot be judged against itself; name another --base or --commit.")
    return _line(history, [first, last])


def find(commits: Sequence[str], prefix: str, where: Path) -> str:
    """The one commit that starts with `prefix`.

    Raises:
        RegressionError: there is none, or there are several.
    """
    found = [commit for commit in commits if prefix and commit.startswith(prefix.lower())]
    if len(found) == 1:
        return found[0]
    if found:
        raise RegressionError(f"commit {prefix!r} is ambiguous, write more of it: {', '.join(found)}.")
    newest = ", ".join(commit[:8] for commit in list(commits)[: -_SHOWN - 1 : -1])
    raise RegressionError(f"{where} has no results of commit {prefix!r}; the newest there are {newest}.")


def _read(results_dir: Path, machine: str | None) -> History:
    try:
        history = read_history(results_dir, machine=machine)
    except ReportError as error:
        raise RegressionError(str(error)) from error
    if not history.runs:
        raise RegressionError(f"{results_dir} has no results of machine {history.machine}; run `asv run` first.")
    return history


def _line(history: History, commits: Sequence[str]) -> Line:
    runs = {commit: tuple(run for run in history.runs if run.commit == commit) for commit in commits}
    return Line(history.machine, tuple(commits), runs)


def _in_order(history: History, ancestors: Sequence[str]) -> list[str]:
    """The measured commits, oldest first: those among `ancestors`, else all of them by date."""
    by_date = list(dict.fromkeys(run.commit for run in history.runs))
    measured = set(by_date)
    return [commit for commit in ancestors if commit in measured] or by_date


def _ancestors(repository: Path, commit: str) -> list[str]:
    """Every ancestor of a commit and itself, oldest first; none where git knows nothing of it."""
    command = ["git", "-C", str(repository), "rev-list", "--topo-order", "--reverse", commit, "--"]
    try:
        done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    except FileNotFoundError:
        return []
    return done.stdout.split() if done.returncode == 0 else []
