"""The same on a terminal."""

import io
import sys
from dataclasses import replace

import pytest
from made_data_sets import make_data_set, measured_level, missing_level
from rich.console import Console

from tools.analysis.analysis import Analysed
from tools.analysis.model import Environment, Report
from tools.analysis.words import Line
from tools.render.page import Page, Section, report_page
from tools.render.terminal import show

LEVELS = [
    measured_level(1, [45.1, 45.2, 45.3], items=10_000, peak_bytes=120_000_000),
    measured_level(10, [8.6, 8.7, 8.8], items=10_000, peak_bytes=250_000_000),
    missing_level(20, "failed", items=10_000),
    missing_level(50, "n/a", items=10_000),
]
REPORT = Report(
    "2026-01-02T03:04:05+00:00",
    Environment(cpu="Some CPU with a name " * 8),
    (make_data_set("[bold]10K JSON Files", "k", "file", "folder/" * 30, 10_000, LEVELS),),
)


def shown(report: Report, *, terminal: bool = False, width: int = 80) -> str:
    output = io.StringIO()
    page = report_page(Analysed(report))
    show(
        page, Console(file=output, width=width, force_terminal=terminal, color_system="standard" if terminal else None)
    )
    return output.getvalue()


def test_table_and_words() -> None:
    text = shown(REPORT)
    found = [line.split() for line in text.splitlines()]
    assert ["sequential", "1", "45.2", "221", "120", "baseline"] in found
    assert ["concurrent", "10", "8.7", "1,149", "250", "5.2x"] in found
    assert ["concurrent", "20", "failed", "n/a", "n/a", "n/a"] in found
    assert ["concurrent", "50", "n/a", "n/a", "n/a", "n/a"] in found
    assert "Best Performance: 10 workers with 5.2x speedup" in text
    assert "Use 10 workers: 5.2x the throughput of 1 worker" in text
    # A title is text, not markup.
    assert text.startswith("[bold]10K JSON Files\n")


def test_fits_80_columns_without_colour_off_a_terminal() -> None:
    text = shown(REPORT)
    assert max(len(line) for line in text.splitlines()) <= 80
    assert "\x1b" not in text
    assert "\x1b" in shown(REPORT, terminal=True)


@pytest.mark.parametrize("width", [35, 40, 50, 60])
def test_a_narrow_terminal_goes_without_columns_and_cuts_no_number_off(width: int) -> None:
    table = shown(REPORT, width=width).partition("\nUse 10")[0]
    assert max(len(line) for line in table.splitlines()) <= width
    assert "…" not in table
    assert [word for word in table.split() if word in ("10", "8.7", "5.2x")] == ["10", "8.7", "5.2x"]


@pytest.mark.parametrize("width", range(20, 60))
def test_a_number_stays_with_its_sign_of_per_cent(width: int) -> None:
    output = io.StringIO()
    line = Line("m.Ingest.time_x", "unstable: 0.84 % slower (-16 % to +21 %), swing 8.1 % (measured)")
    section = Section("A title", (), (), (line,))
    show(Page("", "", (section,), ()), Console(file=output, width=width))
    lines = output.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert not any(line.startswith("%") for line in lines)
    assert " ".join(output.getvalue().split()) == f"A title {line.label}: {line.text}"


def test_nothing_measured() -> None:
    assert "No data sets were measured." in shown(replace(REPORT, data_sets=()))


def test_a_terminal_without_colours_has_its_own_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("TERM", "dumb")
    monkeypatch.setenv("COLUMNS", "60")
    show(report_page(Analysed(REPORT)))
    assert max(map(len, capsys.readouterr().out.splitlines())) in range(50, 61)
