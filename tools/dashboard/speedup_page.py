"""A plugin of asv: `asv publish` gets a Speedup page of every machine, benchmark and size, commit by commit, and
scripts that need no network. Numbers and words come from `tools.analysis`.

Named in asv.conf.json as ".tools.dashboard.speedup_page". The key "dashboard_scripts" there says where asv's own pages
have their scripts from: "local" (copies beside them, the default) or "cdn" (as asv made them).
"""

import json
import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from string import Template
from typing import Any

from asv.console import log
from asv.publishing import OutputPublisher
from asv.util import UserError

from tools.analysis.analysis import Analysis
from tools.analysis.change import Change
from tools.analysis.model import DataSet, Report
from tools.analysis.verdicts import Row
from tools.asv.files import History, read_history
from tools.asv.history import WINDOW, before_and_after
from tools.asv.results import reports_of
from tools.atomic import write_bytes
from tools.errors import ReportError
from tools.render.json_file import data_set_content
from tools.render.page import cells, environment_facts, memory_note
from tools.words import significant

from . import scripts

LOCAL, CDN = "local", "cdn"
_PARTS = Path(__file__).with_name("page")
LINK = '<li id="nav-li-speedup"><a href="speedup.html">Speedup</a></li>'
_NAVIGATION = re.compile(r'^(\s*)<li id="nav-li-regressions">.*?</li>\n', flags=re.MULTILINE)
JUDGED_COMMITS = 20  # the newest ones, of which the page says what they changed


class SpeedupPage(OutputPublisher):  # type: ignore[misc]  # asv is not typed
    name = "speedup"

    @classmethod
    def publish(
        cls, conf: Any, repo: Any, benchmarks: Mapping[str, Any], graphs: Any, revisions: Mapping[str, int]
    ) -> None:
        where = getattr(conf, "dashboard_scripts", LOCAL)
        if where not in (LOCAL, CDN):
            raise UserError(f'"dashboard_scripts" in asv.conf.json is {where!r}; it is "{LOCAL}" or "{CDN}"')
        html_dir = Path(conf.html_dir)
        try:
            dates = {commit: repo.get_date_from_name(commit) for commit in revisions}
            data = page_data(Path(conf.results_dir), conf.project, revisions, dates)
            charts = b""
            try:
                (charts,) = scripts.load([scripts.CHART_JS]).values()
            except scripts.ScriptsUnavailable as error:
                log.warning(f"the Speedup page has tables and no charts: {error}")
            write_page(html_dir / "speedup.html", data, charts)
            link_speedup_page(html_dir)
            if where == LOCAL:
                scripts.use_local_scripts(html_dir)
        except scripts.ScriptsUnavailable as error:
            log.warning(f"asv's own pages need a network to be looked at: {error}")
        except ReportError as error:
            raise UserError(str(error)) from error


def page_data(results_dir: Path, project: str, order: Mapping[str, int], dates: Mapping[str, int]) -> dict[str, Any]:
    """The commits that have a place in `order`, oldest first; `dates` are in milliseconds since 1970."""
    series: dict[tuple[str, str, str], dict[str, Any]] = {}
    for folder in sorted(path.parent for path in results_dir.glob("*/machine.json")):
        history = read_history(results_dir, machine=folder.name)
        changes = _changes(history, order)
        reports = [one for one in reports_of(history, peers=True) if one.environment.commit in order]
        several = len({report.environment.env_name for report in reports}) > 1
        for report in sorted(reports, key=lambda x: order[x.environment.commit or ""]):
            where = report.environment
            commit, name = where.commit or "", f"{folder.name}, {where.env_name}" if several else folder.name
            for data_set in report.data_sets:
                benchmark, _, variant = data_set.key.removesuffix(")").partition("(")
                shown = {"machine": name, "benchmark": benchmark, "size": variant}
                run = _run(report, data_set, dates[commit])
                for row in changes[commit].rows if commit in changes else ():
                    if _is_of(row, benchmark, variant, where.env_name):
                        run["changes" if row.is_loud else "details"].append(f"{row.short_name}: {row.sentence}")
                series.setdefault((name, benchmark, variant), shown | {"runs": []})["runs"].append(run)
    published = datetime.now(UTC).isoformat(timespec="seconds")
    return {"project": project, "published": published, "series": list(series.values())}


def _changes(history: History, order: Mapping[str, int]) -> dict[str, Change]:
    """What the newest commits changed, each by those before it, as `regressions --commit` says it."""
    commits = sorted((commit for commit in history.commits if commit in order), key=order.__getitem__)
    return {
        commit: before_and_after(history, commits[max(0, place - WINDOW) : place], [commit], base=None)
        for place, commit in enumerate(commits)
        if place >= len(commits) - JUDGED_COMMITS
    }


def _is_of(row: Row, benchmark: str, variant: str, environment: str | None) -> bool:
    """Whether a row is of a data set: of one of its levels, or its memory."""
    rest = ", ".join(f"{name}={value}" for name, value in row.series.params if name != "concurrency")
    owner = row.series.benchmark.rpartition(".")[0]
    return (owner, rest, row.environment) == (benchmark, variant, environment)


def _run(report: Report, data_set: DataSet, date: int) -> dict[str, Any]:
    """A data set and its analysis as files of results have them, and what a table shows of each level and peer."""
    found = Analysis(replace(data_set, peers=()))  # which have a chart of their own
    run = {**data_set_content(data_set), **found.as_json()}
    for level, written in zip(data_set.levels, run["levels"], strict=True):
        written["cells"] = cells(level)
    for peer, written in zip(data_set.peers, run["peers"], strict=True):
        seconds = significant(peer.median_seconds) if peer.status == "ok" else peer.status
        written["cells"] = [peer.concurrency, seconds, significant(peer.throughput)]
    return run | {
        "commit": report.environment.commit,
        "date": date,
        "quick": data_set.is_quick,
        "details": [*found.details, *memory_note(data_set), f"Source: {data_set.source}."],
        "changes": [],
        "environment": environment_facts(report)[1:-2],
        "measured": report.created,
    }


def write_page(path: Path, data: dict[str, Any], charts: bytes) -> None:
    """Write all as one file, so that it works from anywhere; without the library it says that charts are missing."""
    page, style, script = ((_PARTS / f"speedup.{kind}").read_text(encoding="utf-8") for kind in ("html", "css", "js"))
    # Names of files and benchmarks are text of others, which must not end the script element that they stand in.
    embedded = json.dumps(data, ensure_ascii=False, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")
    # The source map is not beside the page, and developer tools would ask for it.
    library = re.sub(r"^//# sourceMappingURL=.*\n?", "", charts.decode(), flags=re.MULTILINE)
    filled = Template(page).substitute(style=style, data=embedded, library=library, script=script)
    write_bytes(path, filled.encode())


def link_speedup_page(html_dir: Path) -> None:
    """Put a link into the navigation bar, once; where there is no place for it, index.html is as it was."""
    index = html_dir / "index.html"
    page = index.read_text(encoding="utf-8")
    if LINK in page:
        return
    page, places = _NAVIGATION.subn(lambda match: f"{match[0]}{match[1]}{LINK}\n", page)
    if places != 1:
        raise ReportError("asv's navigation bar has changed and has no link to speedup.html, which is there")
    write_bytes(index, page.encode())
