"""asv's result files judged: a commit against the commits before it, or against another one."""

from collections.abc import Sequence
from pathlib import Path

from tools.analysis.change import Change, between
from tools.errors import ReportError
from tools.words import plural

from .files import History, commit_named, read_history
from .git import Repository

WINDOW = 20
"""Measured commits before the judged ones that are looked at."""


def judge(
    results_dir: Path,
    *,
    commit: str | None = None,
    base: str | None = None,
    since: str | None = None,
    machine: str | None = None,
    repository: Path = Path(),
) -> Change:
    """Judge a commit (the newest with results by default) by asv's result files: what it brought itself, by the ones
    before it, or by `base` alone; or everything that came after `since`, naming the commit that brought each change.

    Commits are named as git names them, or by the start of the hash; `repository` knows which comes before which.
    Raises ReportError: there are no results, or a commit or the machine does not say which; GitError: git refuses.
    """
    line = Line(read_history(results_dir, machine=machine), Repository(repository), results_dir)
    chosen = line.newest() if commit is None else line.find(commit)
    notes = list(line.history.notes)
    if base is not None:
        first = line.find(base)
        if first == chosen:
            raise ReportError(f"commit {chosen[:8]} cannot be judged against itself; name another base or commit.")
        before, after = [first], [chosen]
    else:
        commits, remarks = line.to(chosen)
        notes += remarks
        start = len(commits) - 1
        if since is not None:
            known = line.find(since)
            if known not in commits:
                raise ReportError(f"commit {known[:8]} does not lead to {chosen[:8]}; name an ancestor of it.")
            start = commits.index(known) + 1
            if start == len(commits):
                raise ReportError(f"there are no results of commits after {known[:8]} that lead to {chosen[:8]}.")
        before, after = commits[max(0, start - WINDOW) : start], commits[start:]
    return before_and_after(line.history, before, after, base=before[0] if base is not None else None, notes=notes)


def before_and_after(
    history: History, before: Sequence[str], after: Sequence[str], *, base: str | None, notes: Sequence[str] = ()
) -> Change:
    """Judge some measured commits, of which the last one is named, by others; both oldest first."""
    runs = history.runs(*before), history.runs(*after)
    return between(*runs, machine=history.machine, commit=after[-1], base=base, notes=notes)


class Line:
    """The measured commits of one machine, and what git knows of them."""

    def __init__(self, history: History, repository: Repository, where: Path) -> None:
        if not history.files:
            raise ReportError(f"{where} has no results of machine {history.machine}; run `asv run` first.")
        self.history = history
        self.repository = repository
        self.where = where
        self.by_date = history.commits

    def newest(self) -> str:
        """The newest measured commit that leads to HEAD, else the newest by date."""
        measured = set(self.by_date)
        head = self.repository.find("HEAD")
        in_order = [commit for commit in self.repository.line(head) if commit in measured] if head else []
        return in_order[-1] if in_order else self.by_date[-1]

    def find(self, name: str) -> str:
        """The one measured commit that git calls so, or whose hash starts so. Raises ReportError: There is none, or
        there are several.
        """
        return commit_named(name, self.by_date, self.where, self.repository.find(name))

    def to(self, chosen: str) -> tuple[list[str], list[str]]:
        """The measured commits that lead to one, oldest first, it being the last; and what is to be said of them.

        What git does not know is taken by its date, and in a shallow clone, where git cannot tell what leads where,
        all that it does not see: nothing is dropped in silence.
        """
        known = self.repository.find(chosen)
        if known is None:
            notes = [f"git does not know {chosen[:8]} here, so the commits before it are taken by their dates"]
            return list(self.by_date[: self.by_date.index(chosen) + 1]), notes
        measured = set(self.by_date)
        order = [commit for commit in self.repository.line(known) if commit in measured]
        places = {commit: place for place, commit in enumerate(self.by_date)}
        is_shallow, seen = self.repository.is_shallow, set(order)
        strange = [
            commit
            for commit in self.by_date[: places[chosen]]
            if commit not in seen and (is_shallow or self.repository.find(commit) is None)
        ]
        for commit in strange:
            later = (place for place, one in enumerate(order) if places[one] > places[commit])
            order.insert(next(later), commit)
        notes = []
        if strange:
            why = "a shallow clone has not all commits" if is_shallow else "they came from elsewhere"
            words = plural(len(strange), "measured commit")
            notes.append(f"{words} that git cannot place here ({why}) taken by date")
        elif len(order) == 1 < len(self.by_date):
            others = plural(len(self.by_date) - 1, "measured commit does", "measured commits do")
            notes.append(f"{others} not lead to {chosen[:8]} (another branch, or rebased since); --base judges by one")
        return order, notes
