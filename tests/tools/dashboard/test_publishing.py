"""What `asv publish` does where things are missing, altered or not as they should be."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from types import SimpleNamespace

import psutil
import pytest
from asv.util import UserError
from dashboard_results import API, TIME, Dashboard, Scratch
from support import ROOT

from tools.asv.files import read_history
from tools.asv.results import reports_of
from tools.dashboard import preview, scripts, speedup_page
from tools.dashboard.scripts import CHART_JS, Script
from tools.dashboard.speedup_page import SpeedupPage
from tools.errors import ReportError, ToolError

CDN_LOADED = re.compile(r'(?:src|href)="https://[^"]+"\s+integrity=')


@pytest.fixture
def without_npm(scratch: Scratch, tmp_path: Path) -> dict[str, str]:
    """An environment with git and Python and nothing else, and a copy of the tools with an empty cache."""
    programs = tmp_path / "bin"
    programs.mkdir()
    for name in ("git", "python3"):
        (programs / name).symlink_to(shutil.which(name) or name)
    shutil.copytree(ROOT / "tools", tmp_path / "copy" / "tools")
    return {"PATH": str(programs), "PYTHONPATH": str(tmp_path / "copy")}


def test_without_network_and_without_cache_it_still_publishes(scratch: Scratch, without_npm: dict[str, str]) -> None:
    made = scratch.publish(**without_npm)
    said = [line for line in made.said.splitlines() if "npm" in line]
    assert len(said) == 2
    assert "the Speedup page has tables and no charts: npm is not installed" in said[0]
    assert "asv's own pages need a network to be looked at: npm is not installed" in said[1]
    assert CDN_LOADED.search((made.html / "index.html").read_text())
    assert "Chart.js v" not in (made.html / "speedup.html").read_text()
    assert "speedup.html" in (made.html / "index.html").read_text()
    assert (made.html / "index.json").exists()


def test_without_network_the_cache_suffices(
    dashboard: Dashboard, scratch: Scratch, without_npm: dict[str, str], tmp_path: Path
) -> None:
    """Which is filled by publishing once with network."""
    shutil.copytree(scripts.CACHE, tmp_path / "copy" / ".asv" / scripts.CACHE.name)
    made = scratch.publish(**without_npm)
    assert "npm" not in made.said
    index = (made.html / "index.html").read_text()
    assert "https://" not in re.sub(r"<a [^>]*>", "", index)
    for name, integrity in re.findall(r'(?:src|href)="(scripts/[^"]+)" integrity="([^"]+)"', index):
        assert Script("", "", integrity).matches((made.html / name).read_bytes()), name
    assert "Chart.js v4" in (made.html / "speedup.html").read_text()


def test_cdn_leaves_asvs_pages_as_they_are_and_text_of_others_cannot_end_a_script(scratch: Scratch) -> None:
    scratch.configuration |= {"dashboard_scripts": "cdn", "project": "</script><script>alert(1)</script>"}
    made = scratch.publish()
    assert "<script>alert" not in (made.html / "speedup.html").read_text()
    assert len(CDN_LOADED.findall((made.html / "index.html").read_text())) == len(scripts.COPIES) - 1
    with pytest.raises(
        UserError, match=r"""^"dashboard_scripts" in asv.conf.json is 'here'; it is "local" or "cdn"$"""
    ):
        SpeedupPage.publish(SimpleNamespace(dashboard_scripts="here"), None, {}, None, {})


def test_before_anything_is_measured_the_page_says_so(scratch: Scratch) -> None:
    for path in (scratch.results / "box").glob("*-*.json"):
        content = json.loads(path.read_text())
        content["results"] = {name: row for name, row in content["results"].items() if name.startswith("startup")}
        path.write_text(json.dumps(content))
    page = (scratch.publish().html / "speedup.html").read_text()
    assert '"series":[]' in page
    assert "There are no ingestion results yet." in page


def test_results_of_another_version_are_no_history(scratch: Scratch) -> None:
    (path,) = (scratch.results / "box").glob("*-*.json")
    content = json.loads(path.read_text())
    content["results"][f"{API}.{TIME}"][2] = "0"
    path.write_text(json.dumps(content))
    (report,) = reports_of(read_history(scratch.results))
    assert [data_set.kind for data_set in report.data_sets] == ["file", "file"]


def test_a_damaged_cache_is_not_used_and_is_made_whole(
    dashboard: Dashboard, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    good = scripts.load([CHART_JS])[CHART_JS]
    monkeypatch.setattr(scripts, "CACHE", tmp_path)
    CHART_JS.cached.parent.mkdir()
    CHART_JS.cached.write_bytes(good + b" ")
    assert scripts.load([CHART_JS]) == {CHART_JS: good}
    assert CHART_JS.cached.read_bytes() == good


def test_another_file_than_the_pinned_one_is_refused(npm: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(scripts, "CACHE", tmp_path)
    altered = Script("blueimp-md5@2.19.0", "js/md5.js", CHART_JS.integrity)
    with pytest.raises(ReportError, match=r"md5\.js of npm's blueimp-md5@2\.19\.0 is not the pinned file"):
        scripts.load([altered])
    with pytest.raises(ReportError, match=r"holds no js/nothing\.js"):
        scripts.load([Script("blueimp-md5@2.19.0", "js/nothing.js", CHART_JS.integrity)])
    assert list(tmp_path.rglob("*.js")) == []


@pytest.mark.parametrize(
    ("tag", "said"),
    [
        ('<script src="https://cdn.example/new.js" integrity="sha256-AAAA"></script>', r"new\.js, which has no copy"),
        ('<script src="https://cdn.example/new.js"></script>', "without a hash, which has no copy"),
    ],
)
def test_a_script_without_a_copy_is_named(tag: str, said: str, tmp_path: Path) -> None:
    index = tmp_path / "index.html"
    index.write_text(f"<html>{tag}</html>")
    with pytest.raises(ReportError, match=said):
        scripts.use_local_scripts(tmp_path)
    assert index.read_text() == f"<html>{tag}</html>"


def test_the_link_is_there_once_or_its_place_is_missed(tmp_path: Path) -> None:
    index = tmp_path / "index.html"
    index.write_text('<ul>\n\t<li id="nav-li-regressions"><a href="#/regressions">Regressions</a></li>\n</ul>')
    speedup_page.link_speedup_page(tmp_path)
    speedup_page.link_speedup_page(tmp_path)
    assert index.read_text().count("speedup.html") == 1
    index.write_text("<ul></ul>")
    with pytest.raises(ReportError, match="navigation bar has changed"):
        speedup_page.link_speedup_page(tmp_path)


@pytest.mark.parametrize(("checkout", "said"), [(False, "is not a git checkout"), (True, "holds no results yet")])
def test_a_preview_of_nothing_says_what_to_do(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, checkout: bool, said: str
) -> None:
    """In an unpacked archive, and before anything was measured: asv is not asked."""
    (tmp_path / "asv.conf.json").write_text('{"version": 1, "project": "p", "repo": "."}')
    own = ("-c", "user.name=t", "-c", "user.email=t@example.org")
    for command in (
        (["init", "--quiet"], [*own, "commit", "--quiet", "--allow-empty", "-m", "First"]) if checkout else ()
    ):
        subprocess.run(["git", *command], cwd=tmp_path, check=True)
    monkeypatch.setattr(preview, "ROOT", tmp_path)
    with pytest.raises(ToolError, match=f"{said}.*run `asv run HEAD"):
        preview.preview(port=0, open_browser=False, say=print)


def test_the_preview_serves_until_it_is_told_to_end(dashboard: Dashboard, scratch: Scratch) -> None:
    """In a copy of the tools, so that it is the scratch repository that is published."""
    shutil.copytree(ROOT / "tools", scratch.folder / "tools")
    shutil.copytree(scripts.CACHE, scratch.folder / ".asv" / scripts.CACHE.name)
    (scratch.folder / "asv.conf.json").write_text(json.dumps(scratch.configuration))
    command = [sys.executable, "tools/benchmark_ingest.py", "dashboard", "--no-open"]
    with subprocess.Popen(
        command, cwd=scratch.folder, env={**os.environ, "PYTHONPATH": str(scratch.folder)}, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as running:  # fmt: skip
        assert running.stderr is not None
        said = next(line for line in running.stderr if line.startswith("The dashboard: "))
        address = said.split()[2]
        with urllib.request.urlopen(address) as answer:
            assert b"<h1" in answer.read()
        below = psutil.Process(running.pid).children(recursive=True)
        running.send_signal(signal.SIGTERM)
        assert running.wait(timeout=120) == 0
        assert running.stderr.read() == "Ended.\n"
    assert not [child for child in below if child.is_running()]
