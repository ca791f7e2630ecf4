"""`nightly` from end to end: a history with one slower commit, kills, two machines, a branch of results."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psutil
import pytest
from asv.machine import Machine
from filelock import FileLock
from scratch_history import ScratchHistory
from support import Run

from tools.nightly.summary import Freshness, Night

SAMPLES = 8  # four in each of two rounds


def results(home: Path) -> dict[str, dict[str, Any]]:
    """asv's rows by commit."""
    found = {}
    for path in home.glob("*.json"):
        if path.name != "machine.json":
            content = json.loads(path.read_bytes())
            rows = content["results"].items()
            assert content["commit_hash"] not in found
            found[content["commit_hash"]] = {
                name: dict(zip(content["result_columns"], row, strict=False)) for name, row in rows
            }
    return found


def check_whole(home: Path, commits: list[str]) -> None:
    """Every commit has every sample, once."""
    found = results(home)
    assert sorted(found) == sorted(commits)
    for rows in found.values():
        assert [len(samples) for samples in rows["tiny_bench.Tiny.time_work"]["samples"]] == [SAMPLES, SAMPLES]
        assert rows["tiny_bench.Counts.track_requests"]["result"] is not None
    assert sorted(record["commit"] for record in records_of(home)) == sorted(commits)
    assert all(len(record["rounds"]) == 2 for record in records_of(home))


def records_of(home: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (home / "nightly.jsonl").read_text().splitlines()]


def processes_of(work: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("STAC_MANAGER_RUN") == str(work):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


NightOf = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def night(run: Run) -> NightOf:
    """A night of a history, in this process."""
    return lambda history, *arguments: run(*history.arguments(*arguments), HOME=str(history.home))


@pytest.fixture(scope="module")
def one_night(tmp_path_factory: pytest.TempPathFactory, environments: Path) -> ScratchHistory:
    """A history of one commit after its first night; for `copied` alone."""
    made = ScratchHistory.create(tmp_path_factory.mktemp("one-night"), environments)
    made.commit("First")
    done = made.nightly()
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture
def copied(one_night: ScratchHistory, tmp_path: Path) -> ScratchHistory:
    folder = tmp_path / "copied"
    shutil.copytree(one_night.path.parent, folder)
    return ScratchHistory(folder / "project", one_night.environments, folder / "home")


def rounds_of(home: Path) -> int:
    return sum(len(record["rounds"]) for record in records_of(home))


def kill_after(history: ScratchHistory, rounds: int) -> None:
    """Start a night, and kill it without warning in the middle of a round, when there are so many."""
    work, home = history.path / ".asv" / "nightly", history.path / ".asv" / "results" / "scratch"
    with subprocess.Popen(
        history.command(), env=history.environment_with_tools, stderr=subprocess.PIPE, text=True
    ) as killed:
        deadline = time.monotonic() + 120
        while rounds_of(home) < rounds or not (work / "unit").exists():
            assert killed.poll() is None, killed.stderr and killed.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        killed.send_signal(signal.SIGKILL)
    assert rounds_of(home) >= rounds


def test_killed_and_resumed_it_names_the_guilty_commit(night: NightOf, copied: ScratchHistory) -> None:
    """Killed again and again: nothing is lost, nothing is there twice, no process stays. Then what it found."""
    first = copied.git("rev-parse", "HEAD")
    home = copied.path / ".asv" / "results" / "scratch"
    check_whole(home, [first])
    machine = json.loads((home / "machine.json").read_bytes())
    assert {name for name, _ in Machine.fields} <= set(machine)
    assert all(machine[name] for name in ("os", "arch", "num_cpu", "ram"))

    worse = {"cost": 0.003, "requests": 2, "answer": "raise ValueError"}
    guilty = copied.commit("Slower @everyone <b>", **worse)
    after = copied.commit("Innocent", **worse)
    work = copied.path / ".asv" / "nightly"
    scratch = []
    for rounds in (3, 5):  # two are of the first night
        kill_after(copied, rounds)
        scratch.append(Path((work / "scratch").read_text()))
        assert scratch[-1].is_dir()
    done = night(copied, "--dashboard-url", "https://example.com/dash/")
    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith(f"Benchmark regression since {guilty[:8]} (Slower")
    check_whole(home, [first, guilty, after])
    assert not (work / "unit").exists()
    assert not (work / "done").exists()
    assert not processes_of(work)
    assert not any(folder.exists() for folder in scratch)
    assert not (work / "scratch").exists()
    told = (work / "summary.md").read_text()
    assert f"regression since {guilty[:8]}" in told
    assert f"since {after[:8]}" not in told
    assert "- `tiny_bench.track_answer`" in told  # it fails
    assert "up to date with main" in told
    assert "@everyone" not in told
    assert "<b>" not in told
    assert f"index.html#tiny_bench.Tiny.time_work?p-size=1&commits={guilty}" in told
    assert f"index.html#tiny_bench.Counts.track_requests?p-limit=250&commits={guilty}" in told
    index = json.loads((copied.path / ".asv" / "html" / "index.json").read_bytes())
    assert guilty in index["revision_to_hash"].values()
    assert "load average before the rounds" in told

    again = night(copied)
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.startswith("Nothing new on main. The newest result is of")
    assert len(again.stdout.splitlines()) == 1
    check_whole(home, [first, guilty, after])

    copied.commit("Too late")
    late = night(copied, "--time-limit", "0")
    assert (late.returncode, late.stderr) == (0, "")
    assert late.stdout.startswith("No time to measure 1 new commit on main. The newest result is of")


def test_no_time_for_the_first_commit(night: NightOf, tmp_path: Path, environments: Path) -> None:
    history = ScratchHistory.create(tmp_path / "fresh", environments)
    history.commit("First")
    done = night(history, "--time-limit", "0")
    said = "No time to measure 1 new commit on main. There is no result of main yet.\n"
    assert (done.returncode, done.stdout, done.stderr) == (0, said, "")


ENDLESS = """\
import os, pathlib, subprocess, sys, time

def track_endless():
    # As a benchmark that starts a server: what it started is in a process group of its own too.
    server = subprocess.Popen(
        [sys.executable, "-c", "import time; time.sleep(600)"],
        process_group=0, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )
    pids = pathlib.Path({folder!r}, "pids")
    pids.with_suffix(".new").write_text(f"{{os.getpid()}} {{server.pid}}")
    pids.with_suffix(".new").rename(pids)
    time.sleep(600)
"""


def test_interrupted_politely(history: ScratchHistory, tmp_path: Path) -> None:
    """A kill by systemd in the middle of a benchmark: one line, exit code 130, and nothing runs on."""
    (history.path / "benchmarks" / "endless.py").write_text(ENDLESS.format(folder=str(tmp_path)))
    history.commit("The only one")
    work = history.path / ".asv" / "nightly"
    pids = tmp_path / "pids"
    with subprocess.Popen(
        history.command("--bench", "endless"), env=history.environment_with_tools, stderr=subprocess.PIPE, text=True
    ) as night:
        deadline = time.monotonic() + 120
        while not pids.exists():
            assert night.poll() is None, night.stderr and night.stderr.read()
            assert time.monotonic() < deadline
            time.sleep(0.02)
        started = [int(pid) for pid in pids.read_text().split()]
        assert all(map(psutil.pid_exists, started))
        night.send_signal(signal.SIGTERM)
        _, said = night.communicate(timeout=60)
    assert (night.returncode, said.strip()) == (130, "error: interrupted; start it again to go on")
    assert not any(map(psutil.pid_exists, started))
    assert not processes_of(work)


def test_results_by_hand_are_kept_and_samples_of_another_suite_are_not(night: NightOf, copied: ScratchHistory) -> None:
    """What `asv run` had measured stays, unless it is measured anew; rounds with another suite do not count."""
    commit = copied.git("rev-parse", "HEAD")
    home = copied.path / ".asv" / "results" / "scratch"
    (record,) = records_of(home)
    record |= {"fingerprint": "of another suite", "is_whole": False}
    (home / "nightly.jsonl").write_text(json.dumps(record) + "\n")
    (home / "nightly.judged").unlink()
    before = results(home)[commit]
    assert night(copied, "--bench", "Counts").returncode == 0
    assert "unfinished rounds were dropped" in (copied.path / ".asv" / "nightly" / "summary.md").read_text()
    after = results(home)[commit]
    assert after["tiny_bench.Tiny.time_work"] == before["tiny_bench.Tiny.time_work"]
    counts = (rows["tiny_bench.Counts.track_requests"] for rows in (before, after))
    earlier, later = counts
    assert later["result"] == [10, 4]
    assert later["started_at"] > earlier["started_at"]
    (record,) = records_of(home)
    assert (len(record["rounds"]), record["is_whole"]) == (1, True)  # it has one round by itself


def test_results_on_a_branch_of_two_machines(night: NightOf, history: ScratchHistory, tmp_path: Path) -> None:
    """Without a remote first; then two machines push to one, each with what the other had not seen."""
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", remote], check=True)
    first = history.commit("First")
    counts = ("--bench", "Counts")
    alone = night(history, "--results-branch", "asv-results", *counts)
    assert alone.returncode == 0, alone.stderr
    assert history.git("status", "--porcelain") == ""
    assert "scratch/nightly.jsonl" in history.git("ls-tree", "-r", "--name-only", "asv-results")
    history.git("remote", "add", "origin", remote)
    history.git("push", "--quiet", "origin", "main", "asv-results")

    # A push that is refused loses nothing.
    other = ScratchHistory(tmp_path / "other", history.environments, history.home)
    subprocess.run(["git", "clone", "--quiet", "--branch", "main", remote, other.path], check=True)
    hook = remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    branch = ("--results-branch", "asv-results", "--push", "origin", *counts)
    hired = ("--machine", "hired-{cpu}")  # the processor names the machine
    refused = night(other, *branch, *hired)
    assert refused.returncode == 2
    assert refused.stderr.startswith("error: git push failed")
    assert "the results are on the local branch asv-results" in refused.stderr
    hook.unlink()
    elsewhere = night(other, *branch, *hired)
    assert elsewhere.returncode == 0, elsewhere.stderr
    second = history.commit("Second")
    assert night(history, *branch).returncode == 0

    shown = tmp_path / "shown"
    subprocess.run(["git", "clone", "--quiet", "--branch", "asv-results", remote, shown], check=True)
    (named,) = shown.glob("hired-*")
    assert re.fullmatch(rf"hired-[a-z0-9-]+-{os.cpu_count()}", named.name)
    for machine, commits in (("scratch", [first, second]), (named.name, [first])):
        assert sorted(results(shown / machine)) == sorted(commits)
        assert [record["commit"] for record in records_of(shown / machine)] == commits
    json.loads((shown / "benchmarks.json").read_bytes())
    # Lost with its work folder, as on a hired machine, the branch comes back from the remote.
    shutil.rmtree(other.path / ".asv")
    lost = night(other, *branch, *hired)
    assert lost.stdout.startswith("Nothing new on main."), lost.stdout + lost.stderr


def test_two_runs_at_once_are_refused(history: ScratchHistory, run: Run) -> None:
    history.commit("The only one")
    work = history.path / ".asv" / "nightly"
    work.mkdir(parents=True)
    with FileLock(work / "lock"):
        done = run(*history.arguments())
    assert done.returncode == 2
    assert done.stderr == f"error: another run is at work in {work}; wait for it\n"


@pytest.mark.parametrize(
    ("failed", "said"),
    [
        ((), ""),
        (("m.time_x",), "1 benchmark fails, the first: m.time_x"),
        (("m.time_x", "m.time_y"), "2 benchmarks fail, the first: m.time_x"),
    ],
)
def test_what_fails_is_named(failed: tuple[str, ...], said: str) -> None:
    freshness = Freshness(None, None, 0)
    assert Night("main", (), "no history", None, failed, freshness, (), None, None).trouble == said


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--branch", "nowhere"], "there is no branch 'nowhere'"),
        (["--machine", "a/b"], "'a/b' cannot name a machine"),
        (["--push", "origin"], "--push needs --results-branch"),
        (["--bench", "["], "'[' is not a regular expression: unterminated character set"),
        (["--results-branch", "a..b"], "'a..b' cannot name a branch"),
    ],
)
def test_mistakes_end_with_one_line(history: ScratchHistory, run: Run, arguments: list[str], message: str) -> None:
    history.commit("The only one")
    done = run(*history.arguments(*arguments))
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
