"""The report as one HTML file: no script, nothing loaded from elsewhere, light and dark, wide and narrow."""

from __future__ import annotations

import base64
import functools
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tools.analysis import comparison
from tools.analysis.comparison import Comparison, DataSetChange
from tools.analysis.model import DataSet, Report
from tools.analysis.verdict import Verdict, judge
from tools.words import significant, times

from .plot import Panel, panel
from .text import COLUMNS, environment_lines, memory_note, peers_note, rows

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent


def render_html(report: Report) -> str:
    """The whole page."""
    return _page(
        "page.html.j2",
        title="Ingestion benchmark",
        subtitle=_subtitle(report),
        quick=report.quick,
        sections=[_section(data_set) for data_set in report.data_sets],
        environments=[("Environment", environment_lines(report))],
    )


def render_comparison_html(found: Comparison) -> str:
    """Two commits side by side."""
    names = [report.environment.commit_short or "?" for report in (found.before, found.after)]
    return _page(
        "comparison.html.j2",
        title=f"{names[0]} → {names[1]}",
        subtitle="Ingestion benchmark, two commits side by side",
        quick=found.before.quick or found.after.quick,
        columns=comparison.COLUMNS,
        sections=[_changes(data_set) for data_set in found.data_sets],
        environments=[
            ("Environment before", environment_lines(found.before)),
            ("Environment after", environment_lines(found.after)),
        ],
        note=comparison.NOTE,
    )


def _page(template: str, **content: Any) -> str:
    return str(_environment().get_template(template).render(**content)) + "\n"


@functools.cache
def _environment() -> Environment:
    # Loaded when a page is wanted: it is slow to import.
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )


def _subtitle(report: Report) -> str:
    where = report.environment
    facts = [
        f"commit {where.commit_short}" if where.commit_short else "",
        where.cpu or "",
        f"{where.cores} cores" if where.cores else "",
        f"Python {where.python}" if where.python else "",
        report.created,
    ]
    return " · ".join(fact for fact in facts if fact)


def _section(data_set: DataSet) -> dict[str, Any]:
    verdict = judge(data_set)
    statuses = [*(level.status for level in data_set.levels), *(peer.status for peer in data_set.peers)]
    recommended = [level.concurrency == verdict.recommended for level in data_set.levels]
    return {
        "title": data_set.title,
        "columns": COLUMNS,
        "rows": [
            {"cells": cells, "status": status, "recommended": mark}
            for cells, status, mark in zip(
                rows(data_set), statuses, [*recommended, *(False for _ in data_set.peers)], strict=True
            )
        ],
        "best": verdict.best,
        "bottleneck": verdict.bottleneck_line.removeprefix("**Bottleneck**: "),
        "recommended": "none" if verdict.recommended is None else str(verdict.recommended),
        "sentences": [*verdict.sentences, *peers_note(data_set)],
        "note": f"Source: {data_set.source}. {memory_note(data_set)}",
        "figures": [_figure(data_set, verdict, which) for which in ("throughput", "speedup")],
    }


def _figure(data_set: DataSet, verdict: Verdict, which: Panel) -> dict[str, str]:
    levels = [level for level in data_set.measured if (level.throughput if which == "throughput" else level.speedup)]
    values = ", ".join(
        f"{significant(level.throughput) + ' items/s' if which == 'throughput' else times(level.speedup)} "
        f"at {level.concurrency}"
        for level in levels
    )
    return {
        "alt": f"{which.capitalize()} against concurrency: {values or 'n/a'}",
        "light": _address(panel(data_set, which)),
        "dark": _address(panel(data_set, which, dark=True)),
    }


def _address(svg: bytes) -> str:
    return f"data:image/svg+xml;base64,{base64.b64encode(svg).decode()}"


def _changes(data_set: DataSetChange) -> dict[str, Any]:
    words = [
        f"{name}: {verdict.best}; bottleneck: {verdict.bottleneck_words}."
        for name, side in (("Before", data_set.before), ("After", data_set.after))
        if side is not None
        for verdict in [judge(side)]
    ]
    return {
        "title": data_set.title,
        "rows": [(comparison.cells(level), level.change) for level in data_set.levels],
        "sentences": [*comparison.summary(data_set), *words],
    }
