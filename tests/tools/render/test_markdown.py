"""The page, byte for byte where it is documented."""

import re
from dataclasses import replace

import pytest
from made_data_sets import make_data_set, measured_level, missing_level, summarised_level

from tools.analysis.analysis import Analysed
from tools.analysis.model import Environment, Report, title_of
from tools.render.page import report_page
from tools.render.templates import escaped, render_markdown

MB = 1_000_000

DOCUMENTED = """\
## 10K JSON Files

| Strategy   | Concurrency | Time (s) | Throughput (items/s) | Memory (MB) | Speedup |
|------------|-------------|----------|----------------------|-------------|---------|
| sequential | 1           | 45.2     | 221                  | 120         | baseline|
| concurrent | 10          | 8.7      | 1,149                | 250         | 5.2x    |

**Use 10 workers**: 5.2x the throughput of 1 worker

**Best Performance**: 10 workers with 5.2x speedup
"""


def render(report: Report, plot: str | None = None) -> str:
    return render_markdown(report_page(Analysed(report)), plot=plot)


def documented_report() -> Report:
    levels = [
        measured_level(10, [8.6, 8.7, 8.8], items=10_000, peak_bytes=250 * MB, import_bytes=40 * MB),
        measured_level(1, [45.1, 45.2, 45.3], items=10_000, peak_bytes=120 * MB, import_bytes=40 * MB),
    ]
    data_set = make_data_set(title_of("file", 10_000), "files", "file", "made by the test", 10_000, levels)
    environment = Environment(
        commit="0123456789abcdef0123456789abcdef01234567",
        commit_short="01234567",
        cpu="Some CPU",
        cores=2,
        python="3.11.7",
        packages={"orjson": "3.11.1", "aiohttp": "3.12.0"},
    )
    return Report("2026-01-02T03:04:05+00:00", environment, (data_set,))


def rows(page: str) -> dict[str, list[str]]:
    lines = [line for line in page.splitlines() if line.startswith(("| seq", "| con", "| auto"))]
    split = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return {row[1]: row for row in split}


def test_documented_example_byte_for_byte() -> None:
    assert render(documented_report()).startswith(DOCUMENTED)


def test_words_follow_the_table() -> None:
    page = render(documented_report())
    table, details = page.split("<details>\n<summary>Details</summary>\n\n")
    assert "throughput was still rising, by the same command with: `--concurrency 1,10,20,40`\n" in table
    assert "- Source: made by the test.\n" in details
    assert "net of the imports, 80 MB with 1 worker, 210 MB with 10 workers.\n\n</details>\n" in details


def test_environment_is_stated() -> None:
    environment = render(documented_report()).partition("## Environment\n\n")[2]
    assert "- Commit: 0123456789abcdef0123456789abcdef01234567\n" in environment
    assert "- CPU: Some CPU\n" in environment
    assert "- Cores: 2\n" in environment
    assert "- Python: 3.11.7\n" in environment
    assert "- Packages: aiohttp 3.12.0, orjson 3.11.1\n" in environment
    assert "- Samples: 10K JSON Files: 3 samples a level\n" in environment
    assert "- RAM: n/a\n" in environment


def test_uncommitted_changes_are_stated() -> None:
    report = documented_report()
    dirty = replace(report, environment=replace(report.environment, dirty=True))
    assert "01234567, with uncommitted changes\n" in render(dirty)


def test_missing_levels_are_shown() -> None:
    levels = [
        measured_level(1, [2.0, 2.1], items=500),
        missing_level(5, "failed", items=500, peak_bytes=90 * MB),
        missing_level(10, "n/a", items=500),
        measured_level("auto", [0.123, 0.123], items=500),
    ]
    data_set = make_data_set("500 API Items", "api", "api", "x", 500, levels)
    page = render(replace(documented_report(), data_sets=(data_set,)))
    assert list(rows(page)) == ["1", "5", "10", "auto"]
    assert rows(page)["5"] == ["concurrent", "5", "failed", "n/a", "90", "n/a"]
    assert rows(page)["10"] == ["concurrent", "10", "n/a", "n/a", "n/a", "n/a"]
    assert rows(page)["auto"] == ["auto", "auto", "0.123", "4,065", "n/a", "16.7x"]
    assert "**Note**: 5 workers failed\n" in page
    assert "- 10 workers: n/a (not run, or not offered by this commit)." in page


def test_missing_baseline_is_explained() -> None:
    others = [measured_level(5, [2.0, 2.1]), measured_level(10, [1.0, 1.1])]
    for levels, reason in (
        (others, "was not measured"),
        ([missing_level(1, "failed"), *others], "failed"),
        ([missing_level(1, "n/a"), *others], "is n/a"),
    ):
        data_set = make_data_set("t", "k", "file", "s", None, levels)
        page = render(replace(documented_report(), data_sets=(data_set,)))
        assert f"the baseline (1 worker) {reason}" in page
        assert rows(page)["5"][-1] == "n/a"
        assert "baseline|" not in page
        assert "**Best Performance**: 10 workers, speedup n/a\n" in page


def test_plot_is_referred_to_by_an_address() -> None:
    assert "](my%20plot.png)\n\n## Environment" in render(documented_report(), plot="my plot.png")
    assert "![" not in render(documented_report())


def test_wide_cells_keep_the_table_straight() -> None:
    levels = [summarised_level(1, 1e-7, 3, items=10_000), measured_level(5, [1.0, 1.0])]
    data_set = make_data_set("a\nb", "k", "file", "s", None, levels)
    page = render(replace(documented_report(), data_sets=(data_set,)))
    table = [line for line in page.splitlines() if line.startswith("|")]
    assert len({len(line) for line in table}) == 1
    assert page.startswith("## a b\n")


def test_no_data_sets() -> None:
    page = render(replace(documented_report(), data_sets=()))
    assert page.startswith("No data sets were measured.\n\n## Environment")


HOSTILE = "*b* _i_ <script>alert(1)</script> [x](http://y) `c` \x1b[31mred\x07 | $x$ \u202e &lt; ~~s~~ \\\n# h"
SHOWN = (
    r"\*b\* \_i\_ &lt;script>alert(1)&lt;/script> \[x\](http://y) \`c\` \\x1b\[31mred\\x07 \| \$x\$ \\u202e &amp;lt; "
    r"\~\~s\~\~ \\ # h"
)


def test_text_of_others_is_shown_as_it_is() -> None:
    levels = [measured_level(1, [2.0, 2.1]), measured_level(HOSTILE, [1.0])]
    data_set = make_data_set(HOSTILE, "k", "file", HOSTILE, 1, levels, command=f"python x.py '{HOSTILE}'")
    page = render(Report("x", Environment(machine=HOSTILE), (data_set,)))
    assert page.count(SHOWN) == 6  # title, source, twice as a level, machine, samples
    assert page.isprintable() or all(x.isprintable() or x == "\n" for x in page)
    table = [line for line in page.splitlines() if line.startswith("|")]
    assert {len(line.replace(r"\|", "").split("|")) for line in table} == {8}


@pytest.mark.parametrize("text", ["# a", "- a", "+ a", "1. a", "=== a", "> a", "#"])
def test_the_start_of_a_block_is_text_too(text: str) -> None:
    assert re.match(r"\d*\\", escaped(text))
    assert escaped("0.123") == "0.123"
