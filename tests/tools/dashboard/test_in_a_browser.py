"""The dashboard as a person has it: in Chromium, from a server of this machine, with everything outside refused."""

from __future__ import annotations

import json
import os
import re
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from dashboard_results import API, FILE, PEAK, PEERS, TIME, Dashboard
from playwright.sync_api import Browser, Page, sync_playwright

from tools.analysis.analysis import Analysis
from tools.asv.results import read_report

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
]
STOCK_PAGES = ["#/", "#/regressions", f"#{FILE}.{TIME}"]


@pytest.fixture(scope="module")
def browser(chromium: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser that leaves its crash reports and settings in no home folder."""
    own = dict.fromkeys(("XDG_CACHE_HOME", "XDG_CONFIG_HOME"), str(tmp_path_factory.mktemp("browser")))
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium, args=FLAGS, env={**os.environ, **own})
        yield started
        started.close()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass


@pytest.fixture(scope="module")
def address(dashboard: Dashboard) -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(dashboard.html))) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    """A page that must not complain and not ask anybody else for anything."""
    with browser.new_context(viewport={"width": 1200, "height": 900}, reduced_motion="reduce") as context:
        page = context.new_page()
        wrong: list[str] = []
        page.on("console", lambda said: wrong.append(f"console {said.type}: {said.text}"))
        page.on("pageerror", lambda error: wrong.append(f"error: {error}"))
        page.on("requestfailed", lambda request: wrong.append(f"failed: {request.url}"))
        page.on("response", lambda answer: _note(wrong, answer.status >= 400, f"{answer.status} {answer.url}"))
        page.on("request", lambda request: _note(wrong, not _is_own(request.url, address), f"out: {request.url}"))
        yield page
        assert wrong == []


def _note(wrong: list[str], is_wrong: bool, text: str) -> None:
    if is_wrong:
        wrong.append(text)


def show(page: Page, address: str, **wanted: str) -> None:
    """Open the Speedup page by a link, in a tab that shows something else."""
    page.goto("about:blank")
    page.goto(f"{address}/speedup.html#{urlencode(wanted)}")


def _is_own(url: str, address: str) -> bool:
    return url.startswith((f"{address}/", "data:", "file:", "about:"))


def table(page: Page, selector: str) -> list[list[str]]:
    rows: list[list[str]] = page.eval_on_selector_all(
        f"{selector} tbody tr", "rows => rows.map(row => [...row.cells].map(cell => cell.textContent))"
    )
    return rows


def charted(page: Page, figure: str) -> list[dict[str, Any]]:
    """The lines of a chart, as Chart.js itself has them."""
    lines: list[dict[str, Any]] = page.evaluate(
        """id => { const chart = Chart.getChart(document.querySelector(`#${id} canvas`));
                   return chart.data.datasets.map(set => ({ label: set.label, data: set.data })); }""",
        figure,
    )
    return lines


def pixels(page: Page, figure: str) -> bytes:
    return page.locator(f"#{figure} canvas").screenshot()


@pytest.mark.parametrize("stock", STOCK_PAGES)
def test_asvs_own_pages_need_nobody_else(page: Page, address: str, stock: str) -> None:
    page.goto(f"{address}/index.html{stock}")
    page.wait_for_load_state("networkidle")
    assert page.url.startswith(f"{address}/index.html")  # error.html is where asv goes when a script is missing
    shown = page.locator("text=FileIngest" if stock != "#/regressions" else "#nav-li-regressions.active")
    assert shown.first.is_visible()


def test_the_navigation_bar_leads_there_and_back(page: Page, address: str) -> None:
    page.goto(f"{address}/index.html")
    page.wait_for_load_state("networkidle")
    page.get_by_role("link", name="Speedup").click()
    page.wait_for_url("**/speedup.html#*")
    assert page.get_by_role("heading", level=1).inner_text() == "scratch: speedup by concurrency"
    page.get_by_role("link", name="Benchmark grid").click()
    page.wait_for_url("**/index.html*")
    page.wait_for_load_state("networkidle")


def test_numbers_are_those_of_the_result_files(page: Page, address: str, dashboard: Dashboard) -> None:
    newest = dashboard.commits[-1]
    for machine, benchmark, size in (("box", FILE, "1000"), ("laptop", FILE, "10000"), ("box", API, "500")):
        times = dashboard.result(machine, newest, f"{benchmark}.{TIME}")
        memory = dashboard.result(machine, newest, f"{benchmark}.{PEAK}")
        show(page, address, machine=machine, benchmark=benchmark, size=f"test_size={size}")
        levels = [level for level, of in times if of == size]
        seconds = [times[level, size] for level in levels]
        ok = [value == value for value in seconds]  # NaN, which was skipped, is not equal to itself
        (throughput,) = charted(page, "throughput")
        speedup, ideal = charted(page, "speedup")
        (peak,) = charted(page, "memory")
        expected = [int(size) / value if fine else None for value, fine in zip(seconds, ok, strict=True)]
        assert throughput["data"] == pytest.approx(expected)
        expected = [seconds[0] / value if fine else None for value, fine in zip(seconds, ok, strict=True)]
        assert speedup["data"] == pytest.approx(expected)
        assert ideal["data"] == [int(level) for level in levels]
        assert peak["data"] == pytest.approx([memory[level, size] / 1e6 for level in levels])
        rows = table(page, "#levels")
        assert [row[1] for row in rows] == levels
        for row, value, fine in zip(rows, seconds, ok, strict=True):
            if fine:
                assert float(row[2]) == pytest.approx(value, rel=0.006)
                assert float(row[3].replace(",", "")) == pytest.approx(int(size) / value, rel=0.006)
            else:
                assert row[2:4] == ["n/a", "n/a"]


def test_words_are_those_of_the_report(page: Page, address: str, dashboard: Dashboard) -> None:
    for commit in dashboard.commits[::3]:  # one level of an API, and all of them
        for data_set in read_report(dashboard.results, commit=commit, machine="box").data_sets:
            found = Analysis(data_set)
            benchmark, _, size = data_set.key.removesuffix(")").partition("(")
            show(page, address, benchmark=benchmark, size=size, commit=commit[:8])
            assert page.locator("#title").inner_text() == data_set.title
            lines = [f"{x.label}: {x.text}{f': {x.command}' if x.command else ''}" for x in found.lines]
            assert page.locator("#lines p").all_inner_texts() == lines
            details = page.locator("#details li").all_text_contents()
            assert details[: len(found.details)] == list(found.details)
            # The history beside the words says the same.
            history = {row[0]: row[2] for row in table(page, "#history-best")}
            best = history[commit[:8]]
            (said,) = (line.text for line in found.lines if line.label == "Best Performance")
            assert said.startswith(f"{best} worker" if best != "n/a" else "not judged")


def test_history_and_peers(page: Page, address: str, dashboard: Dashboard) -> None:
    show(page, address, benchmark=API)
    (line,) = charted(page, "history-speedup")
    expected = []
    for commit in dashboard.commits:
        times = dashboard.result("box", commit, f"{API}.{TIME}")
        # 20 workers are faster than 10 by less than these samples can tell: 10 is the best.
        expected.append(times["1", "500"] / times["10", "500"] if times["10", "500"] else None)
    assert expected[0] is None  # a commit with one level has no speedup
    assert line["data"] == pytest.approx(expected)
    (line,) = charted(page, "history-best")
    assert line["data"] == [None, 10, 10, 10]
    assert page.locator("#peers-section").is_hidden()
    page.select_option("#benchmark", FILE)
    ways = dashboard.result("box", dashboard.commits[-1], PEERS)
    known = {way.strip("'"): 1000 / value for (way, _), value in ways.items() if value is not None and value == value}
    (bars,) = charted(page, "peers")
    assert [bar for bar in bars["data"] if bar is not None] == pytest.approx(sorted(known.values(), reverse=True))
    shown = {row[0]: row[1] for row in table(page, "#peers")}
    assert (shown["pystac"], shown["rustac"]) == ("failed", "n/a")
    page.select_option("#size", label="10,000 items")
    assert page.locator("#peers-section").is_hidden()  # they read another number of items


def test_there_is_no_heading_over_a_history_of_nothing(page: Page, address: str, dashboard: Dashboard) -> None:
    """Of one commit, without a speedup."""
    before, data, after = re.split(
        r'(?<=id="data">)(.*?)(?=</script>)', (dashboard.html / "speedup.html").read_text(), maxsplit=1
    )
    found = json.loads(data)
    found["series"] = [{**one, "runs": one["runs"][:1]} for one in found["series"] if one["benchmark"] == API]
    page.route("**/speedup.html", lambda route: route.fulfill(body=before + json.dumps(found) + after))
    show(page, address)
    assert page.get_by_role("heading", name="By concurrency", exact=True).is_visible()
    assert page.get_by_role("heading", name="Over the commits").is_hidden()
    page.unroute_all()
    show(page, address, benchmark=API)
    assert page.get_by_role("heading", name="Over the commits").is_visible()


def test_charts_follow_the_controls(page: Page, address: str, dashboard: Dashboard) -> None:
    page.goto(f"{address}/speedup.html")
    assert page.locator("#title").inner_text() == "1K JSON Files"
    before, picture = charted(page, "throughput"), pixels(page, "throughput")
    page.get_by_role("combobox", name="Benchmark").select_option(API)
    assert page.locator("#title").inner_text() == "500 API Items"
    assert charted(page, "throughput") != before
    assert pixels(page, "throughput") != picture
    before = charted(page, "throughput")
    page.get_by_role("combobox", name="Machine").select_option("laptop")
    assert charted(page, "throughput") != before
    page.get_by_role("combobox", name="Compare with").select_option(index=1)
    assert [line["label"] for line in charted(page, "throughput")] == [x[:8] for x in dashboard.commits[:1:-1]]
    assert page.locator("#levels table").count() == 2
    # The address is a link to this view, and going back is not a trap.
    link = page.url
    page.goto("about:blank")
    page.goto(link)
    assert page.get_by_role("combobox", name="Machine").input_value() == "laptop"
    assert page.locator("#levels table").count() == 2


def test_keyboard_alone_is_enough(page: Page, address: str, dashboard: Dashboard) -> None:
    show(page, address, benchmark=API)
    canvas = page.locator("#history-speedup canvas")
    canvas.focus()
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") != "none"
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowRight")
    said = page.locator("#history-speedup .reading")
    assert said.get_attribute("role") == "status"
    assert said.inner_text() == f"{dashboard.commits[1][:8]}, 2026-11-07: 3.84x"
    page.keyboard.press("Enter")
    assert page.get_by_role("combobox", name="Commit").input_value() == dashboard.commits[1]
    assert page.evaluate("document.activeElement.tagName") == "CANVAS"


def test_everything_has_a_name_and_a_table(page: Page, address: str) -> None:
    page.goto(f"{address}/speedup.html")
    assert page.locator("#verdict").get_attribute("aria-live") == "polite"
    for control in page.locator("select, button").all():
        assert control.evaluate("one => Boolean(one.labels?.length || one.textContent.trim())")
    figures = page.locator("figure").all()
    assert len(figures) == 7
    for figure in figures:
        assert figure.locator("canvas").get_attribute("aria-label")
        figure.locator("summary").click()
        assert figure.locator("tbody tr").first.is_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_system_and_the_button(browser: Browser, address: str, scheme: Any) -> None:
    with browser.new_context(color_scheme=scheme) as context:
        page = context.new_page()
        page.goto(f"{address}/speedup.html")

        def paper() -> str:
            return str(page.evaluate("getComputedStyle(document.body).backgroundColor"))

        light, dark = "rgb(255, 255, 255)", "rgb(20, 23, 26)"
        assert paper() == (light if scheme == "light" else dark)
        for wanted in (light, dark):
            page.locator("#theme").click()
            assert paper() == wanted
        page.reload()
        assert paper() == dark  # the choice is kept


def test_a_phone_needs_no_sideways_scrolling(browser: Browser, address: str) -> None:
    with browser.new_context(viewport={"width": 390, "height": 844}, has_touch=True) as context:
        page = context.new_page()
        show(page, address, benchmark=API)
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        wide = "all => all.filter(one => one.scrollWidth > one.clientWidth).length"
        assert page.locator(".table").evaluate_all(wide) == 0
        show(page, address, benchmark=FILE)
        assert page.locator("#changes li").first.inner_html().startswith("FileIngest.<wbr>time_<wbr>ingest(<wbr>")


def test_labels_do_not_overlap_where_there_is_little_room(browser: Browser, address: str) -> None:
    """Lying flat, as wide as their text, with a space between them."""
    with browser.new_context(viewport={"width": 280, "height": 844}) as context:
        page = context.new_page()
        page.goto(f"{address}/speedup.html")
        overlapping = """() => Object.values(Chart.instances).map(({scales: {x}, ctx}) => {
            ctx.font = "12px Helvetica";
            const longest = Math.max(...x.ticks.map(({label}) => ctx.measureText([label].flat()[0]).width));
            return [x.ticks.length, x.labelRotation > 0 || x.ticks.length * longest < x.width];
        })"""
        page.wait_for_function("Object.keys(Chart.instances).length > 5")
        found = page.evaluate(overlapping)
        assert max(count for count, _ in found) >= 4
        assert all(fits for _, fits in found), found


def test_a_link_to_what_is_not_there_says_so(page: Page, address: str) -> None:
    show(page, address, benchmark=API, commit="ffffffff")
    assert page.locator("#notice").inner_text().startswith("There are no results of commit ffffffff")
    page.get_by_role("combobox", name="Benchmark").select_option(FILE)
    assert page.locator("#notice").is_hidden()


def test_the_page_works_from_a_file(page: Page, dashboard: Dashboard) -> None:
    page.goto((dashboard.html / "speedup.html").as_uri())
    assert page.locator("#title").inner_text() == "1K JSON Files"
    assert charted(page, "throughput")


def test_a_chart_of_nothing_is_not_shown(page: Page, dashboard: Dashboard, tmp_path: Path) -> None:
    without = re.sub(r'"peak_bytes":\d+', '"peak_bytes":null', (dashboard.html / "speedup.html").read_text())
    without = re.sub(r'"peers":\[{.*?}\]', lambda peers: re.sub(r'("throughput":)[\d.]+', r"\1null", peers[0]), without)
    (tmp_path / "speedup.html").write_text(without)
    page.goto((tmp_path / "speedup.html").as_uri())
    assert page.locator("#throughput").is_visible()
    assert not page.locator("#memory").is_visible()
    assert page.locator("#peers").is_visible()  # which says that they failed
