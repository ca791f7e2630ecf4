"""asv's result files judged: a commit against the commits before it, or against another one."""

from collections.abc import Sequence
from pathlib import Path

from tools.analysis.change import Change, between
from tools.errors import ReportError
from tools.words import plural

from .files import History, commit_named, read_history
from .git import Repository

WINDOW = 20  # measured commits before the judged ones that are looked at


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
    """
    history, git = read_history(results_dir, machine=machine), Repository(repository)
    if not history.files:
        raise ReportError(f"{results_dir} has no results of machine {history.machine}; run `asv run` first.")

    def find(name: str) -> str:
        return commit_named(name, history.commits, results_dir, git)

    if commit is not None:
        chosen = find(commit)
    else:  # the newest that leads to HEAD, else the newest by date
        head = git.find("HEAD")
        chosen = [*history.commits[-1:], *(_measured_line(history, git, head) if head else ())][-1]
    if base is not None:
        first = find(base)
        if first == chosen:
            raise ReportError(f"commit {chosen[:8]} cannot be judged against itself; name another base or commit.")
        return before_and_after(history, [first], [chosen], base=first, notes=history.notes)
    line, remarks = _leading_to(chosen, history, git)
    start = len(line) - 1
    if since is not None:
        known = find(since)
        if known not in line:
            raise ReportError(f"commit {known[:8]} does not lead to {chosen[:8]}; name an ancestor of it.")
        start = line.index(known) + 1
        if start == len(line):
            raise ReportError(f"there are no results of commits after {known[:8]} that lead to {chosen[:8]}.")
    before, after = line[max(0, start - WINDOW) : start], line[start:]
    return before_and_after(history, before, after, base=None, notes=[*history.notes, *remarks])


def before_and_after(
    history: History, before: Sequence[str], after: Sequence[str], *, base: str | None, notes: Sequence[str] = ()
) -> Change:
    """Judge some measured commits, of which the last one is named, by others; both oldest first."""
    runs = history.runs(*before), history.runs(*after)
    return between(*runs, machine=history.machine, commit=after[-1], base=base, notes=notes)


def _measured_line(history: History, git: Repository, commit: str) -> list[str]:
    measured = set(history.commits)
    return [one for one in git.line(commit) if one in measured]


def _leading_to(chosen: str, history: History, git: Repository) -> tuple[list[str], list[str]]:
    """The measured commits that lead to one, oldest first, it being the last; and what is to be said of them.

    What git does not know is taken by its date, and in a shallow clone, where git cannot tell what leads where,
    all that it does not see: nothing is dropped in silence.
    """
    by_date = history.commits
    if git.find(chosen) is None:
        notes = [f"git does not know {chosen[:8]} here, so the commits before it are taken by their dates"]
        return list(by_date[: by_date.index(chosen) + 1]), notes
    order = _measured_line(history, git, chosen)
    places = {commit: place for place, commit in enumerate(by_date)}
    is_shallow, seen = git.is_shallow, set(order)
    strange = [
        commit
        for commit in by_date[: places[chosen]]
        if commit not in seen and (is_shallow or git.find(commit) is None)
    ]
    for commit in strange:
        later = (place for place, one in enumerate(order) if places[one] > places[commit])
        order.insert(next(later), commit)
    notes = []
    if strange:
        why = "a shallow clone has not all commits" if is_shallow else "they came from elsewhere"
        notes.append(f"{plural(len(strange), 'measured commit')} that git cannot place here ({why}) taken by date")
    elif len(order) == 1 < len(by_date):
        others = plural(len(by_date) - 1, "measured commit does", "measured commits do")
        notes.append(f"{others} not lead to {chosen[:8]} (another branch, or rebased since); --base judges by one")
    return order, notes
