"""`nightly` from end to end: a history with one slower commit, kills, two machines, a branch of results."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from asv.machine import Machine
from filelock import FileLock
from scratch_history import ScratchHistory

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
    lines = [json.loads(line) for line in (home / "nightly.jsonl").read_text().splitlines()]
    assert sorted(line["commit"] for line in lines) == sorted(commits)
    assert all(len(line["rounds"]) == 2 for line in lines)


def processes_of(work: Path) -> list[psutil.Process]:
    found = []
    for process in psutil.process_iter():
        try:
            if process.environ().get("STAC_MANAGER_NIGHTLY") == str(work):
                found.append(process)
        except (psutil.Error, OSError):
            continue
    return found


def test_the_guilty_commit_is_named(history: ScratchHistory) -> None:
    old = [history.commit(f"Commit {number}") for number in range(3)]
    first = history.nightly("--backfill", "2")
    assert first.returncode == 0, first.stderr
    home = history.path / ".asv" / "results" / "scratch"
    check_whole(home, old)
    machine = json.loads((home / "machine.json").read_bytes())
    assert {name for name, _ in Machine.fields} <= set(machine)
    assert all(machine[name] for name in ("os", "arch", "num_cpu", "ram"))

    guilty = history.commit("Slower @everyone <b>", cost=0.003, requests=2)
    after = [history.commit("Innocent", cost=0.003, requests=2), history.commit("As innocent", cost=0.003, requests=2)]
    night = history.nightly("--dashboard-url", "https://example.com/dash/", "--summary", history.path / "night.md")
    assert night.returncode == 1, night.stderr
    assert night.stdout.startswith(f"Benchmark regression since {guilty[:8]} (Slower")
    check_whole(home, [*old, guilty, *after])
    told = (history.path / "night.md").read_text()
    assert f"regression since {guilty[:8]}" in told
    assert not [commit for commit in after if f"since {commit[:8]}" in told]
    assert "up to date with main" in told
    assert "@everyone" not in told
    assert "<b>" not in told
    assert f"index.html#tiny_bench.Tiny.time_work?p-size=1&commits={guilty}" in told
    assert f"index.html#tiny_bench.Counts.track_requests?p-limit=250&commits={guilty}" in told
    index = json.loads((history.path / ".asv" / "html" / "index.json").read_bytes())
    assert guilty in index["revision_to_hash"].values()
    assert "load average before the rounds" in told

    again = history.nightly()
    assert (again.returncode, again.stderr) == (0, "")
    assert again.stdout.startswith("Nothing new on main. The newest result is of")
    assert len(again.stdout.splitlines()) == 1
    check_whole(home, [*old, guilty, *after])


def test_killed_and_resumed(history: ScratchHistory) -> None:
    """Killed without warning again and again: nothing is lost, nothing is there twice, no process stays."""
    commits = [history.commit(f"Commit {number}") for number in range(3)]
    work = history.path / ".asv" / "nightly"
    seen = 0
    for wanted in (1, 3, 4):
        with subprocess.Popen(
            history.command("--backfill", "2"), env=history.environment_with_tools, stderr=subprocess.PIPE
        ) as night:
            deadline = time.monotonic() + 120
            while len(list(work.glob("batch/*/round-*"))) < wanted or not (work / "unit").exists():
                assert night.poll() is None, night.stderr and night.stderr.read()
                assert time.monotonic() < deadline
                time.sleep(0.02)
            night.send_signal(signal.SIGKILL)
        done = len(list(work.glob("batch/*/round-*")))
        assert done >= max(wanted, seen)
        seen = done
    last = history.nightly("--backfill", "2")
    assert last.returncode == 0, last.stderr
    check_whole(history.path / ".asv" / "results" / "scratch", commits)
    assert not (work / "batch").exists()
    assert not processes_of(work)


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


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_politely(history: ScratchHistory, tmp_path: Path, number: signal.Signals) -> None:
    """Ctrl-C in the middle of a benchmark: one line, exit code 130, and nothing runs on."""
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
        night.send_signal(number)
        _, said = night.communicate(timeout=60)
    assert (night.returncode, said.strip()) == (130, "error: interrupted; start it again to go on")
    assert not any(map(psutil.pid_exists, started))
    assert not processes_of(work)


def test_a_changed_suite_does_not_mix_with_an_unfinished_batch(history: ScratchHistory) -> None:
    commit = history.commit("The only one")
    batch = history.path / ".asv" / "nightly" / "batch"
    batch.mkdir(parents=True)
    plan = {"commits": [commit], "machine": "scratch", "bench": [], "fingerprint": "of another suite"}
    (batch / "plan.json").write_text(json.dumps(plan))
    done = history.nightly()
    assert done.returncode == 0, done.stderr
    assert "an unfinished batch was dropped" in (history.path / ".asv" / "nightly" / "summary.md").read_text()
    check_whole(history.path / ".asv" / "results" / "scratch", [commit])


def test_a_commit_that_breaks_a_benchmark(history: ScratchHistory) -> None:
    history.commit("Good")
    assert history.nightly().returncode == 0
    (history.path / "tiny.py").write_text("def work():\n    raise ValueError\n")
    history.git("commit", "--quiet", "--all", "--message", "Broken")
    broken = history.git("rev-parse", "HEAD")
    done = history.nightly()
    assert done.returncode == 1, done.stderr
    told = (history.path / ".asv" / "nightly" / "summary.md").read_text()
    assert f"regression since {broken[:8]}" in told
    assert "- `tiny_bench.Tiny.time_work(1)`" in told


def test_results_by_hand_are_kept(history: ScratchHistory) -> None:
    """What `asv run` had measured stays, unless it is measured anew."""
    commit = history.commit("The only one")
    assert history.nightly("--bench", "time_work").returncode == 0
    home = history.path / ".asv" / "results" / "scratch"
    assert set(results(home)[commit]) == {"tiny_bench.Tiny.time_work"}
    (home / "nightly.jsonl").unlink()
    (home / "nightly.judged").unlink()
    assert history.nightly("--bench", "Counts").returncode == 0
    check = results(home)[commit]
    assert len(check["tiny_bench.Tiny.time_work"]["samples"][0]) == SAMPLES
    assert check["tiny_bench.Counts.track_requests"]["result"] == [10, 4]


def test_results_on_a_branch_of_two_machines(history: ScratchHistory, tmp_path: Path) -> None:
    """Without a remote first; then two machines push to one, the second one with what the first had not seen."""
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", remote], check=True)
    first = history.commit("First")
    alone = history.nightly("--results-branch", "asv-results")
    assert alone.returncode == 0, alone.stderr
    assert history.git("status", "--porcelain") == ""
    assert "scratch/nightly.jsonl" in history.git("ls-tree", "-r", "--name-only", "asv-results")
    history.git("remote", "add", "origin", remote)
    history.git("push", "--quiet", "origin", "main", "asv-results")

    other = ScratchHistory(tmp_path / "other", history.environments, history.home)
    subprocess.run(["git", "clone", "--quiet", "--branch", "main", remote, other.path], check=True)
    branch = ("--results-branch", "asv-results", "--push", "origin")
    second = history.commit("Second")
    assert history.nightly(*branch).returncode == 0
    elsewhere = other.nightly(*branch, "--machine", "elsewhere")
    assert elsewhere.returncode == 0, elsewhere.stderr
    third = history.commit("Third")
    assert history.nightly(*branch).returncode == 0

    shown = tmp_path / "shown"
    subprocess.run(["git", "clone", "--quiet", "--branch", "asv-results", remote, shown], check=True)
    check_whole(shown / "scratch", [first, second, third])
    check_whole(shown / "elsewhere", [first])
    json.loads((shown / "benchmarks.json").read_bytes())
    # Lost with its work folder, as on a hired machine, the branch comes back from the remote.
    shutil.rmtree(other.path / ".asv")
    lost = other.nightly(*branch, "--machine", "elsewhere")
    assert lost.stdout.startswith("Nothing new on main."), lost.stdout + lost.stderr


def test_a_push_that_is_refused_loses_nothing(history: ScratchHistory, tmp_path: Path) -> None:
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", remote], check=True)
    hook = remote / "hooks" / "pre-receive"
    hook.write_text("#!/bin/sh\nexit 1\n")
    hook.chmod(0o755)
    history.commit("The only one")
    history.git("remote", "add", "origin", remote)
    done = history.nightly("--results-branch", "asv-results", "--push", "origin")
    assert done.returncode == 2
    assert done.stderr.startswith("error: git push failed")
    assert "the results are on the local branch asv-results" in done.stderr
    hook.unlink()
    done = history.nightly("--results-branch", "asv-results", "--push", "origin")
    assert done.returncode == 0, done.stderr
    listed = subprocess.run(
        ["git", "-C", remote, "ls-tree", "-r", "--name-only", "asv-results"], check=True, capture_output=True, text=True
    )
    assert "scratch/nightly.jsonl" in listed.stdout


def test_two_runs_at_once_are_refused(history: ScratchHistory) -> None:
    history.commit("The only one")
    work = history.path / ".asv" / "nightly"
    work.mkdir(parents=True)
    with FileLock(work / "lock"):
        done = history.nightly()
    assert done.returncode == 2
    assert done.stderr == f"error: another run is at work in {work}; wait for it, or give this one its own --work\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--branch", "nowhere"], "there is no branch 'nowhere'"),
        (["--machine", "a/b"], "'a/b' cannot name a machine"),
        (["--push", "origin"], "--push needs --results-branch"),
        (["--results", "x", "--results-branch", "y"], "exclude each other"),
        (["--cpus", "one"], "--cpus 'one' is not a list"),
        (["--results-branch", "a..b"], "'a..b' cannot name a branch"),
    ],
)
def test_mistakes_end_with_one_line(history: ScratchHistory, arguments: list[str], message: str) -> None:
    history.commit("The only one")
    done = history.nightly(*arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_the_processor_names_the_machine(history: ScratchHistory) -> None:
    history.commit("The only one")
    assert history.nightly("--machine", "hired-{cpu}", "--bench", "Counts").returncode == 0
    (folder,) = (history.path / ".asv" / "results").glob("hired-*")
    assert folder.name.endswith(f"-{os.cpu_count()}")
