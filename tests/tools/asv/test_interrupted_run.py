"""`asv run` says how long it takes, and what ends it in the middle keeps what is done: a real run."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

from scratch_history import ScratchHistory
from support import ROOT

ENDLESS = """
import pathlib, time

def track_z(number):
    pathlib.Path({!r}).touch()
    time.sleep(600)

track_z.params = list(range(50))
"""
CHOSEN = r"^tiny_bench|track_z\(0\)$"


def test_a_polite_kill_keeps_what_is_done_as_ctrl_c_does(history: ScratchHistory, tmp_path: Path) -> None:
    there = tmp_path / "there"
    (history.path / "benchmarks" / "zzz.py").write_text(ENDLESS.format(str(there)))
    (history.path / "tools").symlink_to(ROOT / "tools")
    configuration = json.loads((history.path / "asv.conf.json").read_text())
    (history.path / "asv.conf.json").write_text(json.dumps({**configuration, "plugins": [".tools.asv.keeping"]}))
    history.commit("The only one")
    where = {"cwd": history.path, "env": history.environment_with_tools}
    subprocess.run([sys.executable, "-m", "asv", "machine", "--yes"], **where, check=True, capture_output=True)
    command = [sys.executable, "-m", "asv", "run", "--bench", CHOSEN, "HEAD^!"]
    with subprocess.Popen(command, **where, stdout=subprocess.PIPE, text=True, start_new_session=True) as asv:
        deadline = time.monotonic() + 300
        while not there.exists():
            assert asv.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        asv.terminate()
        said = asv.communicate(timeout=120)[0]
    assert "This commit takes about 1 min; Ctrl-C keeps what is done" in said
    (path,) = (history.path / ".asv" / "results").glob("*/*-virtualenv*.json")
    kept = set(json.loads(path.read_text())["results"])
    assert kept == {f"tiny_bench.{name}" for name in ("Tiny.time_work", "Counts.track_requests", "track_answer")}
    (history.path / "asv.conf.json").write_text(
        json.dumps({**configuration, "plugins": [".tools.asv.keeping"], "branches": ["nothing"]})
    )
    publish = [*command[:3], "publish"]
    for wrong, name in (([*command[:-1], "nothing^!"], "nothing^!"), (publish, "nothing")):
        done = subprocess.run(wrong, **where, capture_output=True, text=True, check=False)
        assert done.returncode
        assert f"git failed: fatal: bad revision '{name}'\n" in done.stdout
        assert "Traceback" not in done.stdout + done.stderr


POOL = """
import multiprocessing
from tools.errors import end_as_ctrl_c_does
end_as_ctrl_c_does()
with multiprocessing.get_context("fork").Pool(2) as pool:
    pool.map(abs, [1])
pool.join()
"""


def test_workers_of_a_pool_end_without_a_word() -> None:
    """As those of `asv run --parallel` do: their parent ends them by what stands for a polite kill."""
    done = subprocess.run([sys.executable, "-c", POOL], capture_output=True, text=True, cwd=ROOT, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
