"""One file that needs nothing else."""

import re
from dataclasses import replace
from html.parser import HTMLParser

from made_data_sets import make_data_set, measured_level, missing_level, timed
from test_markdown import documented_report

from tools.analysis.analysis import Analysed
from tools.analysis.model import Report
from tools.analysis.two_reports import compare_reports
from tools.render.page import change_page, report_page
from tools.render.templates import render_html


def rendered(report: Report) -> str:
    return render_html(report_page(Analysed(report)))


VOID = {"wbr", "meta", "img", "source"}


class Page(HTMLParser):
    """Collects the cells and the addresses of a page, and that every element is closed."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.cells: list[str] = []
        self.addresses: list[str] = []
        self.tags: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.addresses += [value or "" for name, value in attrs if name in ("src", "srcset", "href")]
        if tag not in VOID:
            self.open.append(tag)
        if tag == "td":
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] == "td":
            self.cells[-1] += data


def test_it_shows_the_table_and_the_words() -> None:
    page = Page(text := rendered(documented_report()))
    assert page.cells[:6] == ["sequential", "1", "45.2", "221", "120", "baseline"]
    assert page.cells[6:] == ["concurrent", "10", "8.7", "1,149", "250", "5.2x"]
    assert "<strong>Use 10 workers</strong>: 5.2x the throughput of 1 worker" in text
    assert "10 workers with 5.2x speedup" in text


def test_it_asks_for_nothing_from_outside() -> None:
    page = Page(text := rendered(documented_report()))
    assert page.addresses
    assert all(address.startswith("data:image/svg+xml;base64,") for address in page.addresses)
    assert not {"script", "link", "iframe"} & set(page.tags)
    assert "url(" not in text
    assert "@import" not in text


def test_it_has_a_picture_for_dark_screens() -> None:
    page = Page(text := rendered(documented_report()))
    assert len(set(page.addresses)) == 2
    assert "@media (prefers-color-scheme: dark) { .figures img { filter: invert(1)" in text
    assert 'alt="Speedup against concurrency: 1.0x at 1, 5.2x at 10"' in text


def test_names_are_text_and_not_markup() -> None:
    evil = make_data_set("<script>x</script>", "k", "file", "<b>", None, [measured_level(1, [1.0])])
    text = rendered(replace(documented_report(), data_sets=(evil,)))
    assert "<script" not in text
    assert "&lt;script&gt;" in text


def test_peers_are_rows_of_the_table() -> None:
    (data_set,) = documented_report().data_sets
    peers = [measured_level("pystac", [90.4, 90.4, 90.4], items=10_000)]
    with_peers = make_data_set("t", "k", "file", "s", 10_000, data_set.levels, peers)
    page = Page(rendered(replace(documented_report(), data_sets=(with_peers,))))
    assert page.cells[12:] == ["pystac", "n/a", "90.4", "111", "n/a", "0.5x"]


def test_a_name_is_not_broken_in_the_middle_of_a_word() -> None:
    report = documented_report()
    (data_set,) = report.data_sets
    levels = [data_set.levels[0], missing_level(10, "failed", items=10_000)]
    worse = make_data_set("t", data_set.key, "file", data_set.source, 10_000, levels)
    change = compare_reports(report, replace(report, data_sets=(worse,)), base="a.json", commit="b.json")
    text = render_html(change_page(change))
    name = "files.<wbr>time_<wbr>ingest(<wbr>concurrency=<wbr>{})"
    assert f"<td>{name.format(10)}</td>" in text
    assert f"<strong>{name.format(10)}</strong>: regression: fails now" in text
    assert f"<li>{name.format(1)}: no change: " in text
    limited = replace(report, data_sets=(timed({1: 10.0, 5: 8.0}, busy=0.7),))
    assert "limits the speedup to 1.4x" in rendered(limited)


def test_a_comparison_is_a_page_too() -> None:
    report = documented_report()
    change = compare_reports(report, report, base="a.json", commit="b.json")
    page = Page(text := render_html(change_page(change, report, report)))
    assert page.cells[1:3] == ["120.0 MB", "120.0 MB"]
    assert re.search(r"<h2>b\.json against a\.json, on [^<]+</h2>", text)
