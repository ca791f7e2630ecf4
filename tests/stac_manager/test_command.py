"""The `stac-manager` command as a user meets it."""

from __future__ import annotations

import io
import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from unittest.mock import Mock

import pytest
from support import make_items

from stac_manager.command import cli, main
from stac_manager.command.progress import Bar, duration, line
from stac_manager.sinks.layout import layout_of
from stac_manager.sinks.running import Progress

PROGRAM = [sys.executable, "-m", "stac_manager"]


def start(*arguments: object, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*PROGRAM, *map(str, arguments)], env={**os.environ, **environment}, stdin=subprocess.DEVNULL,
        capture_output=True, text=True, check=False,
    )  # fmt: skip


Run = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Run]:
    """The command in this process: starting Python takes longer than what it does here."""
    at_first = signal.getsignal(signal.SIGTERM)

    def call(*arguments: object) -> subprocess.CompletedProcess[str]:
        monkeypatch.setattr(sys, "argv", ["stac-manager", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        return subprocess.CompletedProcess(arguments, int(ended.value.code or 0), *capsys.readouterr())

    yield call
    signal.signal(signal.SIGTERM, at_first)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    path = tmp_path / "source.ndjson"
    path.write_text("".join(json.dumps(item) + "\n" for item in make_items(30)))
    return path


def test_a_bare_command_prints_its_help() -> None:
    done = start()
    assert (done.returncode, done.stderr) == (0, "")
    assert "verify" in done.stdout


@pytest.mark.parametrize("name", ["out", "out.ndjson", "out.ndjson.zst", "out.parquet"])
def test_ingest_verify_and_ingest_again(run: Run, name: str, source: Path, tmp_path: Path) -> None:
    dest = tmp_path / name
    done = run("ingest", source, dest, "--partition-items", 10)
    assert done.returncode == 0, done.stderr
    assert done.stderr.startswith("30 items in ")
    assert "\x1b" not in done.stderr
    verified = run("verify", dest, "--unique")
    assert (verified.returncode, verified.stdout[:11]) == (0, "30 items in")
    again = run("ingest", source, dest)
    assert again.returncode == 0, again.stderr
    assert "nothing left to do" in again.stderr
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]
    if name == "out.ndjson":
        assert [json.loads(each) for each in dest.read_text().splitlines()] == make_items(30)
        dest.write_text(dest.read_text()[:-50])
        damaged = run("verify", dest)
        assert damaged.returncode == 1
        assert "wrong: " in damaged.stderr
        assert "to repair: delete what is named" in damaged.stderr


def test_items_that_the_source_has_twice_are_no_damage(run: Run, source: Path, tmp_path: Path) -> None:
    source.write_text(2 * source.read_text())
    assert run("ingest", source, tmp_path / "out").returncode == 0
    assert run("verify", tmp_path / "out").returncode == 0
    unique = run("verify", tmp_path / "out", "--unique")
    assert (unique.returncode, unique.stderr) == (1, "wrong: 30 items more than once\n")


def test_standard_output_gets_all_items_and_may_close_early(source: Path) -> None:
    done = start("ingest", source, "-")
    assert (done.returncode, done.stdout) == (0, source.read_text()), "the text of the source, as a file has it"
    shell = f"'{sys.executable}' -m stac_manager ingest '{source}' - | true; exit ${{PIPESTATUS[0]}}"
    closed = subprocess.run(["bash", "-c", shell], capture_output=True, text=True, check=False)
    assert (closed.returncode, closed.stderr) == (0, "")


def test_standard_output_may_be_one_that_does_not_wait(source: Path) -> None:
    """Such as that of a program that has the other end and sees to several at once."""
    source.write_text(500 * source.read_text())
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    with subprocess.Popen([*PROGRAM, "ingest", source, "-"], stdout=writer, stderr=subprocess.PIPE) as program:
        os.close(writer)
        with open(reader, "rb") as output:
            assert output.read() == source.read_bytes()
        assert (program.wait(), program.stderr and program.stderr.read()) == (0, b"")


@pytest.mark.parametrize("reads", [False, True])
def test_a_signal_ends_it_and_who_still_reads_gets_whole_lines(reads: bool, source: Path) -> None:
    """Who does not may be a pager that is not scrolled, or a scheduler that stopped looking."""
    source.write_text(1_000 * source.read_text())
    reader, writer = os.pipe()
    command = [*PROGRAM, "ingest", source, "-"]
    with subprocess.Popen(command, stdout=writer, stderr=subprocess.DEVNULL) as program, open(reader, "rb") as output:
        while select.select([], [writer], [], 0)[1]:  # until it is full
            assert program.poll() is None
        os.close(writer)
        program.terminate()
        last = output.readlines()[-1] if reads else b"\n"
        assert (program.wait(30), last[-1:]) == (143, b"\n")


def test_a_reader_that_has_had_enough_is_no_failure(source: Path) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run([*PROGRAM, "plan", str(source)], stdout=writer, stderr=subprocess.PIPE, check=False)
    os.close(writer)
    assert (done.returncode, done.stderr) == (0, b"")


@pytest.mark.parametrize(("damage", "arguments", "code"), [
    ("", "ingest {source} {dest} --restart", 0),
    ("{", "ingest {source} {dest} --restart", 1),
    ("{", "ingest {source} -", 1),
    ("", "verify {dest}", 1),
])  # fmt: skip
def test_nobody_to_tell_changes_no_exit_code(
    run: Run, damage: str, arguments: str, code: int, source: Path, tmp_path: Path
) -> None:
    dest = tmp_path / "out.ndjson"
    assert run("ingest", source, dest).returncode == 0
    dest.write_text(dest.read_text() + "x")
    source.write_text(source.read_text() + damage)
    reader, writer = os.pipe()
    os.close(reader)
    command = [*PROGRAM, *arguments.format(source=source, dest=dest).split()]
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=writer, check=False)
    os.close(writer)
    assert done.returncode == code


@pytest.mark.parametrize(
    ("error", "said"), [(MemoryError(), "out of memory"), (RuntimeError("can't start new thread"), "no thread can be")]
)
def test_what_the_machine_does_not_allow_is_said_in_a_line(
    run: Run, error: Exception, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cli, "main", Mock(side_effect=error))
    done = run("plan", "x")
    assert (done.returncode, done.stderr.count("\n"), said in done.stderr) == (1, 1, True)


def test_workers_end_where_it_is_ignored_that_they_do(source: Path, tmp_path: Path) -> None:
    """As some supervisors leave it to what they start."""
    done = subprocess.run(
        [*PROGRAM, "ingest", source, tmp_path / "out", "--workers", "2", "--partition-items", "10"],
        preexec_fn=lambda: signal.signal(signal.SIGCHLD, signal.SIG_IGN) and None,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr


def test_plan_shows_the_partitions(run: Run, source: Path) -> None:
    shown = run("plan", source, "--partition-items", 10)
    assert shown.returncode == 0
    assert "partitions  3" in shown.stdout
    document = json.loads(run("plan", source, "--partition-items", 10, "--json").stdout)
    assert len(document["partitions"]) == 3


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        ((), 2, "Missing argument"),
        (("nowhere", "{tmp}/x"), 2, "nowhere"),
        (("{source}", "{tmp}/x", "--bbox", "1,2,3"), 2, "bbox"),
        (("{source}", "{tmp}/x", "--bbox", "a,b,c,d"), 2, "'a' is not a number"),
        (("{source}", "{tmp}/x", "--header", "A=VARIABLE_THAT_IS_NOT_SET"), 2, "VARIABLE_THAT_IS_NOT_SET is not set"),
        (("{source}", "{tmp}/x", "--header", "A=s3cret"), 2, "variable for A is not set"),
        (("{source}", "{tmp}/x", "--header", "Authorization: Bearer s3cret"), 2, "'--header': write NAME=VARIABLE"),
        (("{source}", "-", "--workers", "2"), 2, "standard output"),
        (("-", "{tmp}/x"), 2, "standard input is not read"),
        (("{source}", "{tmp}/x", "--workers", "2", "--max-items", "1"), 2, "--max-items"),
        (("{source}", "{tmp}/x.parquet", "--format", "ndjson"), 2, "holds geoparquet"),
        (("{source}", "{tmp}/x", "--concurrency", "many"), 2, "auto"),
    ],
)
def test_wrong_usage_is_said_in_a_line(
    run: Run, arguments: tuple[str, ...], code: int, said: str, source: Path, tmp_path: Path
) -> None:
    done = run("ingest", *(each.format(source=source, tmp=tmp_path) for each in arguments))
    assert done.returncode == code
    assert said in done.stderr
    assert "Traceback" not in done.stderr
    assert "s3cret" not in done.stderr
    assert not (tmp_path / "x").exists()


URL = "https://user:s3cret@stac.example.com/v1/?key=s3cret"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("ingest", URL.replace("https", "htp"), "x"), "'htp://stac.example.com/v1/': htp URLs are not known"),
        (("ingest", URL.replace("//", "/"), "x"), "https:/stac.example.com/v1/' matches no"),
        (("ingest", f" {URL}", "x"), " https://stac.example.com/v1/' matches no"),
        (("ingest", "x", URL), "Error: https://stac.example.com/v1/: is a URL"),
        (("ingest", "a", "b", URL), "argument (https://stac.example.com/v1/)"),
        (("ingest", "a", "b", "--concurrency", f"{URL}'\\"), '"https://stac.example.com/v1/" is neither'),
        (("ingest", "a", "b", f"--concurrency={URL}"), "'https://stac.example.com/v1/' is neither"),
        (("plan", URL.replace("https", "htp")), "'htp://stac.example.com/v1/': htp URLs are not known"),
        (("ingest", "stac.example.com/v1/?key=s3cret", "x", "--mode", "api"), "URL, not 'stac.example.com/v1/'"),
        (
            ("plan", URL.replace("user:s3cret@", ""), "--filter", f"@{URL}"),
            "'--filter': https://stac.example.com/v1/: ca",
        ),
        (("ingest", URL, "b", "--update", "--restart"), "--restart discards it"),
        ((URL,), "No such command 'https://stac.example.com/v1/'"),
        (("ingest", "abfs://c@a.dfs.core.windows.net/x", "b", "c"), "argument (c)"),
        (("ingest", "a", "b", "abfs://c@a.dfs.core.windows.net/x"), "(abfs://c@a.dfs.core.windows.net/x)"),
    ],
)
def test_wrong_usage_shows_no_secret_of_a_url(run: Run, arguments: tuple[str, ...], said: str) -> None:
    done = run(*arguments)
    assert done.returncode == 2
    assert said in done.stderr
    assert "s3cret" not in done.stderr


def test_what_failed_is_named_with_exit_code_1(run: Run, source: Path, tmp_path: Path) -> None:
    with source.open("a") as file:
        file.write('{"broken": \n')
    done = run("ingest", source, tmp_path / "out")
    assert done.returncode == 1
    assert f"not delivered: {source}" in done.stderr
    assert "incomplete" in done.stderr


@pytest.mark.parametrize(
    ("name", "ignored", "code", "said"),
    [
        ("SIGINT", False, 130, "interrupted"),
        ("SIGTERM", False, 143, "interrupted"),
        ("SIGHUP", False, 129, "interrupted"),  # a terminal is closed
        ("SIGHUP", True, 0, ""),  # `nohup`
    ],
)
def test_a_signal_that_ends_it_leaves_nothing_unfinished(
    name: str, ignored: bool, code: int, said: str, source: Path, tmp_path: Path
) -> None:
    number = getattr(signal, name)
    (tmp_path / "sitecustomize.py").write_text(
        "import os, stac_manager.sinks.folder as folder\n"
        "publish = folder.Folder.publish\n"
        f"folder.Folder.publish = lambda *part: (os.kill(os.getpid(), {number:d}), publish(*part))"
    )
    done = subprocess.run(
        [*PROGRAM, "ingest", source, tmp_path / "out", "--quiet"], env={**os.environ, "PYTHONPATH": str(tmp_path)},
        preexec_fn=lambda: signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL) and None,
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stderr.strip()) == (code, said)
    assert not layout_of(tmp_path / "out").temporary.exists()


def test_a_name_that_is_no_text_is_shown(run: Run, source: Path, tmp_path: Path) -> None:
    name = os.fsdecode(os.fsencode(tmp_path) + b"/\xff.ndjson")
    try:
        source.rename(name)
    except OSError:
        pytest.skip("this file system has names in UTF-8 alone")
    assert "\\udcff.ndjson" in run("plan", name).stdout
    assert "\\udcff.ndjson" in run("ingest", name + "x", tmp_path / "out").stderr


def test_what_an_encoding_has_no_character_for_is_written_as_its_number(source: Path, tmp_path: Path) -> None:
    source.rename(tmp_path / "日.ndjson")
    done = start("plan", tmp_path / "日.ndjson", PYTHONIOENCODING="latin-1")
    assert (done.returncode, done.stderr) == (0, "")
    assert "\\u65e5.ndjson" in done.stdout


def test_interruption_at_start_up_is_said_without_a_traceback(tmp_path: Path) -> None:
    """Nothing is imported before it is heeded."""
    names = "import sys; first = {*sys.modules}; import stac_manager.__main__; print(*sorted({*sys.modules} - first))"
    done = subprocess.run([sys.executable, "-c", names], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["stac_manager", "stac_manager.__main__"]
    (tmp_path / "click.py").write_text("raise KeyboardInterrupt")
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run([*PROGRAM, "--help"], env=environment, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


@pytest.mark.parametrize("made", ['type("Imported", (), {"name": Name()})', 'exec("raise KeyboardInterrupt")'])
def test_interruption_while_a_class_is_made_is_one(made: str, tmp_path: Path) -> None:
    """Python 3.11 wraps what comes out of `__set_name__`, in which an import may be; dataclasses use `exec`."""
    code = f"""
from stac_manager import command

class Name:
    def __set_name__(self, owner, name):
        raise KeyboardInterrupt

def import_something(**_):
    {made}

command.cli.main = import_something
command.main()
"""
    (tmp_path / "program.py").write_text(code)
    program = [sys.executable, "-m", "program"]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


def test_interruption_that_python_drops_is_heeded_all_the_same() -> None:
    """As one in the callback of a weak reference, of which every import has some."""
    code = """
import time, weakref
from stac_manager import command

class Thing:
    pass

def interrupted(_):
    raise KeyboardInterrupt

def import_something(**_):
    thing = Thing()
    watched = weakref.ref(thing, interrupted)
    del thing
    time.sleep(60)

command.cli.main = import_something
command.main()
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert (done.returncode, done.stderr) == (130, "interrupted\n")


@pytest.mark.parametrize("arguments", ["ingest items.ndjson out", "ingest items.ndjson -", "plan items.ndjson"])
def test_interruption_while_an_event_loop_is_made_is_one(tmp_path: Path, arguments: str) -> None:
    (tmp_path / "items.ndjson").write_text('{"type": "Feature", "id": "a"}\n')
    code = """
import selectors
from stac_manager import command

def interrupted():
    raise KeyboardInterrupt

selectors.DefaultSelector = interrupted
command.main()
"""
    program = [sys.executable, "-c", code, *arguments.split()]
    done = subprocess.run(program, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr.strip()) == (130, "interrupted")


def test_completion_and_version_need_no_source(run: Run) -> None:
    assert start("--version").stdout.startswith("stac-manager ")
    for shell in ("bash", "zsh", "fish"):
        assert "_STAC_MANAGER_COMPLETE" in run("completion", shell).stdout
    words = start(_STAC_MANAGER_COMPLETE="bash_complete", COMP_WORDS="stac-manager ingest --form", COMP_CWORD="2")
    assert "--format" in words.stdout


@pytest.mark.parametrize(
    ("term", "shown"),
    [("xterm", b"\r\x1b[K0 of 1 partitions, 0 items\r\x1b[Ka note\n\r\x1b[K"), ("dumb", b"a note\n")],
)
def test_progress_is_drawn_where_a_line_can_be_drawn_anew(
    term: str, shown: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    screen = io.BytesIO()
    stream = io.TextIOWrapper(screen, write_through=True)
    monkeypatch.setattr(stream, "isatty", lambda: True, raising=False)
    monkeypatch.setattr(sys, "stderr", stream)
    monkeypatch.setenv("TERM", term)
    with Bar() as bar:
        bar.show(Progress(0, None, 0, 1))
        bar.say("a note")
    assert screen.getvalue() == shown


@pytest.mark.parametrize(
    ("progress", "seconds", "expected"),
    [
        (Progress(0, None, 0, 4), 0.0, "0 of 4 partitions, 0 items"),
        (Progress(500, 1_000, 2, 4), 10.0, "50 %, 2 of 4 partitions, 500 items, 50/s, 10 s left"),
        (Progress(500, 1_000, 2, 4, 400), 10.0, "50 %, 2 of 4 partitions, 500 items, 10/s, 50 s left"),
        (Progress(500, None, 2, 4), 10.0, "2 of 4 partitions, 500 items, 50/s, 10 s left"),
        (Progress(970, 1_000, 4, 4), 10.0, "100 %, 4 of 4 partitions, 970 items, 97/s"),
        (Progress(1_200, 1_000, 4, 4), 10.0, "100 %, 4 of 4 partitions, 1,200 items, 120/s"),
    ],
)
def test_progress_in_words(progress: Progress, seconds: float, expected: str) -> None:
    assert line(progress, seconds) == expected


@pytest.mark.parametrize(("seconds", "expected"), [(0.4, "0 s"), (75, "1 min 15 s"), (7_500, "2 h 05 min")])
def test_durations_in_words(seconds: float, expected: str) -> None:
    assert duration(seconds) == expected
