"""The night in Markdown, fit for an issue: the answer, the evidence, where to look, how far to trust it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from tools.analysis.change import Change
from tools.asv.files import Benchmark, load, suite_of
from tools.asv.git import Repository
from tools.render.change import as_markdown
from tools.render.markdown import code, escaped
from tools.words import plural

from . import records

STALE_AFTER = timedelta(days=7)


@dataclass(frozen=True)
class Freshness:
    """The newest commit of the branch with results (None if there is none), when it was measured, and how many commits
    the branch is ahead of it.
    """

    commit: str | None
    measured: datetime | None
    behind: int

    @classmethod
    def of(cls, line: Sequence[str], home: Path) -> Freshness:
        known = records.whole(home)
        for behind, commit in enumerate(reversed(line)):
            if commit in known:
                return cls(commit, known[commit].measured, behind)
        return cls(None, None, len(line))

    def sentence(self, branch: str, now: datetime | None = None) -> str:
        if self.commit is None or self.measured is None:
            return f"There is no result of {branch} yet."
        age = (now or datetime.now(UTC)) - self.measured
        state = f"{plural(self.behind, 'commit')} behind {branch}" if self.behind else f"up to date with {branch}"
        stale = ", which is stale" if age > STALE_AFTER and self.behind else ""
        made = f"{self.measured:%Y-%m-%d %H:%M} UTC ({_age(age)} ago)"
        return f"The newest result is of {self.commit[:8]}, made {made}: {state}{stale}."


@dataclass(frozen=True)
class Night:
    """Everything that the summary tells: `change` is the verdict over the new commits, or why there is none,
    `backfilled` the one over old commits that were filled in, if any were; `failed` are benchmarks that fail at the
    newest commit.
    """

    branch: str
    machine: str
    measured: tuple[str, ...]
    change: Change | str
    backfilled: Change | None
    failed: tuple[str, ...]
    freshness: Freshness
    notes: tuple[str, ...]
    dashboard_url: str | None
    commit_url: str | None

    @property
    def regressed(self) -> bool:
        return isinstance(self.change, Change) and bool(self.change.regressions)

    @property
    def trouble(self) -> str:
        """Why nothing can be said of the night, where there is no regression."""
        if self.failed:
            return f"{plural(len(self.failed), 'benchmark fails', 'benchmarks fail')}, the first: {self.failed[0]}"
        is_unstable = isinstance(self.change, Change) and self.change.status == "unstable"
        return "everything that was timed is too noisy to judge" if is_unstable else ""


def title(night: Night, repository: Repository) -> str:
    """One line, good for the title of an issue: the same for the same guilty commits, whatever else changes."""
    change = night.change
    if not isinstance(change, Change):
        return "Nightly benchmarks: nothing to judge"
    if change.regressions:
        guilty = change.guilty or (change.commit,)
        named = ", ".join(f"{commit[:8]} ({repository.subject(commit)})" for commit in guilty)
        return f"Benchmark regression since {named}"
    if change.status == "not enough data":
        return "Nightly benchmarks: too little history to judge yet"
    return f"Nightly benchmarks: {change.headline.lower()}"


def render(night: Night, repository: Repository, home: Path) -> str:
    """The whole page."""
    parts = [f"# {_plain(title(night, repository))}", night.freshness.sentence(night.branch)]
    if isinstance(night.change, Change):
        parts += _verdict(night, night.change, home.parent)
    else:
        parts.append(f"Not judged: {night.change}")
    if night.failed:
        parts.append("## Failing benchmarks\n\n" + "\n".join(f"- {code(name)}" for name in night.failed))
    if night.backfilled is not None and night.backfilled.guilty:
        parts.append("## Found in the older commits that were filled in")
        parts.append("This does not count as a regression of this night.")
        parts += _verdict(night, night.backfilled, home.parent)
    if night.measured:
        lines = [
            f"- {_commit(commit, night.commit_url)} {_plain(repository.subject(commit))}" for commit in night.measured
        ]
        parts.append("## Measured in this run\n\n" + "\n".join(lines))
    parts.append("## Conditions\n\n" + "\n".join(f"- {line}" for line in _conditions(night, home)))
    return "\n\n".join(part.strip() for part in parts) + "\n"


def _verdict(night: Night, change: Change, results_dir: Path) -> list[str]:
    """The table, and links to the graph of each regression in the dashboard, with the commit marked."""
    if night.dashboard_url is None:
        return [as_markdown(change)]
    base = night.dashboard_url.rstrip("/")
    suite = suite_of(results_dir)
    lines = []
    for row in change.regressions:
        query: dict[str, str] = {}
        for name, value in row.series.params:
            query[f"p-{name}"] = _as_asv_writes(value, name, suite.get(row.series.benchmark))
        query["commits"] = row.guilty or change.commit
        lines.append(f"- [`{row.name}`]({base}/index.html#{quote(row.series.benchmark)}?{urlencode(query)})")
    lines.append(f"- [All graphs]({base}/index.html#/)")
    return [as_markdown(change), "In the dashboard:\n\n" + "\n".join(lines)]


def _as_asv_writes(value: str, name: str, benchmark: Benchmark | None) -> str:
    """The `repr()` that the dashboard knows a parameter's value by."""
    for known, values in zip(benchmark.param_names, benchmark.params, strict=False) if benchmark else ():
        if known == name:
            return next((text for text in values if text == value or text.strip("'\"") == value), value)
    return value


def _conditions(night: Night, home: Path) -> Iterator[str]:
    observed = [
        one for commit, record in records.read(home).items() if commit in night.measured for one in record.rounds
    ]
    yield f"machine `{night.machine}`"
    if observed:
        last = observed[-1]
        loads = [one.load_avg[0] for one in observed]
        cpu = load(home / "machine.json", dict[str, Any]).get("cpu")
        yield f"{cpu or 'unknown CPU'}, {plural(last.cpus, 'processor')}"
        yield f"load average before the rounds: {min(loads):.2f} to {max(loads):.2f}; niceness {last.nice}"
        if observed[0].is_busy:
            yield "**something else was at work when the measurement began: do not trust small changes**"
    yield from night.notes


def _commit(commit: str, url: str | None) -> str:
    return f"[{commit[:8]}]({url.rstrip('/')}/{commit})" if url else commit[:8]


def _age(age: timedelta) -> str:
    minutes = max(0, int(age.total_seconds() // 60))
    unit, length = ("day", 1440) if minutes >= 2880 else ("hour", 60) if minutes >= 120 else ("minute", 1)
    return plural(minutes // length, unit)


def _plain(text: str) -> str:
    """A commit's subject is anybody's text: no markup, nobody mentioned."""
    return escaped(text).replace("@", "@\u200b")
