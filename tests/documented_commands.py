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

from asv.config import Config
from lent_packages import HERE, make_environment, make_environment_of_asv
from made_data_sets import timed
from servers.processes import answers, serving_on_a_free_port
from support import ROOT, THOROUGH, make_item

from tools.analysis.analysis import Analysed
from tools.analysis.model import Environment, Report
from tools.render.json_file import as_json

README = ROOT / "README.md"
PAGES = sorted((ROOT / "docs").glob("*.md"))
BIN = Path(sys.executable).parent
SUITE = json.loads((ROOT / "tests" / "benchmarks" / "suite.json").read_text(encoding="utf-8"))
INSTALL_NOTHING = "--assume-old .venv/.measuring"  # `.venv` is a link
ONE_BENCHMARK = r"[.]FileIngest[.]time_ingest[(]1, 1000[)]"
# `make test` is what runs this test. What the other two do has a test of its own, in the files that they name.
RUN_ELSEWHERE = {"make test"} | (
    set()
    if THOROUGH
    else {
        "PYTHONPATH=tests/stac_manager:tests:. python -m api.test_faults",
        "PYTHONPATH=tests python tests/benchmarks/test_suite.py",
    }
)
# Commands that take minutes and do nothing that others here and in tests/tools do not: that they are there, and take
# these options, is what their help tells.
HELP_ALONE = (
    ()
    if THOROUGH
    else (
        "make nightly",
        "python tools/benchmark_ingest.py api --max-items 10000 --concurrency 1,5,10,20,50,auto --repeat 5",
        "python tools/benchmark_ingest.py compare HEAD~1 HEAD",
        "python tools/benchmark_ingest.py report --peers",
    )
)


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
        lend_environments(path)
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
    for package in HERE.iterdir():
        if not re.match(r"stac_manager|pip\b|setuptools|.*\.pth$", package.name):
            (lent / package.name).symlink_to(package)


def lend_environments(clone: Path) -> None:
    """Make the environment of `make bench` with the packages of its lock, and nothing that is not locked; and asv's,
    with the packages that are lent. This takes 25 s of computing less."""
    lock = (ROOT / "requirements-bench.lock").read_text(encoding="utf-8")
    names = ["stac-manager", *re.findall("^([^ =]+)==", lock, flags=re.MULTILINE)]
    make_environment(clone / ".venv-bench", names)
    (clone / ".venv-bench" / ".measuring").touch()
    config = Config.load(clone / "asv.conf.json")
    config.env_dir = str(clone / config.env_dir)
    make_environment_of_asv(config, [], user_site=True)


def run_commands(page: Path, clone: Path, url: str, done_before: set[str]) -> None:
    """Run the commands of a page in their order, each once. What takes minutes is told to do less of the same."""
    for command in commands(page):
        if command in RUN_ELSEWHERE or is_line_of_make_bench(command):
            continue
        if command.startswith(("asv publish", "asv preview", "python tools/benchmark_ingest.py dashboard")) or (
            " report" in command
        ):
            ensure_results(clone)
        if command.startswith("asv run"):
            describe_machine(clone)
        if "results/before.json results/after.json" in command:
            make_two_results(clone)
        shortened = with_less_to_do(command, url)
        if shortened in done_before:
            continue
        done_before.add(shortened)
        if command == "asv preview":
            check_preview(clone, [BIN / "asv", "preview"])
            continue
        if command == "python tools/benchmark_ingest.py dashboard":
            check_preview(clone, [*command.split(), "--no-open"])
            continue
        done = subprocess.run(
            shortened, shell=True, cwd=clone, env=environment(clone), input="y\n", capture_output=True, text=True
        )
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def is_line_of_make_bench(command: str) -> bool:
    """Whether `make bench` runs it too, to another output."""
    lines = (ROOT / "Makefile").read_text(encoding="utf-8").replace("$(BIN)/", "").replace(" $(BENCH)", "").splitlines()
    return command.partition(" --output ")[0] in [line.strip().partition(" --output ")[0] for line in lines]


def with_less_to_do(command: str, url: str) -> str:
    """The command on our own server, in seconds instead of minutes."""
    if command.startswith(HELP_ALONE):
        return f"{command} NIGHTLY=--help {INSTALL_NOTHING}" if command == "make nightly" else f"{command} --help"
    shortened = command.replace("https://example.com/stac", url)
    shortened = shortened.replace(
        "--max-items 10000 --concurrency 1,5,10,20,50,auto --repeat 5",
        "--max-items 100 --concurrency 1,auto --repeat 1",
    )
    if command == "make nightly":
        shortened += f""" NIGHTLY="--bench '{ONE_BENCHMARK}'" {INSTALL_NOTHING}"""
    if command == "make bench":
        shortened += ' VENV=.venv-bench BENCH="--repeat 1 --max-items 100 --budget 0"'  # with what it installs alone
    if command.startswith("asv run"):
        shortened, _, bench = command.partition(" --bench ")
        assert any(re.search(bench.strip("'"), name) for name in SUITE), f"{command}: no such benchmark"
        shortened += f" --quick --bench '{ONE_BENCHMARK}'"
    shortened = shortened.replace("--concurrency 1,5,10", "--concurrency 1,5")
    if " file " in command:
        shortened += " --budget 0 --repeat 1"
    if " compare " in command and ".json" not in command:
        shortened += " --rounds 1 --bench 'counts.Modules.*import'"
    return shortened.replace("PYTHONPATH=tests ", "PYTHONPATH=tests:. ")


def environment(clone: Path) -> dict[str, str]:
    """The clone's own modules first, and a home folder of its own."""
    home = clone.parent / "home"
    home.mkdir(exist_ok=True)
    own = {"PATH": f"{BIN}{os.pathsep}{os.environ['PATH']}", "HOME": str(home)}
    if not THOROUGH:
        own |= {"PYTHONUSERBASE": str(clone.parent / "lent"), "VIRTUALENV_SYSTEM_SITE_PACKAGES": "1"}
    return {**os.environ, **own, "PYTHONPATH": str(clone)}


def make_two_results(clone: Path) -> None:
    """Two results to compare, the same one twice, with samples that no load of the machine can make noisy."""
    before, after = (clone / "results" / name for name in ("before.json", "after.json"))
    before.parent.mkdir(exist_ok=True)
    found = Report("2026-11-01T10:00:00+00:00", Environment(machine="box"), (timed({1: 1.0, 5: 0.5}),))
    before.write_text(as_json(Analysed(found)))
    shutil.copy(before, after)


def ensure_results(clone: Path) -> None:
    """The README's commands leave some; a page that is tested by itself has none to publish."""
    if not (clone / ".asv" / "results" / "benchmarks.json").exists():
        describe_machine(clone)
        run = [BIN / "asv", "run", "HEAD^!", "--quick", "--bench", ONE_BENCHMARK]
        subprocess.run(run, cwd=clone, env=environment(clone), check=True)


def describe_machine(clone: Path) -> None:
    """Another page says how, and may not have been tested before."""
    if not Path(environment(clone)["HOME"], ".asv-machine.json").exists():
        subprocess.run([BIN / "asv", "machine", "--yes"], cwd=clone, env=environment(clone), check=True)


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
