"""The commands of the README and of docs/: a clone to run them in, and how they are run."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import urllib.request
from collections.abc import Sequence
from pathlib import Path

from servers.processes import answers, serving_on_a_free_port
from support import ROOT, THOROUGH, make_item

README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
BIN = Path(sys.executable).parent
ONE_BENCHMARK = r"[.]FileIngest[.]time_ingest[(]1, 1000[)]"
# `make test` is what runs this test.
RUNS_ITSELF = {"make test"}


def commands(page: Path) -> list[str]:
    blocks = re.findall(r"^```console\n(.*?)^```", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [line for block in blocks for line in block.splitlines()]


def make_clone(folder: Path) -> Path:
    """Make a clone with the working tree's files, this environment as its `.venv`, and data of a user's own."""
    path = folder / "clone"
    subprocess.run(["git", "clone", "--quiet", ROOT, path], check=True)
    listed = subprocess.run(
        ["git", "-C", ROOT, "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        check=True, capture_output=True, text=True,
    ).stdout  # fmt: skip
    for name in filter(None, listed.split("\0")):
        if (ROOT / name).is_file():
            (path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, path / name)
    subprocess.run(["git", "-C", path, "checkout", "--quiet", "-B", "main"], check=True)
    (path / ".venv").symlink_to(BIN.parent)
    if not THOROUGH:
        lend_packages(path)
    items = [make_item(f"item-{index:02}") for index in range(25)]
    (path / "my" / "items").mkdir(parents=True)
    for item in items:
        (path / "my" / "items" / f"{item['id']}.json").write_text(json.dumps(item))
    (path / "items.ndjson").write_text("".join(json.dumps(item) + "\n" for item in items))
    return path


def lend_packages(clone: Path) -> None:
    """Put the packages that are installed here where `environment` makes asv's environments find them.

    They are those of the lock of the benchmarks: `test_what_the_suite_needs_is_locked`. So pip finds all that it is
    told to install there already, which takes a minute less. What is measured is not among them.
    """
    lent = Path(sysconfig.get_path("purelib", "posix_user", {"userbase": str(clone.parent / "lent")}))
    lent.mkdir(parents=True)
    for package in Path(sysconfig.get_path("purelib")).iterdir():
        if not re.match(r"stac_manager|pip\b|setuptools|.*\.pth$", package.name):
            (lent / package.name).symlink_to(package)


def run_commands(page: Path, clone: Path, url: str, done_before: set[str]) -> None:
    """Run the commands of a page in their order. What takes minutes is told to do less of the same."""
    for command in commands(page):
        if command in RUNS_ITSELF | done_before:
            continue
        done_before.add(command)
        if command == "asv preview":
            check_preview(clone, [BIN / "asv", "preview"])
            continue
        if "results/before.json results/after.json" in command:
            make_two_results(clone)
        if command == "python tools/benchmark_ingest.py dashboard":
            ensure_results(clone)
            check_preview(clone, [*command.split(), "--no-open"])
            continue
        shortened = command.replace("https://example.com/stac", url)
        shortened = shortened.replace(
            "--max-items 10000 --concurrency 1,5,10,20,50,auto --repeat 5",
            "--max-items 100 --concurrency 1,auto --repeat 1",
        )
        if command == "make nightly":
            shortened += f""" NIGHTLY="--no-quieten --bench '{ONE_BENCHMARK}'" """
        if command == "make bench":
            shortened += ' BENCH="--repeat 1 --max-items 100 --budget 0"'
        if command in ("make bench", "make nightly"):
            shortened += " --assume-old .venv/.measuring"  # `.venv` is a link: it must not be installed into
        if command == "asv run HEAD^!":
            shortened = f"asv run HASHFILE:{first_and_last(clone)} --quick --bench '{ONE_BENCHMARK}'"
        elif command.startswith("asv run"):
            shortened = re.sub(r" --bench '[^']*'", "", command)
            shortened += f" --quick --bench '{ONE_BENCHMARK}'"
        if " file " in command:
            shortened += " --budget 0" if "results/mine.json" in command else " --budget 0 --repeat 1"
        if " compare " in command and ".json" not in command:
            shortened += " --rounds 1 --bench 'counts.Modules.*import'"
        if command.startswith("PYTHONPATH=tests "):
            shortened = command.replace("PYTHONPATH=tests", "PYTHONPATH=tests:.")
        done = subprocess.run(
            shortened, shell=True, cwd=clone, env=environment(clone), input="y\n", capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"
        if command == "asv run HEAD^!":
            assert "n/a" in done.stdout  # the first commit has nothing to measure yet
            assert len(list((clone / ".asv" / "results").glob("*/*-virtualenv-*.json"))) == 2


def environment(clone: Path) -> dict[str, str]:
    """The clone's own modules first, and a home folder of its own."""
    home = clone.parent / "home"
    home.mkdir(exist_ok=True)
    own = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "HOME": str(home)}
    if not THOROUGH:
        own |= {"PYTHONUSERBASE": str(clone.parent / "lent"), "VIRTUALENV_SYSTEM_SITE_PACKAGES": "1"}
    return {**os.environ, **own, "PYTHONPATH": str(clone)}


def first_and_last(clone: Path) -> Path:
    """A file that names two commits to asv: the suite of today runs at any."""
    asked = ["git", "-C", str(clone), "rev-list", "--max-parents=0", "HEAD"]
    first = subprocess.run(asked, check=True, capture_output=True, text=True).stdout.split()[0]
    commits = clone.parent / "commits"
    commits.write_text(f"{first}\nHEAD\n")
    return commits


def make_two_results(clone: Path) -> None:
    """Two results to compare: the same one twice, of the README's commands where they have run."""
    before, after = (clone / "results" / name for name in ("before.json", "after.json"))
    if (clone / "results" / "mine.json").exists():
        shutil.copy(clone / "results" / "mine.json", before)
    else:
        program = [BIN / "python", "tools/benchmark_ingest.py", "file", "--test-size", "100", "--concurrency", "1,5"]
        program += ["--repeat", "5", "--output", before]
        subprocess.run(program, cwd=clone, env=environment(clone), check=True, capture_output=True)
    shutil.copy(before, after)


def ensure_results(clone: Path) -> None:
    """The README's commands leave some; a page that is tested by itself has none to publish."""
    if not (clone / ".asv" / "results" / "benchmarks.json").exists():
        for arguments in (["machine", "--yes"], ["run", "HEAD^!", "--quick", "--bench", ONE_BENCHMARK]):
            subprocess.run([BIN / "asv", *arguments], cwd=clone, env=environment(clone), check=True)


def check_preview(clone: Path, preview_command: Sequence[str | Path]) -> None:
    with (
        serving_on_a_free_port(
            lambda port: [*preview_command, "--port", str(port)],
            lambda port: answers(f"http://127.0.0.1:{port}/index.html"),
            clone.parent / "preview.log",
            cwd=clone,
            env=environment(clone),
        ) as port,
        urllib.request.urlopen(f"http://127.0.0.1:{port}/index.html") as answer,
    ):
        assert b"airspeed velocity" in answer.read()
