"""The command line as a user meets it: a program that is started, what it prints, writes and returns."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

import click
import jsonschema
import psutil
import pytest
from asv_files import write_results
from support import ROOT, THOROUGH, Run, make_item

from benchmarks import _api_server
from stac_manager.sinks.balance import LEAST_ITEMS
from tools.commands import measuring
from tools.commands.failures import in_one_line
from tools.measuring import ad_hoc

PROGRAM = [sys.executable, ROOT / "tools" / "benchmark_ingest.py"]
SCHEMA = json.loads((ROOT / "tools" / "render" / "results.schema.json").read_text())
HEADING = "| Strategy   | Concurrency | Time (s) | Throughput (items/s) | Memory (MB) | Speedup |"


def test_letters_that_the_terminal_lacks_are_replaced(tmp_path: Path) -> None:
    results = write_results(tmp_path, [{"m.time_größe": [1.0, 1.01, 1.02]}] * 3)
    command = [*PROGRAM, "regressions", "--results", results]
    done = subprocess.run(command, env=os.environ | {"PYTHONIOENCODING": "ascii"}, capture_output=True, check=False)
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"m.time_gr??e" in done.stdout
    with open("/dev/full", "w") as full:
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (done.returncode, done.stderr) == (2, b"error: No space left on device\n")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of twenty items and one file that is none."""
    path = tmp_path / "mine"
    path.mkdir()
    for index in range(20):
        (path / f"{index:02}.json").write_text(json.dumps(make_item(f"item-{index:02}")))
    (path / "bad.json").write_text("{")
    return path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    """The project's own STAC API with 25 items of one collection."""
    items = tmp_path / "items.ndjson"
    days = [{"datetime": f"2024-05-{1 + index:02}T10:00:00Z"} for index in range(25)]
    made = [make_item(f"item-{index:02}", properties=day) for index, day in enumerate(days)]
    items.write_text("".join(json.dumps(item) + "\n" for item in made))
    with _api_server.running(items, latency_seconds=0.0) as url:
        yield url


def stats(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url.rstrip('/')}/_stats") as answer:
        return json.load(answer)  # type: ignore[no-any-return]


@pytest.mark.parametrize(
    ("given", "levels"),
    [("10,1,5", (1, 5, 10)), ("auto,20,1", (1, 20, "auto")), ("auto", ("auto",)), (" 1, auto ,1", (1, "auto"))],
)
def test_levels_are_sorted_with_auto_last(given: str, levels: tuple[int | str, ...]) -> None:
    assert measuring.levels(None, click.Option(["--concurrency"]), given) == levels


def test_file_measures_a_folder_of_mine(run: Run, folder: Path, tmp_path: Path) -> None:
    done = run("file", "--source", "mine", "--concurrency", "1,5", "--budget", 0, "--output", "out/mine.json")
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "out" / "mine.json").read_text())
    jsonschema.validate(written, SCHEMA)
    (data_set,) = written["data_sets"]
    assert data_set["items"] == 20
    levels = {level["concurrency"]: level for level in data_set["levels"]}
    assert list(levels) == [1, 5]
    counts = {len(level["samples"]) for level in levels.values()}
    assert len(counts) == 1  # in turns
    assert min(counts) >= 5
    assert levels[1]["throughput"] == pytest.approx(20 / levels[1]["median_seconds"])
    usage = levels[1]["usage"]
    assert {usage["runs"]} == counts  # the warm-up is not counted
    assert 0 < usage["stages"]["decoding"] < usage["wall_seconds"]
    assert usage["cpu_seconds"] > 0
    assert usage["tasks"] == 21  # documents, the bad one too
    assert 0 <= levels[1]["net_bytes"] < levels[1]["peak_bytes"]
    page = (tmp_path / "out" / "mine_report.md").read_text()
    assert HEADING in page
    assert "**Best Performance**" in page
    assert (tmp_path / "out" / "mine_report.png").read_bytes().startswith(b"\x89PNG")
    assert "1 documents or items could not be delivered, the first: " in done.stderr
    assert "bad.json:1: not JSON" in done.stderr
    assert "20 Items of mine" in done.stdout
    assert "\x1b" not in done.stdout + done.stderr
    for form, suffix in (("html", ".html"), ("json", ".json"), ("md", ".md")):
        again = run("report", "--from", "out/mine.json", "--format", form, "--output", f"r{suffix}")
        assert again.returncode == 0, again.stderr
    assert "20 Items of mine" in (tmp_path / "r.html").read_text()
    assert json.loads((tmp_path / "r.json").read_text()) == written
    assert HEADING in (tmp_path / "r.md").read_text()
    assert (tmp_path / "r.svg").read_text().startswith("<?xml")
    assert (tmp_path / "r.png").read_bytes().startswith(b"\x89PNG")
    shown = run("report", "--from", "out/mine.json", "--format", "terminal")
    assert "20 Items of mine" in shown.stdout
    assert "Written" not in shown.stderr


def test_a_folder_is_measured_without_a_git_checkout(
    folder: Path, tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The source unpacked from an archive, alone and in somebody else's repository. And behind a pipe that nobody reads
    any more: the files are written all the same, and the exit code is that of the work."""
    unpacked = tmp_path / "theirs" / "unpacked"
    for name in ("tools", "benchmarks", "stac_manager"):
        shutil.copytree(ROOT / name, unpacked / name)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    arguments = ("file", "--source", folder, "--repeat", "1", "--concurrency", "1", "--output", "r.json")

    def check(done: subprocess.CompletedProcess[str], where: Path) -> None:
        assert done.returncode == 0, done.stderr
        assert "Traceback" not in done.stderr
        assert json.loads((where / "r.json").read_text())["environment"]["commit"] is None
        assert "- Commit: n/a" in (where / "r_report.md").read_text()

    command = [sys.executable, "tools/benchmark_ingest.py", *arguments]
    environment = {**os.environ, "PYTHONPATH": str(unpacked)}
    unread, pipe = os.pipe()
    os.close(unread)
    try:
        check(subprocess.run(command, cwd=unpacked, env=environment, stdout=pipe, stderr=-1, text=True), unpacked)
    finally:
        os.close(pipe)
    for arguments_of_git in (["init", "--quiet"], ["commit", "--quiet", "--allow-empty", "--message", "theirs"]):
        command = ["git", "-c", "user.name=x", "-c", "user.email=x@y", *arguments_of_git]
        subprocess.run(command, cwd=unpacked.parent, check=True)
    monkeypatch.setattr(ad_hoc, "ROOT", unpacked)
    check(run(*arguments), tmp_path)


def test_files_at_a_url_are_read_once_a_level(folder: Path, tmp_path: Path, run: Run) -> None:
    """They may be on somebody else's server."""
    asked: Counter[str] = Counter()

    class Files(http.server.SimpleHTTPRequestHandler):
        def log_request(self, *_: object) -> None:
            asked[self.path] += self.command == "GET"

    links = [{"rel": "item", "href": f"{index:02}.json"} for index in range(20)]
    catalog = {"type": "Catalog", "id": "c", "stac_version": "1.0.0", "description": "", "links": links}
    (folder / "catalog.json").write_text(json.dumps(catalog))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), partial(Files, directory=folder)) as server:
        threading.Thread(target=server.serve_forever).start()
        source = f"http://127.0.0.1:{server.server_port}/catalog.json"
        done = run("file", "--source", source, "--concurrency", "1,5", "--output", "u.json")
        server.shutdown()
    assert done.returncode == 0, done.stderr
    assert f"Each level reads {source}." in done.stderr
    assert "Next: Repeat each level" in done.stdout
    assert asked["/catalog.json"] == 3  # the first time to see whether there is an item
    assert asked["/19.json"] == 2


def test_file_measures_processes_as_a_strategy_of_their_own(folder: Path, tmp_path: Path, run: Run) -> None:
    (folder / "bad.json").unlink()
    for index in range(20, 2 * LEAST_ITEMS):  # or one partition would be all, which needs no process
        (folder / f"more-{index}.json").write_text(json.dumps(make_item(f"more-{index}")))
    arguments = ("file", "--source", "mine", "--repeat", 1, "--output", "p.json")
    done = run(*arguments, "--workers", "2,1")
    assert done.returncode == 0, done.stderr
    (data_set,) = json.loads((tmp_path / "p.json").read_text())["data_sets"]
    levels = {level["concurrency"]: level for level in data_set["levels"]}
    assert [(name, level["strategy"]) for name, level in levels.items()] == [
        (1, "sequential"),
        ("2 processes", "processes"),
    ]
    assert data_set["items"] == 2 * LEAST_ITEMS
    assert levels["2 processes"]["usage"]["cpu_seconds"] > levels[1]["usage"]["cpu_seconds"]  # its children's too
    assert "| processes" in (tmp_path / "p_report.md").read_text()
    assert run(*arguments, "--workers", "auto").returncode == 2
    assert run(*arguments, "--workers", "1", "--concurrency", "5").returncode == 2


def test_report_puts_peers_and_another_commit_beside(run: Run, tmp_path: Path) -> None:
    """From result files as asv writes them."""
    results = tmp_path / "results"
    (results / "box").mkdir(parents=True)
    (results / "box" / "machine.json").write_text('{"machine": "box", "version": 1}')
    axes = {"file_ingest.FileIngest.time_ingest": "concurrency", "peers.FilePeers.time_read": "way"}
    declared = {
        name: {"param_names": [axis, "test_size"], "type": "time", "unit": "seconds"} for name, axis in axes.items()
    }
    (results / "benchmarks.json").write_text(json.dumps({"version": 2, **declared}))
    columns = ["result", "params", "samples"]
    for commit, date, seconds in (("a" * 40, 1, 4.0), ("b" * 40, 2, 1.0)):
        samples = [[x * median for x in (0.98, 0.99, 1.0, 1.01, 1.02)] for median in (seconds, 1.0)]
        rows = {
            "file_ingest.FileIngest.time_ingest": [[seconds, 1.0], [["1", "5"], ["1000"]], samples],
            "peers.FilePeers.time_read": [[8.0], [["'pystac'"], ["1000"]], [[8.0] * 5]],
        }
        content = {"version": 2, "commit_hash": commit, "date": date, "env_name": "e", "python": "3.11"}
        content |= {"result_columns": columns, "results": rows, "requirements": {}}
        (results / "box" / f"{commit[:8]}-e.json").write_text(json.dumps(content))
    peers = run("report", "--results", "results", "--peers", "--format", "terminal")
    assert peers.returncode == 0, peers.stderr
    assert ["pystac", "n/a", "8.0", "125", "n/a", "0.1x"] in [line.split() for line in peers.stdout.splitlines()]
    for form in ("md", "json", "html"):
        done = run("report", "--results", "results", "--compare", "aaaa", "--format", form)
        assert done.returncode == 0, done.stderr
    assert "improvement: 75 % faster" in (tmp_path / "results" / "report.md").read_text()
    assert "improvement: 75 % faster" in (tmp_path / "results" / "report.html").read_text()
    change = json.loads((tmp_path / "results" / "report.json").read_text())["change"]
    assert [row["status"] for row in change["rows"]] == ["improvement", "no change"]


@pytest.mark.parametrize(
    ("layout", "title"),
    [("directory", "200 JSON Files"), ("geoparquet", "200 Items in GeoParquet")],
)
def test_file_measures_generated_items(run: Run, tmp_path: Path, layout: str, title: str) -> None:
    size = ("--test-size", 200, "--layout", layout)
    done = run("file", *size, "--concurrency", 1, "--repeat", 2, "--output", "q.json")
    assert done.returncode == 0, done.stderr
    (data_set,) = json.loads((tmp_path / "q.json").read_text())["data_sets"]
    assert (data_set["title"], data_set["items"]) == (title, 200)
    assert len(data_set["levels"][0]["samples"]) == 2


def test_a_catalogue_of_others_is_asked_once_a_level_and_no_more_than_it_says(
    run: Run, server: str, tmp_path: Path
) -> None:
    arguments = ("--catalog-url", server, "--collection-id", "scenes", "--max-items", 25, "--limit", 10)
    done = run("api", *arguments, "--concurrency", "1,10,auto", "--output", "api.json")
    assert done.returncode == 0, done.stderr
    written = json.loads((tmp_path / "api.json").read_text())
    jsonschema.validate(written, SCHEMA)
    levels = written["data_sets"][0]["levels"]
    assert [(level["items"], len(level["samples"])) for level in levels] == [(25, 1)] * 3
    assert written["quick"] is True
    page = (tmp_path / "api_report.md").read_text()
    assert "**No advice yet**: one run a level shows that it works and where the time goes, not which level" in page
    promised = int(done.stderr.split("This sends about ")[1].split()[0])
    sent = stats(server)["requests"]
    assert 0 < (sent if isinstance(sent, int) else sum(sent.values())) <= promised


@pytest.mark.parametrize(
    ("pages", "levels", "repeat", "about"),
    [
        (5, (1,), 1, 4 + 6),
        (5, (1, 5, 10), 1, 4 + 6 + 17 + 17),  # no more partitions than pages end with one that is not full
        (50, (10, "auto"), 3, 4 + 3 * (67 + 77)),
    ],
)
def test_requests_of_a_measurement(pages: int, levels: tuple[int | str, ...], repeat: int, about: int) -> None:
    assert measuring.requests_of(pages, levels, repeat) == about


def test_headers_reach_the_server_and_nothing_else(run: Run, server: str, tmp_path: Path) -> None:
    done = run(
        "api", "--catalog-url", f"{server}?key=s3cret", "--header", "X-Api-Key=MY_KEY", "--concurrency", 1,
        "--max-items", 5, "--output", "api.json", MY_KEY="s3cret",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    written = "".join(path.read_text() for path in tmp_path.glob("api*.[jm]*"))
    assert "s3cret" not in done.stdout + done.stderr + written


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (("file", "--source", "nowhere"), 2, "source 'nowhere' does not exist"),
        (("file", "--source", "empty"), 2, "holds no file"),
        (("file", "--source", "broken"), 1, "no item could be read; 1 failed, the first:"),
        (("file", "--concurrency", "1,x"), 2, "'1,x' is not a list of levels"),
        (("api", "--concurrency", "1,Auto"), 2, "'1,Auto' is not a list of levels"),
        (("file", "--concurrency", "0"), 2, "'0' is not a list of levels"),
        (("file", "--concurrency", "1,1000000000"), 2, "'1,1000000000' is not a list of levels"),
        (("file", "--workers", "x"), 2, "'x' is not a list of numbers such as 1,2,4"),
        (("file", "--workers", "1,auto"), 2, "'1,auto' is not a list of numbers such as 1,2,4"),
        (("compare", "HEAD", "HEAD", "--bench", "["), 2, "'[' is not a regular expression: unterminated"),
        (("file", "--budget", "nan"), 2, "'nan' is not a number from 0 up"),
        (("file", "--outputt", "x"), 2, "Did you mean '--output'?"),
        (("file", "--source", "x", "--test-size", "5"), 2, "do not go with it"),
        (("file", "--output", "x.txt"), 2, "must end with .json"),
        (("file", "--output", "/dev/null/x.json"), 2, "cannot be written"),
        (("api", "--catalog-url", "http://127.0.0.1:9/"), 1, "cannot be reached: Connection refused"),
        (("api", "--catalog-url", "items/"), 2, "needs an http or https URL"),
        (("api", "--catalog-url", ""), 2, "'source': expected text of length >= 1"),
        (("api", "--catalog-url", "https://me:s3cret@example.com/"), 2, "leave user and password out of the URL"),
        (("api", "https://me:s3cret@example.com/x?key=s3cret"), 2, "unexpected extra argument (https://example.com/x)"),
        (("api", "--catalog-url", "example.com/x?key=s3cret"), 2, "not 'example.com/x'"),
        (("compare", "https://example.com/?key=s3cret", "HEAD"), 2, "no commit 'https://example.com/'"),
        (("api", "--bbox", "1,2,3"), 2, "needs 4 numbers"),
        (("api", "--datetime", "yesterday"), 2, "not an RFC 3339 instant"),
        (("api", "--header", "X-Api-Key=NOT_SET_ANYWHERE"), 2, "NOT_SET_ANYWHERE is not set"),
        (("api", "--header", "X-Api-Key=s3cret"), 2, "the environment variable for X-Api-Key is not set"),
        (("api", "--header", "Authorization: Bearer s3cret"), 2, "'--header': write NAME=VARIABLE, an environment"),
        (("file", "--test-size", "ten"), 2, "'ten' is not a whole number"),
        (("file", "--source", "x", "--workers", "2,100000"), 2, "100,000 processes; at most 256"),
        (("report", "--output", "x.html"), 2, "must end with .md, or give --format html"),
        (("nightly", "--config", "asv.conf.json"), 2, "asv.conf.json names as repo, is not a git checkout"),
        (("report", "--results", "empty"), 1, "holds no asv results (no folder with a machine.json); run"),
        (("report", "--format", "html", "--output", "x.md"), 2, "must end with .html"),
        (("report", "--format", "terminal", "--output", "x.md"), 2, "--format terminal writes no file"),
        (("report", "--from", "nowhere.json"), 2, "does not exist"),
        (("compare", "nope.json", "nope.json"), 2, "nope.json does not exist; run a benchmark"),
        (("compare", "empty.json", "empty.json"), 2, "empty.json cannot be read (Is a directory); choose another"),
        (("frobnicate",), 2, "No such command 'frobnicate'"),
        (("\x1b[31mfrobnicate\n",), 2, "\\x1b[31mfrobnicate"),
    ],
)
def test_wrong_input_ends_with_one_clear_line(
    run: Run, arguments: tuple[str, ...], code: int, said: str, tmp_path: Path
) -> None:
    for name in ("empty", "empty.json", "broken"):
        (tmp_path / name).mkdir()
    (tmp_path / "broken" / "x.json").write_text("{")
    (tmp_path / "asv.conf.json").write_text('{"version": 1, "project": "x", "repo": "."}')
    done = run(*arguments)
    assert done.returncode == code
    (line,) = [line for line in done.stderr.splitlines() if not line.startswith("This sends about")]
    assert line.startswith("error: ")
    assert said in line
    assert "s3cret" not in line
    assert done.stdout == ""


def test_a_full_disk_is_said_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), in_one_line():
        raise OSError(28, "No space left on device")
    assert capsys.readouterr().err == "error: No space left on device\n"


@pytest.mark.parametrize(("package", "arguments"), [("msgspec", ["--help"]), ("asv", ["compare", "HEAD", "HEAD"])])
def test_a_package_that_is_not_installed_is_named(package: str, arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / f"{package}.py").write_text(f"raise ModuleNotFoundError(\"No module named '{package}'\")\n")
    done = subprocess.run(
        [*PROGRAM, *arguments], env={**os.environ, "PYTHONPATH": str(tmp_path)}, cwd=tmp_path, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"error: No module named '{package}'; `pip install -e '.[bench]'`")


def test_help_loads_little() -> None:
    program = (
        "import sys\n"
        "from tools.benchmark_ingest import cli\n"
        "for name in cli.commands: cli.main([name, '--help'], standalone_mode=False)\n"
        "slow = 'aiohttp asv asyncio http.server jinja2 matplotlib numpy psutil rich scipy urllib.request'\n"
        "print('loaded:', *sys.modules.keys() & set(slow.split()))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.count("Usage: ") == 8
    assert done.stdout.splitlines()[-1] == "loaded:"


def test_an_unknown_collection_is_named(run: Run, server: str) -> None:
    for name in ("nope", "/nope"):
        done = run("api", "--catalog-url", server, "--collection-id", name)
        assert done.returncode == 1
        last = done.stderr.splitlines()[-1]
        assert last.endswith(f"the search finds no item of collection {name!r}; it has scenes")


def test_a_server_that_stops_answering_is_an_error_of_one_line(run: Run, tmp_path: Path, folder: Path) -> None:
    done = run("api", "--catalog-url", f"file://{folder}")
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)


READING = ("api", "--max-items", "300", "--limit", "1", "--concurrency", "1")
WRITING = ("file", "--source", "*.ndjson", "--workers", "2", "--repeat", "1000")


@pytest.mark.parametrize(
    ("sign", "arguments", "children"),
    [
        (signal.SIGINT, READING, ["_level.py", "stac_api_server.py"]),
        (signal.SIGKILL, READING, ["_level.py", "stac_api_server.py"]),
        (signal.SIGHUP, WRITING, ["_level.py"]),
        (signal.SIGKILL, WRITING, ["_level.py"]),
        *([(signal.SIGTERM, READING, ["_level.py", "stac_api_server.py"])] if THOROUGH else []),
    ],
)
def test_ctrl_c_leaves_no_process_and_no_file(
    sign: signal.Signals, arguments: tuple[str, ...], children: list[str], tmp_path: Path
) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    (tmp_path / "items.ndjson").write_text("".join(f"{json.dumps(make_item(f'i{n}'))}\n" for n in range(3_000)))
    command = [*PROGRAM, *arguments, "--output", "x.json"]
    with subprocess.Popen(
        list(map(str, command)), cwd=tmp_path, env={**os.environ, "TMPDIR": str(scratch)},
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_DFL),  # which these tests ignore under nohup
        start_new_session=True,
    ) as running, ExitStack() as end:  # fmt: skip
        end.callback(running.kill)  # where it goes on all the same
        below: list[psutil.Process] = []
        deadline = time.monotonic() + 120
        names: set[str] = set()
        # Until it is in the middle of writing, too.
        while not (names >= set(children) and (arguments is READING or any(scratch.glob("level-*/*")))):
            assert time.monotonic() < deadline
            below = psutil.Process(running.pid).children(recursive=True)
            names = {Path(word).name for child in below for word in _words(child)[1:2]}
            time.sleep(0.01)
        # A terminal that closes, and `timeout`, reach all that were started.
        os.killpg(running.pid, sign) if sign in (signal.SIGHUP, signal.SIGTERM) else running.send_signal(sign)
        _, said = running.communicate(timeout=120)
    if sign is signal.SIGKILL:
        assert running.returncode == -signal.SIGKILL
    else:
        assert running.returncode == 130
        assert said.splitlines()[-1] == "error: interrupted"
    _, alive = psutil.wait_procs(below, timeout=60)
    assert not alive
    assert list(scratch.iterdir()) == []
    assert not (tmp_path / "x.json").exists()


def _words(process: psutil.Process) -> list[str]:
    try:
        return process.cmdline()
    except psutil.Error:
        return []


def test_clean_shows_what_goes_and_asks(tmp_path: Path) -> None:
    """In a copy of the tools, so that nobody's data is removed."""
    (tmp_path / "tools").symlink_to(ROOT / "tools")
    program = tmp_path / "clean.py"
    program.write_text(
        "from pathlib import Path\n"
        "from tools import benchmark_ingest\n"
        "from tools.commands import housekeeping\n"
        f"housekeeping.ROOT = Path({str(tmp_path)!r})\n"
        "benchmark_ingest.main()\n"
    )

    def clean(*arguments: str, said: str = "") -> subprocess.CompletedProcess[str]:
        command = [sys.executable, program, "clean", *arguments]
        return subprocess.run(command, cwd=ROOT, input=said, capture_output=True, text=True)

    assert "nothing to remove" in clean().stderr
    for name in ("test_data", "results", ".asv"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").write_bytes(b"x" * 2_000_000)
    refused = clean(said="n\n")
    assert "test_data/  2.0 MB" in refused.stderr
    assert ".asv" not in refused.stderr
    assert (tmp_path / "test_data").exists()
    assert clean("--yes").returncode == 0
    assert [(tmp_path / name).exists() for name in ("test_data", "results", ".asv")] == [False, False, True]
    assert clean("--yes", "--history").returncode == 0
    assert not (tmp_path / ".asv").exists()
