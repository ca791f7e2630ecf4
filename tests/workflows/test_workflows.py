"""The workflows: what actionlint says, what they may do, and every shell step run as it stands there."""

from __future__ import annotations

import json
import os
import re
import shlex
import shutil
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from github_notes import harmless
from hypothesis import example, given
from hypothesis.strategies import lists, sampled_from
from markdown_it import MarkdownIt
from scratch_history import ScratchHistory
from support import ROOT

WORKFLOWS = {path.stem: path for path in sorted((ROOT / ".github" / "workflows").glob("*.yml"))}
# Run as they are by whoever runs this test: `.ci/run` is `make test`, and that makes the environment first.
RUN_THIS_TEST = {".ci/run", ".ci/run test-thorough", ".ci/run test-oldest", "make setup"}
Execute = Callable[..., subprocess.CompletedProcess[str]]


def load(name: str) -> dict[Any, Any]:
    return yaml.safe_load(WORKFLOWS[name].read_text(encoding="utf-8"))


def steps(name: str) -> list[dict[str, Any]]:
    return [step for job in load(name)["jobs"].values() for step in job["steps"]]


def script(name: str, words: str) -> str:
    """The one shell step that has these words."""
    (found,) = [step["run"] for step in steps(name) if words in step.get("run", "")]
    return found


@pytest.fixture
def execute(tmp_path: Path) -> Execute:
    """Run a step as GitHub does: bash -e with pipefail, and a file for its outputs; stand-ins come first on PATH."""
    (tmp_path / "bin").mkdir()

    def run(text: str, folder: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        own = {
            "PATH": f"{tmp_path / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_OUTPUT": str(tmp_path / "outputs"),
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text], cwd=folder,
            env={**os.environ, **own, **variables}, stdin=subprocess.DEVNULL, capture_output=True,
            text=True, check=False,
        )  # fmt: skip

    return run


def stand_in(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)


def test_actionlint() -> None:
    program = Path(sys.executable).with_name("actionlint")
    done = subprocess.run([program, *WORKFLOWS.values()], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_actionlint_finds_what_is_wrong(tmp_path: Path) -> None:
    broken = tmp_path / "broken.yml"
    broken.write_text(WORKFLOWS["tests"].read_text().replace("runs-on:", "run-on:"))
    program = Path(sys.executable).with_name("actionlint")
    assert subprocess.run([program, broken], cwd=ROOT, capture_output=True, check=False).returncode == 1


def test_every_shell_step_is_run_by_a_test() -> None:
    tested = {
        *RUN_THIS_TEST, script("nightly", "apt-install"), script("compare", "apt-install"),
        script("nightly", "benchmark_ingest.py nightly"),
        script("nightly", "git branch --no-track"), script("nightly", "git push"),
        script("nightly", "github_notes.py issue"),
        script("compare", "benchmark_ingest.py compare"), script("comment", "github_notes.py comment"),
    }  # fmt: skip
    assert {step["run"] for name in WORKFLOWS for step in steps(name) if "run" in step} == tested


@pytest.mark.parametrize("name", WORKFLOWS)
def test_least_permissions_and_pinned_actions(name: str) -> None:
    workflow = load(name)
    assert workflow["permissions"] in ({}, {"contents": "read"})
    assert "concurrency" in workflow
    assert all(job["timeout-minutes"] for job in workflow["jobs"].values())
    for step in steps(name):
        assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step.get("uses", f"actions/checkout@{'0' * 40}")), step
        # What others write reaches a shell through the environment only.
        assert "${{" not in step.get("run", "")


def test_code_of_a_pull_request_meets_no_secret() -> None:
    """The job that runs it may only read; the one that may write runs nothing of it."""
    triggers = {name: load(name)[True] for name in WORKFLOWS}  # YAML 1.1 takes `on` for true
    assert not [name for name, trigger in triggers.items() if "pull_request_target" in trigger]
    for name in [name for name, trigger in triggers.items() if "pull_request" in trigger]:
        text = WORKFLOWS[name].read_text()
        assert "secrets." not in text
        assert "github.token" not in text
        assert all("permissions" not in job for job in load(name)["jobs"].values())
    assert {step["with"]["ref"] for step in steps("comment") if "checkout" in step.get("uses", "")} == {"main"}


@pytest.mark.parametrize("root", [True, False])
@pytest.mark.parametrize("name", ["nightly", "compare"])
def test_step_that_installs(tmp_path: Path, execute: Execute, name: str, root: bool) -> None:
    """As root on a machine of one's own, with sudo on GitHub's."""
    (tmp_path / ".ci").symlink_to(ROOT / ".ci")
    asked = tmp_path / "asked"
    stand_in(tmp_path / "bin" / "id", f"echo {0 if root else 1001}")
    stand_in(tmp_path / "bin" / "apt-get", f'echo "apt-get $@" >> "{asked}"')
    stand_in(tmp_path / "bin" / "sudo", f'echo sudo >> "{asked}"\n"$@"')
    done = execute(script(name, "apt-install"), tmp_path)
    assert done.returncode == 0, done.stderr
    said = asked.read_text().splitlines()
    assert [line for line in said if line != "sudo"] == [
        "apt-get update -qq", "apt-get install -y -qq valgrind",
    ]  # fmt: skip
    assert said.count("sudo") == (0 if root else 2)


@pytest.mark.parametrize("failing", ["update", "install"])
def test_step_that_cannot_install_fails(tmp_path: Path, execute: Execute, failing: str) -> None:
    (tmp_path / ".ci").symlink_to(ROOT / ".ci")
    stand_in(tmp_path / "bin" / "apt-get", f'test "$1" != {failing}')
    assert execute(script("nightly", "apt-install"), tmp_path).returncode != 0


def test_nightly_steps(history: ScratchHistory, tmp_path: Path, execute: Execute) -> None:
    """On a scratch project, two nights: first results, then a regression. What was measured is pushed from a clone of
    its own, by git alone, also when somebody else has pushed meanwhile."""
    remote = tmp_path / "remote.git"
    subprocess.run(["git", "init", "--quiet", "--bare", remote], check=True)
    history.commit("First")
    history.git("remote", "add", "origin", remote)
    history.git("push", "--quiet", "origin", "HEAD:refs/heads/main")
    program = shlex.join([sys.executable, f"{ROOT}/tools/benchmark_ingest.py"])
    tool = f'shift 2; exec {program} nightly --config asv.conf.json --bench Counts "$@"'
    stand_in(history.path / ".venv" / "bin" / "python", tool)
    measure = script("nightly", "benchmark_ingest.py nightly")
    bring_in, push = script("nightly", "git branch --no-track"), script("nightly", "git push")
    variables = {**history.environment_with_tools, "DASHBOARD": "https://example.com/dash"}

    def night(number: int) -> None:
        assert execute(bring_in, history.path).returncode == 0
        done = execute(measure, history.path, **variables)
        assert done.returncode == 0, done.stderr
        clone = tmp_path / f"push-{number}"
        subprocess.run(["git", "clone", "--quiet", "--branch", "main", remote, clone], check=True)
        (clone / "downloaded").mkdir()
        shutil.copy(history.path / "results.bundle", clone / "downloaded")
        pushed = execute(push, clone, TOKEN="s3cret-word", REMOTE=str(remote))
        assert pushed.returncode == 0, pushed.stderr
        assert "s3cret" not in pushed.stdout + pushed.stderr

    night(1)
    other = tmp_path / "another machine"
    subprocess.run(["git", "clone", "--quiet", "--branch", "asv-results", remote, other], check=True)
    (other / "theirs.jsonl").write_text("{}\n")
    for arguments in (["add", "."], ["commit", "-qm", "Theirs"], ["push", "--quiet"]):
        subprocess.run(["git", "-c", "user.name=a", "-c", "user.email=a@b", *arguments], cwd=other, check=True)
    history.commit("Slower", cost=0.003, requests=2)
    night(2)
    assert (tmp_path / "outputs").read_text() == "code=0\ndashboard=yes\ncode=1\ndashboard=yes\n"
    assert (history.path / ".asv" / "nightly" / "summary.md").read_text().startswith("# Benchmark regression since")
    listed = subprocess.run(
        ["git", "-C", remote, "ls-tree", "-r", "--name-only", "asv-results"], check=True, capture_output=True, text=True
    ).stdout
    assert "theirs.jsonl" in listed
    assert "benchmarks.json" in listed
    failed = execute(measure, history.path, **{**variables, "HOME": "/dev/null"})
    assert failed.returncode == 1, "what could not be done must fail the step"


def test_what_runs_installed_code_may_not_write() -> None:
    """And the job that pushes runs none: no program of this repository, no package, no action but GitHub's own."""
    for name in WORKFLOWS:
        for job in load(name)["jobs"].values():
            runs = " ".join(step.get("run", "") for step in job["steps"])
            if "write" in job.get("permissions", {}).values():
                assert not re.search(r"\.venv|make |pip |\.ci/", runs), name


def test_zizmor_finds_nothing() -> None:
    program = Path(sys.executable).with_name("zizmor")
    done = subprocess.run(
        [program, "--offline", "--no-progress", "--quiet", ROOT / ".github"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_action_judges_another_repository(tmp_path: Path, execute: Execute) -> None:
    """Its one step as it stands, but for the program: what that does with these options is a test of the judging."""
    action = yaml.safe_load((ROOT / ".github" / "actions" / "compare" / "action.yml").read_text(encoding="utf-8"))
    (step,) = [one for one in action["runs"]["steps"] if "run" in one]
    assert "${{" not in step["run"]
    installed, asked = tmp_path / "installed", tmp_path / "asked"
    said = "echo Regression: 1 regression.; exit 1"
    stand_in(installed / ".venv" / "bin" / "python", f'echo "$@" >> "{asked}"; test "$2" = pip || {{ {said}; }}')
    stand_in(tmp_path / "bin" / "make", f'echo "make $@" >> "{asked}"')
    (installed / ".github" / "actions" / "compare").mkdir(parents=True)
    variables = {
        "BASE": "HEAD~1",
        "HEAD": "HEAD",
        "CONFIG": "asv.conf.json",
        "REQUIREMENTS": "numpy -r x",
        "ROUNDS": "1",
    }
    place = {"GITHUB_ACTION_PATH": str(installed / ".github" / "actions" / "compare"), "BENCH": "Counts|a b"}
    done = execute(step["run"], tmp_path, **variables, **place)
    assert done.returncode == 0, done.stderr
    assert asked.read_text().splitlines() == [
        f"make --silent -C {installed} .venv/.measuring",
        "-m pip install --quiet --disable-pip-version-check numpy -r x",
        f"{installed}/tools/benchmark_ingest.py compare HEAD~1 HEAD --config asv.conf.json --rounds 1 --format md "
        "--bench Counts|a b",
    ]
    assert (tmp_path / "outputs").read_text() == f"code=1\ntable={tmp_path}/comparison.md\n"
    assert (tmp_path / "comparison.md").read_text() == "Regression: 1 regression.\n"


@pytest.mark.parametrize(("code", "said", "fine"), [(0, "table", 0), (1, "table", 0), (2, "table", 0), (2, "", 1)])
def test_compare_step(tmp_path: Path, execute: Execute, code: int, said: str, fine: int) -> None:
    """A verdict of any kind is posted; a comparison that printed nothing has failed."""
    stand_in(tmp_path / ".venv" / "bin" / "python", f'echo "$@" > asked\nprintf "%s" "{said}"\nexit {code}')
    done = execute(script("compare", "compare"), tmp_path, BASE="b" * 40, HEAD="c" * 40)
    assert done.returncode == fine
    assert (tmp_path / "comparison.json").read_text() == said
    asked = f"tools/benchmark_ingest.py compare {'b' * 40} {'c' * 40} --format json\n"
    assert (tmp_path / "asked").read_text() == asked


def gh(tmp_path: Path, answer: object) -> None:
    """A gh that gives this answer and notes what it was asked."""
    (tmp_path / "answer.json").write_text(json.dumps(answer))
    stand_in(
        tmp_path / "bin" / "gh",
        f'cd "{tmp_path}"\necho "$@" >> asked\ncase "$2" in list) cat answer.json ;; *) cat > body ;; esac',
    )


@pytest.mark.parametrize("known", [True, False])
def test_issue_step(tmp_path: Path, execute: Execute, known: bool) -> None:
    title = "Benchmark regression since 12345678 (it's_slow)"
    gh(tmp_path, [{"number": 7, "title": title if known else "Another"}])
    (tmp_path / "downloaded").mkdir()
    (tmp_path / "downloaded" / "summary.md").write_text(f"# {title.replace('_', chr(92) + '_')}\n\nText\n")
    (tmp_path / ".github").symlink_to(ROOT / ".github")
    done = execute(script("nightly", "github_notes.py issue"), tmp_path)
    assert done.returncode == 0, done.stderr
    asked = (tmp_path / "asked").read_text().splitlines()[-1]
    assert asked == ("issue comment 7 --body-file -" if known else f"issue create --title {title} --body-file -")
    assert "Text" in (tmp_path / "body").read_text()


PULL = {"number": 3, "headRefOid": "c" * 40, "headRepositoryOwner": {"login": "ada"}}


def comparison(text: str) -> dict[str, Any]:
    """What `compare --format json` prints, as far as it is read, with the same text everywhere."""
    rows = [{"status": status, "name": text, "sentence": text} for status in ("no change", "regression")]
    return {"summary": text, "rows": rows, "notes": [text]}


@pytest.mark.parametrize(
    ("pulls", "posted"),
    [
        ([PULL], True),
        ([PULL, {**PULL, "number": 4, "headRepositoryOwner": {"login": "eve"}}], True),
        ([{**PULL, "headRefOid": "d" * 40}], False),
        ([], False),
    ],
)
def test_comment_step(tmp_path: Path, execute: Execute, pulls: list[dict[str, Any]], posted: bool) -> None:
    """Only on the pull request that was measured, and as nothing but text."""
    gh(tmp_path, pulls)
    (tmp_path / "downloaded").mkdir()
    (tmp_path / "downloaded" / "comparison.json").write_text(json.dumps(comparison("it's `b`")))
    (tmp_path / ".github").symlink_to(ROOT / ".github")
    variables = {"HEAD_OWNER": "ada", "HEAD_BRANCH": "-x; $(touch pwned)", "HEAD_COMMIT": "c" * 40}
    done = execute(script("comment", "github_notes.py comment"), tmp_path, **variables)
    assert done.returncode == 0, done.stderr
    assert not (tmp_path / "pwned").exists()
    assert (tmp_path / "body").exists() == posted
    if posted:
        assert (tmp_path / "asked").read_text().splitlines()[-1].startswith("pr comment 3 ")
        assert (tmp_path / "body").read_text() == (
            "Benchmarks of cccccccc against its base, measured in turns on one machine. Shared machines are noisy.\n\n"
            "**Verdict**: `it's 'b'`\n\n- `it's 'b'`: `it's 'b'`\n\n"
            "<details><summary>1 more</summary>\n\n- `it's 'b'`: `it's 'b'`\n\n</details>\n\n- `it's 'b'`\n"
        )


FRAGMENTS = [
    "@ada", "![x](https://example.com/x.png)", "https://example.com", "www.example.com", "GH-1", "#1", "a/b#1", "`",
    "```", "<img src=x>", "<details><summary>a</summary>", "</details>", "&#64;", "&lt;", "|", " | ", "\\|", "\\",
    "|---|", "|---|---|", "---", "- ", "## ", "> ", "1. ", "    ", "[x]: ", "~~~", "$", "\x1b[31m", "\r", "\u2028",
    "\n", "\n", "\n\n", "word",
]  # fmt: skip
INERT = {"inline", "text", "strong", "paragraph", "bullet_list", "list_item", "code_inline"}
FOLD = re.compile(r"<details><summary>\d+ more</summary>\n|</details>\n?")


@given(lists(sampled_from(FRAGMENTS), max_size=25).map("".join))
@example("```\n@ada")
def test_a_comparison_can_do_nothing(text: str) -> None:
    """Whatever code of a pull request prints, GitHub meets no name, link, picture or markup outside of code."""
    blocks = MarkdownIt("commonmark").enable("table").parse(harmless(comparison(text)))
    for token in [*blocks, *(inline for block in blocks for inline in block.children or ())]:
        if token.type == "html_block":
            assert FOLD.fullmatch(token.content)
        else:
            assert re.sub("_(open|close)$", "", token.type) in INERT
        if token.type == "text":
            assert token.content in ("", "Verdict", ": ")


def test_a_long_comparison_is_cut() -> None:
    one = comparison("word")
    quiet, loud = ([row] * 5_000 for row in one["rows"])
    for rows, end in ((loud, ""), (quiet, "\n\n</details>")):
        shown = harmless({**one, "rows": rows})
        assert 50_000 < len(shown) < 65_000
        assert shown.endswith(f"- `word`: `word`{end}\n\nThe rest is left out.")


@pytest.mark.parametrize("content", ["", "no JSON", "[]", "{}", "null", '{"rows": 3}', '{"rows": [3]}', "[" * 100_000])
def test_what_is_no_comparison_is_not_posted(tmp_path: Path, execute: Execute, content: str) -> None:
    gh(tmp_path, [PULL])
    (tmp_path / "downloaded").mkdir()
    (tmp_path / "downloaded" / "comparison.json").write_text(content)
    (tmp_path / ".github").symlink_to(ROOT / ".github")
    variables = {"HEAD_OWNER": "ada", "HEAD_BRANCH": "x", "HEAD_COMMIT": "c" * 40}
    done = execute(script("comment", "github_notes.py comment"), tmp_path, **variables)
    assert done.returncode == 2
    assert re.fullmatch(r"error: downloaded/comparison.json is not what .*\n", done.stderr)
    assert not (tmp_path / "body").exists()
