"""Checkouts as they really are: shallow, detached, of another branch, of another user, work trees."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from asv_files import write_results

from tools.asv.git import GitError, Repository
from tools.asv.history import judge
from tools.asv.project import Project
from tools.asv.turns import extract
from tools.errors import ReportError, ToolError

NAMES = ("-c", "user.name=Ada", "-c", "user.email=ada@example.com", "-c", "commit.gpgsign=false")
FAST, SLOW = ([level + i / 100 for i in range(8)] for level in (1.0, 2.0))


@pytest.fixture
def made(tmp_path: Path) -> Repository:
    """A repository of three commits on a branch that is not called main, the second one tagged."""
    path = tmp_path / "made"
    subprocess.run(["git", "init", "--quiet", "--initial-branch", "trunk", path], check=True)
    repository = Repository(path)
    for number in range(3):
        (path / "file").write_text(str(number))
        repository.git("add", "--all")
        repository.git(*NAMES, "commit", "--quiet", "--message", f"Commit {number}")
        if number == 1:
            repository.git("tag", "second")
    return repository


def results_of(repository: Repository, folder: Path) -> Path:
    """Results of its commits, the last one slower."""
    write_results(folder, [{"m.Ingest.time_x": one} for one in (FAST, FAST, SLOW)])
    for number, commit in enumerate(repository.line("HEAD")):
        (old,) = (folder / "box").glob(f"{number:08x}-env.json")
        text = old.read_text().replace(f"{number:08x}" + "0" * 32, commit)
        old.unlink()
        (folder / "box" / f"{commit[:8]}-env.json").write_text(text)
    return folder


def test_commits_are_named_as_git_names_them(made: Repository, tmp_path: Path) -> None:
    results = results_of(made, tmp_path / "results")
    first, second, third = made.line("HEAD")
    for name in ("HEAD~1", "second", "trunk~1", second[:6]):
        assert judge(results, base=name, repository=made.path).base == second
    assert judge(results, since="HEAD~2", repository=made.path).guilty == (third,)
    assert judge(results, commit="second", repository=made.path).commit == second
    assert first != second


def test_a_detached_head_and_a_work_tree(made: Repository, tmp_path: Path) -> None:
    results = results_of(made, tmp_path / "results")
    tree = tmp_path / "tree"
    made.git("worktree", "add", "--quiet", "--detach", tree, "HEAD~1")
    assert judge(results, repository=tree).commit == made.commit("second")
    assert Repository(tree).branch("trunk") == "trunk"
    with pytest.raises(GitError, match=r"there is no branch 'main' in .* and HEAD is detached; name one with --branch"):
        Repository(tree).branch("main")


def test_a_branch_that_is_not_called_main_is_followed(made: Repository) -> None:
    assert made.branch("main") == "trunk"


def test_a_shallow_clone_drops_no_measured_commit(made: Repository, tmp_path: Path) -> None:
    results = results_of(made, tmp_path / "results")
    shallow = tmp_path / "shallow"
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{made.path}", shallow], check=True)
    found = judge(results, repository=shallow)
    assert (found.status, found.guilty) == ("regression", (made.head(),))
    assert "2 measured commits that git cannot place here (a shallow clone" in found.notes[0]
    with pytest.raises(GitError, match=r"git knows no commit 'HEAD~1' .* shallow clone: run `git fetch --unshallow`"):
        Repository(shallow).commit("HEAD~1")
    words = r"commit 'HEAD~1', which git does not know; it is a shallow clone: run `git fetch --unshallow`"
    with pytest.raises(ReportError, match=words):
        judge(results, commit="HEAD~1", repository=shallow)


def test_a_shallow_clone_that_was_updated_judges_by_the_commit_that_it_had_before(
    made: Repository, tmp_path: Path
) -> None:
    """git knows that commit, and does not know any more what came of it."""
    results = results_of(made, tmp_path / "results")
    shallow = Repository(tmp_path / "shallow")
    made.git("checkout", "--quiet", "-B", "moving", "second")
    subprocess.run(["git", "clone", "--quiet", "--depth", "1", f"file://{made.path}", shallow.path], check=True)
    made.git("reset", "--quiet", "--hard", "trunk")
    shallow.git("fetch", "--quiet", "--depth", "1")
    shallow.git("reset", "--quiet", "--hard", "FETCH_HEAD")
    second, third = made.line("HEAD")[1:]
    assert shallow.find(second)
    found = judge(results, since=second, repository=shallow.path)
    assert (found.status, found.guilty) == ("regression", (third,))


def test_results_of_commits_that_were_rebased_away_are_named(made: Repository, tmp_path: Path) -> None:
    results = results_of(made, tmp_path / "results")
    made.git("checkout", "--quiet", "--orphan", "anew")
    made.git(*NAMES, "commit", "--quiet", "--message", "All in one")
    (newest,) = (path for path in (results / "box").glob(f"{made.commit('trunk')[:8]}-*.json"))
    text = newest.read_text().replace(made.commit("trunk"), made.head())
    (results / "box" / f"{made.head()[:8]}-env.json").write_text(text)
    found = judge(results, repository=made.path)
    assert (found.commit, found.status) == (made.head(), "not enough data")
    assert found.notes == (
        f"3 measured commits do not lead to {made.head()[:8]} (another branch, or rebased since); --base judges by one",
    )
    assert judge(results, base="second", repository=made.path).status == "regression"


def test_a_checkout_of_another_user_is_told_in_one_line(made: Repository, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_TEST_ASSUME_DIFFERENT_OWNER", "1")
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", "/dev/null")
    with pytest.raises(GitError, match=r"belongs to another user; .*safe.directory"):
        made.head()


def test_what_is_no_checkout_says_so(made: Repository, tmp_path: Path) -> None:
    for asked in (Repository(tmp_path).head, lambda: Repository(tmp_path).commit("HEAD~1")):
        with pytest.raises(GitError, match="is not a git checkout"):
            asked()
    results = results_of(made, tmp_path / "results")
    with pytest.raises(ReportError, match=r"'HEAD~1', which git does not know; .* is not a git checkout; the newest"):
        judge(results, commit="HEAD~1", repository=tmp_path)
    empty = tmp_path / "empty"
    subprocess.run(["git", "init", "--quiet", empty], check=True)
    with pytest.raises(GitError, match="has no commit yet"):
        Repository(empty).head()


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"repo": 5}, "Expected `str`, got `int` - at `$.repo`"),
        ({"branches": "main"}, "Expected `array`, got `str` - at `$.branches`"),
        ({"show_commit_url": None}, "Expected `str`, got `null` - at `$.show_commit_url`"),
    ],
)
def test_a_configuration_of_wrong_types(tmp_path: Path, wrong: dict[str, object], said: str) -> None:
    config = tmp_path / "asv.conf.json"
    config.write_text(json.dumps({"version": 1, "project": "theirs", "repo": ".", **wrong}))
    with pytest.raises(ToolError) as told:
        Project.of(config)
    assert str(told.value).endswith(f"is not a configuration of asv: {said}")


def test_a_commit_without_a_file_cannot_be_measured(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "--quiet", tmp_path], check=True)
    empty = Repository(tmp_path)
    empty.git(*NAMES, "commit", "--quiet", "--allow-empty", "--message", "Nothing")
    with pytest.raises(ToolError, match="has no package stac_manager to measure"):
        extract(empty, empty.head(), tmp_path / "tree")


def test_a_project_whose_repository_lies_elsewhere(tmp_path: Path, made: Repository) -> None:
    """It is read from the clone that asv makes of it."""
    config = tmp_path / "suite" / "asv.conf.json"
    (config.parent / "benchmarks").mkdir(parents=True)
    config.write_text(json.dumps({"version": 1, "project": "theirs", "repo": f"file://{made.path}"}))
    with pytest.raises(ToolError, match=r"no clone at .*theirs; `asv run` makes one"):
        Project.of(config)
    subprocess.run(["git", "clone", "--quiet", "--mirror", made.path, config.parent / "theirs"], check=True)
    found = Project.of(config)
    assert Repository(found.repository).head() == made.head()
