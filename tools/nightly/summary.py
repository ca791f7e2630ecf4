"""The night in Markdown, fit for an issue: the answer, the evidence, where to look, how far to trust it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self
from urllib.parse import quote, urlencode

from tools.analysis.change import Change
from tools.analysis.verdicts import Row
from tools.asv.files import load, suite_of
from tools.asv.git import Repository
from tools.render.page import change_page
from tools.render.templates import escaped, filled, render_markdown
from tools.words import plural

from . import rounds

STALE_AFTER = timedelta(days=7)


@dataclass(frozen=True)
class Freshness:
    """The newest commit of the branch with results, if any, when it was measured, and how many have come since."""

    commit: str | None
    measured: datetime | None
    behind: int

    @classmethod
    def of(cls, line: Sequence[str], home: Path) -> Self:
        known = rounds.whole(home)
        for behind, commit in enumerate(reversed(line)):
            if commit in known:
                return cls(commit, known[commit].measured, behind)
        return cls(None, None, len(line))

    def sentence(self, branch: str, now: datetime | None = None) -> str:
        if self.commit is None or self.measured is None:
            return f"There is no result of {branch} yet."
        age = (now or datetime.now(UTC)) - self.measured
        minutes = max(0, int(age.total_seconds() // 60))
        unit, length = ("day", 1440) if minutes >= 2880 else ("hour", 60) if minutes >= 120 else ("minute", 1)
        state = f"{plural(self.behind, 'commit')} behind {branch}" if self.behind else f"up to date with {branch}"
        stale = ", which is stale" if age > STALE_AFTER and self.behind else ""
        made = f"{self.measured:%Y-%m-%d %H:%M} UTC ({plural(minutes // length, unit)} ago)"
        return f"The newest result is of {self.commit[:8]}, made {made}: {state}{stale}."


@dataclass(frozen=True)
class Night:
    """Everything that the summary tells: `change` is the verdict over the new commits, or why there is none,
    `backfilled` the one over old commits that were filled in, if any were; `failed` are benchmarks that fail at the
    newest commit.
    """

    branch: str
    measured: tuple[str, ...]
    change: Change | str
    backfilled: Change | None
    failed: tuple[str, ...]
    freshness: Freshness
    notes: tuple[str, ...]
    dashboard_url: str | None
    commit_url: str | None

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
    known = rounds.read(home).items()
    observed = [one for commit, record in known if commit in night.measured for one in record.rounds]

    def told(text: str) -> str:
        """A commit's subject is anybody's text: no markup, nobody mentioned."""
        return escaped(text).replace("@", "@\u200b")

    def graph(row: Row | None = None, change: Change | None = None) -> str:
        """The address in the dashboard of a regression's graph, with the commit marked."""
        base = f"{(night.dashboard_url or '').rstrip('/')}/index.html#"
        if row is None or change is None:
            return f"{base}/"
        benchmark = suite_of(home.parent).get(row.series.benchmark)
        known = dict(zip(benchmark.param_names, benchmark.params, strict=False)) if benchmark else {}
        query = {}
        for name, value in row.series.params:  # each by the `repr()` that the dashboard knows it by
            written = (text for text in known.get(name, ()) if value in (text, text.strip("'\"")))
            query[f"p-{name}"] = next(written, value)
        query["commits"] = row.guilty or change.commit
        return f"{base}{quote(row.series.benchmark)}?{urlencode(query)}"

    return filled(
        Path(__file__).with_name("summary.md.j2"),
        night=night,
        machine=home.name,
        title=title(night, repository),
        subject=repository.subject,
        observed=observed,
        loads=[one.load_avg[0] for one in observed],
        cpu=observed and load(home / "machine.json", dict[str, Any]).get("cpu"),
        told=told,
        graph=graph,
        as_markdown=lambda change: render_markdown(change_page(change)),
    )
