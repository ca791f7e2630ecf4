"""Reports and data sets as a notebook shows them."""

from __future__ import annotations

import re
from html import unescape
from types import SimpleNamespace

from IPython.core.formatters import DisplayFormatter
from test_markdown import documented_report

from tools.analysis.model import DataSet, Report
from tools.render.notebook import load_ipython_extension


def shown(value: object) -> str:
    """The page in the frame that a cell with this value shows."""
    formatter = DisplayFormatter()
    load_ipython_extension(SimpleNamespace(display_formatter=formatter))  # type: ignore[arg-type]
    data, _ = formatter.format(value)
    found = re.fullmatch(r'<iframe title="Benchmark report" srcdoc="([^"]*)" [^<>]*></iframe>', data["text/html"])
    assert found is not None
    return unescape(found[1])


def test_a_report_and_a_data_set_are_tables_words_and_plots() -> None:
    report: Report = documented_report()
    for value in (report, report.data_sets[0]):
        page = shown(value)
        assert page.count("<table>") == (len(report.data_sets) if isinstance(value, Report) else 1)
        assert "data:image/svg+xml" in page
        assert "Bottleneck" in page


def test_hostile_text_stays_in_its_frame() -> None:
    levels = documented_report().data_sets[0]
    hostile = DataSet(**{**vars(levels), "title": '"></iframe><script>alert(1)</script>'})
    assert "<script>" not in shown(hostile)
