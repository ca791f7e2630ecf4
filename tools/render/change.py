"""A Change as a page and as JSON: the same rows, the same words, which are its own."""

import json
from collections import Counter
from dataclasses import asdict
from typing import Any

from tools.analysis.change import Change
from tools.analysis.model import Report
from tools.analysis.verdicts import Row
from tools.analysis.words import Line
from tools.words import plural

from . import page
from .json_file import report_content

COLUMNS = ("Benchmark", "Before", "Now", "Change", "95 % interval", "Verdict")
_STYLES = {"regression": "slower", "improvement": "faster", "unstable": "noisy", "not enough data": "n/a"}


def change_page(change: Change, *reports: Report) -> page.Page:
    """What changed first, the rest folded away; with the environments of the report before and the one after."""
    names = Counter(row.short_name for row in change.rows)

    def shown(row: Row) -> page.Row:
        is_unique = names[row.short_name] == 1
        return page.Row(row.cells, _STYLES.get(row.status, ""), row.short_name if is_unique else row.name)

    missing = Counter(row.evidence for row in change.rows if row.status == "not enough data")
    section = page.Section(
        change.title,
        COLUMNS,
        tuple(map(shown, change.loud)),
        lines=(
            *(Line(row.name, f"{row.sentence}.") for row in change.loud),
            *(Line("", f"{plural(count, 'row')} not judged: {why}.") for why, count in missing.items()),
            *(Line("Note", f"{note}.") for note in change.notes),
        ),
        details=tuple(f"{row.name}: {row.sentence}" for row in change.quiet),
        summary=change.summary,
        folded=tuple(map(shown, change.quiet)),
    )
    facts = tuple(map(page.environment_facts, reports))
    environments = tuple(zip(("Environment before", "Environment after"), facts, strict=False))
    return page.Page(change.headline, "Ingestion benchmark, two commits side by side", (section,), environments)


def as_json(change: Change, *reports: Report) -> str:
    """Every field, and what follows from them; with the report before and the one after, if they are given."""
    names = ("status", "exit_code", "summary", "guilty", "machine", "commit", "base", "notes")
    content: dict[str, Any] = {name: getattr(change, name) for name in names}
    content["rows"] = [
        {
            "name": row.name,
            **asdict(row.series),
            **{name: value for name, value in asdict(row).items() if name not in ("series", "label")},
            "params": dict(row.series.params),
            "sentence": row.sentence,
        }
        for row in change.rows
    ]
    if reports:
        before, after = map(report_content, reports)
        content = {"before": before, "after": after, "change": content}
    return json.dumps(content, indent=2, allow_nan=False) + "\n"
